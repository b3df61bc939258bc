"""What the search tries, and what it finds: an edit, a family of edits with a free number, a cause that was shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from parity.judge.finding import Cause
from parity.programs.program import Edit


@dataclass(frozen=True)
class Hypothesis:
    """One edit, and the cause that it proves if the edited program gives what the other side gives.

    Attributes:
        cause: the name of the cause.
        change: what the edit changes and where, for the evidence.
        rank: smaller is more specific, and comes first among hypotheses that explain equally many leaves.
    """

    cause: str
    change: str
    edit: Edit
    rank: float = 50.0


@dataclass(frozen=True)
class ScalarEdit:
    """Edits with one free number, which `solve` finds.

    Attributes:
        make: number → edit.
        start: where the solver starts.
        describe: number → hypothesis.
        guesses: numbers to try first.
        is_neutral: `make(start)` changes nothing.
    """

    make: Callable[[float], Edit]
    start: float
    describe: Callable[[float], Hypothesis]
    guesses: Sequence[float] = ()
    is_neutral: bool = True


@dataclass(frozen=True)
class Claim:
    """A cause with its evidence, the leaves that it explains, and its rank among claims that explain equally many."""

    cause: Cause
    leaves: tuple[str, ...]
    rank: float
