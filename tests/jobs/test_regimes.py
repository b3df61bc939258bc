"""The operations where functions break: which inputs are tried, what their reports come to, and the command."""

from __future__ import annotations

import json
import sys
from functools import partial

import numpy as np
import pytest

from parity import cli, ops
from parity.data.inputs import REGIMES, cotangent, seeded_inputs
from parity.errors import InputError
from parity.jobs import regimes
from parity.jobs.regimes import REJECTED, SHAPES, UNINFORMATIVE, RegimeOutcome
from parity.judge import deviations
from parity.judge.finding import Finding, Verdict
from parity.judge.report import Report
from parity.report import regimes as shown
from tests.frameworks import framework, to_float64

OP = ops.load("attention")
DTYPES = ("float64", "float32", "bfloat16")


def finding(verdict, leaf="out", dtype="float32", side=None, regime="unit", **rest):
    return Finding(leaf, dtype, "eager", verdict, side, regime=regime, **rest)


def report(*findings):
    """With uninformative findings where `check` would put them."""
    silent = [f for f in findings if f.verdict is Verdict.VACUOUS and f.regime != "unit"]
    return Report("attention", tuple(f for f in findings if f not in silent), uninformative=tuple(silent))


@pytest.fixture
def declare(monkeypatch, tmp_path):
    """Writes what is declared: nothing, until a test does."""

    def write(text):
        (tmp_path / "deviations.toml").write_text(text)
        monkeypatch.setattr(regimes, "DEVIATIONS", tmp_path / "deviations.toml")

    write("")
    return write


class TestCases:
    @pytest.mark.parametrize("name", ops.names())
    def test_every_size_in_every_regime_of_values(self, name):
        op = ops.load(name)
        for regime in REGIMES:
            checks = regimes.cases(op)[regime]
            assert [values for values, _ in checks] == [regime] * len(op.sizes)
            for (_, inputs), sizes in zip(checks, op.sizes, strict=True):
                assert_same(inputs, seeded_inputs(op, sizes))

    @pytest.mark.parametrize("name", ops.names())
    def test_extreme_sizes_of_the_axes_that_there_are_and_special_inputs(self, name):
        op = ops.load(name)
        found = regimes.cases(op)
        sizes = {shape for shape, axes in SHAPES.items() if axes.keys() & op.sizes[0].keys()}
        assert found.keys() == {*REGIMES, *sizes, *op.special}
        for shape in sizes:
            ((values, inputs),) = found[shape]
            assert values == "unit"
            known = {axis: size for axis, size in SHAPES[shape].items() if axis in op.sizes[0]}
            assert_same(inputs, seeded_inputs(op, {**op.sizes[0], **known}))
        for special, change in op.special.items():
            assert [values for values, _ in found[special]] == ["unit"] * len(op.sizes)
            for (_, inputs), each in zip(found[special], op.sizes, strict=True):
                assert_same(inputs, change(seeded_inputs(op, each)))

    def test_the_masked_rows_are_masked(self):
        found = regimes.cases(ops.load("masked_attention"))
        for name, count in (("one visible key", 1), ("fully masked rows", 0)):
            for _, inputs in found[name]:
                assert set(inputs["visible"][::2]) == {count}
                assert set(inputs["visible"][1::2]) - {count}
        assert "empty batch" not in found
        assert found["one key"][0][1]["key"].shape[0] == 1
        assert found["long sequence"][0][1]["query"].shape[0] == SHAPES["long sequence"]["T"]


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, dict):
            assert_same(value, other[key])
        else:
            assert np.array_equal(value, other[key])


class TestSelect:
    def test_all_by_default_and_in_one_order(self):
        assert regimes.select([]) == tuple(ops.names())
        assert regimes.select(["train_step", "attention", "train_step"]) == ("attention", "train_step")

    def test_an_unknown_operation(self):
        with pytest.raises(InputError, match=r"^SELECT: got 'attn', expected some of attention, .*train_step$"):
            regimes.select(["attention", "attn"])


