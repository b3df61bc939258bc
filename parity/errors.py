"""What parity raises. Every message names the argument, what came, what was expected and the remedy."""

from __future__ import annotations


class InputError(ValueError):
    """The caller's arguments cannot be used."""


class MissingBackendError(InputError, ImportError):
    """A framework that was asked for is not installed."""
