"""What an object of another package is, without importing the package."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["is_a"]


def is_a(value: Any, module: str, name: str) -> bool:
    """Say whether a value is of a class, by the module that gives the class to its users.

    Whoever has an object of a class has imported it.
    """
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)