@pytest.mark.usefixtures("declare")
class TestRow:
    def test_the_worst_verdict_of_all_sizes_counts(self):
        good, bad = finding(Verdict.ROUNDING), finding(Verdict.STABILITY, side="torch", message="far")
        for reports in ([report(good, bad), report(good)], [report(good), report(bad, good)]):
            found = regimes.judge(OP, "offset", reports)
            assert found == RegimeOutcome("attention", "offset", "STABILITY", False, 3, 0, found.message)
            assert found.message == "out float32 eager [offset]: STABILITY (torch): far"

    @pytest.mark.parametrize("verdict", [Verdict.EXACT, Verdict.ROUNDING])
    def test_what_passes_needs_no_words(self, verdict):
        found = regimes.judge(OP, "wide", [report(finding(verdict, message="bit-equal"))])
        assert found == RegimeOutcome("attention", "wide", str(verdict), True, 1, 0)

    def test_silent_comparisons_are_counted(self):
        silent = finding(Verdict.VACUOUS, "grad/x", regime="wide")
        found = regimes.judge(OP, "wide", [report(finding(Verdict.ROUNDING), silent), report(silent)])
        assert found == RegimeOutcome("attention", "wide", "ROUNDING", True, 3, 2)
        found = regimes.judge(OP, "wide", [report(silent)])
        assert found == RegimeOutcome("attention", "wide", UNINFORMATIVE, True, 1, 1)

    def test_of_extreme_sizes_as_well(self):
        # Such a check knows no regime of values; its leaf is constant or empty because of the size.
        found = regimes.judge(OP, "one key", [report(finding(Verdict.VACUOUS), finding(Verdict.EXACT))])
        assert found == RegimeOutcome("attention", "one key", "EXACT", True, 2, 1)

    def test_seeded_inputs_as_they_are_must_say_something(self):
        found = regimes.judge(OP, "unit", [report(finding(Verdict.EXACT), finding(Verdict.VACUOUS, message="zero"))])
        assert (found.outcome, found.passed, found.silent) == ("VACUOUS", False, 0)
        assert found.message.endswith("zero")

    def test_nothing_compared_is_no_pass(self):
        for reports in ([], [report()]):
            found = regimes.judge(OP, "wide", reports)
            assert (found.outcome, found.passed, found.comparisons) == (UNINFORMATIVE, False, 0)


@pytest.mark.usefixtures("declare")
class TestRejected:
    WORDS = "ValueError: key: got shape (0, 3), expected [S, H] with S >= 1"

    def raised(self, side, words=WORDS, **rest):
        place = f" at /home/{side}/attention.py:3"
        return finding(Verdict.ERROR, side=side, message=words + place, **rest)

    def test_in_the_same_words_on_both_sides(self):
        both = [self.raised(side, dtype=dtype) for side in ("jax", "torch") for dtype in DTYPES]
        found = regimes.judge(OP, "empty batch", [report(*both)])
        assert (found.outcome, found.passed, found.comparisons, found.silent) == (REJECTED, True, 6, 0)

    @pytest.mark.parametrize(
        ("jax", "torch", "rest"),
        [
            (WORDS, None, None),
            (None, WORDS, None),
            (WORDS, WORDS.replace("key", "value"), None),
            (WORDS.replace("Value", "Type"), WORDS.replace("Value", "Type"), None),
            (WORDS, WORDS, finding(Verdict.EXACT)),
            (WORDS, WORDS, finding(Verdict.SEMANTIC)),
        ],
        ids=["jax alone", "torch alone", "other words", "TypeError", "a size that passes", "a size that differs"],
    )
    def test_anything_else_is_an_error(self, jax, torch, rest):
        findings = [self.raised(side, words) for side, words in (("jax", jax), ("torch", torch)) if words]
        found = regimes.judge(OP, "empty batch", [report(*findings), report(*[rest] if rest else [])])
        assert (found.outcome, found.passed) == ("ERROR", False)


ENTRY = """
[[deviation]]
op = "{op}"
leaf = "out"
verdict = "STABILITY"
side = "jax"
regime = "{regime}"
bound = 1.0
reason = "as intended"
owner = "parity"
"""


