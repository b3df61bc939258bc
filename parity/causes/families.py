"""All families of edits, cheap and specific ones first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from parity.causes.hypothesis import Hypothesis
from parity.causes.edits import (
    activations,
    axes,
    bypass,
    decays,
    factors,
    gradients,
    indexing,
    literals,
    masks,
    operand_order,
    placement,
    regrouping,
    reorder,
    states,
)
from parity.causes.search import Search


def _each(*makers: Callable[..., Iterator[Hypothesis]]) -> Callable[[Search, set[float]], None]:
    def try_them(search: Search, _others: set[float]) -> None:
        for make in makers:
            search.try_all(make(search.context))

    return try_them


def _literals(search: Search, others: set[float]) -> None:
    search.turn(literals.literal_edits(search.context, others))
    search.turn(literals.same_literal_edits(search.context, others))
    search.turn(literals.share_edits(search.context))
    search.turn(factors.table_edits(search.context, search.interpreter))


def _factors(search: Search, _others: set[float]) -> None:
    search.turn(factors.factor_edits(search.context))


def _addends(search: Search, _others: set[float]) -> None:
    search.turn(factors.addend_edits(search.context))


def _placements(search: Search, _others: set[float]) -> None:
    search.turn(placement.placements(search.context))


def _activations(search: Search, _others: set[float]) -> None:
    search.try_all(activations.activations(search.context, search.interpreter))


def _opened(search: Search, _others: set[float]) -> None:
    search.try_all(gradients.opened(search.context, search.interpreter))


def _decays(search: Search, _others: set[float]) -> None:
    search.turn(decays.decays(search.context))


def _moves(search: Search, _others: set[float]) -> None:
    for members, position in reorder.sites(search.context):
        if not search.heals(reorder.without(search.context, members, position)):
            search.try_all(reorder.moves(search.context, members, position))


Family = Callable[[Search, set[float]], None]
FORWARD: tuple[Family, ...] = (
    _each(masks.masks, masks.alignments, operand_order.gates, decays.averages, indexing.paddings, indexing.starts),
    _each(bypass.bypasses, bypass.leaves_unchanged, indexing.transposes, indexing.reversals, regrouping.permuted),
    _decays,
    _literals,
    _each(axes.reductions),
    _activations,
    _factors,
    _each(
        regrouping.rope_pairings,
        states.states,
        decays.lookaheads,
        indexing.shifts,
        regrouping.interleavings,
        regrouping.regroupings,
        decays.complements,
    ),
    _addends,
    _placements,
    _each(masks.selections, bypass.shortcuts),
    _moves,
)
GRADIENT: tuple[Family, ...] = (
    _opened,
    _each(gradients.stopped, gradients.stopped_edges),
)
