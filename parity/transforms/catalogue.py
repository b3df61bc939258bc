"""The cells of the matrix: what each shows, and which identity holds for it inside a framework. No framework here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from parity.errors import InputError
from parity.judge.deviations import Deviation, load

GROUPS = ("jit", "vmap", "grad", "compositions")


@dataclass(frozen=True)
class TransformCell:
    """One transformation. Its code is the function `function` in `in_jax/<group>.py` and in `in_torch/<group>.py`.

    Args:
        function: takes what its parameters are called: see `parity.transforms.fixtures`.
        shows: one line for a person.
        identity: a function in `in_<side>/identities.py`, which returns two values that must be equal.
        on: what the function that `function` returns is called with; empty if it returns values.
        graphs: how many graphs torch compiles in the first call, 0 for a cell that compiles nothing. The second call
            compiles nothing in either framework.
        own: has a small function of its own, and is judged once and not for each operation.
    """

    group: str
    name: str
    function: str
    shows: str
    identity: str
    on: tuple[str, ...] = ()
    graphs: int = 0
    own: bool = False


CELLS: tuple[TransformCell, ...] = (
    TransformCell("jit", "compiled", "compiled", "compiled = eager", "eager", ("arrays",), 1),
    TransformCell(
        "jit",
        "compilations",
        "compilations",
        "the same shapes compile nothing again; another shape and another dtype compile once each",
        "one_for_each",
    ),
    TransformCell(
        "jit", "pure", "pure", "no side effect, changed global, hidden random number or written input", "eager"
    ),
    TransformCell("vmap", "in_axes=0", "in_axes_0", "mapped over the first axis = a Python loop", "loop"),
    TransformCell("vmap", "in_axes=1", "in_axes_1", "mapped over the second axis = a Python loop", "loop"),
    TransformCell("vmap", "in_axes=-1", "in_axes_last", "mapped over the last axis = a Python loop", "loop"),
    TransformCell(
        "vmap", "in_axes=(0, None)", "in_axes_mixed", "one input is mapped, the others are shared", "mixed_loop"
    ),
    TransformCell(
        "vmap", "in_axes=tree", "in_axes_tree", "an axis, or none, for each leaf of a dictionary", "tree_loop"
    ),
    TransformCell("vmap", "out_axes=1", "out_axes_1", "the mapped axis is the second of each output", "loop_axis_1"),
    TransformCell(
        "vmap", "out_axes=-1", "out_axes_last", "the mapped axis is the last of each output", "loop_axis_last"
    ),
    TransformCell("vmap", "nested", "nested", "vmap of vmap = two loops", "nested_loop"),
    TransformCell("vmap", "in chunks", "chunks", "two examples at a time = all at once", "loop"),
    TransformCell("vmap", "batch of 1", "batch_1", "a batch of one example keeps its axis", "loop_of_1"),
    TransformCell(
        "vmap", "batch of 0", "batch_0", "an empty batch has empty outputs of the right shape", "empty_shapes"
    ),
    TransformCell(
        "vmap", "randomness", "randomness", "the same or other numbers for each example", "random_as_asked", own=True
    ),
    TransformCell("grad", "argnums=0", "argnums_one", "with respect to one argument", "part_of_gradient"),
    TransformCell(
        "grad", "argnums=(0, -1)", "argnums_several", "with respect to several arguments", "parts_of_gradient"
    ),
    TransformCell("grad", "by name", "by_name", "with respect to arguments chosen by name", "named_part_of_gradient"),
    TransformCell("grad", "value_and_grad", "value_and_grad", "value and gradient in one pass", "value_and_gradient"),
    TransformCell(
        "grad", "has_aux", "has_aux", "a second result comes along, undifferentiated", "gradient_and_outputs"
    ),
    TransformCell("grad", "pytrees", "pytrees", "with respect to dictionaries and lists", "gradient_in_a_tree"),
    TransformCell("grad", "vjp", "vjp", "a cotangent u pulled back = the gradient of ⟨u, f⟩", "gradient_of_product"),
    TransformCell(
        "grad", "jvp", "jvp", "a tangent pushed forward = the transpose of the transpose", "transposed_twice"
    ),
    TransformCell("grad", "linearize", "linearize", "the linear map at a point = jvp", "outputs_and_jvp"),
    TransformCell("grad", "jacrev", "jacrev", "Jacobian by rows: u · J = vjp(u)", "rows_times_cotangent"),
    TransformCell("grad", "jacfwd", "jacfwd", "Jacobian by columns = Jacobian by rows", "jacrev"),
    TransformCell("grad", "hessian", "hessian", "symmetric, and H · v = hvp(v)", "symmetric_and_times_v"),
    TransformCell(
        "grad",
        "hvp",
        "hvp",
        "Hessian times vector, forward over reverse = reverse over reverse",
        "reverse_over_reverse",
    ),
    TransformCell(
        "grad", "third order", "third_order", "gradient of v · H v: times v = third derivative along v", "along_v"
    ),
    TransformCell(
        "grad", "per example", "per_example", "vmap of vjp: a cotangent for each example = a loop", "loop_of_vjp"
    ),
    TransformCell(
        "grad", "stop_gradient", "stop_gradient", "grad of loss · stop(loss) = loss · grad", "loss_times_gradient"
    ),
    TransformCell("grad", "relu at 0", "relu_at_0", "subgradient: 0 in both", "relu_convention", own=True),
    TransformCell("grad", "abs at 0", "abs_at_0", "subgradient: JAX 1, torch 0", "abs_convention", own=True),
    TransformCell(
        "grad", "max at ties", "max_at_ties", "JAX shares among equals, torch gives to one", "max_convention", own=True
    ),
    TransformCell(
        "grad", "maximum at ties", "maximum_at_ties", "both give a half to each", "maximum_convention", own=True
    ),
    TransformCell(
        "grad", "clamp at its bound", "clamp_at_bound", "JAX passes a half, torch all", "clamp_convention", own=True
    ),
    TransformCell("compositions", "jit∘vmap", "jit_vmap", "= a Python loop", "loop", ("batch",), 1),
    TransformCell("compositions", "vmap∘jit", "vmap_jit", "= a Python loop", "loop", ("batch",), 1),
    TransformCell("compositions", "jit∘grad", "jit_grad", "= grad", "gradient", ("x",), 1),
    TransformCell("compositions", "grad∘jit", "grad_jit", "= grad", "gradient", ("x",), 1),
    TransformCell("compositions", "jvp∘jit", "jvp_jit", "= jvp", "jvp_of_loss", ("x", "tangent"), 1),
    TransformCell("compositions", "vmap∘grad", "vmap_grad", "= a loop of gradients", "loop_of_gradients"),
    TransformCell(
        "compositions", "grad∘vmap", "grad_vmap", "of a sum over examples = a loop of gradients", "loop_of_gradients"
    ),
    TransformCell(
        "compositions", "jit∘vmap∘grad", "jit_vmap_grad", "= a loop of gradients", "loop_of_gradients", ("batch",), 1
    ),
    TransformCell(
        "compositions", "jit∘grad∘vmap", "jit_grad_vmap", "= a loop of gradients", "loop_of_gradients", ("batch",), 1
    ),
    TransformCell("compositions", "grad∘grad", "grad_grad", "H · v is symmetric: ⟨H · v, w⟩ = ⟨H · w, v⟩", "symmetric"),
    TransformCell(
        "compositions",
        "order matters",
        "order_matters",
        "of (Σ loss)², grad∘vmap = 2 Σ loss · grad; of loss², vmap∘grad = 2 loss · grad: not the same",
        "pooled_and_separate",
    ),
    TransformCell(
        "compositions",
        "grad∘vmap rejected",
        "grad_vmap_rejected",
        "without a sum over the examples there is no gradient, and the framework says so",
        "rejected",
    ),
)


def select(groups: tuple[str, ...] | None, *, own: bool) -> tuple[TransformCell, ...]:
    """The cells of these groups (all for None) for an operation, or those with functions of their own.

    Raises:
        InputError: an unknown group, or none at all.
    """
    chosen = GROUPS if groups is None else tuple(groups)
    for group in chosen:
        if group not in GROUPS:
            raise InputError(f"groups: got {group!r}, expected some of {', '.join(GROUPS)}")
    if not chosen:
        raise InputError(f"groups: got none, expected some of {', '.join(GROUPS)}; without one nothing is compared")
    return tuple(cell for cell in CELLS if cell.group in chosen and cell.own == own)


def cell_deviations(deviations: Iterable[Deviation] | str | Path) -> tuple[Deviation, ...]:
    """The declarations about cells of the matrix, from a TOML file or objects.

    Raises:
        InputError: as `parity.judge.deviations.load`, and for a pattern that matches no cell.
    """
    declared = tuple(deviation for deviation in load(deviations) if deviation.group)
    for deviation in declared:
        for pattern in deviation.cells:
            if not any(fnmatchcase(c.group, deviation.group) and fnmatchcase(c.name, pattern) for c in CELLS):
                raise InputError(
                    f"deviations: group {deviation.group!r} has no cell {pattern!r}; see parity.transforms.catalogue.CELLS"
                )
    return declared
