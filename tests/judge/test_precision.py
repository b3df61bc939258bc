"""`precision="caller"`: float32 products as the process is set, and these settings as the cause where they make a failure."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import parity
from parity import InputError, Verdict
from parity.data.inputs import normal
from tests.both import check, found

pytestmark = pytest.mark.both

INPUTS = (normal((5, 32), 0, "x"), normal((32, 7), 0, "w"))


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch, is_medium
    import jax
    import jax.numpy as jnp
    import torch

    is_medium = torch.compiler.assume_constant_result(lambda: torch.get_float32_matmul_precision() == "medium")


@contextlib.contextmanager
def torch_set_to(precision):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def jax_product(x, w):
    """Stands in for a device that obeys the setting, as a TPU does: a CPU takes no notice."""
    if x.dtype == jnp.float32 and jax.config.jax_default_matmul_precision == "bfloat16":
        x, w = (jax.lax.reduce_precision(one, 8, 7) for one in (x, w))
    return x @ w


def torch_product(x, w):
    """Stands in for a device that obeys the setting: of CPUs only some do, those with instructions for bfloat16."""
    if x.dtype == torch.float32 and is_medium():
        x, w = (
            (one.view(torch.int32) & -(1 << 16)).view(torch.float32) for one in (x, w)
        )  # no cast for a compiler to undo
    return x @ w


def checked(precision="caller", **options):
    return check(jax_product, torch_product, INPUTS, precision=precision, wrt=(), **options)


@pytest.mark.parametrize("mode", ["eager", "compiled"])
def test_what_the_setting_makes_is_a_failure_with_the_setting_as_its_cause(mode):
    with torch_set_to("medium"):
        report = checked(modes=(mode,))
        assert torch.get_float32_matmul_precision() == "medium"
    finding = found(report, dtype="float32")
    assert (finding.verdict, finding.side, finding.mode) == (Verdict.STABILITY, "torch", mode)
    assert finding.causes[0].name == "matmul precision"
    assert all(part in finding.causes[0].evidence for part in ("jax: default", "torch: medium", "ROUNDING"))
    assert "matmul precision below float64, as the process is set: jax: default; torch: medium" in str(report)
    assert report.to_dict()["environment"]["precision"] == "caller"
    assert report.to_dict()["environment"]["torch"]["matmul_precision"] == "medium"
    assert all(f.verdict.passes for f in report.findings if f.dtype == "float64")


def test_of_jax_too():
    with jax.default_matmul_precision("bfloat16"):
        finding = found(checked(), dtype="float32")
    assert (finding.side, finding.causes[0].name) == ("jax", "matmul precision")
    assert "jax: bfloat16" in finding.causes[0].evidence


def test_by_default_the_setting_makes_nothing():
    with torch_set_to("medium"):
        report = checked("highest")
    assert report.passed, str(report)
    assert report.environment["torch"]["matmul_precision"] == report.environment["jax"]["matmul_precision"] == "highest"
    assert "as the process is set" not in str(report)


def test_both_sides_low_is_rounding():
    with torch_set_to("medium"), jax.default_matmul_precision("bfloat16"):
        assert found(checked(), dtype="float32").verdict is Verdict.ROUNDING


def test_another_failure_has_another_cause():
    with torch_set_to("medium"):
        report = check(jax_product, lambda x, w: torch_product(x + 1e4 - 1e4, w), INPUTS, precision="caller", wrt=())
    finding = found(report, dtype="float32")
    assert finding.verdict is Verdict.STABILITY
    assert "matmul precision" not in [cause.name for cause in finding.causes]


def test_a_small_difference_of_definitions_is_no_rounding_because_products_are_low():
    with torch_set_to("medium"), jax.default_matmul_precision("bfloat16"):
        report = check(lambda x, w: jax_product(x, w) * (1 + 1e-9), torch_product, INPUTS, precision="caller", wrt=())
    assert found(report).verdict is Verdict.SEMANTIC


def test_one_device_kind_set_alone_is_restored():
    matmul = torch.backends.mkldnn.matmul
    matmul.fp32_precision = "bf16"  # torch's older setting cannot be read now
    try:
        report = checked()
        assert matmul.fp32_precision == "bf16"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert all(f.verdict.passes for f in report.findings if f.dtype == "float64"), str(report)
    assert report.environment["torch"]["matmul_precision"] == "fp32_precision bf16"


def test_unknown():
    with pytest.raises(InputError, match="precision: got 'low', expected one of highest, caller"):
        parity.check(jax_product, torch_product, INPUTS, precision="low")


def test_the_replay_line_has_it(tmp_path):
    from parity.data.cases import replay_line

    line = replay_line((np.dot, np.dot), tmp_path / "case.npz", {"precision": "caller"})
    assert line.endswith("--precision=caller")
