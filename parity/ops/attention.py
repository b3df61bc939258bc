"""Attention of one head: out = softmax(Q Kᵀ / √H) V, where the softmax makes each row over the keys sum to one."""

from __future__ import annotations

import numpy as np

from parity.spec import Op


def attention_weights(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    """P[t, s] = exp(l[t, s]) / Σ_s' exp(l[t, s']) with l[t, s] = Σ_h Q[t, h] K[s, h] / √H."""
    logits = np.einsum("th,sh->ts", query, key) / np.sqrt(query.shape[1])
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def reference(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    return np.einsum("ts,sv->tv", attention_weights(query, key), value)


op = Op(
    inputs={"query": "T H", "key": "S H", "value": "S Hv"},
    outputs="T Hv",
    sizes=({"T": 5, "S": 7, "H": 3, "Hv": 2}, {"T": 1, "S": 17, "H": 4, "Hv": 9}),
    reference=reference,
    source="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, eq. 1",
)