class TestDeviations:
    def judged(self, declare, findings, op="attention", regime="subnormal", declared="subnormal"):
        declare(ENTRY.format(op=op, regime=declared))
        return regimes.judge(OP, regime, [report(*findings)])

    def test_what_is_declared_passes_and_is_told(self, declare):
        named = finding(Verdict.STABILITY, side="jax", regime="subnormal", error=0.5)
        found = self.judged(declare, [named])
        assert (found.outcome, found.passed) == ("CONVENTION", True)
        assert "declared by parity: as intended" in found.message
        one = regimes.judge(OP, "subnormal", [report(finding(Verdict.EXACT)), report(named)])
        assert one.outcome == "CONVENTION"  # one of the sizes is enough
        for other in ({"side": "torch"}, {"leaf": "grad/query"}, {"error": 2.0}):
            changed = {"leaf": "out", "side": "jax", "error": 0.5} | other
            found = self.judged(declare, [finding(Verdict.STABILITY, regime="subnormal", **changed)])
            assert (found.outcome, found.passed) == ("STABILITY", False)

    def test_a_stale_entry_fails(self, declare):
        found = self.judged(declare, [finding(Verdict.EXACT, regime="subnormal")])
        assert (found.outcome, found.passed) == ("VACUOUS", False)
        assert "stale: declared as STABILITY by parity (as intended), but it did not occur; remove it" in found.message

    def test_an_entry_for_another_operation_or_regime_is_not_stale_here(self, declare):
        exact = [finding(Verdict.EXACT, regime="subnormal")]
        assert self.judged(declare, exact, op="train_step").passed
        assert self.judged(declare, exact, declared="offset").passed

    @pytest.mark.parametrize("regime", ["one key", "fully masked rows"])
    def test_of_extreme_sizes_and_special_inputs(self, declare, regime):
        named = finding(Verdict.STABILITY, side="jax", error=0.5)
        found = self.judged(declare, [named], regime=regime, declared=regime)
        assert (found.outcome, found.passed) == ("CONVENTION", True)

    def test_the_declared_ones_are_of_known_operations_and_regimes(self):
        for declared in deviations.load(regimes.DEVIATIONS):
            assert declared.op in (*ops.names(), "*")
            known = {regime for name in ops.names() for regime in regimes.cases(ops.load(name))}
            assert declared.regime in known


@pytest.mark.both
class TestMeasured:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        monkeypatch.setattr(regimes, "REGIMES", {"unit": "", "nan": ""})
        monkeypatch.setattr(regimes, "SHAPES", {})
        monkeypatch.setattr(regimes, "CAUSES_S", 1e-9)

    def test_end_to_end(self):
        steps = []
        rows = regimes._work("masked_attention", lambda *words: steps.append(words))
        assert [row.regime for row in rows] == ["unit", "nan", "one visible key", "fully masked rows"]
        assert [words for _, words, _ in steps] == [row.regime for row in rows]
        assert [done for *_, done in steps] == [0, 0.25, 0.5, 0.75]
        assert all(row.passed for row in rows), rows
        # Outputs, three gradients, three rungs, two sizes.
        assert [row.comparisons for row in rows] == [24, 24, 24, 24]
        assert rows[0].outcome == "ROUNDING"
        assert rows[1].outcome == "CONVENTION"

    def test_a_fault_in_masked_rows_is_found(self, monkeypatch):
        import torch

        from impl_torch.masked_attention import masked_attention as good

        def masked_attention(query, key, value, visible):
            # Without the last step: the row of a query that sees nothing is the mean of all values.
            empty = torch.where(visible[:, None] <= 0, value.mean(0), torch.zeros(()).to(value))
            return good(query, key, value, visible) + empty

        monkeypatch.setattr("impl_torch.masked_attention.masked_attention", masked_attention)
        monkeypatch.setattr(regimes, "REGIMES", {})
        *_, none = regimes._work("masked_attention", lambda *words: None)
        assert (none.outcome, none.passed) == ("SEMANTIC", False)


