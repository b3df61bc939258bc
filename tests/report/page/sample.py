"""A run and a bench as the page may get them: every verdict, failures, unknown numbers, a crossover."""

from __future__ import annotations

import json
import math

ATTACK = "<script>alert(1)</script>"
SIZES = {"T": 512, "S": 512, "H": 64, "Hv": 64}


def ratio(value, around=0.01):
    return {"value": value, "low": value * (1 - around), "high": value * (1 + around)}


def candidate(name, time, verdict="", *, base=1e-4, parity="ROUNDING", work=None, around=0.01, **entries):
    backend = "torch" if name in ("torch", "torch.compile", "SDPA", "flex_attention") else "jax"
    flops, moved = work or (1.3e8, 5.2e5)
    return {
        "name": name,
        "backend": backend,
        "mode": "eager" if name in ("jax", "torch") else "compiled",
        "status": "timed",
        "parity": parity,
        "message": "",
        "seconds": {"median": time, "q1": time * 0.96, "q3": time * 1.05, "least": time * 0.9},
        "ratio": ratio(1.0, 0.0) if name == "jax.jit" else ratio(time / base, around),
        "verdict": verdict,
        "advice": "",
        "cpu_per_wall": 1.72,
        "compilations": 1,
        "recompilations": 0,
        "graph_breaks": 0,
        "flags": [],
        "flops_per_s": flops / time,
        "bytes_per_s": moved / time,
        "share_of_limit": min(1.0, flops / time / 3.7e11),
        **entries,
    }


def failed(name, message, **entries):
    unknown = dict.fromkeys(
        ("seconds", "ratio", "cpu_per_wall", "compilations", "flops_per_s", "bytes_per_s", "share_of_limit")
    )
    return {**candidate(name, 1.0), "status": "failed", "message": message, "parity": "ERROR", **unknown, **entries}


def comparison(op, kind, candidates, *, dtype="float32", sizes=SIZES, work=(1.3e8, 5.2e5), **entries):
    return {
        "op": op,
        "kind": kind,
        "dtype": dtype,
        "sizes": sizes,
        "parity": {"passed": True, "verdict": "ROUNDING", "message": ""},
        "message": "",
        "base": "jax.jit",
        "control": {"of": "jax.jit", "ratio": ratio(1.001, 0.006)},
        "work": {"flops": work[0], "bytes": work[1]},
        "rounds": 412,
        "seconds": 2.9,
        "stopped": "precision",
        "candidates": candidates,
        **entries,
    }


