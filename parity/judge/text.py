"""A report as text, one screen: the worst finding in full, the others in a line each."""

from __future__ import annotations

from collections.abc import Sequence

from parity.data.dtypes import FLOATS, epsilon
from parity.judge.finding import Finding, Verdict

MOST_LINES = 8


def report(name: str, verdict: Verdict, findings: Sequence[Finding], uninformative: Sequence[Finding] = ()) -> str:
    """The whole report: how many comparisons fail, the worst in full, then warnings."""
    failed = sorted((f for f in findings if not f.verdict.passes), key=lambda f: -f.verdict.severity)
    counted = f"{len(findings)} comparison{'s' * (len(findings) != 1)}"
    if not findings:
        return f"{name}: {verdict}: nothing was compared"
    if not failed:
        worst = max(findings, key=lambda f: (f.verdict.severity, f.error))
        lines = [f"{name}: {verdict} in {counted}", f"  worst: {line(worst)}"]
    else:
        lines = [f"{name}: {verdict} in {len(failed)} of {counted}", *details(failed[0])]
        undecided = [f for f in failed[1:] if f.verdict is Verdict.INCONCLUSIVE and f.verdict is not verdict]
        others = [f for f in failed[1:] if f not in undecided]
        lines += [f"  {line(finding)}" for finding in others[:MOST_LINES]]
        if len(others) > MOST_LINES:
            lines.append(f"  and {len(others) - MOST_LINES} more; report.findings has them all")
        if undecided:
            more = f"{len(undecided)} more comparison{'s' * (len(undecided) != 1)}"
            lines.append(f"  {more} cannot be decided before these are mended")
    lines += [f"  warning: {line(finding)}" for finding in findings if finding.warning]
    if uninformative:
        regimes = ", ".join(dict.fromkeys(finding.regime for finding in uninformative))
        lines.append(f"  {len(uninformative)} comparisons said nothing, in the regimes {regimes}: saturated or all NaN")
    return "\n".join(lines)


def line(finding: Finding) -> str:
    """One finding in one line: leaf, dtype, mode, verdict, side, first cause, message."""
    side = f" ({finding.side})" if finding.side else ""
    regime = f" [{finding.regime}]" if finding.regime != "unit" else ""
    cause = f": {finding.causes[0].name}" if finding.causes else ""
    return f"{finding.leaf} {finding.dtype} {finding.mode}{regime}: {finding.verdict}{side}{cause}: {finding.message}"


def details(finding: Finding) -> list[str]:
    """One finding in full: causes, share and place of the differing elements, smallest tolerance that would pass."""
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
        units = finding.error / epsilon(finding.dtype)
        ulp = f", at most {finding.max_ulp} ULP" if finding.max_ulp is not None else ""
        lines.append(
            f"    {units:.3g} units of {finding.dtype}{ulp}; smallest tolerance that would pass: "
            f"{finding.error:.2e} of the leaf's largest magnitude"
        )
    return lines
