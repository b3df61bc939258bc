"""A framework without a derivative of an operation says so in words of its own; here they become one sentence."""

from __future__ import annotations

import re

# Texts of jax 0.10 and torch 2.13; a text that changes is told as it stands.
_TEXTS = (
    r"derivative for '?(?:aten::)?(?P<operation>\w+)(?:: (?P<input>\w+))?'? is not implemented",
    r"Differentiation rule for '(?P<operation>[\w.-]+)' not implemented",
    r"Reverse-mode differentiation does not work for (?P<operation>[\w.]+)",
)


def no_derivative(side: str, text: str) -> str:
    """The sentence, with the framework's own text at its end; empty for any other error."""
    found = next((match for pattern in _TEXTS if (match := re.search(pattern, text))), None)
    if found is None:
        return ""
    to = found.groupdict().get("input")
    operation = found["operation"] + (f" with respect to its argument {to}" if to else "")
    return (
        f"{side} has no derivative of {operation}, so no gradient was compared: leave out the inputs that reach it, "
        f"or pass wrt=() ({text})"
    )
