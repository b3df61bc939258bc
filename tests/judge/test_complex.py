"""Complex inputs and outputs: right pairs pass, CONVENTION where torch's own gradient is the conjugate; wrong ones do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import parity
from parity.data.inputs import complex_normal, normal
from parity.judge.conjugation import REASON
from parity.judge.finding import Verdict
from parity.judge.variants import given, second_look
from tests.both import check, found

pytestmark = pytest.mark.both
jax = pytest.importorskip("jax", exc_type=ImportError)
torch = pytest.importorskip("torch", exc_type=ImportError)
import jax.numpy as jnp  # noqa: E402

Z, W, V = complex_normal((4,), 0, "z"), normal((4,), 0, "w"), complex_normal((4,), 0, "v")
A, B = complex_normal((5, 3), 0, "a"), complex_normal((4, 3), 0, "b")
SIGNAL = normal((3, 8), 0, "signal")
SPECTRUM = complex_normal((3, 5), 0, "spectrum")
BOTH = ("eager", "compiled")


def squared(z, w):
    return (w * (z.real**2 + z.imag**2)).sum()


def with_rule(rule):
    """Σ |z|² in JAX with this gradient, given z and the cotangent."""

    @jax.custom_vjp
    def function(z):
        return jnp.sum(jnp.abs(z) ** 2)

    function.defvjp(lambda z: (function(z), z), lambda z, cotangent: (rule(z, cotangent),))
    return function


def sum_of_squares(z):
    return torch.sum(torch.abs(z) ** 2)


RIGHT = {
    "loss of complex weights": (squared, squared, (Z, W), BOTH),
    "power spectrum": (
        lambda x: jnp.abs(jnp.fft.fft(x)) ** 2,
        lambda x: torch.fft.fft(x).abs().square(),
        (SIGNAL,),
        BOTH,
    ),
    "holomorphic": (jnp.exp, torch.exp, (Z,), BOTH),
    "not holomorphic": (lambda z: jnp.conj(z) * z * z, lambda z: z.conj() * z**2, (Z,), BOTH),
    "vdot": (jnp.vdot, torch.vdot, (Z, V), ("eager",)),
    "product with the adjoint": (lambda a, b: a @ b.conj().T, lambda a, b: a @ b.mH, (A, B), BOTH),
    "real to complex": (lambda x: jnp.exp(1j * x), lambda x: torch.exp(1j * x), (W,), ("eager",)),
    "real spectrum": (jnp.fft.rfft, torch.fft.rfft, (SIGNAL,), BOTH),
    "back from a spectrum": (jnp.fft.irfft, torch.fft.irfft, (SPECTRUM,), BOTH),
    "inverse transform": (jnp.fft.ifft, torch.fft.ifft, (SPECTRUM,), ("eager",)),
    "rotation": (
        lambda x: jnp.real(jax.lax.complex(x[:, :4], x[:, 4:]) * jnp.exp(1j * jnp.arange(4))),
        lambda x: torch.view_as_real(torch.complex(x[:, :4], x[:, 4:]) * torch.exp(1j * torch.arange(4)))[..., 0],
        (SIGNAL,),
        ("eager",),
    ),
    "pinned to complex64": (
        lambda z: jnp.exp(z.astype(jnp.complex64)).astype(z.dtype),
        lambda z: torch.exp(z.to(torch.complex64)).to(z.dtype),
        (Z,),
        ("eager",),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_pairs_pass_and_the_convention_is_named(name):
    jax_fn, torch_fn, inputs, modes = RIGHT[name]
    report = parity.check(jax_fn, torch_fn, inputs, modes=modes, name=name)
    assert report.passed, str(report)
    gradients = [finding for finding in report.findings if finding.leaf.startswith("grad/")]
    lowest = 1 if name.startswith("pinned") else len(modes)
    assert len(gradients) >= 2 * lowest * len(inputs)
    arguments = [array.dtype.kind for array in inputs for _ in (0,)]
    conventions = {finding.leaf for finding in gradients if finding.verdict is Verdict.CONVENTION}
    assert len(conventions) == arguments.count("c")
    for finding in report.findings:
        assert (finding.verdict is Verdict.CONVENTION) == (finding.leaf in conventions) == (REASON in finding.message)


@pytest.mark.parametrize("options", [{"wrt": "all"}, {"wrt": ("z",)}, {"wrt": (0,)}], ids=str)
def test_values_are_compared_after_one_side_was_conjugated(options):
    report = check(lambda z, w: w * jnp.exp(z), lambda z, w: w * torch.exp(z), (Z, W), **options)
    assert report.verdict is Verdict.CONVENTION
    for dtype, most in (("float64", 1e-15), ("float32", 1e-6)):
        finding = found(report, "grad/z", dtype)
        assert finding.error < most
        if finding.index is not None:
            assert abs(finding.actual - finding.expected) < 10 * most * abs(finding.actual)
            assert abs(finding.actual.imag) > 0.01


def test_the_convention_stands_in_the_shipped_deviations():
    lines = (Path(__file__).parents[2] / "parity-deviations.toml").read_text(encoding="utf-8").splitlines()
    assert REASON in " ".join(line.removeprefix("#").strip() for line in lines)


def test_a_gradient_that_is_real_all_the_same_differs_by_no_convention():
    report = check(lambda z: (z.real**2).sum(), lambda z: (z.real**2).sum(), (Z,))
    assert {finding.verdict for finding in report.findings} <= {Verdict.EXACT, Verdict.ROUNDING}


WRONG = {
    "dot": (jnp.vdot, torch.dot, (Z, V)),
    "product without the conjugate": (lambda a, b: a @ b.conj().T, lambda a, b: a @ b.mT, (A, B)),
    "conjugate of one operand": (lambda z: (z * z).sum(), lambda z: (z * z.conj()).sum(), (Z,)),
    "conjugated output": (lambda z: jnp.exp(z).conj(), torch.exp, (Z,)),
    "conjugated spectrum": (jnp.fft.fft, lambda x: torch.fft.fft(x).conj().resolve_conj(), (SIGNAL,)),
    "the gradient of torch": (with_rule(lambda z, ct: 2 * z * ct), sum_of_squares, (Z,)),
    "numbers without imaginary part": (lambda z: z * z.conj(), lambda z: z * z, (W.astype(np.complex64),)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_missing_conjugate_is_another_function_and_the_first_cause(name):
    jax_fn, torch_fn, inputs = WRONG[name]
    report = parity.check(jax_fn, torch_fn, inputs, name=name)
    assert report.verdict is Verdict.SEMANTIC
    assert "cause search failed" not in str(report)
    failing = [finding for finding in report.findings if finding.dtype == "float64" and not finding.verdict.passes]
    assert any(finding.leaf.startswith("grad/") for finding in failing)
    # What agrees on the given inputs, and differs on moved ones alone, is not searched for.
    asked = [finding for finding in failing if not finding.message.startswith("equal on these inputs")]
    assert {finding.causes[0].name for finding in asked if finding.causes} == {"conjugate"}, str(report)
    assert all(finding.causes for finding in asked)


@pytest.mark.parametrize(
    "rule",
    [
        lambda z, ct: 2.1 * z.conj() * ct,
        lambda z, ct: jax.lax.complex(2 * z.real, -2.1 * z.imag) * ct,
        lambda z, ct: 2 * z.real.astype(z.dtype) * ct,
    ],
    ids=["scaled", "scaled imaginary part", "no imaginary part"],
)
def test_another_gradient_is_no_convention(rule):
    report = check(with_rule(rule), sum_of_squares, (Z,))
    assert found(report, "out").verdict.passes
    for dtype in ("float64", "float32"):
        assert found(report, "grad/z", dtype).verdict is Verdict.SEMANTIC


def test_a_scale_and_its_place_are_found_in_complex_numbers():
    pairs = (
        (lambda z: 2.0 * jnp.exp(z), lambda z: 2.1 * torch.exp(z)),
        (lambda z: jnp.fft.fft(z), lambda z: torch.fft.fft(z, norm="ortho")),
    )
    for jax_fn, torch_fn in pairs:
        report = parity.check(jax_fn, torch_fn, (Z,))
        assert report.verdict is Verdict.SEMANTIC
        assert all(finding.causes for finding in report.findings), str(report)


def test_worse_arithmetic_is_found_in_complex64():
    report = check(lambda z: z * 3, lambda z: (z * 3 + 1e3) - 1e3, (Z,))
    assert found(report, "out").verdict.passes
    finding = found(report, "out", "float32")
    assert (finding.verdict, finding.side) == (Verdict.STABILITY, "torch")


def rounded(z):
    return torch.complex(z.real.bfloat16().to(z.real.dtype), z.imag.bfloat16().to(z.imag.dtype))


def test_sixteen_bits_have_no_complex_numbers():
    """They are in complex64, say so, and owe the rounding of float32: a few units of bfloat16 would let everything through."""
    report = check(jnp.exp, torch.exp, (Z,), dtypes=("bfloat16", "float16"))
    assert report.passed
    for dtype in ("bfloat16", "float16"):
        finding = found(report, "out", dtype)
        assert f"{dtype} has no complex numbers: x, out had complex64 in its place" in finding.notes[-1]
    assert "has no complex" not in str(check(jnp.exp, torch.exp, (W,), dtypes=("bfloat16",)))
    report = check(jnp.exp, lambda z: torch.exp(rounded(z)), (Z,), dtypes=("bfloat16",))
    finding = found(report, "out", "bfloat16")
    assert (finding.verdict, finding.side) == (Verdict.STABILITY, "torch")


def test_nothing_is_compared_where_a_complex_number_is_constant():
    same = lambda z: z * 0 + (1 + 2j)  # noqa: E731
    report = check(same, same, (Z,))
    finding = found(report, "out")
    assert finding.verdict is Verdict.VACUOUS
    assert "every element is 1+2j" in finding.message


def test_a_gradient_of_zeros_is_vacuous_where_the_phase_alone_matters():
    report = check(
        lambda z: jax.lax.stop_gradient(jnp.angle(z)) * 1.0, lambda z: torch.angle(z.detach()) * 1.0, (Z,), dtypes=()
    )
    assert "although the outputs depend on it" in found(report, "grad/z").message


def test_a_part_that_is_not_finite_counts():
    parts = np.array([1.0, np.inf, 2.0], np.float32)
    report = check(lambda x: jax.lax.complex(x, 1 / x), lambda x: torch.complex(x, x / x**2), (parts,), wrt=())
    finding = found(report, "out")
    assert (finding.verdict, finding.causes[0].name) == (Verdict.SEMANTIC, "NaN or infinity")
    assert finding.index == (1,)


def test_a_reference_has_to_be_complex_too():
    assert check(jnp.exp, torch.exp, (Z,), reference=np.exp).passed
    report = check(jnp.exp, torch.exp, (Z,), reference=lambda z: np.exp(z).real)
    assert "the reference returns dtype float64" in found(report, "out").message


def test_variants_move_both_parts():
    moved = second_look(given("unit")).arrays({"z": W.astype(np.complex64)})["z"]
    assert np.abs(moved.imag).min() > 0
    assert np.abs(moved.real - W).min() > 0
    assert np.abs(moved - W).max() < 0.01 * np.abs(W).max()
