"""Which sizes are measured, and how a sweep stands in bench.json."""

from __future__ import annotations

import json

import pytest

from parity import ops
from parity.bench.plan import Bench
from parity.bench.results import CandidateResult, Comparison
from parity.bench.run import run
from parity.bench.scaling import sweep as scaling
from parity.bench.scaling.sweep import SWEEPS, assembled, point, stored, sweep
from parity.bench.settings import Settings
from parity.bench.subjects.candidates import candidates
from parity.bench.subjects.subject import kinds
from parity.errors import InputError
from parity.sides import COMPILERS

JAX, TORCH = COMPILERS.values()


def at(size, ratio):
    """What a sweep keeps of a size; None where nothing was timed."""
    if ratio is None:
        return {"seconds": {}, "errors": {}, "ratio": None, "verdict": "", "message": "out of memory"}
    times = {JAX: 1e-4 * size, TORCH: 1e-4 * size * ratio}
    interval = {"value": ratio, "low": ratio * 0.99, "high": ratio * 1.01}
    verdict = "SLOWER" if ratio > 1 else "FASTER"
    return {
        "seconds": times,
        "errors": dict.fromkeys(times, 0.01),
        "ratio": interval,
        "verdict": verdict,
        "message": "",
    }


class TestSweeps:
    def test_those_by_default(self):
        assert {(one.op, one.kind, one.axis) for one in SWEEPS} == {
            *(("multi_head_batched", kind, axis) for kind in ("forward", "gradient") for axis in "TBND"),
            *(("train_step", "forward", axis) for axis in "TBD"),
        }
        assert len({(one.op, one.kind, one.axis) for one in SWEEPS}) == len(SWEEPS)

    @pytest.mark.parametrize("one", SWEEPS, ids=lambda one: f"{one.op} {one.kind} {one.axis}")
    def test_sizes_are_geometric_and_enough_for_an_exponent(self, one):
        factors = {larger / smaller for smaller, larger in zip(one.sizes, one.sizes[1:], strict=False)}
        assert len(factors) == 1
        assert 3 <= len(one.sizes) <= 6

    @pytest.mark.parametrize("name", ops.names())
    def test_any_axis_of_any_operation(self, name):
        op = ops.load(name)
        axes = (*op.sizes[0], *(["N"] if "num_heads" in op.inputs else []))
        for kind in kinds(op):
            for axis in axes:
                one = sweep(name, kind, axis)
                assert axis not in one.fixed
                for size in one.sizes:
                    planned = one.task(size)
                    assert set(planned.sizes) == set(op.sizes[0])
                    heads = planned.constants.get("num_heads", 1)
                    assert planned.sizes.get("D", heads) % heads == 0
                    assert {**planned.sizes, "N": planned.constants.get("num_heads", planned.sizes.get("N"))}[
                        axis
                    ] == size

    @pytest.mark.parametrize(("axis", "other"), [("T", "S"), ("S", "T")])
    def test_queries_and_keys_move_together(self, axis, other):
        one = sweep("multi_head_batched", "forward", axis)
        assert other not in one.fixed
        assert all(one.task(size).sizes["T"] == one.task(size).sizes["S"] == size for size in one.sizes)

    def test_an_axis_without_its_companion(self):
        assert sweep("train_step", "forward", "T").task(16).sizes.keys() == {"B", "T", "F", "D", "C"}

    def test_heads_are_a_constant_and_shown_among_the_fixed(self):
        one = sweep("multi_head_batched", "forward", "N")
        assert [one.task(size).constants for size in one.sizes] == [{"num_heads": size} for size in one.sizes]
        assert sweep("multi_head_batched", "forward", "T").fixed["N"] == 4

    @pytest.mark.both
    def test_only_the_two_compilers_and_not_for_long(self):
        for planned in map(SWEEPS[0].task, SWEEPS[0].sizes):
            assert [one.name for one in candidates(planned.subject()) if planned.wants()(one)] == [JAX, TORCH]
            assert planned.budget_s == scaling.BUDGET_S

    @pytest.mark.both
    def test_the_inputs_have_these_sizes(self):
        subject = sweep("multi_head_batched", "forward", "N").task(8).subject()
        tree = subject.arguments.tree(subject.arguments.arrays)
        assert (tree["num_heads"], tree["query"].shape) == (8, (2, 128, 64))
        assert ops.load("multi_head_batched").inputs["num_heads"] == 2

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("nothing", "forward", "T"), "op: got 'nothing'"),
            (
                ("train_step", "gradient", "T"),
                "kind: got 'gradient', expected one of forward; train_step computes its own gradient",
            ),
            (("attention", "backward", "T"), "kind: got 'backward', expected one of forward, gradient"),
            (("attention", "forward", "B"), "axis: got 'B', expected one of T, S, H, Hv, the axes of attention"),
            (("train_step", "forward", "N"), "axis: got 'N', expected one of B, T, F, D, C"),
            (("attention", "forward", "T", ()), "sizes: got "),
            (("attention", "forward", "T", (0, 2)), "sizes: got "),
            (("attention", "forward", "T", (1.5,)), "sizes: got "),
        ],
    )
    def test_what_there_is_not(self, words, message):
        with pytest.raises(InputError, match=message):
            sweep(*words)

    def test_own_sizes_are_sorted(self):
        assert sweep("attention", "forward", "T", (64, 16, 16)).sizes == (16, 64)

    @pytest.mark.parametrize("one", SWEEPS, ids=lambda one: f"{one.op} {one.kind} {one.axis}")
    def test_points_in_bench_json_are_found_by_the_names_of_their_tasks(self, one):
        entry = json.loads(json.dumps(assembled(one, {size: at(size, 2.0) for size in one.sizes[1:]})))
        assert stored(entry) == {one.task(size).name: at(size, 2.0) for size in one.sizes[1:]}


