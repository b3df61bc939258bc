"""Attention of one head where each query sees the first keys alone, as under a causal mask or with padded keys.

out[t] = Σ_s P[t, s] V[s] over the keys s < visible[t], where P is the softmax over these of Q[t] · K[s] / √H. A query that
sees no key gets zeros, and sends no gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.ops import attention
from parity.spec import Array, Op


def reference(query: np.ndarray, key: np.ndarray, value: np.ndarray, visible: np.ndarray) -> np.ndarray:
    out = np.zeros((len(query), value.shape[1]))
    for t, count in enumerate(np.minimum(visible, len(key))):
        if count > 0:
            out[t] = attention.reference(query[t : t + 1], key[:count], value[:count])[0]
    return out


def _seeing(count: int) -> Any:
    """Inputs in which every second query sees `count` keys."""

    def changed(inputs: dict[str, Any]) -> dict[str, Any]:
        visible = inputs["visible"].copy()
        visible[::2] = count
        return inputs | {"visible": visible}

    return changed


op = Op(
    inputs={"query": "T H", "key": "S H", "value": "S Hv", "visible": Array("T", below="S")},
    outputs="T Hv",
    sizes=({"T": 5, "S": 7, "H": 3, "Hv": 2}, {"T": 11, "S": 17, "H": 4, "Hv": 9}),
    reference=reference,
    source="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, eq. 1 and section 3.2.3 (masking of keys)",
    special={"one visible key": _seeing(1), "fully masked rows": _seeing(0)},
)
