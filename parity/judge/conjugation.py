"""Complex numbers: the convention in which gradients of complex inputs differ, and the precision that they have in 16 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from parity.data.dtypes import SIXTEEN_BITS
from parity.data.leaf import LeafName
from parity.execution.run_cache import RunCache
from parity.judge import variants
from parity.judge.finding import Finding, Verdict

# The same text stands in parity-deviations.toml.
REASON = (
    "gradients of complex inputs are conjugated between the frameworks: of a real loss L and x + iy, JAX gives ∂L/∂x − i∂L/∂y, "
    "torch ∂L/∂x + i∂L/∂y (jax#9110, pytorch#41857)"
)


def named(cache: RunCache, finding: Finding) -> Finding:
    """CONVENTION for a gradient that passes and is another number in torch: its conjugate.

    Every rung compares torch's gradient conjugated (`parity.execution.conventions`), and so are the values in the finding.
    """
    if finding.verdict not in (Verdict.EXACT, Verdict.ROUNDING) or not LeafName(finding.leaf).is_gradient:
        return finding
    variant = variants.given(finding.regime, finding.dtype)
    gradient = cache.result(cache.sides[0], finding.dtype, finding.mode, variant).leaf(finding.leaf)
    if not np.iscomplexobj(gradient) or not np.any(gradient.imag):
        return finding
    message = f"{REASON}; torch's conjugated, {finding.verdict}: {finding.message}"
    return replace(finding, verdict=Verdict.CONVENTION, message=message)


def noted(cache: RunCache, finding: Finding) -> Finding:
    """What a rung of 16 bits compares instead, where there are complex numbers."""
    if finding.dtype not in SIXTEEN_BITS:
        return finding
    outputs = cache.result(
        cache.sides[0], finding.dtype, finding.mode, variants.given(finding.regime, finding.dtype)
    ).outputs
    leaves = {**cache.arguments.arrays, **outputs}
    names = ", ".join(name for name, leaf in leaves.items() if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "c")
    if not names:
        return finding
    note = f"{finding.dtype} has no complex numbers: {names} had complex64 in its place, judged in units of float32"
    return replace(finding, notes=(*finding.notes, note))
