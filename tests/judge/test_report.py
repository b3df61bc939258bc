"""The report as text and as JSON, whatever numbers are in it."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import Report
from parity.jobs.suite import Suite
from parity.judge import text
from parity.judge.finding import REPEATED, Cause, Finding, Verdict
from parity.judge.serialize import plain
from parity.report import summary, terminal
from parity.report.markdown import markdown

GOOD = Finding("out", "float64", "eager", Verdict.EXACT, error=0.0, message="bit-equal", size=6)
ROUNDED = replace(GOOD, dtype="float32", verdict=Verdict.ROUNDING, error=1e-7, message="as rounding does")
BAD = Finding(
    "grad/query",
    "float32",
    "compiled",
    Verdict.SEMANTIC,
    side="torch",
    causes=(Cause("sign", "ratio -1"), Cause("constant factor", "")),
    error=2.0,
    index=(1, 2),
    actual=1.0,
    expected=-1.0,
    truth=float("nan"),
    message="it does not scale as rounding does",
    mismatches=3,
    size=6,
)
NUMBERS = st.none() | st.floats() | st.complex_numbers() | st.integers() | st.booleans()
FINDINGS = st.builds(
    Finding,
    leaf=st.text(),
    dtype=st.sampled_from(["float64", "bfloat16"]),
    mode=st.just("eager"),
    verdict=st.sampled_from(list(Verdict)),
    side=st.sampled_from([None, "jax", "torch"]),
    causes=st.lists(st.builds(Cause, st.text(), st.text()), max_size=2).map(tuple),
    error=st.floats(),
    index=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)),
    actual=NUMBERS,
    expected=NUMBERS,
    truth=NUMBERS,
    message=st.text(),
    mismatches=st.integers(0, 9),
    size=st.integers(0, 9),
)


class TestJson:
    def test_schema(self):
        found = json.loads(Report("attention", (GOOD, BAD), {"python": "3.11"}).to_json())
        assert found["schema"] == "parity-report/1"
        assert (found["name"], found["verdict"], found["passed"]) == ("attention", "SEMANTIC", False)
        assert found["environment"] == {"python": "3.11"}
        assert set(found) == {
            "schema",
            "name",
            "verdict",
            "passed",
            "findings",
            "environment",
            "uninformative",
            "replay",
        }
        assert found["findings"][1] == {
            "leaf": "grad/query",
            "dtype": "float32",
            "mode": "compiled",
            "verdict": "SEMANTIC",
            "side": "torch",
            "causes": [{"name": "sign", "evidence": "ratio -1"}, {"name": "constant factor", "evidence": ""}],
            "error": 2.0,
            "index": [1, 2],
            "actual": 1.0,
            "expected": -1.0,
            "truth": "nan",
            "message": "it does not scale as rounding does",
            "mismatches": 3,
            "size": 6,
            "max_ulp": None,
            "regime": "unit",
            "warning": False,
            "notes": [],
        }

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (math.nan, "nan"),
            (math.inf, "inf"),
            (-math.inf, "-inf"),
            (1 + 2j, "(1+2j)"),
            (1.5, 1.5),
            (2**70, 2**70),
            (True, True),
            (None, None),
            (Verdict.EXACT, "EXACT"),
            ((1, math.nan), [1, "nan"]),
            ((), []),
            ([math.inf], ["inf"]),
            ({"x": {"y": math.nan}}, {"x": {"y": "nan"}}),
            (np.float32(0.5), 0.5),
            (np.float64("nan"), "nan"),
            (np.int64(3), 3),
            (np.bool_(True), True),
            (np.complex64(1j), "1j"),
            (Cause("sign", ""), {"name": "sign", "evidence": ""}),
        ],
    )
    def test_plain(self, value, expected):
        assert plain(value) == expected
        assert type(plain(value)) is type(expected)

    @given(st.lists(FINDINGS, max_size=3))
    def test_any_finding_can_be_read_again(self, findings):
        report = Report("x", tuple(findings))
        read = json.loads(report.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
        assert read["passed"] is report.passed
        assert len(read["findings"]) == len(findings)
        for found, finding in zip(read["findings"], findings, strict=True):
            assert set(found) == {field.name for field in fields(Finding)}
            assert found["leaf"] == finding.leaf
            assert found["verdict"] == finding.verdict
            if math.isfinite(finding.error):
                assert found["error"] == finding.error
            else:
                assert float(found["error"]) == finding.error or math.isnan(finding.error)

    def test_plain_finding_has_every_field(self):
        assert set(plain(GOOD)) == {field.name for field in fields(Finding)}


class TestText:
    def test_passed(self):
        assert str(Report("attention", (GOOD, ROUNDED))) == (
            "attention: ROUNDING in 2 comparisons\n  worst: out float32 eager: ROUNDING: as rounding does"
        )

    def test_one_comparison(self):
        assert str(Report("attention", (GOOD,))).startswith("attention: EXACT in 1 comparison\n")

    def test_nothing(self):
        assert str(Report("attention", ())) == "attention: VACUOUS: nothing was compared"

    def test_failed(self):
        milder = replace(BAD, leaf="out", verdict=Verdict.STABILITY, side=None, causes=(), message="worse")
        assert str(Report("attention", (GOOD, milder, BAD))).splitlines() == [
            "attention: SEMANTIC in 2 of 3 comparisons",
            "  grad/query float32 compiled: SEMANTIC (torch): sign: it does not scale as rounding does",
            "    cause: sign (ratio -1)",
            "    cause: constant factor",
            "    3 of 6 elements differ (50 %)",
            "    at [1, 2]: jax 1.0, torch -1.0, truth nan",
            "    differs in the 1st digit; smallest tolerance that would pass: 2.00e+00 of the leaf's largest magnitude",
            "  out float32 compiled: STABILITY: worse",
        ]

    def test_no_more_lines_than_can_be_read(self):
        many = tuple(replace(BAD, leaf=f"out/{i}") for i in range(text.MOST_LINES + 6))  # one of them in full
        lines = str(Report("x", many)).splitlines()
        assert lines[-1] == "  and 5 more; report.findings has them all"
        assert sum(line.startswith("  out/") for line in lines) == text.MOST_LINES + 1

    def test_what_follows_from_another_fault_is_counted_only(self):
        undecided = replace(BAD, verdict=Verdict.INCONCLUSIVE)
        shown = str(Report("x", (undecided, BAD, undecided)))
        assert "  2 more comparisons skipped: fix the failures above first." in shown
        assert "INCONCLUSIVE" not in shown

    def test_what_repeats_float64_is_counted_only(self):
        repeated = replace(BAD, dtype="float32", message=f"{REPEATED}; and so on")
        shown = str(Report("x", (BAD, repeated, repeated)))
        assert "  2 more comparisons in lower precision: as in float64." in shown
        assert "and so on" not in shown

    @pytest.mark.parametrize(
        ("actual", "expected", "error", "told"),
        [
            (-0.007156, -0.007625, 9.4e-3, "differs in the 2nd digit"),
            (1.0, 1.001, 1e-3, "differs in the 4th digit"),
            (9.5, 9.6, 1e-2, "differs in the 2nd digit"),
            (1e308, -1e308, 2.0, "differs in the 1st digit"),
            (5e-324, 0.0, 1.0, "differs in the 1st digit"),
            (math.nan, 1.0, math.inf, "differs in the 1st digit"),
            (3, None, 0.012, "differs in the 3rd digit"),
            (1.0, 1.0 + 1e-6, 1e-6, "8.39 units of float32, at most 9 ULP"),
        ],
    )
    def test_a_large_difference_is_a_digit_and_a_small_one_units(self, actual, expected, error, told):
        finding = replace(BAD, actual=actual, expected=expected, error=error, max_ulp=9)
        assert text.details(finding)[-1].startswith(f"    {told}; smallest tolerance that would pass: ")

    def test_units_without_an_absurd_ulp(self):
        """Of numbers that are zero but for rounding."""
        shown = text.details(replace(BAD, error=1e-7, max_ulp=9241137498250825592))[-1]
        assert shown.startswith("    0.839 units of float32; smallest")

    def test_what_could_not_fail_is_counted(self):
        silent = replace(GOOD, regime="wide", verdict=Verdict.VACUOUS)
        assert str(Report("x", (GOOD,), uninformative=(silent,))).endswith(
            "\n  1 comparison could not fail (saturated or all NaN), in regimes: wide"
        )

    def test_warnings(self):
        assert "  warning: out float64 eager: EXACT: unused" in str(
            Report("x", (replace(GOOD, warning=True, message="unused"),))
        )

    @given(st.lists(FINDINGS, min_size=1, max_size=4))
    def test_any_finding_has_words(self, findings):
        report = Report("x", tuple(findings))
        assert str(report).startswith(f"x: {report.verdict} in ")


class TestTable:
    def test_rows(self):
        rows = summary.summaries(
            [Report("a", (GOOD, replace(GOOD, leaf="grad/x", error=1e-16), ROUNDED)), Report("b", (BAD,))]
        )
        assert [(r.name, r.dtype, r.mode, r.comparisons, r.verdict, r.worst.leaf, r.error) for r in rows] == [
            ("a", "float64", "eager", 2, Verdict.EXACT, "grad/x", "1.0e-16"),
            ("a", "float32", "eager", 1, Verdict.ROUNDING, "out", "1.0e-07"),
            ("b", "float32", "compiled", 1, Verdict.SEMANTIC, "grad/query", "2.0e+00"),
        ]

    def test_the_worst_is_shown_though_its_error_is_not_a_number(self):
        unknown = replace(BAD, error=math.nan, verdict=Verdict.STRUCTURE)
        (row,) = summary.summaries([Report("a", (BAD, unknown, BAD))])
        assert (row.verdict, row.error) == (Verdict.STRUCTURE, "–")
        (row,) = summary.summaries([Report("a", (replace(GOOD, error=math.nan), replace(GOOD, leaf="x")))])
        assert row.worst.leaf == "x"

    def test_failures(self):
        assert summary.failures([Report("a", (GOOD, BAD)), Report("b", (GOOD,))]) == [
            "a: grad/query float32 compiled: SEMANTIC (torch): sign: it does not scale as rounding does"
        ]

    def test_terminal(self):
        from rich.console import Console

        console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
        console.print(terminal.table([Report("a", (GOOD, ROUNDED)), Report("b", (BAD,))]))
        terminal.print_failures(console, [Report("b", (replace(BAD, message="[red]not markup[/red]"),))])
        console.file.close()
        shown = console.export_text()
        for word in ("a", "b", "EXACT", "ROUNDING", "SEMANTIC", "1.0e-07", "[red]not markup[/red]"):
            assert word in shown

    @pytest.mark.parametrize(("width", "columns"), [(80, 5), (96, 6)])
    def test_nothing_is_cut_off(self, width, columns):
        from rich.console import Console

        leaf = "loss/grad/params/attention/query"
        reports = [
            Report(name, (replace(ROUNDED, leaf=leaf, dtype="bfloat16", mode="compiled"),))
            for name in ("attention", "attention_gradient", "blockwise_attention")
        ]
        console = Console(width=width)
        with console.capture() as capture:
            console.print(terminal.table(reports, width))
        shown = capture.get()
        assert "…" not in shown
        assert max(map(len, shown.splitlines())) <= width
        lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
        assert {len(line) for line in lines} == {columns}
        assert [line[0] for line in lines if line[0]] == ["attention", "attention_gradient", "blockwise_attention"]
        assert "".join(line[-2] for line in lines) == 3 * leaf

    def test_a_leaf_gets_the_columns_that_are_left(self):
        from rich.console import Console

        leaf = "grad/params/query/aa"  # 20: what 80 columns leave beside "attention"
        console = Console(width=80)
        with console.capture() as capture:
            console.print(terminal.table([Report("attention", (replace(ROUNDED, leaf=leaf),))], 80))
        assert leaf in capture.get()


class TestMarkdown:
    def test_states(self):
        good, bad = Report("a", (GOOD,), {"python": "3.11", "jax": {"version": "1"}}), Report("b", (BAD,))
        assert markdown(Suite(("a",), [good])).startswith("# parity run: PASSED\n")
        assert markdown(Suite(("a", "b"), [good, bad])).startswith("# parity run: FAILED\n")
        stopped = markdown(Suite(("a", "b", "c"), [good]))
        assert stopped.startswith("# parity run: INCOMPLETE\n")
        assert "Not done: b, c." in stopped
        assert markdown(Suite(())).startswith("# parity run: FAILED\n")

    def test_contents(self):
        shown = markdown(Suite(("a", "b"), [Report("a", (GOOD,)), Report("b", (BAD,), {"jax": {"version": "1.2"}})]))
        assert "| a | float64 | eager | 1 | EXACT | out | 0.0e+00 |" in shown
        assert "- b: grad/query float32 compiled: SEMANTIC (torch)" in shown
        assert "- jax: version 1.2" in shown
