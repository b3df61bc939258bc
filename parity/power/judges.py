"""What other rules say of the same numbers that parity judges.

Each rule gets, leaf by leaf, both sides' results in one precision and the float64 truth, and says whether it would have
raised an alarm. `chex` is used where it is installed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from parity.data.dtypes import as_float64, epsilon

Arrays = Mapping[str, np.ndarray]
# The rules that judge float32 results, and the ones that judge bfloat16 results.
RULES: dict[str, str] = {
    "numpy.testing.assert_allclose(rtol=1e-5)": "float32",
    "torch.testing.assert_close": "float32",
    "chex.assert_trees_all_close": "float32",
    "FlashAttention 2x rule": "float32",
    "bfloat16 R < 1.2": "bfloat16",
}


def alarms(actual: Arrays, expected: Arrays, truth: Arrays, dtype: str) -> dict[str, bool]:
    """Rule → alarm, for the rules of this dtype."""
    functions: dict[str, Callable[[Arrays, Arrays, Arrays], bool]] = {
        "numpy.testing.assert_allclose(rtol=1e-5)": _numpy,
        "torch.testing.assert_close": _torch,
        "chex.assert_trees_all_close": _chex,
        "FlashAttention 2x rule": _flash_attention,
        "bfloat16 R < 1.2": _ratio,
    }
    if importlib.util.find_spec("chex") is None:
        del functions["chex.assert_trees_all_close"]
    return {name: function(actual, expected, truth) for name, function in functions.items() if RULES[name] == dtype}


def _raises(check: Callable[[], None]) -> bool:
    try:
        check()
    except AssertionError:
        return True
    return False


def _numpy(actual: Arrays, expected: Arrays, _truth: Arrays) -> bool:
    def close(name: str) -> None:
        np.testing.assert_allclose(actual[name], expected[name], rtol=1e-5)

    return any(_raises(partial(close, name)) for name in actual)


def _torch(actual: Arrays, expected: Arrays, _truth: Arrays) -> bool:
    import torch

    def close(name: str) -> None:
        torch.testing.assert_close(torch.from_numpy(actual[name]), torch.from_numpy(expected[name]))

    return any(_raises(partial(close, name)) for name in actual)


def _chex(actual: Arrays, expected: Arrays, _truth: Arrays) -> bool:
    import chex

    return _raises(lambda: chex.assert_trees_all_close(dict(actual), dict(expected)))


def _flash_attention(actual: Arrays, expected: Arrays, truth: Arrays) -> bool:
    """max|jax - truth| <= 2 · max|torch - truth| + floor, floor = 2 · max|truth + 0.3 - 0.3 - truth| in float32."""
    for name, true in truth.items():
        low = true.astype(np.float32)
        floor = 2 * _peak(as_float64(low + np.float32(0.3) - np.float32(0.3)) - as_float64(low))
        ours, theirs = (_peak(as_float64(side[name]) - true) for side in (actual, expected))
        if not ours <= 2 * theirs + floor:
            return True
    return False


def _ratio(actual: Arrays, expected: Arrays, truth: Arrays) -> bool:
    """‖jax - truth‖ / (‖torch - truth‖ + eps) < 1.2 in bfloat16, for each leaf."""
    for name, true in truth.items():
        ours, theirs = (float(np.linalg.norm(as_float64(side[name]) - true)) for side in (actual, expected))
        if not ours / (theirs + epsilon("bfloat16") * 1e-3) < 1.2:
            return True
    return False


def _peak(difference: np.ndarray) -> float:
    return float(np.max(np.abs(difference))) if difference.size else 0.0
