"""`finfo(x.dtype)` in the caller's code means the caller's dtype, in a lifted run too."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from parity.execution.lifting.place import caller, is_framework


@contextlib.contextmanager
def of_callers_dtype(
    module: Any, is_lifted: Callable[[Any], bool], callers: Any, seen: Callable[[str], None]
) -> Iterator[None]:
    """In the block, `module.finfo` of a lifted dtype gives `callers`, and calls `seen` with the place.

    Args:
        is_lifted: is it the dtype that arrays have because they were lifted?
    """
    original, active = module.finfo, True

    class Kind(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, original)

    class FInfo(metaclass=Kind):
        """A class, as the original is; a module that is imported in the block may keep it, and gets the original then."""

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            # Series and iterations of the frameworks stop at the eps of the dtype that they compute in.
            if not active or is_framework(sys._getframe(1)) or len(args) != 1 or kwargs or not is_lifted(args[0]):
                return original(*args, **kwargs)
            seen(caller())
            return callers

    module.finfo = FInfo
    try:
        yield
    finally:
        active = False
        module.finfo = original
