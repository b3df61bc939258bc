"""The entries of `report.json` and `bench.json` that the page reads."""

from __future__ import annotations

from parity.report.page.shapes import ANYTHING, ERROR, FLAG, NUMBER, POSITIVE, TEXT, Each, Maybe

RUN_SCHEMA, BENCH_SCHEMA = "parity-run/1", "parity-bench/1"

RUN = {
    "complete": FLAG,
    "passed": FLAG,
    "selected": Each(TEXT, list),
    "reports": Each(
        {
            "name": TEXT,
            "findings": Each(
                {
                    "leaf": TEXT,
                    "dtype": TEXT,
                    "mode": TEXT,
                    "verdict": TEXT,
                    "error": ERROR,
                    "message": TEXT,
                    "side": Maybe(TEXT),
                    "regime": Maybe(TEXT),
                    "causes": Maybe(Each({"name": TEXT}, list)),
                },
                list,
            ),
            "environment": Each(ANYTHING, dict),
        },
        list,
    ),
    "training": Maybe({"images": NUMBER, "accuracy": Each(NUMBER, dict), "losses": Each(Each(NUMBER, list), dict)}),
}

# Too few rounds give a ratio without an interval, or none.
_RATIO = Maybe({"value": POSITIVE, "low": Maybe(POSITIVE), "high": Maybe(POSITIVE)}, needs="value")
_SUBJECT = {"op": TEXT, "kind": TEXT, "dtype": TEXT}
_RATES = ("cpu_per_wall", "recompilations", "graph_breaks", "flops_per_s", "bytes_per_s", "share_of_limit")
_CANDIDATE = {
    "name": TEXT,
    "backend": TEXT,
    "mode": TEXT,
    "status": TEXT,
    "parity": Maybe(TEXT),
    "message": Maybe(TEXT),
    "seconds": Maybe({"median": NUMBER}),
    "ratio": _RATIO,
    "verdict": Maybe(TEXT),
    "advice": Maybe(TEXT),
    "flags": Maybe(Each(TEXT, list)),
    **dict.fromkeys(_RATES, Maybe(NUMBER)),
}
_PHASES = ("import_s", "start_s", "cold_s", "warm_s", "first_call_s", "steady_s", "peak_bytes")

BENCH = {
    "complete": FLAG,
    "passed": FLAG,
    "started": Maybe(TEXT),
    "seconds": Maybe(NUMBER),
    "selected": Each(TEXT, list),
    "settings": Each(ANYTHING, dict),
    "environment": Each(ANYTHING, dict),
    "limits": Each(
        {"flops_per_s": Maybe(POSITIVE), "bytes_per_s": Maybe(POSITIVE), "measured_by": Maybe(ANYTHING)}, dict
    ),
    "comparisons": Each(
        {
            **_SUBJECT,
            "sizes": Each(NUMBER, dict),
            "parity": Maybe({"passed": FLAG, "verdict": TEXT, "message": Maybe(TEXT)}),
            "message": Maybe(TEXT),
            "base": Maybe(TEXT),
            "control": Maybe({"of": TEXT, "ratio": _RATIO}),
            "work": Maybe({"flops": Maybe(NUMBER), "bytes": Maybe(NUMBER)}),
            "candidates": Each(_CANDIDATE, list),
        },
        list,
    ),
    "phases": Each(
        {"backend": TEXT, **_SUBJECT, **dict.fromkeys(_PHASES, Maybe(NUMBER)), "message": Maybe(TEXT)}, list
    ),
    "scaling": Each(
        {
            **_SUBJECT,
            "axis": TEXT,
            "fixed": Each(NUMBER, dict),
            "points": Each(
                {
                    "size": POSITIVE,
                    "seconds": Each(Maybe(POSITIVE), dict),
                    "ratio": _RATIO,
                    "verdict": Maybe(TEXT),
                    "message": Maybe(TEXT),
                },
                list,
            ),
            "exponents": Each(
                Maybe(
                    {"value": NUMBER, "low": Maybe(NUMBER), "high": Maybe(NUMBER), "sizes": Maybe(Each(POSITIVE, list))}
                ),
                dict,
            ),
            "crossovers": Each({"size": POSITIVE}, list),
            "summary": Maybe(TEXT),
        },
        list,
    ),
}
