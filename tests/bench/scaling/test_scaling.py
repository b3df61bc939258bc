"""How cost grows: the exponent from the upper sizes, where one overtakes the other, and which sizes are measured."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity import ops
from parity.bench.results import Comparison, Row
from parity.bench.scaling import fit
from parity.bench.scaling import sweep as scaling
from parity.bench.scaling.fit import crossovers, exponent, summary, upper
from parity.bench.scaling.sweep import JAX, SWEEPS, TORCH, assembled, measured, point, points, sweep, task
from parity.bench.settings import Settings
from parity.bench.subjects.candidates import candidates
from parity.bench.subjects.subject import kinds
from parity.errors import InputError

SIZES = (32, 64, 128, 256, 512, 1024)
POWERS = st.floats(0.5, 3)


def fitted(sizes, seconds, error=0.01):
    """The exponent of times that are all known to within `error`."""
    return exponent(sizes, seconds, [error] * len(sizes))


class TestExponent:
    @settings(deadline=None)
    @given(POWERS, st.floats(1e-9, 1e3), st.lists(st.integers(1, 10**6), min_size=3, max_size=9, unique=True))
    def test_of_an_exact_power_law(self, power, factor, sizes):
        found = fitted(sizes, [factor * size**power for size in sizes])
        assert found.value == pytest.approx(power, rel=1e-6)
        assert found.low <= found.value <= found.high
        assert {found.smallest, found.largest} <= set(sizes)
        assert found.largest == max(sizes)

    @pytest.mark.parametrize("sizes", [SIZES, SIZES[:3], (1, 4, 16, 64, 256)])
    @pytest.mark.parametrize("power", [1.0, 2.0])
    def test_its_interval_holds_the_truth_under_noise(self, sizes, power):
        draw, held, errors = np.random.default_rng(1), 0, draw_errors(len(sizes))
        for _ in range(200):
            times = 1e-6 * np.power(sizes, power) * np.exp(draw.normal(0, errors))
            found = exponent(sizes, times.tolist(), errors)
            held += found.low <= power <= found.high
        assert held >= 0.98 * 200

    def test_its_width_is_that_of_the_errors(self):
        times = [1e-6 * size for size in SIZES]
        found = fitted(SIZES, times, 0.02)
        # The error of a slope through points of one error, by its formula.
        logarithms = np.log(SIZES[2:])
        error = 0.02 / math.sqrt(((logarithms - logarithms.mean()) ** 2).sum())
        assert found.smallest == SIZES[2]
        assert found.high - found.low == pytest.approx(2 * 2.5758 * error, rel=1e-4)

    def test_a_time_that_is_hardly_known_hardly_counts(self):
        times = [size**1.0 for size in SIZES]
        times[-1] *= 2
        found = exponent(SIZES, times, [0.01] * 5 + [10.0])
        assert found.value == pytest.approx(1.0, abs=1e-4)

    def test_what_is_no_power_law_has_a_wide_interval(self):
        bent, straight = ([max(size, size**power / 512) for size in SIZES] for power in (2, 1))
        widths = [found.high - found.low for found in (fitted(SIZES, times, 1e-3) for times in (bent, straight))]
        assert widths[0] > 10 * widths[1]

    def test_errors_of_zero(self):
        found = fitted(SIZES, [1e-6 * size for size in SIZES], 0.0)
        assert found.low < 1.0 < found.high

    @settings(deadline=None)
    @given(POWERS, st.floats(1, 300))
    def test_overhead_is_left_out(self, power, overhead):
        # The overhead is up to 300 times the work at the smallest size.
        times = [overhead * 32**power + size**power for size in SIZES]
        of_all = np.polyfit(np.log(SIZES), np.log(times), 1)[0]
        found = fitted(SIZES, times)
        assert abs(found.value - power) < abs(of_all - power)
        assert found.smallest > SIZES[0]

    def test_overhead_of_a_third_at_most_where_enough_is_long(self):
        times = [1.0 + size / 32 for size in SIZES]
        chosen = upper(SIZES, times)
        assert [SIZES[index] for index in chosen] == [256, 512, 1024]
        assert all(1.0 / times[index] < 1 / 3 for index in chosen)

    def test_what_does_not_grow(self):
        found = fitted(SIZES, [1e-4, 1.01e-4, 1e-4, 1.02e-4, 1e-4, 1.01e-4])
        assert (found.smallest, found.largest) == (256, 1024)
        assert found.low < 0 < found.high
        assert abs(found.value) < 0.1

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_none_for_fewer_than_three(self, count):
        assert fitted(SIZES[:count], [1.0] * count) is None

    def test_the_order_does_not_show(self):
        times = [1 + size**1.5 for size in SIZES]
        errors = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
        assert exponent(SIZES, times, errors) == exponent(SIZES[::-1], times[::-1], errors[::-1])


def draw_errors(count):
    """From 0.5 % to 2 %, in no order."""
    return [0.005 * (1 + 3 * ((7 * number) % count) / count) for number in range(count)]


def at(size, ratio, verdict=""):
    """A point whose verdict is that of a quiet machine, unless another is given; None where nothing was timed."""
    if ratio is None:
        return {"size": size, "seconds": {}, "errors": {}, "ratio": None, "verdict": "", "message": "out of memory"}
    verdict = verdict or ("SLOWER" if ratio > 1 else "FASTER")
    times = {JAX: 1e-4 * size, TORCH: 1e-4 * size * ratio}
    interval = {"value": ratio, "low": ratio * 0.99, "high": ratio * 1.01}
    errors = dict.fromkeys(times, 0.01)
    return {"size": size, "seconds": times, "errors": errors, "ratio": interval, "verdict": verdict, "message": ""}


class TestCrossovers:
    @settings(deadline=None)
    @given(st.floats(33, 1023), st.floats(0.2, 2), st.booleans())
    def test_where_two_power_laws_meet(self, where, slope, torch_above):
        sign = -1 if torch_above else 1
        found = crossovers([at(size, (size / where) ** (sign * slope), "") for size in SIZES if size != where])
        assert len(found) == 1
        assert found[0].size == pytest.approx(where, rel=1e-6)
        assert found[0].faster_above == (TORCH if torch_above else JAX)
        assert found[0].adjacent

    @pytest.mark.parametrize("middle", [at(128, 1.001, "SAME"), at(128, 0.7, "CANNOT TELL"), at(128, None)])
    def test_over_what_was_not_decided(self, middle):
        told = [at(64, 2.0), middle, at(256, 0.5)]
        (found,) = crossovers(told)
        assert (found.size, found.between, found.adjacent) == (pytest.approx(128), (64, 256), False)
        assert summary("T", told) == "torch.compile is faster above some T between 64 and 256"

    def test_none_without_a_change(self):
        assert crossovers([at(64, 2.0), at(128, 1.5), at(256, 1.1)]) == []
        assert crossovers([at(64, 2.0), at(128, 0.9, "CANNOT TELL"), at(256, 0.9, "SAME")]) == []
        assert crossovers([]) == []

    def test_the_order_of_points_does_not_show(self):
        told = [at(64, 2.0), at(128, 0.8), at(256, 1.5)]
        assert crossovers(told) == crossovers(told[::-1])


class TestSummary:
    @pytest.mark.parametrize(
        ("told", "words"),
        [
            ([at(128, 4.0), at(512, 0.25)], "torch.compile is faster above T = 256"),
            ([at(128, 0.25), at(512, 4.0)], "jax.jit is faster above T = 256"),
            (
                [at(32, 4.0), at(128, 0.25), at(512, 4.0)],
                "torch.compile is faster above T = 64, jax.jit above T = 256",
            ),
            ([at(32, 4.0), at(1024, 1.5)], "jax.jit is faster at every T from 32 to 1024"),
            ([at(32, 0.5), at(1024, 0.25)], "torch.compile is faster at every T from 32 to 1024"),
            (
                [at(32, 4.0), at(64, 2.0), at(128, 1.0, "SAME"), at(256, None)],
                "jax.jit is faster at T = 32, 64; no difference could be told elsewhere",
            ),
            ([at(32, 1.1, "CANNOT TELL"), at(64, 1.0, "SAME")], "no difference could be told"),
            (
                [at(32, 1.0, "SAME"), at(64, 1.0, "SAME"), at(128, None)],
                "both are equally fast at every T that was timed, from 32 to 64",
            ),
            ([at(32, None), at(64, None)], "nothing could be timed"),
            ([], "nothing could be timed"),
            ([at(32, 2.0)], "jax.jit is faster at every T = 32"),
        ],
    )
    def test_words(self, told, words):
        assert summary("T", told) == words


class TestSweeps:
    def test_those_by_default(self):
        assert {(one.op, one.kind, one.axis) for one in SWEEPS} == {
            *(("multi_head_batched", kind, axis) for kind in ("forward", "gradient") for axis in "TBND"),
            *(("train_step", "forward", axis) for axis in "TBD"),
        }
        assert len({one.name for one in SWEEPS}) == len(SWEEPS)

    @pytest.mark.parametrize("one", SWEEPS, ids=lambda one: one.name)
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
                for size, planned in points(one):
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
        assert all(planned.sizes["T"] == planned.sizes["S"] == size for size, planned in points(one))

    def test_an_axis_without_its_companion(self):
        assert points(sweep("train_step", "forward", "T"))[0][1].sizes.keys() == {"B", "T", "F", "D", "C"}

    def test_heads_are_a_constant_and_shown_among_the_fixed(self):
        one = sweep("multi_head_batched", "forward", "N")
        assert [planned.constants for _, planned in points(one)] == [{"num_heads": size} for size in one.sizes]
        assert sweep("multi_head_batched", "forward", "T").fixed["N"] == 4

    @pytest.mark.both
    def test_only_the_two_compilers_and_not_for_long(self):
        for _, planned in points(SWEEPS[0]):
            assert [one.name for one in candidates(planned.subject()) if planned.wants()(one)] == [JAX, TORCH]
            assert planned.budget_s == scaling.BUDGET_S

    @pytest.mark.both
    def test_the_inputs_have_these_sizes(self):
        subject = task(sweep("multi_head_batched", "forward", "N"), 8).subject()
        tree = subject.arguments.tree(subject.arguments.arrays)
        assert (tree["num_heads"], tree["query"].shape) == (8, (2, 128, 64))
        assert ops.load("multi_head_batched").inputs["num_heads"] == 2

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("nothing", "forward", "T"), "op: got 'nothing'"),
            (("train_step", "gradient", "T"), "kind: got 'gradient', expected one of forward; train_step diff"),
            (("attention", "backward", "T"), "kind: got 'backward', expected one of forward, gradient"),
            (("attention", "forward", "B"), "axis: got 'B', expected one of T, S, H, Hv, which attention has"),
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

    def test_a_name_is_found_again(self):
        assert [scaling.name(assembled(one, [])) for one in SWEEPS] == [one.name for one in SWEEPS]


def compared(jax, torch, message=""):
    """A comparison as plain data; a text in place of seconds says why one failed."""
    rows = []
    for name, backend, one in ((JAX, "jax", jax), (TORCH, "torch", torch)):
        if isinstance(one, str):
            rows.append(Row(name, backend, "compiled", "failed", message=one))
        else:
            value = one / jax if not isinstance(jax, str) else 1.0
            ratio = {"value": value, "low": 0.9 * value, "high": 1.1 * value}
            seconds = {"median": one, "error": 0.02}
            rows.append(Row(name, backend, "compiled", "timed", seconds=seconds, ratio=ratio, verdict="SLOWER"))
    return Comparison("x", "forward", "float32", {}, JAX, {}, message, tuple(rows)).to_dict()


class TestPoint:
    def test_both_timed(self):
        assert point(64, compared(1e-4, 2e-4)) == {
            "size": 64,
            "seconds": {JAX: 1e-4, TORCH: 2e-4},
            "errors": {JAX: 0.02, TORCH: 0.02},
            "ratio": {"value": 2.0, "low": 1.8, "high": 2.2},
            "verdict": "SLOWER",
            "message": "",
        }

    def test_one_failed(self):
        found = point(64, compared(1e-4, "out of memory"))
        assert (found["seconds"], found["ratio"], found["verdict"]) == ({JAX: 1e-4}, None, "")
        assert found["message"] == "torch.compile: out of memory"

    def test_parity_failed(self):
        blank = Comparison("x", "forward", "float32", {}, JAX, {}, "failed parity: they differ").to_dict()
        found = point(64, blank)
        assert (found["seconds"], found["ratio"], found["message"]) == ({}, None, "failed parity: they differ")

    def test_nothing_at_all_is_no_pass(self):
        found = point(64, {"message": "", "candidates": []})
        assert (found["ratio"], found["message"]) == (None, "jax.jit: missing; torch.compile: missing")

    def test_too_few_rounds(self):
        comparison = compared(1e-4, 2e-4)
        comparison["candidates"][1]["ratio"]["low"] = None
        found = point(64, comparison)
        assert found["ratio"] is None
        assert "too few rounds" in found["message"]

    def test_flags_are_told(self):
        comparison = compared(1e-4, 2e-4)
        comparison["candidates"][1]["flags"] = ["2 graph breaks"]
        assert point(64, comparison)["message"] == "torch.compile: 2 graph breaks"


class TestAssembled:
    ONE = sweep("train_step", "forward", "B", (1, 4, 16))

    def test_schema(self):
        found = assembled(self.ONE, [at(16, 0.5), at(1, 4.0), at(4, 2.0)])
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
        found = assembled(self.ONE, [at(1, 4.0), at(4, 2.0), at(16, None)])
        assert found["points"][2]["message"] == "out of memory"
        assert found["exponents"] == {JAX: None, TORCH: None}

    def test_a_point_without_an_error_does_not_count(self):
        points = [at(size, 2.0) for size in (1, 4, 16, 64)]
        points[0]["errors"][JAX] = None
        found = assembled(self.ONE, points)
        assert found["exponents"][JAX]["sizes"] == [4, 64]
        assert found["exponents"][TORCH]["sizes"] == [4, 64]


@pytest.mark.both
class TestMeasured:
    def test_a_small_sweep(self):
        told = []
        one = sweep("multi_head_batched", "forward", "N", (2, 3))
        found = measured(one, Settings(budget_s=0.05), told=told.append)
        assert [len(so_far["points"]) for so_far in told] == [1, 2]
        assert told[-1] == found
        there, lost = found["points"]
        assert set(there["seconds"]) == {JAX, TORCH}, there["message"]
        assert all(0 < seconds < math.inf for seconds in there["seconds"].values())
        assert there["ratio"]["low"] <= there["ratio"]["value"] <= there["ratio"]["high"]
        # Three heads do not divide 64 columns: neither framework runs, which is no pass.
        assert (lost["ratio"], lost["seconds"]) == (None, {})
        assert lost["message"]

    def test_what_raises_is_a_point(self, monkeypatch):
        def broken(*_, **__):
            raise MemoryError("no more")

        monkeypatch.setattr(scaling, "measure", broken)
        found = measured(sweep("attention", "forward", "T", (4, 8)), Settings())
        assert [one["size"] for one in found["points"]] == [4, 8]
        assert all("out of memory" in one["message"] for one in found["points"])
        assert found["summary"] == "nothing could be timed"


def test_the_rule_of_the_upper_sizes_is_no_power_of_two():
    """Where time doubles, or grows fourfold, a little noise moves no point across the line."""
    assert min(abs(math.log2(fit.ABOVE_SMALLEST / 2**power)) for power in range(4)) > 0.4
