"""What tasks record about a run: nested, typed, and written as JSON."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Protocol, Self, TypeAlias, runtime_checkable

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
)

from .framework import MetadataBase

__all__ = ["TaskMetadata"]

Scalar: TypeAlias = str | int | float | bool
# Other writers of JSON have null for NaN.
NullableFloat: TypeAlias = Annotated[
    StrictFloat, BeforeValidator(lambda value: math.nan if value is None else value)
]
SCALAR_TYPES = (str, int, float, bool)


@runtime_checkable
class PropertySetLike(Protocol):
    """A property set in the manner of ``lsst.daf.base``."""

    def paramNames(self, topLevelOnly: bool) -> Any:
        """Return the names of all items, those of nested ones with dots."""

    def getArray(self, key: str) -> Any:
        """Return the values under a name as a list."""


class TaskMetadata(MetadataBase):
    """A nested mapping of scalars, arrays and further metadata.

    Scalars are `str`, `int`, `float` or `bool`; all elements of an array have one of these types. A
    dot in a key separates levels. The JSON form (``model_dump_json``, ``model_validate_json``)
    is that of ``lsst.pipe.base.TaskMetadata``: NaN and infinities are written as such, and null is
    read as NaN. Where lsst.pipe.base is installed this is one of its metadata.

    Parameters
    ----------
    scalars : dict, optional
        The scalars by key.
    arrays : dict, optional
        The arrays, as lists, by key.
    metadata : dict, optional
        The metadata of the next level by key.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")

    # Of the types in a union the first that fits is taken, and a float field takes integers too
    # where only floats are left: the order is part of the format.
    scalars: dict[str, NullableFloat | StrictInt | StrictBool | StrictStr] = Field(
        default_factory=dict
    )
    arrays: dict[
        str, list[NullableFloat] | list[StrictInt] | list[StrictBool] | list[StrictStr]
    ] = Field(default_factory=dict)
    metadata: dict[str, TaskMetadata] = Field(default_factory=dict)

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Self:
        """Make metadata of a nested mapping.

        Parameters
        ----------
        d : Mapping
            Scalars, sequences and mappings by key.

        Returns
        -------
        metadata : TaskMetadata
            A deep copy.

        Raises
        ------
        TypeError
            If `d` is not a mapping.
        ValueError
            If a value has a type that metadata cannot hold.
        """
        if not isinstance(d, Mapping):
            raise TypeError(f"nested metadata must be made of a mapping, got {type(d).__name__}")
        result = cls()
        for key, value in d.items():
            result[key] = value
        return result

    @classmethod
    def from_metadata(cls, ps: PropertySetLike) -> Self:
        """Make metadata of a property set, or copy metadata.

        Parameters
        ----------
        ps : PropertySetLike
            Anything with ``paramNames`` and ``getArray``.

        Returns
        -------
        metadata : TaskMetadata
            A deep copy, in which arrays of one element have become scalars.
        """
        result = cls()
        # The order of the names may be that of a set, which differs from run to run.
        for name in sorted(ps.paramNames(topLevelOnly=False)):
            values = list(ps.getArray(name))
            result[name] = values[0] if len(values) == 1 else values
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return the whole as a nested dictionary.

        Returns
        -------
        d : dict
            Scalars, lists and dictionaries by key; a deep copy.
        """
        result: dict[str, Any] = dict(self.scalars)
        result.update({key: list(values) for key, values in self.arrays.items()})
        result.update({key: child.to_dict() for key, child in self.metadata.items()})
        return result

    def set_dict(self, key: str, value: Mapping[str, Any]) -> None:
        """Store a nested mapping, in place of what is under the key.

        Parameters
        ----------
        key : str
            Where to store it.
        value : Mapping
            Scalars, sequences and mappings by key.
        """
        self[key] = self.from_dict(value)

    def get_dict(self, key: str) -> dict[str, Any]:
        """Return the metadata under a key as a nested dictionary.

        Parameters
        ----------
        key : str
            Which metadata to take.

        Returns
        -------
        d : dict
            A deep copy; empty if there is nothing under the key.

        Raises
        ------
        ValueError
            If a scalar or an array is under the key.
        """
        value = self.get(key, TaskMetadata())
        if not isinstance(value, TaskMetadata):
            raise ValueError(f"{key!r} must be nested metadata, got {type(value).__name__}")
        return value.to_dict()

    def add(self, name: str, value: Scalar | Sequence[Scalar]) -> None:
        """Append to the array under a key.

        What was a scalar becomes the first element; a new key starts an array.

        Parameters
        ----------
        name : str
            The key.
        value : scalar or sequence of scalars
            What to append.

        Raises
        ------
        KeyError
            If the nested metadata that a dotted key names does not exist.
        ValueError
            If the type differs from that of the elements before, or nested metadata is
            under the key or given.
        """
        *parents, key = _parts(name)
        parent = self._descend(parents)
        if parent is None:
            raise KeyError(f"{'.'.join(parents)!r} not found, so nothing can be added under it")
        item = _to_item(value)
        if isinstance(item, TaskMetadata):
            raise ValueError(f"value must be a scalar or a sequence, got {type(value).__name__}")
        held = parent._find(key)
        if isinstance(held, TaskMetadata):
            raise ValueError(
                f"name must be that of a scalar or an array, got {name!r}, which is nested"
            )
        array = held if isinstance(held, list) else [] if held is None else [held]
        new = item if isinstance(item, list) else [item]
        if array and new and type(array[0]) is not type(new[0]):
            raise ValueError(
                f"value must be of type {type(array[0]).__name__}, as {name!r} is, "
                f"got {type(new[0]).__name__}"
            )
        array.extend(new)
        parent._store(key, array)

    def getScalar(self, key: str) -> Any:
        """Return a scalar, or the last element of an array.

        Parameters
        ----------
        key : str
            The key.

        Returns
        -------
        value : str, int, float, bool or TaskMetadata
            The value.

        Raises
        ------
        KeyError
            If there is nothing under the key, or an empty array.
        """
        return self[key]

    def getArray(self, key: str) -> list[Any]:
        """Return the values under a key as a list.

        Parameters
        ----------
        key : str
            The key.

        Returns
        -------
        values : list
            The elements of an array, or the one scalar.

        Raises
        ------
        KeyError
            If there is nothing under the key.
        """
        value = self._find(key)
        if value is None:
            raise KeyError(f"{key!r} not found")
        return list(value) if isinstance(value, list) else [value]

    def get(self, key: str, default: Any = None) -> Any:
        """Return what ``self[key]`` does, or a default.

        Parameters
        ----------
        key : str
            The key.
        default : object, optional
            What to return if there is nothing under the key, or an empty array.

        Returns
        -------
        value : object
            The value or the default.
        """
        value = self._find(key)
        if isinstance(value, list):
            return value[-1] if value else default
        return default if value is None else value

    def names(self) -> set[str]:
        """Return the keys of all levels, those of nested metadata included.

        Returns
        -------
        names : set of str
            Dotted keys.
        """
        nested = {f"{key}.{name}" for key, child in self.metadata.items() for name in child.names()}
        return set(self.keys()) | nested

    def paramNames(self, topLevelOnly: bool) -> set[str]:
        """Return the keys of scalars and arrays.

        Parameters
        ----------
        topLevelOnly : bool
            Leave out those in nested metadata.

        Returns
        -------
        names : set of str
            Dotted keys; never those of nested metadata itself.
        """
        names = set(self.scalars) | set(self.arrays)
        if not topLevelOnly:
            for key, child in self.metadata.items():
                names |= {f"{key}.{name}" for name in child.paramNames(topLevelOnly=False)}
        return names

    def keys(self) -> tuple[str, ...]:
        """Return the keys of this level.

        Returns
        -------
        keys : tuple of str
            Those of scalars, then arrays, then nested metadata.
        """
        return (*self.scalars, *self.arrays, *self.metadata)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Iterate over keys and values of this level.

        Yields
        ------
        item : tuple
            The key, and the scalar, list or nested metadata.
        """
        yield from self.scalars.items()
        yield from self.arrays.items()
        yield from self.metadata.items()

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        return iter(self.keys())

    def __contains__(self, key: object) -> bool:
        return self._find(key) is not None

    def __getitem__(self, key: str) -> Any:
        value = self.get(key)
        if value is None:
            raise KeyError(f"{key!r} not found")
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        item = _to_item(value)
        *parents, last = _parts(key)
        node = self
        for name in parents:
            if name not in node.metadata:
                node._store(name, TaskMetadata())
            node = node.metadata[name]
        node._store(last, item)

    def __delitem__(self, key: str) -> None:
        *parents, last = _parts(key)
        node = self._descend(parents)
        if node is None or last not in node:
            raise KeyError(f"{key!r} not found")
        for slot in node._slots():
            slot.pop(last, None)

    def _slots(self) -> tuple[dict[str, Any], ...]:
        return self.scalars, self.arrays, self.metadata

    def _store(self, key: str, item: Scalar | list[Scalar] | TaskMetadata) -> None:
        """Put an item in the place for its kind, and nothing of that key in the others."""
        place: dict[str, Any] = self.scalars
        if isinstance(item, list):
            place = self.arrays
        elif isinstance(item, TaskMetadata):
            place = self.metadata
        for slot in self._slots():
            if slot is not place:
                slot.pop(key, None)
        place[key] = item

    def _find(self, key: object) -> Any:
        """Return the scalar, list or metadata under a dotted key, None if there is nothing."""
        *parents, last = _parts(key)
        node = self._descend(parents)
        if node is None:
            return None
        return next((slot[last] for slot in node._slots() if last in slot), None)

    def _descend(self, names: list[str]) -> TaskMetadata | None:
        """Return the metadata that lies so many levels down, None if it does not exist."""
        node: TaskMetadata | None = self
        for name in names:
            node = node.metadata.get(name) if node is not None else None
        return node


