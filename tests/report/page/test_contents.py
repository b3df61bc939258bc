"""What the page says: every fact of both files, what is missing, damaged or unfinished, and never an element of theirs."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser

import pytest

from parity.errors import InputError
from parity.report import page as pages
from parity.report.page import results, shapes, speed, verdicts
from tests.report.page import sample


class Text(HTMLParser):
    """The text of a page without scripts, styles and pictures, and its elements."""

    def __init__(self, html):
        super().__init__()
        self.words, self.elements, self._open = [], [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style", "svg"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data):
        if not self._open:
            self.words.append(data)


def html(folder, **files):
    path = pages.write_page(sample.write(folder, **files))
    assert path == folder / "index.html"
    return path.read_text(encoding="utf-8")


def text(folder, **files):
    return Text(html(folder, **files)).text


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return html(tmp_path_factory.mktemp("whole"), run=sample.run(), bench=sample.bench())


class TestWhichFiles:
    def test_none(self, tmp_path):
        assert pages.write_page(tmp_path) is None
        assert not list(tmp_path.iterdir())

    def test_only_the_run(self, tmp_path):
        found = text(tmp_path, run=sample.run())
        assert "There is no bench.json; parity bench writes it." in found
        for title in ("Speed", "Scaling", "Roofline", "Compile time", "Peak memory"):
            assert re.search(rf"{title} [^.]*\. parity bench adds it\.", found), title
        assert "Python 3.11.7, JAX 0.10.2, PyTorch 2.13.0+cpu" in found
        assert "2 of 99 comparisons did not pass" in found

    def test_only_the_bench(self, tmp_path):
        found = text(tmp_path, bench=sample.bench())
        assert "There is no report.json; parity run writes it." in found
        assert "No comparison of the two frameworks is in this folder. parity run adds it." in found
        assert "This folder has no training run in both frameworks. parity run digits adds it." in found

    def test_a_bench_with_empty_parts(self, tmp_path):
        bench = sample.bench() | {"comparisons": [], "phases": [], "scaling": [], "limits": {}}
        found = text(tmp_path, run=sample.run() | {"training": None}, bench=bench)
        assert "The limits of this machine were not measured. parity bench adds it." in found
        assert "Time against size was not measured. parity bench adds it." in found
        assert "no training run" in found

    def test_the_same_files_give_the_same_page(self, tmp_path, whole):
        assert html(tmp_path, run=sample.run(), bench=sample.bench()) == whole

    def test_nothing_is_left_beside_it(self, tmp_path):
        html(tmp_path, run=sample.run())
        assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "report.json"]

    def test_a_library_that_is_missing(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "jinja2", None)
        monkeypatch.delitem(sys.modules, "parity.report.page.render", raising=False)
        with pytest.raises(
            InputError, match=r'jinja2 is not installed; install it with: pip install "parity\[bench\]"'
        ):
            html(tmp_path, run=sample.run())


class TestDamage:
    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "bench.json: damaged: got Expecting value: line 1 column 1 (char 0), expected JSON"),
            (b'{"schema": "parity-bench/1", ', "expected JSON"),
            (b"\xff\xfe", "bench.json: damaged: got 'utf-8' codec can't decode"),
            (b"[1]", "bench.json: damaged: top level: got a list, expected an object"),
            (b"[" * 100_000, "expected JSON"),
            (b'{"schema": "parity-bench/2"}', "bench.json: schema: got 'parity-bench/2', expected 'parity-bench/1'"),
            (b"{}", "bench.json: schema: got none, expected 'parity-bench/1'"),
            (
                b'{"schema": "parity-bench/1"}',
                "bench.json: damaged: top level: got nothing, expected an entry 'complete'",
            ),
        ],
    )
    def test_is_said_in_one_line(self, tmp_path, content, told):
        (tmp_path / "bench.json").write_bytes(content)
        found = text(tmp_path, run=sample.run() | {"training": None})
        assert told in found
        assert "bench.json cannot be used; run parity bench again." in found
        assert "2 of 99 comparisons did not pass" in found  # the other file is shown all the same

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda b: b.update(complete="yes"), "complete: got 'yes', expected true or false"),
            (lambda b: b["comparisons"][0].pop("op"), "comparisons[0]: got nothing, expected an entry 'op'"),
            (
                lambda b: b["comparisons"][1]["candidates"][2]["ratio"].update(low=0),
                "comparisons[1].candidates[2].ratio.low: got 0, expected a finite number above 0",
            ),
            (
                lambda b: b["phases"][0].update(cold_s=float("nan")),
                "phases[0].cold_s: got nan, expected a finite number",
            ),
            (lambda b: b["phases"][0].update(cold_s=10**400), "expected a finite number"),
            (lambda b: b["scaling"][0].update(points={}), "scaling[0].points: got {}, expected a list"),
            (lambda b: b.update(settings=[]), "settings: got [], expected an object"),
        ],
    )
    def test_inside_names_the_place(self, tmp_path, change, told):
        bench = sample.bench()
        change(bench)
        found = text(tmp_path, bench=bench)
        assert f"File not used. bench.json: damaged: {told}" in found or told in found

    def test_both_files(self, tmp_path):
        for name in ("report.json", "bench.json"):
            (tmp_path / name).write_text("{")
        found = text(tmp_path)
        assert found.count("File not used.") == 2
        assert "There are no results yet." in found

    def test_a_folder_in_place_of_a_file(self, tmp_path):
        (tmp_path / "bench.json").mkdir()
        assert "bench.json: cannot be read: Is a directory, expected a JSON file" in text(tmp_path)

    def test_odd_names_break_nothing(self, tmp_path):
        run, bench = sample.run(), sample.bench()
        odd_ones = ["\ud800", "\x00\x08", "$\\frac{", "a" * 5000, "]]>", "\u202e", "日本語"]
        for odd, comparison in zip(odd_ones, bench["comparisons"], strict=True):
            comparison["op"] = odd
            for one in comparison["candidates"][1:2]:
                one["name"] = odd
            bench["settings"][odd] = {odd: [odd]}
        run["reports"][0]["name"] = bench["scaling"][0]["op"] = bench["phases"][0]["op"] = "".join(odd_ones)
        found = text(tmp_path, run=run, bench=bench)
        assert found.count("\ufffd") > 3
        assert all(odd in found for odd in odd_ones[2:])


class TestStates:
    def test_incomplete_is_said_at_the_top(self, tmp_path):
        run, bench = sample.run(), sample.bench()
        run.update(complete=False, selected=[*run["selected"], "digits"])
        bench.update(complete=False, comparisons=bench["comparisons"][:4])
        found = text(tmp_path, run=run, bench=bench)
        assert "Parity: incomplete. The run was stopped before it finished. Not done: digits." in found
        assert "Not done: masked_attention, multi_head_batched and train_step." in found
        assert found.index("Speed: incomplete") < found.index("When")

    def test_incomplete_is_never_passed(self, tmp_path):
        found = text(tmp_path, bench=sample.bench() | {"complete": False, "passed": True})
        assert "Speed incomplete ." in found
        assert "passed ." not in found

    def test_passed(self, tmp_path):
        run = sample.run()
        run.update(passed=True, reports=run["reports"][:4], selected=run["selected"][:4])
        found = text(tmp_path, run=run)
        assert "Parity passed . The run is complete: attention, batched_attention" in found
        assert "All 96 comparisons of 4 operations passed ; the worst verdict is ROUNDING." in found

    def test_failed(self, whole):
        assert "Parity failed . The run is complete; 2 of 99 comparisons did not pass." in Text(whole).text
        assert "1 of 7 comparisons not timed, 2 of 21 candidates failed." in Text(whole).text


class TestSentences:
    @pytest.mark.parametrize(
        ("verdict", "ratio", "told"),
        [
            ("FASTER", 0.704, "torch.compile is 1.42 times as fast as jax.jit on it (1.41 to 1.43)."),
            ("SLOWER", 1.42, "jax.jit is 1.42 times as fast as torch.compile on it (1.41 to 1.43)."),
            ("SLOWER", 1.031, "jax.jit is 1.031 times as fast as torch.compile on it (1.021 to 1.041)."),
            ("SAME", 1.001, "torch.compile and jax.jit are equally fast on it (ratio 0.991 to 1.011)."),
            (
                "CANNOT TELL",
                1.01,
                "No clear difference between torch.compile and jax.jit on it (ratio 1.000 to 1.020): more time.",
            ),
        ],
    )
    def test_of_each_verdict(self, verdict, ratio, told):
        one = {"name": "torch.compile", "ratio": sample.ratio(ratio), "verdict": verdict, "advice": "more time"}
        found = results.compared(one, "jax.jit", "it")
        assert f"{found.before}{found.strong}{found.after}".replace("\u00a0", " ") == told

    def test_without_an_interval_nothing_is_claimed(self):
        one = {
            "name": "torch.compile",
            "verdict": "FASTER",
            "ratio": {"value": 0.5, "low": None, "high": None},
            "advice": "",
        }
        found = results.compared(one, "jax.jit", "it")
        assert found.strong == "No clear difference"

    def test_are_on_the_page(self, whole):
        found = Text(whole).text
        for told in (
            "torch.compile against jax.jit, of 7 comparisons: faster in 2, slower in 1, equally fast in 1, undecided in 1 "
            "and not timed in 2",
            "torch.compile is 1.42 times as fast as jax.jit on attention forward, float32 (1.39 to 1.45).",
            "Fastest: SDPA is 2.44 times as fast as jax.jit on attention forward, float32 (2.41 to 2.46).",
            "No clear difference between torch.compile and jax.jit on attention gradient (ratio 0.983 to 1.046)",
            "masked_attention forward was not timed : parity failed: SEMANTIC at out",
            "torch.compile failed on train_step forward: InductorError",
            "multi_head_batched forward, as T grows: torch.compile is faster above T = 527",
            "Of 360 held-out images, correct: jax 346 (96.11 %), torch 346 (96.11 %).",
        ):
            assert told in found, told

    def test_a_failed_candidate_is_never_told_as_fast(self):
        bench = sample.bench()
        for comparison in bench["comparisons"]:
            for one in comparison["candidates"]:
                if one["name"] != "jax.jit":
                    one.update(status="failed", ratio=None, seconds=None, verdict="", message="no compiler")
        told = [f"{s.before}{s.strong}{s.after}" for s in results.speed_sentences(shapes_of(bench))]
        assert not [sentence for sentence in told if "as fast as" in sentence or "equally" in sentence]
        assert sum("failed on" in sentence for sentence in told) == 6


def shapes_of(bench):
    from parity.report.page.schemas import BENCH

    return shapes.checked(bench, BENCH)


class TestTables:
    def test_parity_rows_are_those_of_the_terminal(self):
        """One for each operation, dtype and mode, with the worst finding: as parity.report.summary makes them."""
        from parity.judge.finding import Finding, Verdict
        from parity.judge.report import Report
        from parity.report.summary import summaries

        run = sample.run()
        reports = [
            Report(
                report["name"],
                tuple(
                    Finding(f["leaf"], f["dtype"], f["mode"], Verdict(f["verdict"]), error=float(f["error"]))
                    for f in report["findings"]
                ),
            )
            for report in run["reports"]
        ]
        expected = [
            (r.name, r.dtype, r.mode, str(r.comparisons), str(r.verdict), r.worst.leaf, r.error)
            for r in summaries(reports)
        ]
        table = verdicts.section(shaped_run(run)).tables[-1]
        found = [tuple(cell.text for cell in row) for row in table.rows]
        assert [tuple("0.0e+00" if cell == "0" else cell for cell in row) for row in found] == expected

    def test_a_word_that_is_no_verdict_fails(self):
        run = sample.run()
        run["reports"][0]["findings"][0]["verdict"] = "FINE"
        section = verdicts.section(shaped_run(run))
        assert section.tables[0].rows[0][2].text == "FINE"
        assert section.tables[-1].rows[0][4] == verdicts.Cell("FINE", tone="bad")

    def test_an_operation_without_findings_is_vacuous(self):
        run = sample.run()
        run["reports"][0]["findings"] = []
        row = verdicts.section(shaped_run(run)).tables[-1].rows[0]
        assert [cell.text for cell in row] == ["attention", "–", "–", "0", "VACUOUS", "–", "–"]

    def test_speed_has_a_row_for_everything(self):
        bench = shapes_of(sample.bench())
        table = speed.table(bench["comparisons"])
        candidates = [one for comparison in bench["comparisons"] for one in comparison["candidates"]]
        controls = sum(comparison["control"] is not None for comparison in bench["comparisons"])
        assert (len(candidates), controls) == (21, 6)
        assert len(table.rows) == len(candidates) + controls + 1  # one comparison was not timed at all
        assert {len(row) for row in table.rows} == {len(table.columns)}
        assert set(table.choices) == {
            "A/A control", "CANNOT TELL", "FASTER", "SAME", "SLOWER", "base", "failed", "not timed",
        }  # fmt: skip

    def test_speed_row_of_a_candidate(self):
        columns, rows = speed_rows(sample.bench())
        row = next(row for row in rows if row["Candidate"] == "torch.compile")
        assert columns[:3] == ["Comparison", "dtype", "Candidate"]
        assert row == {
            "Comparison": "attention forward", "dtype": "float32", "Candidate": "torch.compile", "Median time": "704 µs",
            "Ratio": "0.704", "Interval": "0.690 to 0.718", "Verdict": "FASTER", "Remarks": "", "Parity": "ROUNDING",
            "Sizes": "T 512, S 512, H 64, Hv 64", "FLOP/s": "185 GFLOP/s", "Bytes/s": "739 MB/s", "Share of limit": "49.9 %",
            "CPU/wall": "1.72", "Recompiled": "0", "Graph breaks": "0",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("candidate", "verdict", "remarks"),
        [
            ("flex_attention", "failed", "flex_attention: CPU backward is not implemented for float32"),
            ("–", "not timed", f"parity failed: SEMANTIC at out, rows without a key; {sample.ATTACK}"),
            ("jax.jit, again", "A/A control", ""),
            ("jax.jit", "base", ""),
        ],
    )
    def test_speed_rows_without_a_verdict_say_why(self, candidate, verdict, remarks):
        row = next(row for row in speed_rows(sample.bench())[1] if row["Candidate"] == candidate)
        assert (row["Verdict"], row["Remarks"]) == (verdict, remarks)

    def test_a_failure_without_a_message_is_said(self):
        bench = sample.bench()
        bench["comparisons"][0]["candidates"][-1]["message"] = ""
        row = next(row for row in speed_rows(bench)[1] if row["Candidate"] == "flex_attention")
        assert row["Remarks"] == "failed, no reason given"


def shaped_run(run):
    from parity.report.page.schemas import RUN

    return shapes.checked(run, RUN)


def speed_rows(bench):
    table = speed.table(shapes_of(bench)["comparisons"])
    columns = [column.label for column in table.columns]
    return columns, [dict(zip(columns, (cell.text for cell in row), strict=True)) for row in table.rows]


class TestInjection:
    def test_names_and_messages_are_text(self, tmp_path):
        run, bench = sample.run(), sample.bench()
        attack = f'"><img src=x onerror=alert(1)>{sample.ATTACK}</style></title></desc>'
        for comparison in bench["comparisons"]:
            comparison.update(op=attack, message=attack, dtype="float32")
            for one in comparison["candidates"]:
                one.update(message=attack, advice=attack, flags=[attack])
            comparison["candidates"][1:2] = [one | {"name": attack} for one in comparison["candidates"][1:2]]
        for entry in (*bench["scaling"], *bench["phases"]):
            entry["op"] = attack
        bench["scaling"][0]["summary"] = attack
        bench["settings"][attack] = bench["environment"]["processor"] = bench["started"] = attack
        run["reports"][0].update(name=attack)
        run["reports"][0]["findings"][0].update(leaf=attack, verdict=attack, message=attack)
        page = Text(html(tmp_path, run=run, bench=bench))
        assert "img" not in {tag for tag, _ in page.elements}
        assert sum(tag == "script" for tag, _ in page.elements) == 1
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
        assert attack in page.text

    def test_no_address_outside(self, whole):
        assert not re.findall(r"""(?:src|href)=["']?(?!#|data:,)[^"'>\s]+""", whole)
        assert "url(http" not in whole
        assert "@import" not in whole


def test_the_files_of_the_package_are_beside_it():
    folder = __import__("pathlib").Path(pages.__file__).parent
    assert {"template.html", "style.css", "script.js"} <= {path.name for path in folder.iterdir()}
    assert len((folder / "script.js").read_text().splitlines()) < 150


def test_json_of_the_sample_is_plain():
    assert json.loads(json.dumps(sample.run(), allow_nan=False)) == sample.run()