def compared(jax, torch, message=""):
    """A comparison as plain data; a text in place of seconds says why one failed."""
    rows = []
    for name, backend, one in ((JAX, "jax", jax), (TORCH, "torch", torch)):
        if isinstance(one, str):
            rows.append(CandidateResult(name, backend, "compiled", "failed", message=one))
        else:
            value = one / jax if not isinstance(jax, str) else 1.0
            ratio = {"value": value, "low": 0.9 * value, "high": 1.1 * value}
            seconds = {"median": one, "error": 0.02}
            rows.append(
                CandidateResult(name, backend, "compiled", "timed", seconds=seconds, ratio=ratio, verdict="SLOWER")
            )
    return Comparison("x", "forward", "float32", {}, JAX, {}, message, tuple(rows)).to_dict()


class TestPoint:
    def test_both_timed(self):
        assert point(compared(1e-4, 2e-4)) == {
            "seconds": {JAX: 1e-4, TORCH: 2e-4},
            "errors": {JAX: 0.02, TORCH: 0.02},
            "ratio": {"value": 2.0, "low": 1.8, "high": 2.2},
            "verdict": "SLOWER",
            "message": "",
        }

    def test_one_failed(self):
        found = point(compared(1e-4, "out of memory"))
        assert (found["seconds"], found["ratio"], found["verdict"]) == ({JAX: 1e-4}, None, "")
        assert found["message"] == "torch.compile: out of memory"

    def test_parity_failed(self):
        blank = Comparison("x", "forward", "float32", {}, JAX, {}, "failed parity: they differ").to_dict()
        found = point(blank)
        assert (found["seconds"], found["ratio"], found["message"]) == ({}, None, "failed parity: they differ")

    def test_nothing_at_all_is_no_pass(self):
        found = point({"message": "", "candidates": []})
        assert (found["ratio"], found["message"]) == (None, "jax.jit: missing; torch.compile: missing")

    def test_too_few_rounds(self):
        comparison = compared(1e-4, 2e-4)
        comparison["candidates"][1]["ratio"]["low"] = None
        found = point(comparison)
        assert found["ratio"] is None
        assert "too few rounds" in found["message"]

    def test_flags_are_told(self):
        comparison = compared(1e-4, 2e-4)
        comparison["candidates"][1]["flags"] = ["2 graph breaks"]
        assert point(comparison)["message"] == "torch.compile: 2 graph breaks"


class TestAssembled:
    ONE = sweep("train_step", "forward", "B", (1, 4, 16))

    def test_schema(self):
        found = assembled(self.ONE, {16: at(16, 0.5), 1: at(1, 4.0), 4: at(4, 2.0)})
        assert list(found) == [
            *("op", "kind", "dtype", "axis", "fixed", "points", "exponents", "crossovers", "summary"),
        ]
        assert [one["size"] for one in found["points"]] == [1, 4, 16]
        grows = found["exponents"][JAX]
        assert grows["value"] == pytest.approx(1.0)
        assert 0.9 < grows["low"] < 1 < grows["high"] < 1.1
        assert grows["sizes"] == [1, 16]
        assert found["crossovers"] == [{"size": pytest.approx(8), "faster_above": TORCH, "between": [4, 16]}]
        assert found["summary"] == "torch.compile is faster above B = 8"
        json.dumps(found, allow_nan=False)

    def test_a_lost_point_is_kept_and_does_not_count(self):
        found = assembled(self.ONE, {1: at(1, 4.0), 4: at(4, 2.0), 16: at(16, None)})
        assert found["points"][2]["message"] == "out of memory"
        assert found["exponents"] == {JAX: None, TORCH: None}

    def test_a_point_without_an_error_does_not_count(self):
        points = {size: at(size, 2.0) for size in (1, 4, 16, 64)}
        points[1]["errors"][JAX] = None
        found = assembled(self.ONE, points)
        assert found["exponents"][JAX]["sizes"] == [4, 64]
        assert found["exponents"][TORCH]["sizes"] == [4, 64]


@pytest.mark.both
def test_a_small_sweep_in_a_real_run(tmp_path):
    bench = Bench(Settings(budget_s=0.05, threads=1), [], [sweep("multi_head_batched", "forward", "N", (2, 3))])
    for _ in run(bench, tmp_path, lambda message, fraction: None):
        pass
    (entry,) = json.loads((tmp_path / "bench.json").read_text())["scaling"]
    timed, lost = entry["points"]
    assert set(timed["seconds"]) == {JAX, TORCH}, timed["message"]
    assert timed["ratio"]["low"] <= timed["ratio"]["value"] <= timed["ratio"]["high"]
    # Three heads do not divide 64 columns: neither framework runs, which is no pass.
    assert (lost["ratio"], lost["seconds"]) == (None, {})
    assert lost["message"]
