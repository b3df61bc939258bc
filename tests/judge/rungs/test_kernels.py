"""Kernels without float64 accuracy: named, and no failure; a difference of the same size that is none stays one."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

import parity
from parity.execution.lifting import special
from parity.judge import tolerances
from parity.judge.finding import Finding, Verdict
from parity.judge.rungs import kernels

pytestmark = pytest.mark.both
jax = pytest.importorskip("jax", exc_type=ImportError)
torch = pytest.importorskip("torch", exc_type=ImportError)

X = np.linspace(0.1, 6.0, 24).astype(np.float32)


def found(report, leaf="out", dtype="float64", regime="unit"):
    return next(f for f in report.findings if (f.leaf, f.dtype, f.regime) == (leaf, dtype, regime))


def test_the_trigamma_of_torch():
    report = parity.check(jax.scipy.special.digamma, torch.digamma, (X,))
    assert report.passed, str(report)
    finding = found(report, "grad/x")
    assert 1e-12 < finding.error < 1e-8
    assert finding.causes[0].name == "imprecise kernel"
    assert finding.causes[0].evidence.startswith("polygamma of torch is ")
    assert found(report, "grad/x", "float32").verdict.passes


def test_on_the_inputs_of_the_regime():
    """On large inputs the kernel is right."""
    report = parity.check(jax.scipy.special.digamma, torch.digamma, (1e3 * X,), regimes=("unit", "tiny"))
    assert report.passed, str(report)
    assert found(report, "grad/x").error < 1e-12 < found(report, "grad/x", regime="tiny").error


def test_a_difference_beside_it_is_one():
    report = parity.check(lambda x: jax.scipy.special.digamma(x) * (1 + 3e-8), torch.digamma, (X,))
    assert found(report, "grad/x").verdict is Verdict.SEMANTIC
    assert found(report).verdict is Verdict.SEMANTIC


@pytest.mark.parametrize("name", sorted(special.NAMES))
def test_what_is_true_has_no_error(name):
    """Values of mpmath itself, and one that is a millionth off."""
    mp = pytest.importorskip("mpmath")
    operands = {"polygamma": ([1.0], [0.5, 2.0]), "zeta": ([2.0], [0.5, 2.0]), "igamma": ([1.5], [0.5, 2.0])}
    operands["igammac"] = operands["igamma"]
    columns = operands.get(name, ([0.2, 0.7],))
    shape = np.broadcast_shapes(*(np.shape(column) for column in columns))
    rows = zip(*(np.broadcast_to(column, shape) for column in columns), strict=True)
    values = np.array([float(special._functions()[name](*(mp.mpf(float(x)) for x in row))) for row in rows])
    assert special.error(name, columns, values) < 1e-15
    assert special.error(name, columns, values * [1, 1 + 1e-6]) > 1e-8


class TestBounds:
    """The largest error of a kernel decides, up to both bounds and no further."""

    @staticmethod
    def judged(error, errors, verdict=Verdict.SEMANTIC):
        cache = SimpleNamespace(sides=("jax", "torch"), kernel_errors=lambda side, _: errors.get(side, {}))
        return kernels.judge(cache, Finding("out", "float64", "eager", verdict, error=error))

    @pytest.mark.parametrize(
        ("error", "kernel", "passes"),
        [
            (tolerances.KERNEL_MOST, 1.0, True),
            (tolerances.KERNEL_MOST * 1.01, 1.0, False),
            (tolerances.FLOAT64_EQUAL, 1.0, False),
            (tolerances.FLOAT64_EQUAL * 1.01, 1.0, True),
            (tolerances.KERNEL_FACTOR * 1e-9, 1e-9, True),
            (tolerances.KERNEL_FACTOR * 1.01e-9, 1e-9, False),
            (math.nan, 1.0, False),
        ],
    )
    def test_both(self, error, kernel, passes):
        assert self.judged(error, {"jax": {"zeta": kernel}}).verdict.passes is passes

    def test_the_worst_kernel_of_either_side_is_named(self):
        finding = self.judged(2e-9, {"jax": {"erf": 1e-17, "zeta": 3e-10}, "torch": {"igamma": 1e-9}})
        assert finding.verdict is Verdict.ROUNDING
        assert finding.causes[0].evidence == "igamma of torch is 1e-09 from the true value in float64"

    @pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.SEMANTIC])
    def test_another_verdict_stays(self, verdict):
        assert self.judged(1e-9, {"jax": {"zeta": 1.0}}, verdict).verdict is verdict