def masked(backend):
    return ops.load("masked_attention").implementation(backend)


class TestMaskedAttention:
    """A query that sees no key gets zeros and sends no gradient; more keys than there are are all of them."""

    def inputs(self, visible):
        op = ops.load("masked_attention")
        return to_float64(seeded_inputs(op, op.sizes[0])) | {"visible": np.asarray(visible)}

    def gradients(self, backend, inputs, dtype="float64"):
        pulled = to_float64(cotangent("out", (len(inputs["query"]), inputs["value"].shape[1])))
        gradient = framework(backend).gradient(masked(backend), ("query", "key", "value"))
        return framework(backend).run(gradient, {"cotangents": pulled, **inputs}, dtype)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("unseen", [0, -1])
    def test_a_row_that_sees_nothing(self, backend, dtype, unseen):
        inputs = self.inputs([3, unseen, 7, unseen, 1])
        out = np.asarray(framework(backend).run(masked(backend), inputs, dtype), np.float64)
        assert (out[[1, 3]] == 0).all()
        assert (out[[0, 2, 4]] != 0).all()
        found = {name: np.asarray(x, np.float64) for name, x in self.gradients(backend, inputs, dtype).items()}
        assert (found["query"][[1, 3]] == 0).all()
        assert (found["query"][[0, 2]] != 0).all()
        # It sends nothing to keys and values either: they get what they get without that row.
        for row in (1, 3):
            inputs["query"][row] *= 100
        again = {name: np.asarray(x, np.float64) for name, x in self.gradients(backend, inputs, dtype).items()}
        for name, gradient in found.items():
            assert np.isfinite(gradient).all()
            np.testing.assert_array_equal(gradient, again[name])

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_where_nothing_sees_anything_all_is_zero(self, backend, dtype):
        inputs = self.inputs([0] * 5)
        leaves = [
            framework(backend).run(masked(backend), inputs, dtype),
            *self.gradients(backend, inputs, dtype).values(),
        ]
        for leaf in leaves:
            assert (np.asarray(leaf, np.float64) == 0).all()

    def test_more_than_there_are_is_all_of_them(self, backend):
        run = partial(framework(backend).run, masked(backend))
        all_of_them, more = (run(self.inputs([count] * 5)) for count in (7, 1000))
        np.testing.assert_array_equal(all_of_them, more)
        inputs = self.inputs([7] * 5)
        del inputs["visible"]
        plain = framework(backend).run(ops.load("attention").implementation(backend), inputs)
        np.testing.assert_allclose(more, plain, rtol=1e-12)

    def test_the_reference_does_the_same(self):
        reference = ops.load("masked_attention").reference
        assert (reference(**self.inputs([0, -1, 3, 1, 2]))[:2] == 0).all()
        np.testing.assert_array_equal(reference(**self.inputs([7] * 5)), reference(**self.inputs([1000] * 5)))


GOOD = RegimeOutcome("attention", "unit", "ROUNDING", True, 9, 0)
BAD = RegimeOutcome(
    "attention", "wide", "SEMANTIC", False, 9, 2, "out float64 eager [wide]: SEMANTIC: another function"
)
QUIET = RegimeOutcome("train_step", "unit", UNINFORMATIVE, True, 4, 4)
PARTLY = RegimeOutcome("train_step", "wide", "EXACT", True, 8, 3)


