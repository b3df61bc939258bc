"""The cells of the matrix, and the identity that holds for each inside a framework. No framework is imported here."""

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
    """One transformation.

    Attributes:
        group, name: where it stands in the matrix.
        function: the function in `in_jax/<group>.py` and `in_torch/<group>.py` that does it; its docstring says what it
            shows, and its parameters are the fixtures that it gets: see `parity.transforms.fixtures`.
        identity: a function in `identities.py` or `in_<side>/identities.py`, which returns two values that must be equal.
        on: fixtures that the result of `function` is called with; empty if `function` returns values.
        graphs: how many graphs torch compiles in the first call, 0 for a cell that compiles nothing. The second call
            compiles nothing in either framework.
        own: brings its own small function, and is judged once instead of for each operation.
    """

    group: str
    name: str
    function: str
    identity: str
    on: tuple[str, ...] = ()
    graphs: int = 0
    own: bool = False


CELLS: tuple[TransformCell, ...] = (
    TransformCell("jit", "compiled", "compiled", "eager", ("arrays",), 1),
    TransformCell("jit", "compilations", "compilations", "one_for_each"),
    TransformCell("jit", "pure", "pure", "eager"),
    TransformCell("vmap", "in_axes=0", "in_axes_0", "loop"),
    TransformCell("vmap", "in_axes=1", "in_axes_1", "loop"),
    TransformCell("vmap", "in_axes=-1", "in_axes_last", "loop"),
    TransformCell("vmap", "in_axes=(0, None)", "in_axes_mixed", "mixed_loop"),
    TransformCell("vmap", "in_axes=tree", "in_axes_tree", "tree_loop"),
    TransformCell("vmap", "out_axes=1", "out_axes_1", "loop_axis_1"),
    TransformCell("vmap", "out_axes=-1", "out_axes_last", "loop_axis_last"),
    TransformCell("vmap", "nested", "nested", "nested_loop"),
    TransformCell("vmap", "in chunks", "chunks", "loop"),
    TransformCell("vmap", "batch of 1", "batch_1", "loop_of_1"),
    TransformCell("vmap", "batch of 0", "batch_0", "empty_shapes"),
    TransformCell("vmap", "randomness", "randomness", "random_as_asked", own=True),
    TransformCell("grad", "argnums=0", "argnums_one", "part_of_gradient"),
    TransformCell("grad", "argnums=(0, -1)", "argnums_several", "parts_of_gradient"),
    TransformCell("grad", "by name", "by_name", "named_part_of_gradient"),
    TransformCell("grad", "value_and_grad", "value_and_grad", "value_and_gradient"),
    TransformCell("grad", "has_aux", "has_aux", "gradient_and_outputs"),
    TransformCell("grad", "pytrees", "pytrees", "gradient_in_a_tree"),
    TransformCell("grad", "vjp", "vjp", "gradient_of_product"),
    TransformCell("grad", "jvp", "jvp", "transposed_twice"),
    TransformCell("grad", "linearize", "linearize", "outputs_and_jvp"),
    TransformCell("grad", "jacrev", "jacrev", "rows_times_cotangent"),
    TransformCell("grad", "jacfwd", "jacfwd", "jacrev"),
    TransformCell("grad", "hessian", "hessian", "symmetric_and_times_v"),
    TransformCell("grad", "hvp", "hvp", "reverse_over_reverse"),
    TransformCell("grad", "third order", "third_order", "along_v"),
    TransformCell("grad", "per example", "per_example", "loop_of_vjp"),
    TransformCell("grad", "stop_gradient", "stop_gradient", "loss_times_gradient"),
    TransformCell("grad", "relu at 0", "relu_at_0", "relu_convention", own=True),
    TransformCell("grad", "abs at 0", "abs_at_0", "abs_convention", own=True),
    TransformCell("grad", "max at ties", "max_at_ties", "max_convention", own=True),
    TransformCell("grad", "maximum at ties", "maximum_at_ties", "maximum_convention", own=True),
    TransformCell("grad", "clamp at its bound", "clamp_at_bound", "clamp_convention", own=True),
    TransformCell("compositions", "jit∘vmap", "jit_vmap", "loop", ("batch",), 1),
    TransformCell("compositions", "vmap∘jit", "vmap_jit", "loop", ("batch",), 1),
    TransformCell("compositions", "jit∘grad", "jit_grad", "gradient", ("x",), 1),
    TransformCell("compositions", "grad∘jit", "grad_jit", "gradient", ("x",), 1),
    TransformCell("compositions", "jvp∘jit", "jvp_jit", "jvp_of_loss", ("x", "tangent"), 1),
    TransformCell("compositions", "vmap∘grad", "vmap_grad", "loop_of_gradients"),
    TransformCell("compositions", "grad∘vmap", "grad_vmap", "loop_of_gradients"),
    TransformCell("compositions", "jit∘vmap∘grad", "jit_vmap_grad", "loop_of_gradients", ("batch",), 1),
    TransformCell("compositions", "jit∘grad∘vmap", "jit_grad_vmap", "loop_of_gradients", ("batch",), 1),
    TransformCell("compositions", "grad∘grad", "grad_grad", "symmetric"),
    TransformCell("compositions", "order matters", "order_matters", "pooled_and_separate"),
    TransformCell("compositions", "grad∘vmap rejected", "grad_vmap_rejected", "rejected"),
)


def select(groups: tuple[str, ...] | None, *, own: bool) -> tuple[TransformCell, ...]:
    """The cells of these groups, of all for None: those for every operation, or those with their own function.

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
