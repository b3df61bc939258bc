"""Mutation testing with cosmic-ray: `nox -s mutation -- --share 0.05`; the result is docs/mutation.md.

It works on a copy of the tree, so that an interrupted run leaves no mutated file behind. Each mutant runs the test file that
mirrors its module, or those that tests/mutation.toml names. At each place of the source one of the possible mutations is
drawn: eleven replacements of one operator would say the same eleven times. The table is written after each mutant.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import os
import platform
import random
import shutil
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.testing import run_tests
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome

ROOT = Path(__file__).parent.parent
ROOMS = ("parity/judge", "parity/compare", "parity/execution/lifting")
IGNORED = (".*", "__pycache__", "*.egg-info", "parity-report", "build", "dist")
DATA = tomllib.loads((ROOT / "tests/mutation.toml").read_text())
EXPLAINED = {(one["module"], one["before"], one["after"]): f"{one['why']}: {one['note']}" for one in DATA["survivors"]}
NEW = "not explained"
# A mutant may make its tests slower; one that runs so many times longer than the tests did, hangs and counts as killed.
SLOWER = 4


def mirrored(module: Path) -> list[str]:
    """The test files of a module."""
    names = DATA["tests"].get(str(module)) or [str(Path("tests", *module.parts[1:-1], f"test_{module.name}"))]
    if missing := [name for name in names if not Path(name.split("::")[0]).exists()]:
        raise SystemExit(f"{module}: no {', '.join(missing)}; name its tests in tests/mutation.toml, table [tests]")
    return names


def places(modules: list[Path], draw: random.Random, folder: str) -> dict[Path, list]:
    """One mutation for each place of each module; none in annotations, which are never evaluated."""
    found = defaultdict(lambda: defaultdict(list))
    with use_db(f"{folder}/mutants.sqlite", WorkDB.Mode.create) as mutants:
        init(modules, mutants, {})
        for item in mutants.work_items:
            (mutation,) = item.mutations
            found[mutation.module_path][mutation.start_pos].append(mutation)
    drawn = {}
    for module, at in sorted(found.items()):
        nodes = list(ast.walk(ast.parse(module.read_text())))
        notes = [note for name in ("annotation", "returns") for node in nodes if (note := getattr(node, name, None))]
        spans = [((note.lineno, note.col_offset), (note.end_lineno, note.end_col_offset)) for note in notes]
        kept = [at[pos] for pos in sorted(at) if not any(start <= pos < end for start, end in spans)]
        drawn[module] = [draw.choice(sorted(ways, key=lambda m: (m.operator_name, m.occurrence))) for ways in kept]
    return drawn


def duration(command: str) -> float:
    """Seconds that the tests take without a mutation; they have to pass."""
    started = time.monotonic()
    outcome, output = run_tests(command, None)
    if outcome is not TestOutcome.SURVIVED:
        raise SystemExit(f"the tests fail without a mutation: {command}\n{output}")
    return time.monotonic() - started


def changed(diff: str) -> tuple[str, str]:
    """The changed source lines, before and after."""
    before, after = (" ".join(one[1:].strip() for one in diff.split("\n")[3:] if one.startswith(sign)) for sign in "-+")
    return before, after


def page(arguments: argparse.Namespace, drawn: dict, results: dict, took_s: float, sampled: int) -> str:
    """docs/mutation.md."""
    counts = {module: Counter(outcome for outcome, *_ in rows) for module, rows in results.items()}
    total = sum(counts.values(), Counter())
    options = " ".join(sys.argv[1:]) or "(none)"
    lines = [
        "# Which mutations the tests see\n",
        "Written by `nox -s mutation` with [cosmic-ray](https://cosmic-ray.readthedocs.io); how: `tests/mutation.py`. Survivors",
        "are explained in `tests/mutation.toml`.\n",
        f"{datetime.date.today()}, Python {platform.python_version()}, {took_s / 60:.0f} minutes, options `{options}`.\n",
        f"{total.total()} mutants ran, of {sampled} drawn with seed {arguments.seed} from {sum(map(len, drawn.values()))} places",
        f"in {len(drawn)} modules. {total['killed']} were killed, {total['survived']} survived.\n",
        "| module | places | ran | killed | survived |\n|---|---:|---:|---:|---:|",
    ]
    for module, all_of_it in drawn.items():
        count = counts.get(module, Counter())
        numbers = (len(all_of_it), count.total(), count["killed"], count["survived"])
        lines.append(f"| {module} | {' | '.join(map(str, numbers))} |")
    lines.append("\n## Survivors\n")
    for module, rows in results.items():
        for outcome, line, before, after in rows:
            if outcome != "killed":
                lines.append(
                    f"- {module}:{line} `{before}` → `{after}`  \n  {EXPLAINED.get((str(module), before, after), NEW)}"
                )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the sample; 1 if nothing ran, a survivor is not explained, or an explanation is of a line that is no more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="Python files or folders; default: judge, compare and lifting")
    parser.add_argument("--share", type=float, default=1.0, help="share of all places that is drawn")
    parser.add_argument("--most", type=int, default=sys.maxsize, help="most mutants that run")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no mutant starts after so many minutes")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw, began, results, written = random.Random(arguments.seed), time.monotonic(), defaultdict(list), ""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(shutil.copytree(ROOT, f"{folder}/tree", ignore=shutil.ignore_patterns(*IGNORED)))
        os.chdir(tree)
        os.environ["PYTHONPATH"] = str(tree)
        given = [Path(name) for name in arguments.modules or ROOMS]
        modules = sorted({m for one in given for m in ([one] if one.is_file() else one.rglob("*.py"))})
        tests = {module: mirrored(module) for module in modules if module.name != "__init__.py"}
        drawn = places(list(tests), draw, folder)
        every = [mutation for all_of_it in drawn.values() for mutation in all_of_it]
        draw.shuffle(every)
        sample = every[: min(arguments.most, round(arguments.share * len(every)))]
        limits: dict[str, float] = {}
        for mutation in sample:
            if time.monotonic() - began > 60 * arguments.minutes:
                break
            module, line = mutation.module_path, mutation.start_pos[0]
            command = f"{sys.executable} -m pytest -q -x -p no:cacheprovider {' '.join(tests[module])}"
            if command not in limits:
                limits[command] = SLOWER * duration(command)
            result = mutate_and_test([mutation], command, limits[command])
            if result.test_outcome not in (TestOutcome.KILLED, TestOutcome.SURVIVED):
                raise SystemExit(f"cosmic-ray could not run {mutation}: {result.output}")
            row = (result.test_outcome.value, line, *changed(result.diff))
            results[module].append(row)
            print(module, *row, flush=True)
            written = page(arguments, drawn, results, time.monotonic() - began, len(sample))
            (ROOT / "docs/mutation.md").write_text(written)
        gone = [one for one in DATA["survivors"] if one["before"] not in Path(one["module"]).read_text()]
    for one in gone:
        print(f"tests/mutation.toml explains a line that is no more in {one['module']}: {one['before']}")
    return int(bool(gone) or not written or NEW in written)


if __name__ == "__main__":
    sys.exit(main())
