"""What a framework found in its cache on disk, and what it did not: the proof of a cold and of a warm compilation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

HITS, MISSES = "/jax/compilation_cache/cache_hits", "/jax/compilation_cache/cache_misses"

# Hits and misses since the block began.
Count = Callable[[], tuple[int, int]]


def counted(backend: str) -> contextlib.AbstractContextManager[Count]:
    """Counts the programs that are read from the cache on disk (hits), and those that are made instead (misses).

    In JAX a miss is counted when the new program is written; one that is too small or too quick to be kept is neither.
    """
    return {"jax": _in_jax, "torch": _in_torch}[backend]()


@contextlib.contextmanager
def _in_jax() -> Iterator[Count]:
    import jax

    counts = {HITS: 0, MISSES: 0}

    def listen(event: str, **_: object) -> None:
        if event in counts:
            counts[event] += 1

    jax.monitoring.register_event_listener(listen)
    try:
        yield lambda: (counts[HITS], counts[MISSES])
    finally:
        jax.monitoring.unregister_event_listener(listen)


@contextlib.contextmanager
def _in_torch() -> Iterator[Count]:
    from torch._dynamo.utils import counters

    def seen() -> tuple[int, int]:
        found = counters["inductor"]
        return found["fxgraph_cache_hit"], found["fxgraph_cache_miss"] + found["fxgraph_cache_bypass"]

    hits, misses = seen()
    yield lambda: (seen()[0] - hits, seen()[1] - misses)
