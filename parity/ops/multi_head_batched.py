"""Attention of several heads over a batch, without projections.

out[b] = Concat(head_1, …, head_N) with head_n = softmax(Q_n K_nᵀ / √H) V_n, where Q_n is the n-th block of H = D / N
columns of Q[b], and K_n and V_n are those of K[b] and V[b].
"""

from __future__ import annotations

import numpy as np

from parity.ops import attention
from parity.spec import Op


def reference(query: np.ndarray, key: np.ndarray, value: np.ndarray, num_heads: int) -> np.ndarray:
    out = np.empty_like(query)
    width = query.shape[2] // num_heads
    for b in range(len(query)):
        for n in range(num_heads):
            head = slice(n * width, (n + 1) * width)
            out[b, :, head] = attention.reference(query[b, :, head], key[b, :, head], value[b, :, head])
    return out


op = Op(
    inputs={"query": "B T D", "key": "B S D", "value": "B S D", "num_heads": 2},
    outputs="B T D",
    sizes=({"B": 3, "T": 5, "S": 7, "D": 22}, {"B": 2, "T": 1, "S": 9, "D": 6}),
    reference=reference,
    source="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, section 3.2.2, without the projections W",
)
