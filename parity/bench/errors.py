"""What went wrong with a candidate, in a line."""

from __future__ import annotations

from parity.execution.result import Problem

LONGEST = 300


def why(error: BaseException) -> str:
    """Kind, first line and place of the exception, and of the one that it came from: Dynamo's own say little."""
    words, root = Problem.of(error, "out").words, error
    while root.__cause__ or root.__context__:
        root = root.__cause__ or root.__context__  # type: ignore[assignment]
    if root is not error:
        words += f", from {Problem.of(root, 'out').words}"
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "can't allocate memory" in str(error):
        words = f"out of memory: {words}"
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"