# The mapping protocol cannot be a base class beside pydantic's; it is what lets a real
# lsst.pipe.base.TaskMetadata take this one as a value.
Mapping.register(TaskMetadata)


def _parts(key: object) -> list[str]:
    """Return the parts of a dotted key."""
    if not isinstance(key, str):
        raise KeyError(f"key must be a string, got {key!r}")
    return key.split(".")


def _to_item(value: Any) -> Any:
    """Return a value as metadata, a list of scalars or a scalar."""
    if isinstance(value, TaskMetadata):
        return value
    if isinstance(value, Mapping):
        return TaskMetadata.from_dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return _to_array(value)
    if isinstance(value, SCALAR_TYPES) or not isinstance(value, PropertySetLike):
        return _to_scalar(value)
    # lsst.pipe.base.TaskMetadata gives all of itself as a dictionary, arrays of one element too.
    to_dict = getattr(value, "to_dict", None)
    return TaskMetadata.from_dict(to_dict()) if to_dict else TaskMetadata.from_metadata(value)


def _to_array(values: Sequence[Any]) -> list[Scalar]:
    """Return scalars of one type, before they become Python's, as a list."""
    types = sorted({type(value).__name__ for value in values})
    if len(types) > 1:
        raise ValueError(f"elements of an array must have one type, got {', '.join(types)}")
    return [_to_scalar(value) for value in values]


def _to_scalar(value: Any) -> Scalar:
    """Return a number, also one of numpy's, a truth value or a string as a Python scalar."""
    if type(value) in SCALAR_TYPES:
        return value  # type: ignore[no-any-return]
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise ValueError(
        f"metadata must hold str, int, float, bool, sequences and mappings of them, got {value!r} "
        f"of type {type(value).__name__}"
    )
