"""One comparison in this process: what is timed, what is refused, and what becomes a row that says why."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from parity import ops
from parity.bench.results import passed
from parity.bench.settings import Settings
from parity.bench.subjects.subject import of_op, of_pair

pytestmark = pytest.mark.both
X = np.linspace(-2, 2, 15, dtype=np.float32).reshape(3, 5)
QUICK = Settings(budget_s=0.02, threads=1)
# Long enough for what goes wrong after some calls.
LONGER = replace(QUICK, budget_s=0.5)


@pytest.fixture(scope="module")
def frameworks():
    from tests.bench import pairs

    return pairs


@pytest.fixture
def timed(frameworks):
    """`timed(torch_fn)`: the comparison of a pair, and its rows by name."""
    from parity.bench.session import measure

    def run(name, kind="forward", **options):
        frameworks.CALLS.clear()
        frameworks.CALLS["count"] = 0
        subject = of_pair("pair", frameworks.in_jax, getattr(frameworks, name), (X,), kind, "float32")
        comparison, samples = measure(subject, options.pop("settings", QUICK), **options)
        return comparison, {row.name: row for row in comparison.candidates}, samples

    return run


@pytest.mark.parametrize("kind", ["forward", "gradient"])
def test_every_candidate_of_an_operation_is_timed(kind):
    from parity.bench.session import measure

    op = ops.load("batched_attention")
    shapes = {**op.sizes[0], "Hv": op.sizes[0]["H"]}  # dot_product_attention wants them equal
    comparison, samples = measure(of_op(op, kind, "float32", shapes), QUICK)
    rows = {row.name: row for row in comparison.candidates}
    assert list(rows) == [
        "jax",
        "jax.jit",
        "jax.nn.dot_product_attention",
        "torch",
        "torch.compile",
        "scaled_dot_product_attention",
    ]
    for name, row in rows.items():
        assert (row.status, row.message, row.parity) == ("timed", "", "ROUNDING"), name
        assert 0 < row.seconds["least"] <= row.seconds["q1"] <= row.seconds["median"] <= row.seconds["q3"]
        assert row.ratio["low"] <= row.ratio["value"] <= row.ratio["high"]
        assert (row.compilations, row.recompilations) == ((1, 0) if row.mode == "compiled" else (row.compilations, 0))
        assert len(samples.seconds[name]) >= 8
        assert row.flops_per_s > 0
    assert passed(comparison.to_dict())
    assert comparison.base == comparison.control["of"] == "jax.jit"
    assert rows["jax.jit"].ratio == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert rows["jax.jit"].verdict == ""
    assert all(row.verdict for name, row in rows.items() if name != "jax.jit")
    assert comparison.sizes == shapes
    products = 2 * shapes["B"] * shapes["T"] * shapes["S"] * (shapes["H"] + shapes["Hv"])
    assert comparison.cost["flops"] == products * (1 if kind == "forward" else 3)


def test_the_bytes_are_those_of_inputs_and_outputs(timed):
    comparison, _, _ = timed("in_torch")
    assert comparison.cost["bytes"] == X.nbytes + 4 * len(X) ** 2


def test_what_fails_parity_is_not_timed(timed):
    comparison, rows, samples = timed("wrong")
    assert comparison.message.startswith("failed parity: out float64 eager: SEMANTIC")
    assert (rows, samples, passed(comparison.to_dict())) == ({}, None, False)


def test_a_candidate_that_cannot_be_compiled_is_a_row(timed):
    comparison, rows, _ = timed("raises_compiled")
    assert rows["torch.compile"].status == "failed"
    assert "not under a compiler" in rows["torch.compile"].message
    assert rows["torch"].status == rows["jax.jit"].status == "timed"
    assert not passed(comparison.to_dict())


def test_one_that_raises_while_it_is_timed_is_a_row_and_the_others_go_on(timed):
    comparison, rows, samples = timed("raises_later", settings=LONGER)
    assert rows["torch"].status == "failed"
    assert rows["torch"].message.startswith("while it was timed: ValueError: after a while")
    assert rows["torch.compile"].status == rows["jax.jit"].status == "timed"
    assert "torch" not in samples.seconds
    assert passed(comparison.to_dict())


def test_one_whose_result_changes_is_a_row(timed):
    _, rows, _ = timed("changes_later", settings=LONGER)
    assert rows["torch"].status == "failed"
    assert rows["torch"].message.startswith("its result changes between calls: out differs by ")
    assert rows["torch"].seconds is None
    assert rows["torch.compile"].status == "timed"


def test_without_the_base_nothing_is_timed(timed):
    comparison, rows, samples = timed("in_torch", broken={"jax.jit": "it hung"})
    assert comparison.message == "the base of all ratios, jax.jit, cannot be timed: it hung"
    assert samples is None
    assert rows["torch.compile"].status == "failed"
    assert rows["torch.compile"].message == "not timed, because jax.jit was not"


def test_only_some_candidates(timed):
    _, rows, _ = timed("in_torch", wanted=lambda candidate: candidate.mode == "compiled")
    assert list(rows) == ["jax.jit", "torch.compile"]


def test_stages_tell_what_is_going_on(timed):
    told = []
    timed("in_torch", stage=lambda stage, candidate: told.append((stage, candidate)))
    assert told[0] == ("parity", "")
    assert ("first call", "torch") in told
    assert ("compile", "torch.compile") in told
    assert {candidate for stage, candidate in told if stage == "timing"} == {
        *("jax", "jax.jit", "torch", "torch.compile", "A/A", "normalizer")
    }
    assert told[-1] == ("last look", "torch.compile")


def test_a_compilation_while_the_clock_runs_is_flagged(timed, monkeypatch):
    import torch

    from parity.bench import candidate_result
    from parity.bench.subjects.ready import ReadyCandidate

    def disturbing(entry, number):
        if entry.candidate.name == "torch.compile" and not compiled:
            compiled.append(torch.compile(lambda x: x + 1)(torch.ones(2)))
        return call(entry, number)

    compiled, call = [], ReadyCandidate.call
    monkeypatch.setattr(ReadyCandidate, "call", disturbing)
    monkeypatch.setattr(candidate_result, "MORE_THREADS", math.inf)  # on a busy machine these may be flagged too
    _, rows, _ = timed("in_torch")
    assert rows["torch.compile"].recompilations == 1
    assert rows["torch.compile"].flags == ("compiled 1 times more while it was timed",)
    assert all(row.recompilations == 0 for name, row in rows.items() if name != "torch.compile")
    assert rows["jax.jit"].flags == ()


def test_more_threads_than_were_set_are_flagged(timed, monkeypatch):
    from parity.bench import candidate_result

    monkeypatch.setattr(candidate_result, "MORE_THREADS", 0.0)
    _, rows, _ = timed("in_torch")
    assert all(any(flag.endswith("threads were busy, 1 were set") for flag in row.flags) for row in rows.values())


def test_a_slow_gpu_is_flagged(timed, monkeypatch):
    from parity.bench.machine import gpu

    monkeypatch.setattr(gpu, "slowed", lambda states: "it is slowed down")
    _, rows, _ = timed("in_torch")
    assert all("it is slowed down" in row.flags for row in rows.values())


def test_one_that_is_another_function_when_compiled_is_not_timed(timed):
    comparison, rows, _ = timed("wrong_compiled")
    assert comparison.parity["passed"]
    assert (rows["torch"].status, rows["torch.compile"].status) == ("timed", "failed")
    assert "units of float32 from the float64 truth" in rows["torch.compile"].message


def test_other_programs_on_the_machine_are_no_basis_for_a_verdict(timed, monkeypatch):
    from parity.bench.timing import host_load

    monkeypatch.setattr(host_load, "BUSY", -1.0)
    comparison, rows, _ = timed("in_torch")
    assert comparison.host_load >= 0
    for name in ("jax", "torch", "torch.compile"):
        assert rows[name].verdict == "CANNOT TELL"
        assert "other programs kept" in rows[name].advice


def test_cold_caches(timed, monkeypatch):
    from parity.bench import session

    flushed = []
    monkeypatch.setattr(session, "cache_flush", lambda device: lambda: flushed.append(device))
    _, _, samples = timed("in_torch", settings=replace(QUICK, cold=True))
    assert len(flushed) == sum(map(len, samples.seconds.values()))
    assert set(samples.calls.values()) == {1}


def test_the_gradient_of_a_pair(timed):
    comparison, rows, _ = timed("in_torch", "gradient")
    assert passed(comparison.to_dict())
    assert math.isfinite(rows["torch.compile"].ratio["value"])
