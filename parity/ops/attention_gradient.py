"""The backward pass of attention, for a cotangent dO of out = P V with P = softmax(L) and L = Q Kᵀ / √H:

dV = Pᵀ dO, dP = dO Vᵀ, dL[t, s] = P[t, s] (dP[t, s] - Σ_s' P[t, s'] dP[t, s']), dQ = dL K / √H, dK = dLᵀ Q / √H.
"""

from __future__ import annotations

import numpy as np

from parity.ops.attention import attention_weights
from parity.spec import Op


def reference(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, d_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    weights = attention_weights(query, key)
    d_value = weights.T @ d_out
    d_weights = d_out @ value.T
    d_logits = weights * (d_weights - np.sum(weights * d_weights, axis=1, keepdims=True))
    root = np.sqrt(query.shape[1])
    return d_logits @ key / root, d_logits.T @ query / root, d_value


op = Op(
    inputs={"query": "T H", "key": "S H", "value": "S Hv", "d_out": "T Hv"},
    outputs=("T H", "S H", "S Hv"),
    sizes=({"T": 5, "S": 7, "H": 3, "Hv": 2}, {"T": 1, "S": 17, "H": 4, "Hv": 9}),
    reference=reference,
    source="Dao et al. 2022, FlashAttention, arXiv:2205.14135, appendix B.2",
)
