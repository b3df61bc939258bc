"""Every entry of `parity-deviations.toml` is true: it fails without, passes with it, and there is no other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import parity
from parity import Verdict
from parity.data.inputs import normal
from parity.judge.deviations import load
from tests.both import check

pytestmark = pytest.mark.both

FILE = Path(__file__).parents[2] / "parity-deviations.toml"
X = normal((16, 5), 0, "x")
ROW = np.array([1, 3, 3, 3, 2], np.float32)


@pytest.fixture(autouse=True, scope="module")
def frameworks():
    global jax, jnp, torch
    import jax
    import jax.numpy as jnp
    import torch


def jax_attention(query, key, value, mask):
    heads = (x[None, :, None] for x in (query, key, value))
    return jax.nn.dot_product_attention(*heads, mask=mask[None, None])[0, :, 0]


def torch_attention(query, key, value, mask):
    heads = (x[None, None] for x in (query, key, value))
    return torch.nn.functional.scaled_dot_product_attention(*heads, attn_mask=mask[None, None])[0, 0]


def rows_of_a_mask():
    mask = np.ones((3, 7), bool)
    mask[1] = False
    return {
        "query": normal((3, 5), 0, "query"),
        "key": normal((7, 5), 0, "key"),
        "value": normal((7, 5), 0, "value"),
        "mask": mask,
    }


# name of the check: JAX function, PyTorch function, inputs, differentiated inputs.
PAIRS = {
    "fully masked rows": (jax_attention, torch_attention, rows_of_a_mask(), "all"),
    "subnormal numbers": (lambda x: x * 1.5, lambda x: x * 1.5, (X * np.float32(1e-39),), ()),
    "index out of bounds": (
        lambda x, n: jnp.take(x, n),
        lambda x, n: x[n],
        (np.arange(1, 6, dtype=np.float32), np.array([0, 4, 7])),
        (),
    ),
    "gradient of abs at 0": (
        lambda x: jnp.abs(x),
        lambda x: torch.abs(x),
        (np.array([-1, 0, 2], np.float32),),
        "all",
    ),
    "gradient of clamp at its bound": (
        lambda x: jnp.clip(x, -1, 1),
        lambda x: torch.clamp(x, -1, 1),
        (np.array([-1, 0.5, 1, 3, -4], np.float32),),
        "all",
    ),
    "gradient of max at ties": (
        lambda x: jnp.max(x, 1),
        lambda x: torch.max(x, 1).values,
        (np.array([[1, 3, 3], [2, 2, 0]], np.float32),),
        "all",
    ),
    "order of ties in top-k": (lambda x: jax.lax.top_k(x, 2)[1], lambda x: torch.topk(x, 2)[1], (ROW,), ()),
    "standard deviation by default": (lambda x: jnp.std(x, 1), lambda x: torch.std(x, 1), (X,), ()),
    "standard deviation of one element": (lambda x: jnp.std(x, 1), lambda x: torch.std(x, 1), (X[:, :1],), ()),
    "gelu by default": (lambda x: jax.nn.gelu(x), lambda x: torch.nn.functional.gelu(x), (X,), "all"),
    "median of an even number": (lambda x: jnp.median(x), lambda x: torch.median(x), (X[0, :4],), ()),
    "softplus above 20": (
        lambda x: jax.nn.softplus(x),
        lambda x: torch.nn.functional.softplus(x),
        (np.linspace(20.5, 25, 9).astype(np.float32),),
        "all",
    ),
    "NaN to integer": (
        lambda x: x.astype(jnp.int32),
        lambda x: x.to(torch.int32),
        (np.array([1.5, np.nan, -2.5], np.float32),),
        (),
    ),
    "out of range to unsigned": (
        lambda x: x.astype(jnp.uint8),
        lambda x: x.to(torch.uint8),
        (np.array([1.5, 300, -1], np.float32),),
        (),
    ),
    "out of range to float8": (
        lambda x: x.astype(jnp.float8_e4m3fn).astype(x.dtype),
        lambda x: x.to(torch.float8_e4m3fn).to(x.dtype),
        (np.array([1.5, 300, -1, 465, 1e9], np.float32),),
        (),
    ),
    "gradient of a zeroth power at 0": (
        lambda x, power: x**power,
        lambda x, power: x**power,
        (np.array([0, 1, 2, 3], np.float32), np.array([0, 0.5, 2, 1.5], np.float32)),
        "x",
    ),
    "gradient of the norm at 0": (
        lambda x: jnp.linalg.norm(x, axis=1),
        lambda x: torch.linalg.norm(x, dim=1),
        (np.array([[0, 0], [3, 4]], np.float32),),
        "all",
    ),
}
# torch says itself that a division by n - 1 = 0 is none.
ONE_ELEMENT = "ignore:std\\(\\). degrees of freedom is <= 0:UserWarning"


def judged(name, **options):
    jax_fn, torch_fn, inputs, wrt = PAIRS[name]
    return check(jax_fn, torch_fn, inputs, wrt=wrt, name=name, **options)


def test_every_entry_has_a_test_and_every_test_an_entry():
    assert {entry.op for entry in load(FILE)} == set(PAIRS)


def test_the_entries_are_as_narrow_as_they_say():
    for entry in load(FILE):
        assert entry.owner == "parity"
        assert len(entry.reason) > 40
        assert not set("*?[") & set(entry.op)
    assert max(Counter((e.op, e.leaf) for e in load(FILE)).values()) == 1


@pytest.mark.filterwarnings(ONE_ELEMENT)
@pytest.mark.parametrize("name", PAIRS)
class TestConventions:
    def test_without_the_declaration_it_fails_as_declared(self, name):
        entries = [entry for entry in load(FILE) if entry.op == name]
        report = judged(name)
        failing = [f for f in report.findings if not f.verdict.passes and f.verdict is not Verdict.INCONCLUSIVE]
        assert failing, str(report)
        for finding in failing:
            (entry,) = [entry for entry in entries if entry.covers(finding)]
            assert finding.verdict == entry.verdict
            assert finding.side == entry.side
        assert not report.passed

    def test_with_it_the_check_passes(self, name):
        before, report = judged(name), judged(name, deviations=FILE)
        assert (report.verdict, report.passed) == (Verdict.CONVENTION, True), str(report)
        # What passed before is untouched; what failed, in float32 too, is declared, with the reason in the report.
        for old, new in zip(before.findings, report.findings, strict=True):
            assert new.verdict is (old.verdict if old.verdict.passes else Verdict.CONVENTION)
        assert "declared by parity: " in str(report) + "".join(f.message for f in report.findings)

    def test_an_agreeing_pair_makes_it_stale(self, name):
        report = check(lambda x: x * 2, lambda x: x + x, (X,), wrt=(), name=name, deviations=str(FILE))
        assert report.verdict is Verdict.VACUOUS
        assert "stale: declared as" in str(report)


def test_another_check_is_not_concerned():
    report = parity.check(lambda x: x * 2, lambda x: x + x, (X,), wrt=(), name="mine", deviations=FILE)
    assert report.verdict is Verdict.EXACT
