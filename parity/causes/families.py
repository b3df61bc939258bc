"""All families of edits, cheap and specific ones first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from parity.causes.edits import (
    activations,
    axes,
    biases,
    bypass,
    conjugates,
    counts,
    decays,
    factors,
    gradients,
    indexing,
    kernels,
    literals,
    masks,
    medians,
    operand_order,
    optimizer_steps,
    placement,
    regrouping,
    reorder,
    reset_gates,
    rows,
    states,
)
from parity.causes.hypothesis import Hypothesis, ScalarEdit
from parity.causes.search import Search

Family = Callable[[Search, set[float]], None]


def _each(*makers: Callable[..., Iterator[Hypothesis]]) -> Family:
    def try_them(search: Search, _others: set[float]) -> None:
        for make in makers:
            search.try_all(make(search.context))

    return try_them


def _recognised(make: Callable[..., Iterator[Hypothesis]]) -> Family:
    return lambda search, _others: search.try_all(make(search.context, search.interpreter))


def _solved(make: Callable[..., Iterator[ScalarEdit]]) -> Family:
    return lambda search, _others: search.solve_all(make(search.context))


def _literals(search: Search, others: set[float]) -> None:
    search.solve_all(literals.literal_edits(search.context, others))
    search.solve_all(literals.same_literal_edits(search.context, others))
    search.solve_all(literals.share_edits(search.context))
    search.solve_all(factors.table_edits(search.context, search.interpreter))


def _moves(search: Search, _others: set[float]) -> None:
    for members, position in reorder.sites(search.context):
        if not search.explains(reorder.without(search.context, members, position)):
            search.try_all(reorder.moves(search.context, members, position))


FORWARD: tuple[Family, ...] = (
    _each(conjugates.conjugates),
    _each(kernels.flips, kernels.antialiased, reset_gates.gates),
    _recognised(counts.counted),
    _recognised(medians.medians),
    _recognised(rows.fully_masked),
    _recognised(optimizer_steps.initial),
    _each(masks.masks, masks.alignments, operand_order.gates, decays.averages, indexing.paddings, indexing.starts),
    _each(bypass.bypasses, bypass.leaves_unchanged, indexing.transposes, indexing.reversals, regrouping.permuted),
    _solved(decays.decay_edits),
    _solved(optimizer_steps.decoupled),
    _each(biases.slices),
    _literals,
    _each(axes.reductions),
    _recognised(activations.activations),
    _solved(factors.factor_edits),
    _each(
        regrouping.rope_pairings,
        states.states,
        decays.lookaheads,
        indexing.shifts,
        regrouping.interleavings,
        regrouping.regroupings,
        decays.complements,
    ),
    _solved(factors.addend_edits),
    _solved(placement.placement_edits),
    _each(masks.selections, bypass.shortcuts),
    _moves,
)
GRADIENT: tuple[Family, ...] = (
    _each(conjugates.conjugates),
    _recognised(rows.paddings),
    _recognised(gradients.opened),
    _each(biases.slices),
    _each(gradients.stopped, gradients.stopped_edges),
)
