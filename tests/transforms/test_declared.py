"""What is declared is true, goes stale when it is not, and a file that does not fit is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from parity.data.inputs import normal
from parity.errors import InputError
from parity.judge.deviations import load as load_deviations
from parity.judge.finding import Verdict
from parity.transforms.catalogue import CELLS
from parity.transforms.check import check_transforms
from parity.transforms.declared import Declared, load
from parity.transforms.judge import judge
from parity.transforms.measured import Measured
from parity.transforms.outcome import Outcome

ENTRY = {"op": "*", "group": "vmap", "cell": "nested", "reason": "it is so", "link": "https://example.org/1"}
X = (normal((3, 5), 0, "x"),)


def toml(tmp_path, kind, **entry):
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in entry.items()]
    path = tmp_path / "declared.toml"
    path.write_text(f"[[{kind}]]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


class TestFile:
    def test_every_entry_concerns_a_cell(self):
        assert load()
        for entry in load():
            for pattern in entry.cells:
                alone = replace(entry, cells=(pattern,))
                assert any(alone.concerns(entry.op.replace("*", "any"), cell) for cell in CELLS), alone

    def test_reasons_and_links_say_something(self):
        for entry in load():
            assert len(entry.reason) > 40 or entry.kind == "convention"
            assert len(entry.error) > 20 or entry.kind == "convention"

    def test_conventions_are_those_of_the_deviations(self, request):
        """The same difference is declared once for `parity.check` and once here, with the same source."""
        told = {entry.op: entry.reason for entry in load_deviations(request.config.rootpath / "parity-deviations.toml")}
        for entry in load():
            if entry.kind == "convention":
                number = entry.link.rsplit("/", 1)[1]
                assert f"#{number}" in told[f"gradient of {entry.cells[0]}"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"side": "numpy"}, "an unsupported cell needs side"),
            ({"side": "torch", "error": " "}, "an unsupported cell needs side"),
            ({"side": "torch", "error": "x", "bound": 1.0}, "an unsupported cell needs side"),
            ({"side": "torch", "error": "x", "group": "pmap"}, "group is 'pmap', expected one of jit"),
            ({"side": "torch", "error": "x", "cell": ""}, "cell is '', expected words"),
            ({"side": "torch", "error": "x", "cell": []}, "cell is '', expected words"),
            ({"side": "torch", "error": "x", "reason": ""}, "reason is '', expected words"),
            ({"side": "torch", "error": "x", "link": "see there"}, "link is 'see there', expected an address"),
            ({"side": "torch", "error": "x", "why": "x"}, "unexpected keyword argument 'why'"),
        ],
    )
    def test_an_entry_that_does_not_fit_is_named(self, tmp_path, change, message):
        path = toml(tmp_path, "unsupported", **{**ENTRY, **change})
        with pytest.raises(InputError, match=f"declared: entry 1 of .*: .*{message}"):
            load(path)

    def test_an_entry_for_several_cells(self, tmp_path):
        (entry,) = load(
            toml(tmp_path, "unsupported", **ENTRY | {"cell": ["nested", "in*"], "side": "jax", "error": "x"})
        )
        concerned = {cell.name for cell in CELLS if entry.concerns("any", cell)}
        assert {"nested", "in_axes=1", "in chunks"} <= concerned
        assert not {"out_axes=1", "jvp"} & concerned

    def test_a_convention_needs_a_bound(self, tmp_path):
        with pytest.raises(InputError, match="a convention needs a bound above 0"):
            load(toml(tmp_path, "convention", **ENTRY))

    def test_other_tables_and_no_file(self, tmp_path):
        with pytest.raises(InputError, match="has deviation, expected unsupported and convention alone"):
            load(toml(tmp_path, "deviation", **ENTRY))
        with pytest.raises(InputError, match="declared: cannot read"):
            load(tmp_path / "no.toml")


@pytest.mark.both
class TestUnsupported:
    def checked(self, path, jax_fn=lambda x: x * 2, torch_fn=lambda x: x * 2):
        return check_transforms(jax_fn, torch_fn, X, name="mine", groups=("vmap",), unsupported=path)

    def raising(self, x):
        raise NotImplementedError("no rule for this\nat all")

    def test_the_frameworks_own_error_is_accepted(self, tmp_path):
        path = toml(tmp_path, "unsupported", **ENTRY | {"cell": "*", "side": "torch", "error": "no rule for this"})
        found = self.checked(path, torch_fn=self.raising).outcome("vmap", "nested")
        assert (found.verdict, found.side) == (Verdict.CONVENTION, None)
        assert found.message == "torch does not support it: no rule for this; it is so (https://example.org/1)"

    def test_without_an_entry_it_is_an_error(self, tmp_path):
        path = toml(tmp_path, "unsupported", **ENTRY | {"op": "another", "side": "torch", "error": "no rule for this"})
        found = self.checked(path, torch_fn=self.raising).outcome("vmap", "nested")
        assert (found.verdict, found.side) == (Verdict.ERROR, "torch")
        assert found.message.startswith("torch: NotImplementedError: no rule for this at ")

    def test_another_error_than_the_declared_one_is_an_error(self, tmp_path):
        path = toml(tmp_path, "unsupported", **ENTRY | {"side": "torch", "error": "out of memory"})
        assert self.checked(path, torch_fn=self.raising).outcome("vmap", "nested").verdict is Verdict.ERROR

    def test_the_other_side_is_still_held_to_its_identity(self, tmp_path):
        def odd(x):
            return x * (2 if type(x).__name__ == "BatchTracer" else 1)

        path = toml(tmp_path, "unsupported", **ENTRY | {"cell": "*", "side": "torch", "error": "no rule for this"})
        found = self.checked(path, jax_fn=odd, torch_fn=self.raising).outcome("vmap", "in_axes=0")
        assert (found.verdict, found.side) == (Verdict.SEMANTIC, "jax")

    def test_an_entry_that_no_longer_occurs_fails(self, tmp_path):
        path = toml(tmp_path, "unsupported", **ENTRY | {"side": "torch", "error": "no rule for this"})
        matrix = self.checked(path)
        found = matrix.outcome("vmap", "nested")
        assert (found.verdict, found.side) == (Verdict.VACUOUS, "torch")
        assert found.message == ("torch: stale: declared as unsupported (it is so), but it works; remove the entry")
        assert not matrix.passed


class TestConvention:
    """The two sides, each as it says, and the bound."""

    CELL = next(cell for cell in CELLS if cell.name == "abs at 0")
    ENTRY = Declared("convention", "*", "grad", ("abs at 0",), "they differ", "https://example.org/1", bound=0.5)

    def judged(self, monkeypatch, jax, torch, entry):
        class Side:
            def __init__(self, side):
                self.side = side

        def measure(cell, fixtures, timeout_s):
            value = {"": np.array({"jax": jax, "torch": torch}[fixtures.side])}
            return Measured(value, value, value)

        monkeypatch.setattr("parity.transforms.judge.measure", measure)
        found = judge(self.CELL, {side: Side(side) for side in ("jax", "torch")}, [entry] if entry else [], "op", 1.0)
        assert isinstance(found, Outcome)
        return found

    def test_within_the_bound(self, monkeypatch):
        found = self.judged(monkeypatch, [1.0, 2.0], [1.0, 1.0], self.ENTRY)
        assert (found.verdict, found.error) == (Verdict.CONVENTION, 0.5)
        assert found.message.startswith("they differ (https://example.org/1); largest difference 0.5 ")

    def test_beyond_the_bound_and_without_an_entry(self, monkeypatch):
        assert self.judged(monkeypatch, [1.0, 2.0], [1.0, 0.9], self.ENTRY).verdict is Verdict.SEMANTIC
        assert self.judged(monkeypatch, [1.0, 2.0], [1.0, 1.0], None).verdict is Verdict.SEMANTIC

    def test_another_structure_is_no_convention(self, monkeypatch):
        assert self.judged(monkeypatch, [1.0, 2.0], [1.0], self.ENTRY).verdict is Verdict.STRUCTURE

    def test_where_there_is_no_difference_it_is_stale(self, monkeypatch):
        found = self.judged(monkeypatch, [1.0, 2.0], [1.0, 2.0], self.ENTRY)
        assert found.verdict is Verdict.VACUOUS
        assert "stale: declared as a difference (they differ), but there is none" in found.message
