"""What parity raises. Every message names the argument, what came, what was expected and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parity.report.report import Report


class InputError(ValueError):
    """The caller's arguments cannot be used."""


class MissingBackendError(InputError, ImportError):
    """A framework that was asked for is not installed."""


class ParityError(AssertionError):
    """`assert_parity` found a difference; its text is the report, which `.report` holds."""

    def __init__(self, report: Report) -> None:
        super().__init__(f"\n{report}")
        self.report = report
