"""Code that pins a precision: a note where the lifted functions are equal, a failure below what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

import parity
from parity.execution.lifting import Kind, PinnedStep, PinnedSteps
from parity.judge.finding import Verdict
from parity.judge.rungs import pinned

pytestmark = pytest.mark.both
jax = pytest.importorskip("jax", exc_type=ImportError)
torch = pytest.importorskip("torch", exc_type=ImportError)
import jax.numpy as jnp  # noqa: E402

RNG = np.random.default_rng(3)
X = RNG.standard_normal((4, 16)).astype(np.float32)
W = (1 + 0.1 * RNG.standard_normal(16)).astype(np.float32)


def jax_norm(x, w, dtype=jnp.float32, eps=1e-6):
    y = x.astype(dtype)
    y = y * jax.lax.rsqrt(jnp.mean(y * y, -1, keepdims=True) + eps)
    return w * y.astype(x.dtype)


def torch_norm(x, w, dtype=torch.float32, eps=1e-6):
    y = x.to(dtype)
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)
    return w * y.to(x.dtype)


def found(report, leaf="out", dtype="float64", regime="unit"):
    return next(f for f in report.findings if (f.leaf, f.dtype, f.regime) == (leaf, dtype, regime))


class TestNote:
    def test_both_sides_pin_float32(self):
        report = parity.check(jax_norm, torch_norm, (X, W))
        assert report.passed
        (note,) = {note for finding in report.findings for note in finding.notes}
        assert note.startswith("jax computes in float32 at test_pinned.py:")
        assert "; torch computes in float32 at test_pinned.py:" in note
        assert f"note: {note}" in str(report)
        assert found(report, dtype="float32").verdict is Verdict.ROUNDING  # judged, against the lifted truth
        assert found(report, "grad/x").error < 1e-14

    def test_one_side_alone(self):
        report = parity.check(jax_norm, lambda x, w: torch_norm(x, w, x.dtype), (X, W))
        assert report.passed
        assert "torch" not in found(report).notes[0]

    def test_a_pin_hides_no_difference(self):
        finding = found(parity.check(jax_norm, lambda x, w: torch_norm(x, w, eps=1e-5), (X, W)))
        assert finding.verdict is Verdict.SEMANTIC
        assert finding.causes[0].name == "eps value"
        assert "1e-05 → 1e-06" in finding.causes[0].evidence

    def test_no_note_without_a_pin(self):
        report = parity.check(lambda x, w: jax_norm(x, w, x.dtype), lambda x, w: torch_norm(x, w, x.dtype), (X, W))
        assert report.passed
        assert not any(finding.notes for finding in report.findings)

    def test_compiled_is_judged_in_the_dtypes_that_were_asked_for(self):
        report = parity.check(jax_norm, torch_norm, (X, W), modes=("eager", "compiled"))
        assert report.passed
        assert {f.dtype for f in report.findings if f.mode == "compiled"} == {"float32"}

    def test_a_dtype_that_is_returned_on_one_side_alone(self):
        """In float32, which was asked for, it is the same; a check of bfloat16 says STRUCTURE there."""
        pair = (lambda x: jnp.exp(x.astype(jnp.float32)), lambda x: torch.exp(x.float()).to(x.dtype))
        assert parity.check(*pair, (X,)).passed
        report = parity.check(*pair, (X,), dtypes=("float32", "bfloat16"))
        assert found(report, dtype="bfloat16").verdict is Verdict.STRUCTURE
        assert found(report, dtype="float32").verdict.passes

    def test_the_library_attention(self):
        q, k, v = (RNG.standard_normal((1, 5, 2, 4)).astype(np.float32) for _ in range(3))

        def torch_side(q, k, v):
            q, k, v = (x.transpose(1, 2) for x in (q, k, v))
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)

        report = parity.check(
            lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=True), torch_side, (q, k, v)
        )
        assert report.passed
        assert all(f.error < 1e-14 for f in report.findings if f.dtype == "float64")

    def test_the_default_eps_of_a_float32_user(self):
        def jax_side(x, w):
            return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1.1920929e-07) * w

        report = parity.check(
            jax_side, lambda x, w: torch.nn.functional.rms_norm(x, (16,), w), (X * np.float32(0.05), W)
        )
        assert report.passed
        assert "torch takes a constant from float32" in found(report).notes[0]


class TestBelowWhatWasAskedFor:
    @pytest.mark.parametrize("worse", ["jax", "torch"])
    @pytest.mark.parametrize(("dtype", "asked"), [("float32", ("float64",)), ("bfloat16", ("float32",))])
    def test_names_side_step_and_line(self, worse, dtype, asked):
        pins = {worse: dtype}

        def jax_side(x, w):
            return jax_norm(x, w, pins.get("jax", x.dtype))

        def torch_side(x, w):
            return torch_norm(x, w, getattr(torch, dtype) if worse == "torch" else x.dtype)

        finding = found(parity.check(jax_side, torch_side, (X, W), dtypes=asked))
        assert (finding.verdict, finding.side) == (Verdict.INTERNAL_PRECISION, worse)
        assert finding.causes[0].name == "low-precision step"
        assert f"{worse} computes in {dtype} at test_pinned.py:" in finding.causes[0].evidence

    def test_on_the_inputs_of_the_regime(self):
        """Saturated, the output does not show the step."""
        report = parity.check(
            lambda x: jnp.tanh(x * 2.0), lambda x: torch.tanh(x.float() * 2).to(x.dtype), (X * 1e3 + 1e3 * np.sign(X),),
            wrt=(), dtypes=("float64",), regimes=("unit", "tiny"),
        )  # fmt: skip
        assert found(report).verdict.passes
        assert found(report, regime="tiny").verdict is Verdict.INTERNAL_PRECISION

    def test_both_sides_alike(self):
        finding = found(parity.check(jax_norm, torch_norm, (X, W), dtypes=("float64",)))
        assert (finding.verdict, finding.side) == (Verdict.INTERNAL_PRECISION, None)

    def test_a_step_that_moves_nothing(self):
        mask = (X > 0).astype(np.int32)
        report = parity.check(
            lambda x, m: x * m.astype(jnp.float32), lambda x, m: x * m.float(), (X, mask), dtypes=("float64",)
        )
        assert report.passed


class TestTables:
    ANGLES = np.arange(16, dtype=np.float32) * np.float32(0.37)
    TABLE = np.sin(ANGLES.astype(np.float64))

    @pytest.mark.parametrize("holds", ["jax", "torch"])
    def test_a_table_that_one_side_holds_in_float32(self, holds):
        narrow, wide = self.TABLE.astype(np.float32), self.TABLE

        def jax_side(x):
            return jnp.tanh(x * jnp.asarray(narrow if holds == "jax" else wide.astype(x.dtype)))

        def torch_side(x):
            return torch.tanh(x * (torch.from_numpy(wide).to(x.dtype) if holds == "jax" else torch.from_numpy(narrow)))

        report = parity.check(jax_side, torch_side, (X,))
        assert report.passed, str(report)
        finding = found(report)
        assert 1e-9 < finding.error < 1e-7
        assert finding.causes[0].name == "low-precision table"
        assert f"{holds} holds float32 of shape (16,)" in finding.message

    def test_on_the_inputs_of_the_regime(self):
        """Saturated, the output does not show the table."""
        narrow, wide = self.TABLE.astype(np.float32), self.TABLE
        report = parity.check(
            lambda x: jnp.tanh(x * (2.0 + jnp.asarray(narrow))),
            lambda x: torch.tanh(x * (2.0 + torch.from_numpy(wide).to(x.dtype))),
            (X * 1e3 + 1e3 * np.sign(X),), wrt=(), regimes=("unit", "tiny"),
        )  # fmt: skip
        assert report.passed, str(report)
        assert found(report, regime="tiny").causes[0].name == "low-precision table"

    @pytest.mark.parametrize("holds", ["jax", "torch"])
    @pytest.mark.parametrize("kind", [np.float32, lambda number: float(np.float32(number))], ids=["NumPy", "Python"])
    def test_a_number_that_one_side_holds_in_float32(self, holds, kind):
        narrow, wide = kind(1 / 7), 1 / 7
        of = {side: narrow if side == holds else wide for side in ("jax", "torch")}
        report = parity.check(
            lambda x: jax.lax.scan(lambda c, v: (c * of["jax"] + v, None), jnp.zeros(16, x.dtype), x)[0],
            lambda x: ((x[0] * of["torch"] + x[1]) * of["torch"] + x[2]) * of["torch"] + x[3],
            (X,),
        )
        assert report.passed, str(report)
        finding = found(report)
        assert finding.causes[0].name == "low-precision table"
        assert f"{holds} holds a number in float32" in finding.message
        assert finding.notes[0].startswith(f"{holds} makes a table in float32 at test_pinned.py:")

    @pytest.mark.parametrize("off", [1e-6, -1e-5])
    def test_another_number_is_another_function(self, off):
        narrow = np.float32((1 + off) / 7)
        report = parity.check(lambda x: x * narrow, lambda x: x * (1 / 7), (X,))
        assert found(report).verdict is Verdict.SEMANTIC

    def test_another_table_is_another_function(self):
        other = (self.TABLE * (1 + 1e-5)).astype(np.float32)
        narrow = self.TABLE.astype(np.float32)
        report = parity.check(lambda x: x * jnp.asarray(other), lambda x: x * torch.from_numpy(narrow), (X,))
        assert found(report).verdict is Verdict.SEMANTIC


class TestLeaningOnFloat32:
    """A mask of -1e10 that is added makes a fully masked row uniform in float32, and not in float64."""

    SCORES = RNG.standard_normal((3, 8)).astype(np.float32)
    MASK = np.array([[1] * 8, [1, 0] * 4, [0] * 8], bool)

    @staticmethod
    def jax_side(scores, mask):
        return jax.nn.softmax(jnp.where(mask, scores.astype(jnp.float32), -1e10))

    def checked(self, factor):
        def torch_side(scores, mask):
            return torch.softmax(scores.float() * factor + (~mask).to(scores.dtype) * -1e10, -1)

        return parity.check(self.jax_side, torch_side, (self.SCORES, self.MASK), wrt=())

    def test_float32_decides(self):
        finding = found(self.checked(1.0))
        assert finding.verdict is Verdict.ROUNDING
        assert "torch is" in finding.message
        assert "its definition rests on float32" in finding.message

    def test_and_finds_another_function(self):
        report = self.checked(1.001)
        assert found(report).verdict is Verdict.SEMANTIC
        assert any("its definition rests on float32" in note for note in found(report).notes)


class TestNotLifted:
    def test_a_function_that_cannot_be_traced(self):
        """The check goes on without lifting, and a failure says why."""

        def jax_side(x):
            return jnp.exp(x.astype(jnp.float32)) if x[0, 0] > -100 else x

        report = parity.check(jax_side, lambda x: torch.exp(x.float()), (X,), wrt=())
        notes = {note for finding in report.findings for note in finding.notes}
        assert not report.passed or not notes
        assert all(note.startswith("jax cannot be lifted to float64: TracerBoolConversionError") for note in notes)

    def test_steps_are_described(self):
        steps = PinnedSteps()
        for place in ("a.py:1", "a.py:1", "b.py:2"):
            steps.add(PinnedStep("float32", place, Kind.NARROWED))
        steps.add(PinnedStep("bfloat16", "c.py:3", Kind.NOT_LIFTED, "pure_callback"))
        assert pinned.note({"jax": steps, "torch": PinnedSteps()}) == (
            "jax computes in float32 at a.py:1 (2 places), b.py:2, cannot be lifted from bfloat16 (pure_callback) at c.py:3"
        )

    def test_many_places_are_cut_short(self):
        steps = PinnedSteps()
        for line in range(9):
            steps.add(PinnedStep("float32", f"a.py:{line}", Kind.MADE))
        assert pinned.note({"jax": steps}).endswith("a.py:3 and 5 more lines")
