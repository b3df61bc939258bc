"""The page of transformations is what the tested sources and the committed run give, and nothing else."""

from __future__ import annotations

import json

import pytest

from parity.transforms import page as pages
from parity.transforms.catalogue import CELLS

pytestmark = pytest.mark.both


@pytest.fixture
def report():
    return json.loads((pages.DOCS / "transforms.json").read_text(encoding="utf-8"))


def test_the_committed_page_is_the_generated_one(report):
    assert (pages.DOCS / "transforms.md").read_text(encoding="utf-8") == pages.page(report)


def test_the_committed_run_is_whole_and_passed(report):
    assert (report["schema"], report["complete"], report["passed"]) == ("parity-transforms/1", True, True)


def test_the_committed_run_has_every_cell(report):
    """A new cell needs a new run: `parity transforms --report docs`, then `python -m parity.transforms.page`."""
    told = {(o["group"], o["cell"]) for o in (*report["outcomes"], *report["left_out"])}
    assert {place for place in told if place[0] not in pages.MEASURED} == {(cell.group, cell.name) for cell in CELLS}
    assert set(pages.MEASURED) <= {group for group, _ in told}


def test_every_cell_shows_both_sources(report):
    text = pages.page(report)
    for cell in CELLS:
        for side in ("jax", "torch"):
            code = pages.source(side, cell)
            assert f"```python\n{code}\n```" in text
            assert "Any" not in code
            assert '"""' not in code
            compile(code, cell.function, "exec")


def test_a_verdict_that_is_not_plain_shows_its_reason(report):
    text = pages.page(report)
    reason = text.partition("### abs at 0\n")[2].partition("**CONVENTION**: conventions\n  - ")[2].partition("\n")[0]
    assert "subgradient of |x| at 0: 1 in JAX, 0 in torch" in reason
    assert "https://github.com/pytorch/pytorch/issues/128711" in text


class TestCheck:
    @pytest.fixture(autouse=True)
    def docs(self, tmp_path, monkeypatch, report):
        (tmp_path / "transforms.json").write_text(json.dumps(report), encoding="utf-8")
        monkeypatch.setattr(pages, "DOCS", tmp_path)
        self.page = tmp_path / "transforms.md"

    def test_written_then_checked(self, capsys):
        assert pages.main(["--check"]) == 1
        assert "run: python -m parity.transforms.page" in capsys.readouterr().out
        assert pages.main([]) == 0
        assert pages.main(["--check"]) == 0

    def test_a_changed_page_fails(self, capsys):
        pages.main([])
        self.page.write_text(self.page.read_text(encoding="utf-8").replace("jax.vmap", "jax.pmap"), encoding="utf-8")
        assert pages.main(["--check"]) == 1
        assert capsys.readouterr().out

    def test_a_cell_that_is_not_in_the_run_says_so(self, report):
        report["outcomes"] = [o for o in report["outcomes"] if o["cell"] != "nested"]
        assert "Not in the run." in pages.page(report)
