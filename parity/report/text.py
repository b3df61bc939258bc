"""A report as text: the worst finding in full, the others in a line each."""

from __future__ import annotations

from collections.abc import Sequence

from parity.finding import Finding, Verdict

MOST_LINES = 12


def report(name: str, verdict: Verdict, findings: Sequence[Finding]) -> str:
    failed = sorted((f for f in findings if not f.verdict.passes), key=lambda f: -f.verdict.severity)
    counted = f"{len(findings)} comparison{'s' * (len(findings) != 1)}"
    if not findings:
        return f"{name}: {verdict}: nothing was compared"
    if not failed:
        worst = max(findings, key=lambda f: (f.verdict.severity, f.error))
        return f"{name}: {verdict} in {counted}\n  worst: {line(worst)}"
    shown = failed[:MOST_LINES]
    lines = [f"{name}: {verdict} in {len(failed)} of {counted}", *details(failed[0])]
    lines += [f"  {line(finding)}" for finding in shown[1:]]
    if len(failed) > len(shown):
        lines.append(f"  and {len(failed) - len(shown)} more; report.findings has them all")
    return "\n".join(lines)


def line(finding: Finding) -> str:
    side = f" ({finding.side})" if finding.side else ""
    return f"{finding.leaf} {finding.dtype} {finding.mode}: {finding.verdict}{side}: {finding.message}"


def details(finding: Finding) -> list[str]:
    lines = [f"  {line(finding)}"]
    lines += [f"    cause: {cause}" for cause in finding.causes]
    if finding.size and finding.mismatches:
        lines.append(
            f"    {finding.mismatches} of {finding.size} elements differ ({100 * finding.mismatches / finding.size:.3g} %)"
        )
    if finding.index is not None:
        place = ", ".join(map(str, finding.index))
        lines.append(f"    at [{place}]: jax {finding.actual!r}, torch {finding.expected!r}, truth {finding.truth!r}")
    return lines