class TestReport:
    def test_dictionary(self):
        assert shown.as_dict([GOOD, BAD], True) == {
            "schema": "parity-regimes/1",
            "complete": True,
            "passed": False,
            "rows": [vars(GOOD), vars(BAD)],
        }
        assert vars(BAD)["silent"] == 2
        assert shown.as_dict([GOOD, QUIET], True)["passed"]
        assert not shown.as_dict([GOOD], False)["passed"]
        assert not shown.as_dict([], True)["passed"]

    def test_table(self):
        table = shown.table([PARTLY, GOOD, QUIET, BAD])
        assert [column.header for column in table.columns] == ["regime", "attention", "train_step"]
        cells = [[str(cell) for cell in column.cells] for column in table.columns]
        assert cells == [["wide", "unit"], ["SEMANTIC 7/9", "ROUNDING"], ["EXACT 5/8", UNINFORMATIVE]]
        styles = [cell.style for column in list(table.columns)[1:] for cell in column.cells]
        assert styles == ["bold red", "green", "green", "yellow"]

    def test_an_operation_without_that_regime(self):
        table = shown.table([GOOD, PARTLY])
        assert [[str(cell) for cell in column.cells] for column in table.columns][1:] == [
            ["ROUNDING", ""],
            ["", "EXACT 5/8"],
        ]


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Runs `parity regimes` with these steps in place of the checks: exit code, output, errors, the JSON on disk."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(steps, *words):
        def run(names, progress, processes):
            for step in steps:
                if step is KeyboardInterrupt:
                    raise KeyboardInterrupt
                progress(step[0].op, step[0].regime, 0.0)
                yield list(step)

        monkeypatch.setattr(regimes, "run", run)
        monkeypatch.setattr(sys, "argv", ["parity", "regimes", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        path = tmp_path / "parity-report" / "regimes.json"
        return code, *capsys.readouterr(), json.loads(path.read_text()) if path.exists() else None

    return call


BOTH = ("attention", "train_step")


class TestCommand:
    def test_what_passes(self, command):
        code, out, _, found = command([[GOOD], [QUIET, PARTLY]], *BOTH)
        assert code == 0
        assert found == shown.as_dict([GOOD, QUIET, PARTLY], True)
        for words in ("ROUNDING", UNINFORMATIVE, "EXACT 5/8", "passed: parity-report/regimes.json"):
            assert words in out

    def test_what_fails_is_told(self, command):
        code, out, _, found = command([[GOOD, BAD], [QUIET]], *BOTH)
        assert code == 1
        assert (found["complete"], found["passed"]) == (True, False)
        assert "attention wide: out float64 eager [wide]: SEMANTIC: another function" in out
        assert "failed: parity-report/regimes.json" in out

    def test_json(self, command):
        code, out, err, found = command([[GOOD, BAD], [QUIET]], *BOTH, "--json")
        assert code == 1
        assert json.loads(out) == found
        assert "failed: " in err

    def test_nothing_is_no_pass(self, command):
        code, out, _, _ = command([], *BOTH)
        assert code == 1
        assert "failed: " in out

    def test_an_interrupt_keeps_what_is_finished(self, command):
        code, out, _, found = command([[GOOD], KeyboardInterrupt], *BOTH)
        assert code == 130
        assert found == shown.as_dict([GOOD], False)
        assert "incomplete: parity-report/regimes.json" in out
        assert "ROUNDING" in out

    def test_an_interrupt_leaves_no_report_of_an_earlier_run(self, command):
        assert command([[GOOD], [QUIET]], *BOTH)[0] == 0
        code, out, _, found = command([KeyboardInterrupt], *BOTH)
        assert code == 130
        assert "incomplete: parity-report/regimes.json" in out
        assert found == shown.as_dict([], False)

    def test_an_unknown_operation(self, command):
        code, out, err, found = command([], "attn")
        assert (code, out, found) == (2, "", None)
        assert err.startswith("parity: SELECT: got 'attn', expected some of attention, ")

    @pytest.mark.both
    def test_end_to_end(self, command, monkeypatch, capsys, tmp_path):
        monkeypatch.setattr(regimes, "REGIMES", {"unit": ""})
        monkeypatch.setattr(regimes, "SHAPES", {"one key": {"S": 1}})
        monkeypatch.setattr(regimes, "CAUSES_S", 1e-9)
        measured = regimes.run(("attention",), lambda *words: None)
        code, out, _, found = command(list(measured), "attention", "--processes", "1")
        assert code == 0, out
        assert [row["regime"] for row in found["rows"]] == ["unit", "one key"]
        assert found["rows"][0]["outcome"] == "ROUNDING"
