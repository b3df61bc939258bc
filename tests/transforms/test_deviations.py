"""Declared deviations of cells: they occur, go stale when they no longer do, and one that matches no cell is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from parity.data.arguments import parse
from parity.data.inputs import normal
from parity.errors import InputError
from parity.judge.deviations import Deviation, load
from parity.judge.finding import Verdict
from parity.transforms.catalogue import CELLS, cell_deviations
from parity.transforms.check import DEVIATIONS, check_transforms
from parity.transforms.function_pair import FunctionPair
from parity.transforms.judge import judge
from parity.transforms.measured import Measured
from parity.transforms.outcome import CellOutcome

ENTRY = {"op": "*", "group": "vmap", "cell": "nested", "leaf": "*", "reason": "it is so", "owner": "me"}
ENTRY |= {"link": "https://example.org/1"}
ERROR = ENTRY | {"verdict": "ERROR", "side": "torch", "error": "no rule for this", "bound": float("inf")}
X = (normal((3, 5), 0, "x"),)


def toml(tmp_path, **entry):
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in entry.items()]
    path = tmp_path / "declared.toml"
    path.write_text("[[deviation]]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


class TestFile:
    def test_all_entries_are_about_cells_that_exist(self):
        assert cell_deviations(DEVIATIONS) == load(DEVIATIONS) != ()

    def test_reasons_and_links_say_something(self):
        for entry in load(DEVIATIONS):
            assert entry.link
            assert entry.verdict == "SEMANTIC" or (len(entry.reason) > 40 and len(entry.error) > 20)

    def test_conventions_are_those_of_the_checks(self, request):
        """The same difference is declared once for `parity.check` and once here, with the same source."""
        reasons = {entry.op: entry.reason for entry in load(request.config.rootpath / "parity-deviations.toml")}
        conventions = [entry for entry in load(DEVIATIONS) if entry.verdict == "SEMANTIC"]
        assert len(conventions) == 3
        for entry in conventions:
            number = entry.link.rsplit("/", 1)[1]
            assert f"#{number}" in reasons[f"gradient of {entry.cell}"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"group": "pmap"}, "group 'pmap' has no cell 'nested'"),
            ({"cell": "jvp"}, "group 'vmap' has no cell 'jvp'"),
            ({"cell": ["nested", "nets*"]}, "group 'vmap' has no cell 'nets*'"),
        ],
    )
    def test_an_entry_for_no_cell_is_refused(self, tmp_path, change, message):
        path = toml(tmp_path, **ERROR | change)
        for keyword in ("deviations", "unsupported"):
            with pytest.raises(InputError) as raised:
                check_transforms(abs, abs, X, **{keyword: path})
            assert str(raised.value).startswith(f"deviations: {message}; see ")

    def test_entries_for_whole_checks_do_not_concern_cells(self, request):
        assert cell_deviations(request.config.rootpath / "parity-deviations.toml") == ()


@pytest.mark.both
class TestUnsupported:
    def checked(self, path, jax_fn=lambda x: x * 2, torch_fn=lambda x: x * 2):
        return check_transforms(jax_fn, torch_fn, X, name="mine", groups=("vmap",), deviations=path)

    def raising(self, x):
        raise NotImplementedError("no rule for this\nat all")

    def test_an_error_of_the_other_side_is_not_accepted(self, tmp_path):
        path = toml(tmp_path, **ERROR | {"cell": "*", "side": "jax"})
        found = self.checked(path, torch_fn=self.raising).outcome("vmap", "nested")
        assert (found.verdict, found.side) == (Verdict.ERROR, None)
        assert "jax: stale: " in found.message

    def test_beyond_the_first_line_of_the_message(self, tmp_path):
        path = toml(tmp_path, **ERROR | {"cell": "*", "error": "at all"})
        assert self.checked(path, torch_fn=self.raising).outcome("vmap", "nested").verdict is Verdict.CONVENTION

    def test_the_frameworks_own_error_is_accepted(self, tmp_path):
        path = toml(tmp_path, **ERROR | {"cell": "*"})
        found = self.checked(path, torch_fn=self.raising).outcome("vmap", "nested")
        assert (found.verdict, found.side) == (Verdict.CONVENTION, None)
        assert found.message == ("torch: declared by me: it is so (https://example.org/1); ERROR: no rule for this")

    def test_without_an_entry_it_is_an_error(self, tmp_path):
        path = toml(tmp_path, **ERROR | {"op": "another"})
        found = self.checked(path, torch_fn=self.raising).outcome("vmap", "nested")
        assert (found.verdict, found.side) == (Verdict.ERROR, "torch")
        assert found.message.startswith("torch: NotImplementedError: no rule for this at ")

    def test_another_error_than_the_declared_one_is_an_error(self, tmp_path):
        path = toml(tmp_path, **ERROR | {"error": "out of memory"})
        assert self.checked(path, torch_fn=self.raising).outcome("vmap", "nested").verdict is Verdict.ERROR

    def test_the_other_side_is_still_held_to_its_identity(self, tmp_path):
        def odd(x):
            return x * (2 if type(x).__name__ == "BatchTracer" else 1)

        path = toml(tmp_path, **ERROR | {"cell": "*"})
        found = self.checked(path, jax_fn=odd, torch_fn=self.raising).outcome("vmap", "in_axes=0")
        assert (found.verdict, found.side) == (Verdict.SEMANTIC, "jax")

    def test_an_entry_that_no_longer_occurs_fails(self, tmp_path):
        path = toml(tmp_path, **ERROR)
        matrix = self.checked(path)
        found = matrix.outcome("vmap", "nested")
        assert (found.verdict, found.side) == (Verdict.VACUOUS, "torch")
        assert found.message == "torch: stale: declared as ERROR by me (it is so), but it did not occur; remove it"
        assert not matrix.passed


@pytest.mark.both
class TestConvention:
    """The two sides, each as it says, and the bound."""

    CELL = next(cell for cell in CELLS if cell.name == "abs at 0")
    ENTRY = Deviation(**ENTRY | {"group": "grad", "cell": "abs at 0", "verdict": "SEMANTIC", "bound": 0.5})

    def judged(self, monkeypatch, jax, torch, entry, identity=None):
        class Side:
            pair = FunctionPair("op", {}, parse({}, (), ()))

            def __init__(self, side):
                self.side = side

        def measure(cell, fixtures, timeout_s):
            value = {"": np.array({"jax": jax, "torch": torch}[fixtures.side])}
            return Measured(value, value, value if identity is None else {"": np.array(identity)})

        monkeypatch.setattr("parity.transforms.judge.measure", measure)
        found = judge(self.CELL, {side: Side(side) for side in ("jax", "torch")}, [entry] if entry else [], "op", 1.0)
        assert isinstance(found, CellOutcome)
        return found

    def test_within_the_bound(self, monkeypatch):
        found = self.judged(monkeypatch, [1.0, 2.0], [1.0, 1.0], self.ENTRY)
        assert (found.verdict, found.error) == (Verdict.CONVENTION, 0.5)
        assert found.message.startswith(
            "declared by me: it is so (https://example.org/1); SEMANTIC: jax against torch: largest difference 0.5 "
        )

    def test_beyond_the_bound_and_without_an_entry(self, monkeypatch):
        assert self.judged(monkeypatch, [1.0, 2.0], [1.0, 0.9], self.ENTRY).verdict is Verdict.SEMANTIC
        assert self.judged(monkeypatch, [1.0, 2.0], [1.0, 1.0], None).verdict is Verdict.SEMANTIC

    def test_a_broken_identity_is_never_covered(self, monkeypatch):
        """The deviation is between the frameworks; inside one, the cell still equals what it has to."""
        found = self.judged(monkeypatch, [1.0, 2.0], [1.0, 1.0], self.ENTRY, identity=[1.0, 1.0])
        assert (found.verdict, found.side) == (Verdict.SEMANTIC, "jax")
        assert found.message.startswith("jax: the identity does not hold: ")

    def test_a_deviation_of_one_leaf_does_not_cover_the_cell(self, monkeypatch):
        leaf = replace(self.ENTRY, leaf="out")
        assert self.judged(monkeypatch, [1.0, 2.0], [1.0, 1.0], leaf).verdict is Verdict.SEMANTIC

    def test_another_structure_is_no_convention(self, monkeypatch):
        assert self.judged(monkeypatch, [1.0, 2.0], [1.0], self.ENTRY).verdict is Verdict.STRUCTURE

    def test_where_there_is_no_difference_it_is_stale(self, monkeypatch):
        found = self.judged(monkeypatch, [1.0, 2.0], [1.0, 2.0], self.ENTRY)
        assert found.verdict is Verdict.VACUOUS
        assert found.message == "stale: declared as SEMANTIC by me (it is so), but it did not occur; remove it"
