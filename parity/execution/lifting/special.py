"""How far special functions of a framework are from the truth in float64, by mpmath on the values that a run gave them.

Some kernels have float64 arguments and no float64 accuracy: torch's trigamma is good to 5e-10.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

SAMPLE = 64  # elements of a value that are looked at: mpmath takes about 0.1 ms for each
DIGITS = 40
ROOT = 1e-2


def _functions() -> dict[str, Callable[..., Any]]:
    import mpmath as mp

    def scaled_bessel(order: int) -> Callable[[Any], Any]:
        return lambda x: mp.exp(-abs(x)) * mp.besseli(order, x)

    return {
        "digamma": mp.digamma,
        "polygamma": lambda n, x: mp.polygamma(int(n), x),
        "lgamma": lambda x: mp.re(mp.loggamma(x)),
        "erf": mp.erf,
        "erfc": mp.erfc,
        "erf_inv": mp.erfinv,
        "zeta": mp.zeta,
        "bessel_i0e": scaled_bessel(0),
        "bessel_i1e": scaled_bessel(1),
        "igamma": lambda a, x: mp.gammainc(a, 0, x, regularized=True),
        "igammac": lambda a, x: mp.gammainc(a, x, regularized=True),
        "log_ndtr": lambda x: mp.log(mp.ncdf(x)),
        "ndtri": lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1),
        "hardsigmoid": lambda x: min(max(x + 3, mp.mpf(0)), mp.mpf(6)) / 6,
    }


# Names that torch has for them. JAX's primitives have the names above.
TORCH_NAMES = {
    "aten::digamma": "digamma", "aten::polygamma": "polygamma", "aten::lgamma": "lgamma", "aten::erf": "erf",
    "aten::erfc": "erfc", "aten::erfinv": "erf_inv", "aten::special_zeta": "zeta", "aten::special_i0e": "bessel_i0e",
    "aten::special_i1e": "bessel_i1e", "aten::igamma": "igamma", "aten::igammac": "igammac",
    "aten::special_log_ndtr": "log_ndtr", "aten::special_ndtri": "ndtri", "aten::hardsigmoid": "hardsigmoid",
}  # fmt: skip
NAMES = frozenset(TORCH_NAMES.values())


def is_known() -> bool:
    """Is there an mpmath to ask? torch brings one along."""
    return importlib.util.find_spec("mpmath") is not None


def error(name: str, operands: Sequence[Any], result: np.ndarray) -> float:
    """Largest relative error of `result` on a sample of its elements; beside a root, relative to `ROOT` of its largest magnitude.

    Args:
        name: one of `NAMES`.
        operands: arrays and numbers that broadcast to the shape of `result`.
    """
    import mpmath as mp

    function = _functions()[name]
    columns = [np.broadcast_to(np.asarray(operand, np.float64), result.shape).ravel() for operand in operands]
    values = result.ravel()
    finite = np.flatnonzero(np.isfinite(values))
    few = finite[:: max(1, finite.size // SAMPLE)][:SAMPLE]
    largest = np.abs(values[few]).max(initial=0.0)
    worst = 0.0
    with mp.workdps(DIGITS):
        for i in few:
            try:
                truth = function(*(mp.mpf(float(column[i])) for column in columns))
            except (ValueError, ZeroDivisionError, mp.NoConvergence):
                continue
            scale = max(abs(values[i]), ROOT * largest)
            worst = max(worst, abs(float(truth - mp.mpf(float(values[i])))) / scale if scale else 0.0)
    return float(worst)