def bench():
    """A new dict each time."""
    batched, heads, step = (1.1e9, 6.4e6), (4.3e9, 2.1e7), (5.2e6, 3.1e6)
    found = {
        "schema": "parity-bench/1",
        "complete": True,
        "passed": False,
        "started": "2026-11-24T20:40:00+00:00",
        "seconds": 251.3,
        "selected": ["attention", "batched_attention", "masked_attention", "multi_head_batched", "train_step"],
        "settings": {
            "device": "cpu",
            "threads": 2,
            "cache": "warm",
            "confidence": 0.99,
            "precision": 0.01,
            "margin": 0.015,
            "budget_s": 3.0,
            "matmul_precision": "highest",
            "donation": "none",
            "compilers": 'jax.jit; torch.compile(fullgraph=True, dynamic=False, mode="default")',
        },
        "environment": {
            "python": "3.11.7",
            "machine": "x86_64",
            "processor": "Example 2.1 GHz",
            "cores": 2,
            "load": [0.21, 1.94],
            "commit": "ba50412",
            "packages": {"numpy": "2.4.6", "ml_dtypes": "0.6.0", "optree": "0.20.0"},
            "jax": {"version": "0.10.2", "devices": ["cpu:0"], "threads": 2},
            "torch": {"version": "2.13.0+cpu", "devices": ["cpu"], "threads": 2},
        },
        "limits": {
            "float32": {"flops_per_s": 3.7e11, "bytes_per_s": 2.8e10, "measured_by": "torch"},
            "bfloat16": {
                "flops_per_s": 1.1e11,
                "bytes_per_s": 2.8e10,
                "measured_by": {"flops": "jax", "bytes": "torch"},
            },
        },
        "comparisons": [
            comparison(
                "attention",
                "forward",
                [
                    candidate("jax.jit", 1e-3),
                    candidate("jax", 1.9e-3, "SLOWER", base=1e-3),
                    candidate("torch", 9.7e-4, "CANNOT TELL", base=1e-3, around=0.045, advice="more time: --budget 12"),
                    candidate("torch.compile", 7.04e-4, "FASTER", base=1e-3, around=0.02),
                    candidate("jax.nn.dot_product_attention", 1.004e-3, "SAME", base=1e-3, around=0.004),
                    candidate("SDPA", 4.1e-4, "FASTER", base=1e-3),
                    failed("flex_attention", "flex_attention: CPU backward is not implemented for float32"),
                ],
            ),
            comparison(
                "attention",
                "gradient",
                [
                    candidate("jax.jit", 2.8e-3, work=(3.9e8, 1.3e6)),
                    candidate("jax", 9.6e-3, "SLOWER", base=2.8e-3, work=(3.9e8, 1.3e6)),
                    candidate(
                        "torch.compile",
                        2.84e-3,
                        "CANNOT TELL",
                        base=2.8e-3,
                        around=0.031,
                        work=(3.9e8, 1.3e6),
                        advice="a quieter machine; load was 1.94",
                        flags=["recompiled 2 times while timed"],
                        recompilations=2,
                    ),
                ],
                work=(3.9e8, 1.3e6),
                stopped="budget",
            ),
            comparison(
                "attention",
                "forward",
                [
                    candidate("jax.jit", 2.2e-3),
                    candidate("torch.compile", 2.19e-3, "SAME", base=2.2e-3, around=0.005),
                ],
                dtype="bfloat16",
                work=(1.3e8, 2.6e5),
            ),
            comparison(
                "batched_attention",
                "forward",
                [
                    candidate("jax.jit", 6.1e-3, work=batched),
                    candidate("torch", 1.1e-2, "SLOWER", base=6.1e-3, work=batched),
                    candidate("torch.compile", 8.9e-3, "SLOWER", base=6.1e-3, work=batched, graph_breaks=1),
                ],
                sizes={"B": 8, "T": 256, "S": 256, "H": 64, "Hv": 64},
                work=batched,
            ),
            comparison(
                "masked_attention",
                "forward",
                [],
                parity={"passed": False, "verdict": "SEMANTIC", "message": ""},
                message=f"parity failed: SEMANTIC at out, rows without a key; {ATTACK}",
                control=None,
                base=None,
                rounds=None,
                seconds=None,
                stopped=None,
            )
            | {"work": None},
            comparison(
                "multi_head_batched",
                "forward",
                [
                    candidate("jax.jit", 2.1e-2, work=heads),
                    candidate("torch", 2.4e-2, "SLOWER", base=2.1e-2, work=heads),
                    candidate("torch.compile", 1.5e-2, "FASTER", base=2.1e-2, work=heads),
                ],
                sizes={"B": 2, "T": 512, "S": 512, "D": 256, "N": 8},
                work=heads,
            ),
            comparison(
                "train_step",
                "forward",
                [
                    candidate("jax.jit", 2.3e-4, work=step),
                    candidate("jax", 5.1e-3, "SLOWER", base=2.3e-4, work=step),
                    failed("torch.compile", "InductorError: CppCompileError: g++ is not installed"),
                ],
                sizes={"B": 16, "T": 8, "D": 24, "N": 4},
                work=step,
            ),
        ],
        "phases": [
            phase("jax", "attention", 0.31, 0.08, 0.002, 1e-3),
            phase("torch", "attention", 6.4, 0.71, 0.004, 7.04e-4, memory=58_700_000),
            phase("jax", "multi_head_batched", 0.44, 0.11, 0.024, 2.1e-2, memory=1_230_000_000),
            phase("torch", "multi_head_batched", 9.8, 0.92, 0.019, 1.5e-2),
            phase("jax", "train_step", 0.52, 0.12, 0.001, 2.3e-4),
            phase("torch", "train_step", None, None, None, None, "CppCompileError: g++ is not installed", memory=None),
        ],
        "scaling": [
            scaling("multi_head_batched", "T", [64, 128, 256, 512, 1024, 2048], (1.2e-3, 1.9), (3.1e-3, 1.45)),
            scaling("train_step", "B", [8, 16, 32, 64, 128], (1.9e-4, 0.9), (2.6e-4, 0.95), broken=128),
        ],
    }
    return json.loads(json.dumps(found))


def phase(backend, op, cold, warm, first, steady, message="", memory=41_200_000):
    starts = {"jax": (0.41, 0.05), "torch": (1.62, 0.3)}[backend]
    return {
        "backend": backend,
        "op": op,
        "kind": "forward",
        "dtype": "float32",
        "import_s": starts[0],
        "start_s": starts[1],
        "cold_s": cold,
        "warm_s": warm,
        "first_call_s": first,
        "steady_s": steady,
        "peak_bytes": memory,
        "message": message,
    }


