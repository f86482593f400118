"""The container in which tasks return their results."""

from __future__ import annotations

from typing import Any

from .framework import StructBase

__all__ = ["Struct"]


class Struct(StructBase):
    """A set of named values, read and written as attributes.

    Where lsst.pipe.base is installed this is one of its structs. Equality is that of a namespace:
    two structs are equal where names and values are.

    Parameters
    ----------
    **keyArgs : object
        Names and values of the items.

    Raises
    ------
    RuntimeError
        If a name begins with two underscores or is that of a method.

    Examples
    --------
    >>> Struct(exposure=None, psf=3.0).psf
    3.0
    """

    def __init__(self, **keyArgs: Any) -> None:
        super().__init__()
        for name, value in keyArgs.items():
            self._add(name, value)

    def _add(self, name: str, value: Any) -> None:
        if name.startswith("__"):
            raise RuntimeError(f"an item name must not begin with '__', got {name!r}")
        if hasattr(self, name):
            raise RuntimeError(f"an item name must be new, got {name!r}, which exists")
        setattr(self, name, value)

    def getDict(self) -> dict[str, Any]:
        """Return the items as a new dictionary.

        Returns
        -------
        items : dict
            Values by name; the values are not copied.
        """
        return dict(vars(self))

    def mergeItems(self, struct: Struct, *names: str) -> None:
        """Add items of another struct to this one.

        Parameters
        ----------
        struct : Struct
            Where the items come from.
        *names : str
            Which items to take; none if no name is given.

        Raises
        ------
        RuntimeError
            If an item of that name is already here; those before it have then been added.
        AttributeError
            If `struct` has no item of that name.
        """
        for name in names:
            self._add(name, getattr(struct, name))

    def copy(self) -> Struct:
        """Return a new struct with the same items.

        Returns
        -------
        struct : Struct
            A shallow copy: the values are not copied.
        """
        return Struct(**self.getDict())

    def __len__(self) -> int:
        return len(vars(self))

    def __repr__(self) -> str:
        items = "; ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({items})"
