"""The measurement of what parity sees: the other rules, the sums, the report, and one small function end to end."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from functools import partial

import ml_dtypes
import numpy as np
import pytest

from parity import cli
from parity.judge.finding import Cause, Finding, Verdict
from parity.power import catalogue, measure, report
from parity.power.judges import RULES, alarms
from parity.power.measure import Outcome
from parity.power.run import Power, run

ONES = np.ones(4, np.float32)
FEW = "ema"


def said(actual, expected, truth, dtype="float32"):
    return alarms(*({"out": np.asarray(x)} for x in (actual, expected)), {"out": np.asarray(truth, float)}, dtype)


def moved(relative, dtype=np.float32):
    return (ONES.astype(np.float64) * (1 + relative)).astype(dtype)


@pytest.mark.both
class TestJudges:
    def test_equal_results_alarm_nobody(self):
        for dtype, array in (("float32", ONES), ("bfloat16", ONES.astype(ml_dtypes.bfloat16))):
            found = said(array, array, ONES, dtype)
            assert found.keys() == {rule for rule, of in RULES.items() if of == dtype}
            assert not any(found.values())

    @pytest.mark.parametrize(
        ("rule", "quiet", "loud"),
        [
            ("numpy.testing.assert_allclose(rtol=1e-5)", 0.9e-5, 1.1e-5),
            ("torch.testing.assert_close", 1.2e-5, 1.4e-5),  # rtol 1.3e-6 and atol 1e-5
            ("chex.assert_trees_all_close", 0.9e-6, 1.2e-6),  # rtol 1e-6
        ],
    )
    def test_a_tolerance(self, rule, quiet, loud):
        if rule.startswith("torch"):
            quiet, loud = 1.1e-5, 1.2e-5
        assert not said(moved(quiet), ONES, ONES)[rule]
        assert said(moved(loud), ONES, ONES)[rule]
        assert said(ONES * np.nan, ONES, ONES)[rule]

    def test_flash_attention(self):
        rule = "FlashAttention 2x rule"
        truth = ONES.astype(np.float64)
        floor = 2 * float(np.abs((ONES + np.float32(0.3) - np.float32(0.3)) - ONES).max())
        for theirs in (0.0, 1e-3):
            allowed = 2 * theirs + floor
            assert not said(moved(0.9 * allowed), moved(theirs), truth)[rule]
            assert said(moved(1.1 * allowed + 3e-7), moved(theirs), truth)[rule]
        assert not said(moved(0.0), moved(1.0), truth)[rule]  # it asks one side alone
        assert said(ONES * np.nan, ONES, truth)[rule]

    def test_the_ratio_of_bfloat16_errors(self):
        rule = "bfloat16 R < 1.2"
        low = [moved(k * 2**-7, ml_dtypes.bfloat16) for k in range(4)]
        assert not said(low[1], low[1], ONES, "bfloat16")[rule]
        assert said(low[2], low[1], ONES, "bfloat16")[rule]
        assert not said(low[1], low[2], ONES, "bfloat16")[rule]
        assert said(low[1], low[0], ONES, "bfloat16")[rule]
        assert said(low[1] * np.nan, low[1], ONES, "bfloat16")[rule]

    @pytest.mark.parametrize("rule", [rule for rule, of in RULES.items() if of == "float32"])
    def test_every_leaf_is_looked_at(self, rule):
        both = {"a": ONES, "b": ONES, "empty": ONES[:0]}
        truth = {name: leaf.astype(np.float64) for name, leaf in both.items()}
        assert not alarms(both, both, truth, "float32")[rule]
        for name in ("a", "b"):
            assert alarms({**both, name: moved(0.1)}, both, truth, "float32")[rule]


def outcome(name="f/jax", cause="sign", alarm=True, said=(), others=None, **rest):
    return Outcome(
        name=name,
        function=name.split("/")[0],
        cause=cause,
        kind="forward" if cause else "",
        side="jax" if cause else "",
        seed=rest.pop("seed", 0),
        comparisons=rest.pop("comparisons", 4),
        alarm=alarm,
        verdicts=rest.pop("verdicts", {"EXACT": 3, "ROUNDING": 1}),
        said=said,
        others=others or {},
        **rest,
    )


RULE = "torch.testing.assert_close"
POWER = Power(
    faults=(
        outcome("f/jax/a", said=("sign", "eps value"), others={RULE: True}),
        outcome("f/torch/a", said=("eps value", "missing bias", "sign"), others={RULE: False}),
        outcome("g/jax/b", "eps value", said=("sign", "missing bias", "gelu form", "eps value"), others={RULE: False}),
        outcome("g/torch/b", "eps value", alarm=False, others={}),
    ),
    ports=(
        outcome("f/one/two", "", alarm=False, others={RULE: False}, comparisons=10),
        outcome(
            "g/one/two",
            "",
            others={RULE: True},
            comparisons=7,
            false_alarms=("g: out", "g: grad"),
            verdicts={"EXACT": 7},
        ),
    ),
    done=4,
    total=4,
)


class TestPower:
    def test_sums(self):
        assert POWER.detected == 3
        assert POWER.comparisons == 17
        assert POWER.false_alarms == ["g: out", "g: grad"]
        assert [POWER.named(first) for first in (1, 2, 3, 4)] == [1, 1, 2, 3]

    def test_by_cause(self):
        assert POWER.by_cause() == [("sign", 2, 2, 1, 2), ("eps value", 2, 1, 0, 0)]

    def test_rules_count_what_they_were_shown(self):
        rows = {rule: rest for rule, *rest in POWER.rules()}
        assert rows.keys() == RULES.keys()
        assert rows.pop(RULE) == [1, 3, 1, 2]
        assert set(map(tuple, rows.values())) == {(0, 0, 0, 0)}

    def test_verdicts(self):
        assert POWER.verdicts() == {"EXACT": 10, "ROUNDING": 1}

    def test_passes_only_if_whole_and_clean(self):
        clean = replace(POWER, faults=POWER.faults[:3], ports=POWER.ports[:1])
        assert clean.passed
        assert not any(
            replace(clean, **changed).passed
            for changed in (
                {"done": 3},
                {"faults": POWER.faults},
                {"ports": POWER.ports},
                {"faults": ()},
                {"ports": ()},
            )
        )

    def test_nothing_measured(self):
        empty = Power()
        assert not empty.passed
        assert (empty.detected, empty.comparisons, empty.false_alarms, empty.named(3)) == (0, 0, [], 0)
        assert report.headline(empty)[0][1] == "none"
        assert "| true cause named first | none |" in report.markdown(empty)


class TestReport:
    def test_headline(self):
        assert [(what, measured) for what, measured, _ in report.headline(POWER)] == [
            ("planted faults detected", "3 of 4 (75.0 %)"),
            ("false alarms in correct comparisons", "2 of 17"),
            ("true cause named first", "1 of 4 (25.0 %)"),
            ("true cause in the first three", "2 of 4 (50.0 %)"),
        ]

    def test_markdown(self):
        text = report.markdown(POWER)
        assert text.startswith("# What parity sees\n")
        assert text.endswith("\n")
        for line in (
            "4 planted faults in 2 functions, on either side, in outputs, gradients or state alone; 2 judgements of",
            "| planted faults detected | 3 of 4 (75.0 %) | ≥ 99.5 % |",
            "the last two shares are not held-out figures.\n\n## Other rules",
            "| parity | 3 of 4 (75.0 %) | 1 of 2 (50.0 %) |",
            "| torch.testing.assert_close | 1 of 3 (33.3 %) | 1 of 2 (50.0 %) |",
            "| sign | 2 | 2 | 1 | 2 |",
            "| EXACT | 10 |",
            "## False alarms\n\n- g: out\n- g: grad\n",
            "## Faults that were not seen\n\n- g/torch/b\n",
        ):
            assert line in text, line

    def test_what_went_well_has_no_list_of_failures(self):
        text = report.markdown(Power(POWER.faults[:1], POWER.ports[:1], place="a processor"))
        assert "Written by `parity power` on a processor;" in text
        assert "False alarms\n" not in text
        assert "not seen" not in text

    def test_json(self):
        found = json.loads(json.dumps(report.to_dict(POWER), allow_nan=False))
        assert found["schema"] == "parity-power/2"
        assert found["place"] == ""
        assert found["headline"][0] == {
            "what": "planted faults detected",
            "measured": "3 of 4 (75.0 %)",
            "target": "≥ 99.5 %",
        }
        assert [len(found[what]) for what in ("faults", "ports")] == [4, 2]
        assert found["faults"][0]["said"] == ["sign", "eps value"]
        assert found["ports"][1]["false_alarms"] == ["g: out", "g: grad"]


NOT_FINITE = (Cause("NaN or infinity", "not finite: torch: 1 of 4"),)


class TestWeak:
    """A pair whose PyTorch side has weak arithmetic in the wide regime."""

    PAIR = catalogue.Comparison(
        "f/one/two", "f", lambda: abs, lambda: abs, lambda seed: {}, weak={("torch", "wide"): "cancels"}
    )

    def judged(self, *changes):
        named = Finding("out", "float32", "eager", Verdict.STABILITY, "torch", regime="wide")
        passed = replace(named, verdict=Verdict.ROUNDING, side=None, regime="unit")
        return measure._outcome(self.PAIR, 0, [passed, *(replace(named, **change) for change in changes)], {})

    @pytest.mark.parametrize("change", [{}, {"verdict": Verdict.SEMANTIC, "causes": NOT_FINITE}])
    def test_the_side_that_is_named_is_no_false_alarm(self, change):
        found = self.judged(change)
        assert (found.weak, found.false_alarms, found.alarm, found.comparisons) == (1, (), False, 2)

    @pytest.mark.parametrize(
        "change",
        [
            {"side": "jax"},
            {"side": None},
            {"regime": "offset"},
            {"regime": "unit"},
            {"verdict": Verdict.SEMANTIC},
            {"verdict": Verdict.INTERNAL_PRECISION},
            {"verdict": Verdict.SEMANTIC, "causes": NOT_FINITE, "side": None},
        ],
    )
    def test_anything_else_is_one(self, change):
        found = self.judged(change)
        assert (found.weak, len(found.false_alarms), found.alarm) == (0, 1, True)

    def test_what_cannot_be_judged_after_it_is_none(self):
        after = {"verdict": Verdict.INCONCLUSIVE, "side": None, "dtype": "bfloat16"}
        found = self.judged({}, after)
        assert (found.weak, found.alarm) == (2, False)
        for elsewhere in ({"leaf": "grad/x"}, {"regime": "offset"}):
            found = self.judged({}, after | elsewhere)
            assert (found.weak, len(found.false_alarms), found.alarm) == (1, 1, True)
        found = self.judged(after)
        assert (found.weak, found.alarm) == (0, True)

    def test_a_pair_that_nobody_calls_weak(self):
        named = Finding("out", "float32", "eager", Verdict.STABILITY, "torch", regime="wide")
        assert measure._outcome(replace(self.PAIR, weak={}), 0, [named], {}).alarm

    def test_is_counted_and_listed(self, monkeypatch):
        monkeypatch.setattr(report, "weaknesses", lambda: iter([("f/two", "wide", "cancels")]))
        power = replace(POWER, ports=(replace(POWER.ports[0], weak=2), replace(POWER.ports[1], weak=3)))
        assert power.weak == 5
        text = report.markdown(power)
        assert "In 5 comparisons parity named the side of a correct port whose arithmetic is worse" in text
        assert "| f/two | wide | cancels |" in text
        assert [port["weak"] for port in report.to_dict(power)["ports"]] == [2, 3]


@pytest.fixture
def briefly(monkeypatch):
    """The search for causes is short here."""
    monkeypatch.setattr(measure, "explain", partial(measure.explain, budget_s=0.3))


@pytest.mark.both
@pytest.mark.usefixtures("briefly")
class TestMeasure:
    def test_faults_are_seen(self):
        planted = [pair for pair in catalogue.faults() if pair.function == FEW]
        found = list(measure.faults(FEW, 0))
        assert [(o.name, o.cause, o.side) for o in found] == [(p.name, p.fault.cause, p.fault.side) for p in planted]
        for one in found:
            assert one.alarm, one
            assert one.false_alarms == ()
            assert one.comparisons == sum(one.verdicts.values()) > 0
            assert any(not Verdict(verdict).passes for verdict in one.verdicts)
            assert one.others.keys() == RULES.keys()
        assert any(one.cause in one.said[:3] for one in found)

    def test_correct_ports_are_left_in_peace(self):
        pairs = [pair for pair in catalogue.ports() if pair.function == FEW]
        found = list(measure.ports(FEW, 1, ("unit", "tiny"), compiled=False))
        assert [one.name for one in found] == [pair.name for pair in pairs]
        for one in found:
            assert (one.alarm, one.false_alarms, one.said, one.cause) == (False, (), (), "")
            assert one.comparisons > 0
        (fewer, *_) = measure.ports(FEW, 1, ("unit",), compiled=False)
        assert fewer.comparisons * 2 == found[0].comparisons

    def test_a_refused_port_is_a_false_alarm_in_words(self, monkeypatch):
        (pair, *_) = [pair for pair in catalogue.faults() if pair.function == FEW]
        port = catalogue.Comparison(pair.name, pair.function, pair.jax, pair.torch, pair.inputs)
        monkeypatch.setattr(catalogue, "ports", lambda: iter([port]))
        (one,) = measure.ports(FEW, 3, ("unit",), compiled=False)
        assert one.alarm
        assert one.false_alarms[0].startswith(f"{pair.name} seed 3: ")
        assert "SEMANTIC" in one.false_alarms[0]

    def test_nothing_compared_is_an_alarm(self):
        (pair, *_) = catalogue.ports()
        assert measure._outcome(pair, 0, [], {}).alarm

    def test_a_run_adds_up(self, monkeypatch):
        monkeypatch.setattr(measure, "explain", lambda _, findings: tuple(findings))
        steps = list(run(1, [FEW], ("unit",)))
        assert [(step.done, step.total, step.complete) for step in steps] == [
            (0, 2, False),
            (1, 2, False),
            (2, 2, True),
        ]
        found = steps[-1]
        assert found.passed
        assert "kernels; jax" in found.place
        assert found.detected == len(found.faults) > 0
        assert not found.false_alarms
        assert found.comparisons == sum(found.verdicts().values())
        assert all(math.isfinite(seen) for _, seen, *_ in found.rules())


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["parity", "power", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        return code, *capsys.readouterr()

    return call


class TestCommand:
    @pytest.mark.both
    @pytest.mark.usefixtures("briefly")
    def test_end_to_end(self, command, tmp_path):
        code, out, _ = command(FEW, "--seeds", "1", "--processes", "1")
        assert code == 0, out
        found = json.loads((tmp_path / "parity-report" / "power.json").read_text())
        assert {fault["function"] for fault in found["faults"]} == {FEW}
        assert (tmp_path / "parity-report" / "power.md").read_text().startswith("# What parity sees")
        assert "planted faults detected" in out
        assert "parity-report/power.json" in out.replace("\n", "")

    @pytest.mark.parametrize(
        "changed", [{"faults": POWER.faults[:3]}, {"ports": POWER.ports[:1]}], ids=["alarm", "missed"]
    )
    def test_a_false_alarm_or_a_missed_fault_fails(self, command, monkeypatch, changed, tmp_path):
        monkeypatch.setattr("parity.power.run.run", lambda *_, **__: iter([replace(POWER, **changed)]))
        code, out, _ = command(FEW, "--json")
        assert code == 1
        assert json.loads(out) == json.loads((tmp_path / "parity-report" / "power.json").read_text())

    def test_an_interrupt_keeps_what_is_finished(self, command, monkeypatch, tmp_path):
        def interrupted(*_, **__):
            yield replace(POWER, done=1)
            raise KeyboardInterrupt

        monkeypatch.setattr("parity.power.run.run", interrupted)
        code, out, _ = command(FEW)
        assert code == 130
        assert "incomplete: " in out
        found = json.loads((tmp_path / "parity-report" / "power.json").read_text())
        assert not found["complete"]
        assert len(found["faults"]) == 4
        assert "1 of 4 tasks are finished" in (tmp_path / "parity-report" / "power.md").read_text()

    def test_an_unknown_function(self, command, tmp_path):
        code, out, err = command("emma")
        assert (code, out) == (2, "")
        assert err.startswith("parity: SELECT: got 'emma', expected some of activations, ")
        assert not (tmp_path / "parity-report" / "power.json").exists()
