"""Pairs of functions that go wrong in every way, for the tests of the measuring process: it imports them by name."""

from __future__ import annotations

import ctypes
import os

import jax.numpy as jnp
import numpy as np
import torch

CALLS = {"count": 0}
# The gate and the first calls take fewer calls than this; what happens after it happens while the clock runs.
LATER = 60


def in_jax(x):
    return jnp.tanh(x @ x.T)


def in_torch(x):
    return torch.tanh(x @ x.T)


def _eager_calls():
    CALLS["count"] += 0 if torch.compiler.is_compiling() else 1
    return CALLS["count"]


def wrong(x):
    return in_torch(x) * 1.001


def wrong_compiled(x):
    return in_torch(x) * (1.001 if torch.compiler.is_compiling() else 1.0)


def raises_compiled(x):
    if torch.compiler.is_compiling():
        raise ValueError("not under a compiler")
    return in_torch(x)


def raises_later(x):
    if not torch.compiler.is_compiling() and _eager_calls() > LATER:
        raise ValueError("after a while")
    return in_torch(x)


def changes_later(x):
    if torch.compiler.is_compiling():
        return in_torch(x)
    return in_torch(x) * (1.0 + 0.01 * (_eager_calls() > LATER))


def dies_later(x):
    if not torch.compiler.is_compiling() and _eager_calls() > LATER:
        os._exit(7)
    return in_torch(x)


def hangs(x):
    ctypes.CDLL(None).sleep(1000)  # in C, where no signal of Python's is answered
    return in_torch(x)


def hangs_later(x):
    if not torch.compiler.is_compiling() and _eager_calls() > LATER:
        return hangs(x)
    return in_torch(x)


def grows_later(x):
    if not torch.compiler.is_compiling() and _eager_calls() > LATER:
        CALLS["kept"] = [CALLS.get("kept"), np.ones(2**24)]
    return in_torch(x)


def prints(x):
    print("printed by the function")
    return in_torch(x)