def scaling(op, axis, sizes, jax, torch, broken=None):
    """`jax` and `torch`: seconds at the first size, exponent."""
    points = []
    for size in sizes:
        times = {
            name: start * (size / sizes[0]) ** power * (1 + 0.04 * math.sin(size))
            for name, (start, power) in (("jax.jit", jax), ("torch.compile", torch))
        }
        if size == broken:
            del times["torch.compile"]
            points.append({"size": size, "seconds": times, "ratio": None, "verdict": "", "message": "out of memory"})
        else:
            value = times["torch.compile"] / times["jax.jit"]
            verdict = "SLOWER" if value > 1 else "FASTER"
            points.append({"size": size, "seconds": times, "ratio": ratio(value), "verdict": verdict, "message": ""})
    crossing = sizes[0] * (torch[0] / jax[0]) ** (1 / (jax[1] - torch[1]))
    crosses = sizes[0] < crossing < sizes[-1]
    return {
        "op": op,
        "kind": "forward",
        "dtype": "float32",
        "axis": axis,
        "fixed": {"B": 2, "D": 256, "N": 8},
        "points": points,
        "exponents": {
            "jax.jit": {"value": jax[1], "low": jax[1] - 0.2, "high": jax[1] + 0.2, "sizes": [sizes[1], sizes[-1]]},
            "torch.compile": None
            if broken
            else {"value": torch[1], "low": torch[1] - 0.1, "high": torch[1] + 0.1, "sizes": [sizes[1], sizes[-1]]},
        },
        "crossovers": [{"size": crossing, "faster_above": "torch.compile"}] if crosses else [],
        "summary": f"torch.compile is faster above {axis} = {crossing:.0f}"
        if crosses
        else "jax.jit is faster at every size",
    }


def finding(leaf, dtype, mode, verdict, error, message="", **entries):
    return {
        "leaf": leaf,
        "dtype": dtype,
        "mode": mode,
        "verdict": verdict,
        "side": None,
        "causes": [],
        "error": error,
        "index": [1, 0],
        "actual": -0.36,
        "expected": -0.36,
        "truth": -0.36,
        "message": message,
        "mismatches": 2,
        "size": 10,
        "max_ulp": 1,
        "regime": "unit",
        "warning": False,
        **entries,
    }


def run():
    """A new dict each time; one operation fails and bears a name that must not become an element."""
    errors = {"float64": 3.7e-16, "float32": 2.0e-7, "bfloat16": 6.5e-3}
    reports = []
    for name in ("attention", "batched_attention", "multi_head_batched", "train_step"):
        findings = [
            finding(
                leaf, dtype, mode, "ROUNDING", error * (1 + 0.3 * (mode == "compiled")) * (2 if "grad" in leaf else 1)
            )
            for mode in ("eager", "compiled")
            for dtype, error in errors.items()
            for leaf in ("out", "grad/query", "grad/key", "grad/value")
        ]
        reports.append(report(name, findings))
    cause = {"name": "mask polarity", "evidence": "True means keep"}
    broken = [
        finding(
            "out",
            "float64",
            "eager",
            "SEMANTIC",
            0.31,
            "it does not scale as rounding does",
            side="torch",
            causes=[cause],
        ),
        finding("out", "float32", "eager", "INCONCLUSIVE", "nan", "float64 differs already"),
        finding("out", "float64", "compiled", "EXACT", 0.0),
    ]
    reports.append(report(ATTACK, broken))
    losses = [2.57 * math.exp(-step / 90) + 0.11 + 0.008 * math.sin(step * step) for step in range(500)]
    apart = [loss + 4e-16 * math.sin(step) * step for step, loss in enumerate(losses)]
    return {
        "schema": "parity-run/1",
        "complete": True,
        "passed": False,
        "selected": [report["name"] for report in reports],
        "reports": reports,
        "training": {
            "images": 360,
            "accuracy": {"jax": 346 / 360, "torch": 346 / 360},
            "losses": {"jax": losses, "torch": apart},
        },
    }


def report(name, findings):
    return {
        "schema": "parity-report/1",
        "name": name,
        "findings": findings,
        "environment": _environment(),
        "replay": "",
    }


def _environment():
    return {
        "python": "3.11.7",
        "machine": "x86_64",
        "packages": {"numpy": "2.4.6"},
        "jax": {"version": "0.10.2", "devices": ["cpu:0"], "XLA_FLAGS": ""},
        "torch": {"version": "2.13.0+cpu", "devices": ["cpu"], "tf32": False},
    }


def write(folder, *, run=None, bench=None):
    """The given dicts as the files of a folder."""
    for name, content in (("report.json", run), ("bench.json", bench)):
        if content is not None:
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder
