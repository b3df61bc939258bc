"""Attention of several heads over a batch with separate sizes for keys and values, causal or not.

out[b, n] = softmax(Q Kᵀ / √H) V for each head; under a causal mask query t sees the keys s <= t alone. The reference is the
plain definition; that the implementations put the softmax together block by block must not show.
"""

from __future__ import annotations

import numpy as np

from parity.ops import attention
from parity.spec import Op


def reference(query: np.ndarray, key: np.ndarray, value: np.ndarray, causal: bool) -> np.ndarray:
    out = np.empty((*query.shape[:3], value.shape[3]))
    for b, n in np.ndindex(query.shape[:2]):
        if not causal:
            out[b, n] = attention.reference(query[b, n], key[b, n], value[b, n])
            continue
        for t in range(query.shape[2]):
            seen = slice(t + 1)
            out[b, n, t] = attention.reference(query[b, n, t : t + 1], key[b, n, seen], value[b, n, seen])[0]
    return out


op = Op(
    inputs={"query": "B N T H", "key": "B N S H", "value": "B N S Hv", "causal": True},
    outputs="B N T Hv",
    sizes=({"B": 2, "N": 3, "T": 7, "S": 5, "H": 11, "Hv": 13}, {"B": 5, "N": 2, "T": 3, "S": 17, "H": 4, "Hv": 9}),
    reference=reference,
    source="Dao et al. 2022, FlashAttention, arXiv:2205.14135, algorithms 1 and 4; Rabe and Staats 2021, arXiv:2112.05682",
)
