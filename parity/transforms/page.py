"""Generates `docs/transforms.md`: every cell in both frameworks side by side, from the tested sources and a run's JSON.

python -m parity.transforms.page            writes the page, with the verdicts of docs/transforms.json
python -m parity.transforms.page --check    fails if the page is not up to date
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parity.processes.files import write
from parity.sides import JAX, LABELS, SIDES
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
        "Each compiled cell is called twice and its compilations are counted: the first call compiles (in torch exactly one",
        "graph, with `fullgraph`), the second compiles nothing and runs no Python. `parity strict` compares compiled JAX with",
        "eager JAX bit for bit.",
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


def function(side: str, cell: TransformCell) -> Callable[..., Any]:
    """The function of the cell in one framework."""
    module = importlib.import_module(f"parity.transforms.in_{side}.{cell.group}")
    return getattr(module, cell.function)


def source(side: str, cell: TransformCell) -> str:
    """The code of the cell as it is tested, without annotations and docstring."""
    text = re.sub(r'^    """.*"""\n\n?', "", inspect.getsource(function(side, cell)), count=1, flags=re.MULTILINE)
    text = re.sub(r"(: (Callable\[\.\.\., Any\]|list\[Any\]|Any|str|torch\.Tensor))(?=[,)]| =)", "", text)
    return re.sub(r" -> (Any|torch\.Tensor):", ":", text).replace("  # type: ignore[call-arg]", "").rstrip()


def page(report: dict[str, Any]) -> str:
    """The whole page in Markdown, from the content of `transforms.json`."""
    lines = [
        "# Transformations side by side",
        "",
        "`python -m parity.transforms.page` generates this page from the code that `parity transforms` runs",
        "(`parity/transforms/in_jax` and `in_torch`) and from the verdicts of a run (`transforms.json`). `f` maps arrays by",
        "name to arrays by name, `loss` is a smooth scalar of its outputs; `parity/transforms/fixtures.py` explains the other",
        "parameters. Each cell is compared across the frameworks in float64 and checked against an identity inside each.",
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
    lines += ["## Custom gradients", "", *_side_by_side(*CUSTOM_RULE), *_custom_rule(report), ""]
    for group, (title, pairs) in MEASURED.items():
        lines += [f"## {title}", ""]
        for jax, torch in pairs:
            lines += _side_by_side(jax, torch)
        lines += [*_measured(group, report), ""]
    return "\n".join(lines).rstrip() + "\n"


def _side_by_side(*places: str) -> list[str]:
    """The code of `module:name`, one for each framework, under the names as heading."""
    names = [place.partition(":")[2] for place in places]
    modules = [importlib.import_module(place.partition(":")[0]) for place in places]
    objects = [getattr(module, name) for module, name in zip(modules, names, strict=True)]
    title = " and ".join(f"`{name}`" for name in dict.fromkeys(names))
    return [f"### {title}", "", *_table(*(inspect.getsource(inspect.unwrap(code)).rstrip() for code in objects))]


def _table(*sources: str) -> list[str]:
    headings = "".join(f"<th>{LABELS[side]}</th>" for side in SIDES)
    code = [f"<td>\n\n```python\n{source}\n```\n\n</td>" for source in sources]
    return [f"<table>\n<tr>{headings}</tr>\n<tr>", *code, "</tr>\n</table>", ""]


def _custom_rule(report: dict[str, Any]) -> list[str]:
    """The operation with custom gradients has a column of its own in the matrix above."""
    counts = Counter(o["verdict"] for o in report["outcomes"] if o["op"] == "blockwise_attention")
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return [f"`blockwise_attention` in all cells above: {verdicts or 'not in the run'}."]


def _measured(group: str, report: dict[str, Any]) -> list[str]:
    outcomes = [outcome for outcome in report["outcomes"] if outcome["group"] == group]
    if not outcomes:
        return ["Not in the run."]
    lines = ["| cell | of | verdict | measured |", "|---|---|---|---|"]
    return lines + [f"| {o['cell']} | {o['op']} | {o['verdict']} | {o['message']} |" for o in outcomes]


def _headline(report: dict[str, Any]) -> str:
    rows = len({outcome["op"] for outcome in report["outcomes"]})
    versions = ", ".join(f"{side} {report['environment'][side]['version']}" for side in SIDES)
    return (
        f"{report['cells']} cells in {rows} rows, {report['seconds']:.0f} s ({report['cells_per_second']} cells/s), {versions}: "
        f"{report['verdict']}."
    )


def _legend(report: dict[str, Any]) -> list[str]:
    reasons = Counter((one["op"], one["reason"]) for one in report["left_out"])
    if not reasons:
        return []
    lines = ["Skipped, as the cell does not apply to the operation:", ""]
    return [*lines, *(f"- {op}: {reason} ({count} cells)" for (op, reason), count in sorted(reasons.items())), ""]


def _section(cell: TransformCell, report: dict[str, Any]) -> list[str]:
    code = _table(*(source(side, cell) for side in SIDES))
    return [f"### {cell.name}", "", inspect.getdoc(function(JAX, cell)) or "", "", *code, *_verdicts(cell, report), ""]


def _verdicts(cell: TransformCell, report: dict[str, Any]) -> list[str]:
    outcomes = [o for o in report["outcomes"] if (o["group"], o["cell"]) == (cell.group, cell.name)]
    if not outcomes:
        return ["Not in the run."]
    lines = []
    for verdict in dict.fromkeys(outcome["verdict"] for outcome in outcomes):
        same = [outcome for outcome in outcomes if outcome["verdict"] == verdict]
        names = ", ".join(outcome["op"] for outcome in same)
        largest = max(outcome["error"] or 0.0 for outcome in same)
        size = f" (differences up to {largest:.1e})" if verdict == "ROUNDING" else ""
        lines.append(f"- **{verdict}**{size}: {names}")
        if verdict not in ("EXACT", "ROUNDING"):
            lines += [f"  - {message}" for message in dict.fromkeys(outcome["message"] for outcome in same)]
    return lines


def main(arguments: list[str]) -> int:
    """Writes or checks the page; the exit code is 1 if `--check` finds it out of date."""
    file = DOCS / "transforms.md"
    expected = page(json.loads((DOCS / "transforms.json").read_text(encoding="utf-8")))
    if arguments == ["--check"]:
        if file.exists() and file.read_text(encoding="utf-8") == expected:
            return 0
        print(f"{file} is out of date; run: python -m parity.transforms.page")
        return 1
    write(file, expected)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
