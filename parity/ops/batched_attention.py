"""Attention of one head over a batch: out[b] = softmax(Q[b] K[b]ᵀ / √H) V[b]."""

from __future__ import annotations

import numpy as np

from parity.ops import attention
from parity.spec import Op


def reference(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    return np.stack([attention.reference(*element) for element in zip(query, key, value, strict=True)])


op = Op(
    inputs={"query": "B T H", "key": "B S H", "value": "B S Hv"},
    outputs="B T Hv",
    sizes=({"B": 3, "T": 5, "S": 7, "H": 11, "Hv": 2}, {"B": 2, "T": 8, "S": 3, "H": 9, "Hv": 4}),
    reference=reference,
    source="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, eq. 1, for each element of a batch",
)
