"""`docs/transforms.md`: every cell in both frameworks side by side, from the tested sources and a run's JSON.

python -m parity.transforms.page            writes the page anew, with the verdicts of docs/transforms.json
python -m parity.transforms.page --check    fails if the page is not what these give
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from parity.processes.files import write
from parity.transforms.catalogue import CELLS, GROUPS, TransformCell

DOCS = Path(__file__).parents[2] / "docs"
_TITLES = {
    "jit": "`jax.jit` and `torch.compile`",
    "vmap": "`jax.vmap` and `torch.vmap`",
    "grad": "`jax.grad` and `torch.func.grad`, and their relatives",
    "compositions": "Compositions",
}
_REMARKS = {
    "jit": (
        "Every compiled cell is called twice and counted: the first call compiles (torch: exactly one graph, fullgraph), the",
        "second compiles nothing and runs no Python. Bit for bit, compiled JAX on a CPU: `parity strict`.",
        "",
    ),
}
CUSTOM_RULE = "impl_jax.blockwise_attention:_backward", "impl_torch.blockwise_attention:_Attention"
_JAX, _TORCH = "parity.transforms.{}.in_jax:{}", "parity.transforms.{}.in_torch:{}"
MEASURED = {
    group: (title, [(_JAX.format(group, jax), _TORCH.format(group, torch)) for jax, torch in pairs])
    for group, title, pairs in (
        ("checkpoint", "Checkpointing", [("deep", "deep")]),
        (
            "devices",
            "Many devices",
            [
                ("data_parallel_shard_map", "data_parallel_ddp"),
                ("data_parallel_named_sharding", "data_parallel_fsdp2"),
                ("heads_shard_map", "heads_all_gather"),
            ],
        ),
    )
}


def source(side: str, cell: TransformCell) -> str:
    """The code of the cell as it is tested, without its annotations."""
    module = importlib.import_module(f"parity.transforms.in_{side}.{cell.group}")
    text = inspect.getsource(getattr(module, cell.function))
    text = re.sub(r"(: (Callable\[\.\.\., Any\]|list\[Any\]|Any|str|torch\.Tensor))(?=[,)]| =)", "", text)
    return re.sub(r" -> (Any|torch\.Tensor):", ":", text).replace("  # type: ignore[call-arg]", "").rstrip()


def page(report: dict[str, Any]) -> str:
    """The whole page."""
    lines = [
        "# Transformations side by side",
        "",
        "Written by `python -m parity.transforms.page`: the code is that of `parity/transforms/in_jax` and `in_torch`, which",
        "`parity transforms` runs; the verdicts are those of `transforms.json`. `f` maps arrays by name to arrays by name;",
        "`loss` is a smooth scalar of its outputs; the rest is in `parity/transforms/fixtures.py`. Every cell is compared",
        "across the frameworks in float64, and held to an identity inside each.",
        "",
        _headline(report),
        "",
        *_legend(report),
    ]
    for group in GROUPS:
        lines += [f"## {_TITLES[group]}", "", *_REMARKS.get(group, ())]
        for cell in CELLS:
            if cell.group == group:
                lines += _section(cell, report)
    lines += ["## A gradient rule of one's own", "", *_side_by_side(*CUSTOM_RULE), *_custom_rule(report), ""]
    for group, (title, pairs) in MEASURED.items():
        lines += [f"## {title}", ""]
        for jax, torch in pairs:
            lines += _side_by_side(jax, torch)
        lines += [*_measured(group, report), ""]
    return "\n".join(lines).rstrip() + "\n"


def _side_by_side(*places: str) -> list[str]:
    """The code that `module:name` means, one place for each framework, with the names as headings."""
    names = [place.partition(":")[2] for place in places]
    code = []
    for place, name in zip(places, names, strict=True):
        found = getattr(importlib.import_module(place.partition(":")[0]), name)
        code.append(f"<td>\n\n```python\n{inspect.getsource(inspect.unwrap(found)).rstrip()}\n```\n\n</td>")
    title = " and ".join(f"`{name}`" for name in dict.fromkeys(names))
    return [f"### {title}", "", "<table>\n<tr><th>JAX</th><th>PyTorch</th></tr>\n<tr>", *code, "</tr>\n</table>", ""]


def _custom_rule(report: dict[str, Any]) -> list[str]:
    """The operation with a rule of its own is a column of the whole matrix above."""
    found = Counter(o["verdict"] for o in report["outcomes"] if o["op"] == "blockwise_attention")
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items()))
    return [f"`blockwise_attention` in all cells above: {told or 'not in the run'}."]


def _measured(group: str, report: dict[str, Any]) -> list[str]:
    found = [outcome for outcome in report["outcomes"] if outcome["group"] == group]
    if not found:
        return ["Not in the run."]
    lines = ["| cell | of | verdict | measured |", "|---|---|---|---|"]
    return lines + [f"| {o['cell']} | {o['op']} | {o['verdict']} | {o['message']} |" for o in found]


def _headline(report: dict[str, Any]) -> str:
    rows = len({outcome["op"] for outcome in report["outcomes"]})
    versions = ", ".join(f"{side} {report['environment'][side]['version']}" for side in ("jax", "torch"))
    return (
        f"{report['cells']} cells of {rows} rows in {report['seconds']:.0f} s ({report['cells_per_second']} a second) "
        f"with {versions}; verdict {report['verdict']}."
    )


def _legend(report: dict[str, Any]) -> list[str]:
    reasons = Counter((one["op"], one["reason"]) for one in report["left_out"])
    if not reasons:
        return []
    lines = ["Left out, since it makes no sense there:", ""]
    return [*lines, *(f"- {op}: {reason} ({count} cells)" for (op, reason), count in sorted(reasons.items())), ""]


def _section(cell: TransformCell, report: dict[str, Any]) -> list[str]:
    code = [f"<td>\n\n```python\n{source(side, cell)}\n```\n\n</td>" for side in ("jax", "torch")]
    return [
        f"### {cell.name}",
        "",
        f"{cell.shows[:1].upper()}{cell.shows[1:]}."
        if not cell.shows.startswith("=")
        else f"Equal to: {cell.shows[2:]}.",
        "",
        "<table>\n<tr><th>JAX</th><th>PyTorch</th></tr>\n<tr>",
        *code,
        "</tr>\n</table>",
        "",
        *_verdicts(cell, report),
        "",
    ]


def _verdicts(cell: TransformCell, report: dict[str, Any]) -> list[str]:
    found = [o for o in report["outcomes"] if (o["group"], o["cell"]) == (cell.group, cell.name)]
    if not found:
        return ["Not in the run."]
    lines = []
    for verdict in dict.fromkeys(outcome["verdict"] for outcome in found):
        same = [outcome for outcome in found if outcome["verdict"] == verdict]
        names = ", ".join(outcome["op"] for outcome in same)
        largest = max(outcome["error"] or 0.0 for outcome in same)
        size = f" (differences up to {largest:.1e})" if verdict == "ROUNDING" else ""
        lines.append(f"- **{verdict}**{size}: {names}")
        if verdict not in ("EXACT", "ROUNDING"):
            lines += [f"  - {message}" for message in dict.fromkeys(outcome["message"] for outcome in same)]
    return lines


def main(arguments: list[str]) -> int:
    """The exit code: 1 if `--check` finds another page than the sources and the JSON give."""
    file = DOCS / "transforms.md"
    expected = page(json.loads((DOCS / "transforms.json").read_text(encoding="utf-8")))
    if arguments == ["--check"]:
        if file.exists() and file.read_text(encoding="utf-8") == expected:
            return 0
        print(f"{file} is not what the sources and transforms.json give; run: python -m parity.transforms.page")
        return 1
    write(file, expected)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
