"""The result of a benchmark for people: terminal and Markdown."""

from __future__ import annotations

import pytest
from rich.console import Console

from parity.bench.regressions import Change
from parity.bench.timing.interval import Estimate
from parity.report import speed
from parity.report.speed_markdown import markdown

RATIO = {"value": 0.831, "low": 0.82, "high": 0.844}


def row(name, status="timed", **changes):
    timed = status == "timed"
    return {
        "name": name,
        "status": status,
        "message": "" if timed else "it hung",
        "seconds": {"median": 1.5e-3} if timed else None,
        "ratio": RATIO if timed else None,
        "verdict": "FASTER" if timed else "",
        "advice": "",
        "flags": [],
        **changes,
    }


def comparison(*rows, **changes):
    base = {"op": "attention", "kind": "forward", "dtype": "float32", "message": ""}
    control = {"of": "jax.jit", "ratio": {"value": 1.0, "low": 0.99, "high": 1.012}}
    return {**base, "candidates": rows, "control": control, **changes}


GOOD = comparison(row("jax"), row("jax.jit"), row("torch"), row("torch.compile"), row("flex_attention", "failed"))
SWEEP = {
    "op": "train_step",
    "kind": "forward",
    "dtype": "float32",
    "axis": "T",
    "exponents": {"jax.jit": {"value": 1.9, "low": 1.8, "high": 2.0}, "torch.compile": None},
    "summary": "torch.compile is faster above T = 230",
}
PHASES = {
    "backend": "jax",
    "op": "attention",
    "kind": "gradient",
    "dtype": "bfloat16",
    "import_s": 0.41,
    "start_s": 0.05,
    "cold_s": 0.31,
    "warm_s": None,
    "first_call_s": 0.002,
    "steady_s": 1e-4,
    "peak_bytes": 3 * 2**20,
}
BENCH = {
    "complete": True,
    "comparisons": [GOOD],
    "scaling": [SWEEP],
    "phases": [PHASES],
    "settings": {"threads": 2, "device": "cpu", "compilers": "jax.jit; torch.compile", "confidence": 0.99},
    "environment": {
        "processor": "P",
        "jax": {"version": "1"},
        "torch": {"version": "2"},
        "load": [0, 0, 0],
        "cores": 2,
    },
}


def test_cells():
    assert speed.cells(GOOD) == (
        *("attention", "1.50 ms", "1.50 ms", "1.50 ms", "1.50 ms", "0.83 (0.82–0.84)", "FASTER", "± 1.2 %"),
    )


def test_a_failed_side_has_no_time_and_no_verdict():
    found = speed.cells(comparison(row("jax.jit"), row("torch.compile", "failed")))
    assert found[2:7] == ("1.50 ms", "", "failed", "–", "failed")
    nothing = comparison(message="failed parity", control=None)
    assert speed.cells(nothing)[1:] == ("", "", "", "", "–", "failed", "–")


def test_too_few_rounds_have_no_interval():
    unknown = {"value": 0.831, "low": None, "high": None}
    assert speed.interval(unknown) == "0.83 (?)"
    assert speed.reach(unknown) == "–"


def test_remarks_tell_what_failed_what_is_doubtful_and_what_would_help():
    doubtful = comparison(
        row("jax.jit", flags=["compiled 1 times more while it was timed"]),
        row("torch.compile", verdict="CANNOT TELL", advice="about --budget 7 would tell"),
        row("torch", "failed"),
    )
    assert speed.remarks([doubtful, comparison(kind="gradient", message="failed parity: SEMANTIC")]) == [
        "attention, jax.jit: compiled 1 times more while it was timed",
        "attention, torch: it hung",
        "attention: about --budget 7 would tell",
        "attention + gradient: failed parity: SEMANTIC",
    ]


@pytest.mark.parametrize(("load", "warned"), [([0.3, 1.9], False), ([1.2], True), ([], False)])
def test_other_programs_are_told_of(load, warned):
    words = speed.disturbed({"load": load, "cores": 2})
    assert bool(words) == warned
    page = markdown({**BENCH, "environment": BENCH["environment"] | {"load": load}})
    assert ("the load was 1.2 on 2 processors" in page) == warned


def shown(*tables, width=80):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for table in tables:
        console.print(table)
    console.file.close()
    return console.export_text()


def test_the_table_fits_80_columns():
    text = shown(speed.table([GOOD]))
    for words in ("attention", "0.83 (0.82–0.84)", "FASTER", "± 1.2 %"):
        assert words in text
    assert "…" not in text


def test_details():
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    speed.print_details(console, BENCH)
    console.file.close()
    text = console.export_text()
    assert "train_step over T: torch.compile is faster above T = 230 (jax.jit ~ T^1.90)" in text
    assert "attention, flex_attention: it hung" in text


def changes(*found):
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    speed.print_changes(console, found)
    console.file.close()
    return console.export_text()


def test_changes():
    text = changes(
        Change("attention forward", "jax.jit", Estimate(1.3, 1.2, 1.4), "SLOWER"),
        Change("attention forward", "torch", None, "LOST", "it hung"),
        Change("attention gradient", "jax.jit", Estimate(1.0, 0.99, 1.01), "SAME"),
        Change("train_step forward", "jax.jit", Estimate(1.0, 0.8, 1.25), "CANNOT TELL"),
    )
    for words in ("1.30 (1.20–1.40)", "SLOWER", "LOST", "it hung"):
        assert words in text
    assert "gradient" not in text
    assert "train_step" not in text
    assert "of 4 candidates: 1 SLOWER, 1 SAME, 1 CANNOT TELL, 1 LOST" in text
    assert "CANNOT TELL: the median interval is ± 22 %" in text


def test_without_changes_there_is_no_table():
    text = changes(Change("attention forward", "jax.jit", Estimate(1.0, 0.99, 1.01), "SAME"))
    assert text == "since the earlier run, of 1 candidate: 1 SAME\n"


def test_markdown():
    page = markdown(BENCH)
    assert page.startswith("# parity bench\n")
    assert "P, 2 threads, cpu, jax 1, torch 2." in page
    assert "| attention | 1.50 ms | 1.50 ms | 1.50 ms | 1.50 ms | 0.83 (0.82–0.84) | FASTER | ± 1.2 % |" in page
    assert "| attention | flex_attention | failed | – | failed |" in page
    assert "| train_step | T | 1.90 (1.80–2.00) | – | torch.compile is faster above T = 230 |" in page
    assert "| jax | attention + gradient, bfloat16 | 410 ms | 50.0 ms | 310 ms | – | 2.00 ms | 3.0 MiB |" in page
    assert "- attention, flex_attention: it hung" in page


def test_an_incomplete_run_says_so_and_a_pipe_breaks_no_table():
    bad = comparison(row("a|b"))
    page = markdown({**BENCH, "complete": False, "comparisons": [bad], "environment": {}})
    assert page.startswith("# parity bench: INCOMPLETE\n")
    assert "| attention | a\\|b |" in page
