"""A change of one program, and what it would mean if it mends the difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from parity.programs.program import Edit


@dataclass(frozen=True)
class Hypothesis:
    """One edit.

    Attributes:
        name: the cause that it stands for.
        words: what was changed and where, for the evidence.
        edit: the change.
        rank: smaller is more specific, and comes first among hypotheses that explain equally much.
    """

    name: str
    words: str
    edit: Edit
    rank: float = 50.0


@dataclass(frozen=True)
class ScalarEdit:
    """Edits with one free number, which is found by `solve`.

    Attributes:
        make: number → edit.
        start: where the search for the number starts; it changes nothing if `is_neutral`.
        describe: number → candidate.
        guesses: numbers to try first.
    """

    make: Callable[[float], Edit]
    start: float
    describe: Callable[[float], Hypothesis]
    guesses: Sequence[float] = field(default=())
    is_neutral: bool = True
