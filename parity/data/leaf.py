"""The name of a leaf: what kind of value it is, and where it stands in its tree."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a leaf is. The value is the prefix of its name."""

    OUTPUT = "out"
    GRADIENT = "grad"
    INPUT = "in"
    STATE = "state"
    PARAMETER = "param"


class LeafName(str):
    """`out`, `out/loss`, `grad/query`: a string for people and JSON, with its parts for code.

    Attributes:
        kind: output, gradient, input, state or parameter.
        path: the place in the tree, without the prefix; empty for a tree that is one leaf.
    """

    __slots__ = ()

    @classmethod
    def of(cls, kind: Kind, path: str = "") -> LeafName:
        """The name of the leaf at `path` in the tree of this kind."""
        return cls(f"{kind}/{path}" if path else str(kind))

    @property
    def kind(self) -> Kind:
        """The kind that the prefix names; a name without a known prefix is an output."""
        prefix = self.partition("/")[0]
        return Kind(prefix) if prefix in set(Kind) else Kind.OUTPUT

    @property
    def path(self) -> str:
        """What follows the prefix; the whole name where there is no known prefix."""
        prefix, _, rest = self.partition("/")
        return rest if prefix in set(Kind) else str(self)

    @property
    def is_gradient(self) -> bool:
        """True for the gradient of an input."""
        return self.kind is Kind.GRADIENT
