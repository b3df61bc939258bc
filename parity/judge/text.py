"""A report as text that fits one screen: the worst finding in full, one line for each of the others."""

from __future__ import annotations

import cmath
from collections.abc import Sequence

from parity.data.dtypes import FLOATS, epsilon
from parity.judge.finding import REPEATED, Finding, Verdict

MOST_LINES = 8
# A difference of more units or ULP than this says less than the digit that differs.
MOST_UNITS = 1000
# A difference at the worst element that is so much less than that of the leaf is not the one that was judged.
FAR_LESS = 1e-6


def report(name: str, verdict: Verdict, findings: Sequence[Finding], uninformative: Sequence[Finding] = ()) -> str:
    """The whole report: verdict, failures, warnings, and how many comparisons could not have failed."""
    failed = sorted((f for f in findings if not f.verdict.passes), key=lambda f: -f.verdict.severity)
    total = _comparisons(len(findings))
    if not findings:
        return f"{name}: {verdict}: nothing was compared"
    if not failed:
        worst = max(findings, key=lambda f: (f.verdict.severity, f.error))
        lines = [f"{name}: {verdict} in {total}", f"  worst: {line(worst)}"]
    else:
        undecided = [f for f in failed[1:] if f.verdict is Verdict.INCONCLUSIVE and f.verdict is not verdict]
        repeated = [f for f in failed[1:] if f.message.startswith(REPEATED)]
        decided = len(failed) - len(undecided)
        lines = [f"{name}: {verdict} in {decided} of {total}", *details(failed[0])]
        others = [f for f in failed[1:] if f not in undecided and f not in repeated]
        lines += [f"  {line(finding)}" for finding in others[:MOST_LINES]]
        if len(others) > MOST_LINES:
            lines.append(f"  and {len(others) - MOST_LINES} more; report.findings has them all")
        if repeated:
            lines.append(f"  {_comparisons(len(repeated), 'more ')} in lower precision: as in float64.")
        if undecided:
            lines.append(f"  {_comparisons(len(undecided), 'more ')} skipped: fix the failures above first.")
    lines += [f"  warning: {line(finding)}" for finding in findings if finding.warning]
    lines += [f"  note: {note}" for note in dict.fromkeys(note for finding in findings for note in finding.notes)]
    if uninformative:
        regimes = ", ".join(dict.fromkeys(finding.regime for finding in uninformative))
        lines.append(
            f"  {_comparisons(len(uninformative))} could not fail (saturated or all NaN), in regimes: {regimes}"
        )
    return "\n".join(lines)


def line(finding: Finding) -> str:
    """One finding in one line: leaf, rung, mode, verdict, side, first cause, message."""
    side = f" ({finding.side})" if finding.side else ""
    regime = f" [{finding.regime}]" if finding.regime != "unit" else ""
    cause = f": {finding.causes[0].name}" if finding.causes else ""
    return f"{finding.leaf} {finding.dtype} {finding.mode}{regime}: {finding.verdict}{side}{cause}: {finding.message}"


def details(finding: Finding) -> list[str]:
    """One finding in full: its line, then causes, share of elements, worst element and size of the difference."""
    lines = [f"  {line(finding)}"]
    lines += [f"    cause: {cause}" for cause in finding.causes]
    if finding.verdict is Verdict.SEMANTIC and not finding.causes:
        lines.append("    cause: unknown")
    if finding.size and finding.mismatches:
        share = 100 * finding.mismatches / finding.size
        lines.append(f"    {finding.mismatches} of {finding.size} elements differ ({share:.3g} %)")
    if finding.index is not None:
        place = ", ".join(map(str, finding.index))
        truth = "" if finding.truth is None else f", truth {finding.truth!r}"
        lines.append(f"    at [{place}]: jax {finding.actual!r}, torch {finding.expected!r}{truth}")
    if finding.error == finding.error and finding.dtype in FLOATS and finding.mismatches:
        tolerance = f"smallest tolerance that would pass: {finding.error:.2e} of the leaf's largest magnitude"
        lines.append(f"    {_size(finding)}; {tolerance}")
    return lines


def _comparisons(count: int, more: str = "") -> str:
    return f"{count} {more}comparison{'s' * (count != 1)}"


def _size(finding: Finding) -> str:
    units = finding.error / epsilon(finding.dtype)
    if units > MOST_UNITS:
        return f"differs in the {_ordinal(_digit(finding))} digit"
    ulp = finding.max_ulp if finding.max_ulp is not None and finding.max_ulp <= MOST_UNITS else None
    return f"{units:.3g} units of {finding.dtype}" + (f", at most {ulp} ULP" if ulp is not None else "")


def _digit(finding: Finding) -> int:
    """The significant digit that the difference reaches, at the worst element; without one, in the largest of the leaf.

    Where both sides agree and the reference does not, the difference is that to the reference.
    """
    largest, difference = 1.0, finding.error
    for numbers in ((finding.actual, finding.expected), (finding.actual, finding.truth)):
        if all(isinstance(number, (int, float, complex)) and cmath.isfinite(number) for number in numbers):
            apart, size = abs(numbers[0] - numbers[1]), max(map(abs, numbers))
            if apart > FAR_LESS * finding.error * size:
                largest, difference = float(size), float(apart)
                break
    return max(1, _exponent(largest) - _exponent(min(largest, difference)) + 1)


def _exponent(number: float) -> int:
    """Of the power of ten, after rounding: -4 for 1e-4 and for 9.9999999e-5."""
    return int(f"{number:.5e}".partition("e")[2])


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")
