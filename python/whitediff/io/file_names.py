"""Names of files with the extension that is meant: ``FILE[EXT]`` and ``FILE[EXT,2]``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Extension", "bare", "split_name"]

_NAMED = re.compile(r"(.+)\[([^\[\],]*)(?:,\s*(\d{1,9}))?\]", re.DOTALL)


@dataclass(frozen=True)
class Extension:
    """An extension of a FITS file, as the user names it.

    Attributes
    ----------
    name : int or str
        Number of the HDU, the primary one being 0, or its EXTNAME in capitals.
    version : int or None
        Its EXTVER, where that was given.
    """

    name: int | str
    version: int | None = None

    def __str__(self) -> str:
        return f"[{self.name}]" if self.version is None else f"[{self.name},{self.version}]"


def split_name(path: str | os.PathLike[str]) -> tuple[str, Extension | None]:
    """Split a name into that of the file and the extension; None if there is none in it.

    A file that is called just so, brackets included, is meant as a whole.

    Raises
    ------
    ValueError
        If what stands in the brackets is no extension.
    """
    name = os.fspath(path)
    match = _NAMED.fullmatch(name)
    if match is None or os.path.exists(name):
        return name, None
    file, extension, version = match[1], match[2].strip().upper(), match[3]
    if not extension or (version is not None and extension.isdecimal()):
        raise ValueError(
            f"an extension must be named as in FILE[2], FILE[SCI] or FILE[SCI,2], got {name}"
        )
    number = int(extension) if extension.isdecimal() else extension
    return file, Extension(number, None if version is None else int(version))


def bare(path: str | os.PathLike[str]) -> Path:
    """Give the file of a name, without the extension."""
    return Path(split_name(path)[0])
