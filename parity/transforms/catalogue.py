"""The cells of the matrix: what each shows, and which identity holds for it inside a framework. No framework here."""

from __future__ import annotations

from dataclasses import dataclass

from parity.errors import InputError

GROUPS = ("jit", "vmap", "grad", "compositions")


@dataclass(frozen=True)
class Cell:
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


CELLS: tuple[Cell, ...] = (
    Cell("jit", "compiled", "compiled", "compiled = eager", "eager", ("arrays",), 1),
    Cell(
        "jit",
        "compilations",
        "compilations",
        "the same shapes compile nothing again; another shape and another dtype compile once each",
        "one_for_each",
    ),
    Cell("jit", "pure", "pure", "no side effect, changed global, hidden random number or written input", "eager"),
    Cell("vmap", "in_axes=0", "in_axes_0", "mapped over the first axis = a Python loop", "loop"),
    Cell("vmap", "in_axes=1", "in_axes_1", "mapped over the second axis = a Python loop", "loop"),
    Cell("vmap", "in_axes=-1", "in_axes_last", "mapped over the last axis = a Python loop", "loop"),
    Cell("vmap", "in_axes=(0, None)", "in_axes_mixed", "one input is mapped, the others are shared", "mixed_loop"),
    Cell("vmap", "in_axes=tree", "in_axes_tree", "an axis, or none, for each leaf of a dictionary", "tree_loop"),
    Cell("vmap", "out_axes=1", "out_axes_1", "the mapped axis is the second of each output", "loop_axis_1"),
    Cell("vmap", "out_axes=-1", "out_axes_last", "the mapped axis is the last of each output", "loop_axis_last"),
    Cell("vmap", "nested", "nested", "vmap of vmap = two loops", "nested_loop"),
    Cell("vmap", "in chunks", "chunks", "two examples at a time = all at once", "loop"),
    Cell("vmap", "batch of 1", "batch_1", "a batch of one example keeps its axis", "loop_of_1"),
    Cell("vmap", "batch of 0", "batch_0", "an empty batch has empty outputs of the right shape", "empty_shapes"),
    Cell("vmap", "randomness", "randomness", "the same or other numbers for each example", "random_as_asked", own=True),
    Cell("grad", "argnums=0", "argnums_one", "with respect to one argument", "part_of_gradient"),
    Cell("grad", "argnums=(0, -1)", "argnums_several", "with respect to several arguments", "parts_of_gradient"),
    Cell("grad", "by name", "by_name", "with respect to arguments chosen by name", "named_part_of_gradient"),
    Cell("grad", "value_and_grad", "value_and_grad", "value and gradient in one pass", "value_and_gradient"),
    Cell("grad", "has_aux", "has_aux", "a second result comes along, undifferentiated", "gradient_and_outputs"),
    Cell("grad", "pytrees", "pytrees", "with respect to dictionaries and lists", "gradient_in_a_tree"),
    Cell("grad", "vjp", "vjp", "a cotangent u pulled back = the gradient of ⟨u, f⟩", "gradient_of_product"),
    Cell("grad", "jvp", "jvp", "a tangent pushed forward = the transpose of the transpose", "transposed_twice"),
    Cell("grad", "linearize", "linearize", "the linear map at a point = jvp", "outputs_and_jvp"),
    Cell("grad", "jacrev", "jacrev", "Jacobian by rows: u · J = vjp(u)", "rows_times_cotangent"),
    Cell("grad", "jacfwd", "jacfwd", "Jacobian by columns = Jacobian by rows", "jacrev"),
    Cell("grad", "hessian", "hessian", "symmetric, and H · v = hvp(v)", "symmetric_and_times_v"),
    Cell(
        "grad",
        "hvp",
        "hvp",
        "Hessian times vector, forward over reverse = reverse over reverse",
        "reverse_over_reverse",
    ),
    Cell("grad", "third order", "third_order", "gradient of v · H v: times v = third derivative along v", "along_v"),
    Cell("grad", "per example", "per_example", "vmap of vjp: a cotangent for each example = a loop", "loop_of_vjp"),
    Cell("grad", "stop_gradient", "stop_gradient", "grad of loss · stop(loss) = loss · grad", "loss_times_gradient"),
    Cell("grad", "relu at 0", "relu_at_0", "subgradient: 0 in both", "relu_convention", own=True),
    Cell("grad", "abs at 0", "abs_at_0", "subgradient: JAX 1, torch 0", "abs_convention", own=True),
    Cell(
        "grad", "max at ties", "max_at_ties", "JAX shares among equals, torch gives to one", "max_convention", own=True
    ),
    Cell("grad", "maximum at ties", "maximum_at_ties", "both give a half to each", "maximum_convention", own=True),
    Cell("grad", "clamp at its bound", "clamp_at_bound", "JAX passes a half, torch all", "clamp_convention", own=True),
    Cell("compositions", "jit∘vmap", "jit_vmap", "= a Python loop", "loop", ("batch",), 1),
    Cell("compositions", "vmap∘jit", "vmap_jit", "= a Python loop", "loop", ("batch",), 1),
    Cell("compositions", "jit∘grad", "jit_grad", "= grad", "gradient", ("x",), 1),
    Cell("compositions", "grad∘jit", "grad_jit", "= grad", "gradient", ("x",), 1),
    Cell("compositions", "jvp∘jit", "jvp_jit", "= jvp", "jvp_of_loss", ("x", "tangent"), 1),
    Cell("compositions", "vmap∘grad", "vmap_grad", "= a loop of gradients", "loop_of_gradients"),
    Cell("compositions", "grad∘vmap", "grad_vmap", "of a sum over examples = a loop of gradients", "loop_of_gradients"),
    Cell("compositions", "jit∘vmap∘grad", "jit_vmap_grad", "= a loop of gradients", "loop_of_gradients", ("batch",), 1),
    Cell("compositions", "jit∘grad∘vmap", "jit_grad_vmap", "= a loop of gradients", "loop_of_gradients", ("batch",), 1),
    Cell("compositions", "grad∘grad", "grad_grad", "H · v is symmetric: ⟨H · v, w⟩ = ⟨H · w, v⟩", "symmetric"),
    Cell(
        "compositions",
        "order matters",
        "order_matters",
        "of (Σ loss)², grad∘vmap = 2 Σ loss · grad; of loss², vmap∘grad = 2 loss · grad: not the same",
        "pooled_and_separate",
    ),
    Cell(
        "compositions",
        "grad∘vmap rejected",
        "grad_vmap_rejected",
        "without a sum over the examples there is no gradient, and the framework says so",
        "rejected",
    ),
)


def select(groups: tuple[str, ...] | None, *, own: bool) -> tuple[Cell, ...]:
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
