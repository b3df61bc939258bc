"""All families of edits, cheap and specific ones first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from parity.causes.candidate import Candidate
from parity.causes.edits import activations, axes, bypass, gradients, indexing, literals, masks, order, placement
from parity.causes.search import Search


def _each(*makers: Callable[..., Iterator[Candidate]]) -> Callable[[Search, set[float]], None]:
    def try_them(search: Search, _others: set[float]) -> None:
        for make in makers:
            search.try_all(make(search.context))

    return try_them


def _literals(search: Search, others: set[float]) -> None:
    search.turn(literals.literal_knobs(search.context, others))
    search.turn(literals.same_literal_knobs(search.context, others))


def _factors(search: Search, _others: set[float]) -> None:
    search.turn(literals.factor_knobs(search.context))


def _addends(search: Search, _others: set[float]) -> None:
    search.turn(literals.addend_knobs(search.context))


def _placements(search: Search, _others: set[float]) -> None:
    search.turn(placement.placements(search.context))


def _activations(search: Search, _others: set[float]) -> None:
    search.try_all(activations.activations(search.context, search.machine))


Family = Callable[[Search, set[float]], None]
FORWARD: tuple[Family, ...] = (
    _each(masks.masks, masks.alignments, order.gates, order.averages, indexing.paddings, indexing.starts),
    _each(bypass.bypasses, bypass.leaves_unchanged, indexing.transposes, indexing.reversals, indexing.permuted),
    _literals,
    _each(axes.reductions),
    _activations,
    _factors,
    _each(indexing.rope_pairings, order.states, indexing.shifts, indexing.interleavings, order.complements),
    _addends,
    _placements,
    _each(masks.selections, bypass.shortcuts, order.moves),
)
GRADIENT: tuple[Family, ...] = (
    _each(gradients.opened),
    _each(gradients.stopped, gradients.stopped_edges),
)
