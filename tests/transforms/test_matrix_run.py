"""The matrix over the built-in operations: what is selected, in which order, what is written and when it passes."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from parity import ops
from parity.errors import InputError
from parity.judge.finding import Verdict
from parity.transforms import report, run
from parity.transforms.catalogue import CELLS
from parity.transforms.check import Matrix
from parity.transforms.judge import SkippedCell
from parity.transforms.outcome import CellOutcome

OWN = [cell for cell in CELLS if cell.own]


def nothing(*_words):
    pass


def printed(matrix):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(report.table(matrix))
    report.print_summary(console, matrix)
    return console.export_text()


@pytest.fixture(scope="module")
def matrix():
    """The row that has functions of its own, for real."""
    matrix = Matrix()
    list(run.run(matrix, ("conventions",), nothing))
    return matrix


class TestSelect:
    def test_everything_by_default(self):
        assert run.selected(()) == (*ops.names(), "conventions", "checkpoint", "devices")

    def test_in_the_order_of_the_catalogue(self):
        assert run.selected(("conventions", "attention")) == ("attention", "conventions")

    def test_an_unknown_name(self):
        with pytest.raises(InputError, match="SELECT: got 'no', expected some of attention, "):
            run.selected(("no",))

    def test_total(self):
        assert run.total(("conventions",)) == len(OWN)
        assert run.total(("attention", "train_step")) == 2 * (len(CELLS) - len(OWN))
        assert run.total(("checkpoint", "devices")) == 10 + 15


@pytest.mark.both
class TestConventions:
    def test_it_passes(self, matrix):
        assert matrix.passed, str(matrix)
        assert [(o.group, o.cell) for o in matrix.outcomes] == [(cell.group, cell.name) for cell in OWN]
        found = {o.cell: o.verdict for o in matrix.outcomes}
        assert found == {
            "randomness": Verdict.EXACT,
            "relu at 0": Verdict.EXACT,
            "maximum at ties": Verdict.EXACT,
            "abs at 0": Verdict.CONVENTION,
            "max at ties": Verdict.CONVENTION,
            "clamp at its bound": Verdict.CONVENTION,
        }

    def test_the_json(self, matrix, tmp_path):
        report.write_report(matrix, tmp_path)
        told = json.loads((tmp_path / "transforms.json").read_text(encoding="utf-8"))
        assert told["schema"] == "parity-transforms/1"
        assert (told["complete"], told["passed"], told["verdict"]) == (True, True, "CONVENTION")
        assert told["cells"] == len(told["outcomes"]) == len(OWN)
        assert told["cells_per_second"] == pytest.approx(len(OWN) / matrix.seconds, abs=0.01)
        assert told["environment"]["jax"]["version"]

    def test_the_table(self, matrix):
        text = printed(matrix)
        assert "conventions" in text
        assert text.count("convention ") >= 3
        assert "cells/s" in text


@pytest.mark.both
class TestOneOperation:
    def test_a_group_of_an_operation(self, monkeypatch):
        told = []
        found = run._work("attention vmap", "attention", "vmap", lambda *words: told.append(words))
        cells = [cell for cell in CELLS if cell.group == "vmap" and not cell.own]
        assert [(o.op, o.cell) for o in found] == [("attention", cell.name) for cell in cells]
        assert all(o.verdict.passes and o.seconds > 0 for o in found)
        assert told == [("attention vmap", f"vmap {cell.name}", n / len(cells)) for n, cell in enumerate(cells)]


class TestPartial:
    """An interrupted run keeps what is finished, and says that it is not everything."""

    OUTCOMES = (
        CellOutcome("attention", "vmap", "nested", Verdict.ROUNDING, None, "", 1e-16, 0.5),
        CellOutcome(
            "attention", "jit", "compiled", Verdict.STRUCTURE, "torch", "torch: shapes [differ]", float("inf"), 1.0
        ),
    )

    def matrix(self, monkeypatch, stop_after):
        def tasks(function, tasks, processes, progress):
            assert next(name for name, _ in tasks).endswith("compositions")
            yield "attention vmap", [self.OUTCOMES[0], SkippedCell("attention", "vmap", "in_axes=1", "no [axis]")]
            if stop_after == 1:
                raise KeyboardInterrupt
            yield "attention jit", [self.OUTCOMES[1]]

        monkeypatch.setattr(run, "run_tasks", tasks)
        matrix = Matrix()
        try:
            for _ in run.run(matrix, ("attention",), nothing, 2):
                pass
        except KeyboardInterrupt:
            assert stop_after == 1
        return matrix

    def test_what_is_finished_stays(self, monkeypatch, tmp_path):
        matrix = self.matrix(monkeypatch, 1)
        assert (len(matrix.outcomes), matrix.complete, matrix.passed) == (1, False, False)
        assert matrix.verdict is Verdict.ROUNDING

    def test_in_the_order_of_the_catalogue(self, monkeypatch):
        assert [o.group for o in self.matrix(monkeypatch, 2).outcomes] == ["jit", "vmap"]

    @pytest.mark.both
    def test_an_infinite_difference_is_valid_json(self, monkeypatch):
        told = json.loads(report.as_json(self.matrix(monkeypatch, 2)))
        assert told["outcomes"][0]["error"] is None
        assert told["complete"] is False

    def test_failures_and_reasons_are_printed(self, monkeypatch):
        text = printed(self.matrix(monkeypatch, 2))
        assert "attention jit compiled: STRUCTURE: torch: shapes [differ]" in text
        assert "skipped in 1: vmap in_axes=1: no [axis]" in text
        assert "–" in text


class TestMeasured:
    """Checkpointing and devices are tasks of the same run, and stand in a table of their own behind the others."""

    FOUND = CellOutcome(
        "deep_mlp", "checkpoint", "dots_saveable", Verdict.ROUNDING, None, "kept 3.0 → 1.0 MB", 1e-16, 0.5
    )

    def test_the_task_is_their_run(self, monkeypatch):
        told = []
        monkeypatch.setattr("parity.transforms.checkpoint.run", lambda progress: progress("jax", 0.5) or [self.FOUND])
        assert run._work("checkpoint checkpoint", "checkpoint", "checkpoint", lambda *w: told.append(w)) == [self.FOUND]
        assert told == [("checkpoint", "jax", 0.5)]

    def test_behind_the_others_and_counted(self, monkeypatch):
        vmap = CellOutcome("attention", "vmap", "nested", Verdict.EXACT)

        def tasks(function, tasks, processes, progress):
            assert tasks[0] == ("checkpoint checkpoint", ("checkpoint", "checkpoint"))
            yield "checkpoint checkpoint", [self.FOUND]
            yield "attention vmap", [vmap]

        monkeypatch.setattr(run, "run_tasks", tasks)
        matrix = Matrix()
        list(run.run(matrix, ("attention", "checkpoint"), nothing, 2))
        assert matrix.outcomes == [vmap, self.FOUND]
        assert not matrix.complete
        assert "dots_saveable" not in printed(matrix)
        assert report.measured_table(matrix).row_count == 1
        assert report.measured_table(Matrix([vmap])) is None


def test_an_empty_matrix_does_not_pass():
    matrix = Matrix(complete=True)
    assert (matrix.verdict, matrix.passed) == (Verdict.VACUOUS, False)
    with pytest.raises(KeyError):
        matrix.outcome("vmap", "nested")
