"""The main job: what is selected, what is kept when it stops, and when it may say that it passed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from parity import ops
from parity.errors import InputError
from parity.jobs import suite
from parity.jobs.suite import Suite
from parity.judge.finding import Finding, Verdict
from parity.judge.report import Report
from parity.report import files
from parity.spec import Op

SMALL = ("double", "halve", "negate")


def report(name, verdict=Verdict.EXACT):
    return Report(name, (Finding("out", "float64", "eager", verdict),))


@pytest.fixture
def small_ops(monkeypatch):
    """Three operations that need no framework; `suite.check_op` gives a report at once."""

    def load(name):
        return Op({"x": "T"}, "T", ({"T": 3},), lambda x: x, "none", name=name)

    def check_op(op, dtypes, modes, progress):
        for mode in modes:
            for dtype in ("float64", *dtypes):
                progress(f"{dtype} {mode}")
        return report(op.name)

    monkeypatch.setattr(ops, "names", lambda: list(SMALL))
    monkeypatch.setattr(ops, "load", load)
    monkeypatch.setattr(suite, "check_op", check_op)
    return monkeypatch


def work(job, progress=lambda *_: None):
    return list(suite.run(job, ["float32"], ["eager"], 2, progress))


class TestSelect:
    def test_everything_by_default(self):
        assert suite.select([]) == (*ops.names(), "digits")
        assert len(suite.select([])) >= 6

    def test_some_in_the_order_of_the_suite_and_once(self):
        assert suite.select(["digits", "attention", "digits"]) == ("attention", "digits")

    @pytest.mark.parametrize("name", ["attn", "", "Attention"])
    def test_unknown(self, name):
        with pytest.raises(InputError, match=f"SELECT: got '{name}', expected some of attention, .*, digits"):
            suite.select(["attention", name])


class TestPassed:
    @pytest.mark.parametrize(
        ("selected", "verdicts", "complete", "passed"),
        [
            ((), [], True, False),  # an empty selection never passes
            (("a",), [], False, False),
            (("a",), [Verdict.EXACT], True, True),
            (("a", "b"), [Verdict.EXACT], False, False),
            (("a", "b"), [Verdict.EXACT, Verdict.ROUNDING], True, True),
            (("a", "b"), [Verdict.EXACT, Verdict.SEMANTIC], True, False),
            (("a", "b"), [Verdict.VACUOUS, Verdict.EXACT], True, False),
        ],
    )
    def test_only_when_all_is_done_and_good(self, selected, verdicts, complete, passed):
        job = Suite(selected, [report("x", verdict) for verdict in verdicts])
        assert (job.complete, job.passed) == (complete, passed)

    def test_a_report_without_findings_does_not_pass(self):
        assert not Suite(("a",), [Report("a", ())]).passed


class TestRun:
    def test_in_order(self, small_ops):
        job = Suite(suite.select(["negate", "double"]))
        assert [r.name for r in work(job)] == ["double", "negate"]
        assert job.complete
        assert job.passed
        assert job.training is None

    def test_each_report_is_kept_before_it_is_yielded(self, small_ops):
        job = Suite(SMALL)
        for count, found in enumerate(suite.run(job, [], ["eager"], 2, lambda *_: None), start=1):
            assert job.reports[-1] is found
            assert len(job.reports) == count
            assert job.complete is (count == 3)

    @pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
    def test_what_is_finished_is_kept(self, small_ops, error):
        def check_op(op, *_):
            if op.name == "negate":
                raise error
            return report(op.name)

        small_ops.setattr(suite, "check_op", check_op)
        job = Suite(SMALL)
        with pytest.raises(error):
            work(job)
        assert [r.name for r in job.reports] == ["double", "halve"]
        assert (job.complete, job.passed) == (False, False)

    def test_progress_rises_from_zero_and_stays_below_one(self, small_ops):
        told = []
        list(suite.run(Suite(("double",)), ["float32", "float64"], ["eager", "compiled"], 2, lambda *a: told.append(a)))
        small_ops.undo()
        assert [words for _, words, _ in told][:2] == ["float64 eager", "float32 eager"]
        fractions = [fraction for *_, fraction in told]
        assert fractions[0] == 0
        assert fractions == sorted(fractions)
        assert {name for name, *_ in told} == {"double"}

    def test_digits_is_the_training_run(self, small_ops):
        told, training = [], object()

        def run(steps, progress):
            progress("training jax", 3)
            return report("digits"), training

        small_ops.setattr(suite.digits, "run", run)
        job = Suite(("double", "digits"))
        list(suite.run(job, [], ["eager"], 2, lambda *a: told.append(a)))
        assert [r.name for r in job.reports] == ["double", "digits"]
        assert job.training is training
        assert told[-1] == ("digits", "training jax", 0.5)


@pytest.mark.both
class TestCheckOp:
    def check(self, jax, torch, monkeypatch, reference=lambda x: 2 * x):
        monkeypatch.setattr(Op, "implementation", lambda self, backend: {"jax": jax, "torch": torch}[backend])
        op = Op({"x": "T"}, "T", ({"T": 5}, {"T": 3}), reference, "none", name="double")
        return suite.check_op(op, ["float32"], ["eager"], lambda words: None)

    def test_good(self, monkeypatch):
        found = self.check(lambda x: x + x, lambda x: 2 * x, monkeypatch)
        assert found.name == "double"
        assert found.verdict is Verdict.EXACT
        assert {(f.leaf, f.dtype) for f in found.findings} == {
            (leaf, dtype) for leaf in ("out", "grad/x") for dtype in ("float64", "float32")
        }
        assert {f.size for f in found.findings} == {5}

    def test_sides_that_differ(self, monkeypatch):
        assert self.check(lambda x: x + x, lambda x: 3 * x, monkeypatch).verdict is Verdict.SEMANTIC

    def test_the_reference_is_asked(self, monkeypatch):
        found = self.check(lambda x: x + x, lambda x: 2 * x, monkeypatch, reference=lambda x: 3 * x)
        assert found.verdict is Verdict.SEMANTIC


class TestFiles:
    def test_an_unfinished_run_says_so(self, tmp_path):
        files.write_report(Suite(("a", "b"), [report("a")]), tmp_path)
        found = json.loads((tmp_path / "report.json").read_text())
        assert (found["schema"], found["complete"], found["passed"]) == ("parity-run/1", False, False)
        assert found["selected"] == ["a", "b"]
        assert [r["name"] for r in found["reports"]] == ["a"]
        assert found["training"] is None
        assert "INCOMPLETE" in (tmp_path / "report.md").read_text()
        assert sorted(p.name for p in tmp_path.iterdir()) == ["report.json", "report.md"]

    def test_a_finished_run(self, tmp_path):
        files.write_report(Suite(("a",), [report("a")]), tmp_path)
        found = json.loads((tmp_path / "report.json").read_text())
        assert (found["complete"], found["passed"]) == (True, True)

    @pytest.mark.both  # the picture needs matplotlib, which comes with the digits
    def test_with_training(self, tmp_path):
        from parity.jobs.digits import Training
        from parity.jobs.training import Trajectory

        losses = np.array([2.0, 1.0, 0.5])
        sides = {side: Trajectory(losses, {}, 1.0, 0.1) for side in ("jax", "torch")}
        training = Training(sides, {"jax": 0.97, "torch": 0.96}, 360)
        files.write_report(Suite(("digits",), [report("digits")], training), tmp_path)
        found = json.loads((tmp_path / "report.json").read_text())["training"]
        assert found["losses"] == {"jax": [2.0, 1.0, 0.5], "torch": [2.0, 1.0, 0.5]}
        assert found["accuracy"] == {"jax": 0.97, "torch": 0.96}
        assert (tmp_path / "loss.svg").read_bytes().startswith(b"<?xml")
        assert "| torch | 96.00 % | 1.00 s | 50.00 ms |" in (tmp_path / "report.md").read_text()
