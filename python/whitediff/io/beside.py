"""Files that seem to belong to an image, by their names: those of its noise and of its mask."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from .conventions import MASK_BESIDE, NOISE_BESIDE, NoiseKind
from .file_names import bare
from .noise_planes import kind_of_name

__all__ = ["mask_beside", "noise_beside"]

_ENDING = re.compile(r"\.(fits?|fts)(\.(fz|gz))?$")
_ENDINGS = (".fits", ".fits.fz", ".fits.gz")


def noise_beside(path: str | os.PathLike[str]) -> tuple[Path, NoiseKind] | None:
    """Give a file that seems to have the noise of an image, and what it holds by its name.

    Weights that are only called so, WHT, may count seconds: it is for the user to say.
    """
    found = _beside(path, NOISE_BESIDE)
    return None if found is None else (found, kind_of_name(found.name) or "weight")


def mask_beside(path: str | os.PathLike[str]) -> Path | None:
    """Give a file that seems to have the mask of an image."""
    return _beside(path, MASK_BESIDE)


def _beside(path: str | os.PathLike[str], changes: Iterable[tuple[str, str]]) -> Path | None:
    file = bare(path)
    ending = _ENDING.search(file.name)
    if ending is None:
        return None
    stem = file.name[: ending.start()]
    names = [re.sub(before, after, stem, count=1) for before, after in changes]
    candidates = (
        file.with_name(name + other)
        for name in names
        if name != stem
        for other in dict.fromkeys((ending[0], *_ENDINGS))
    )
    return next((candidate for candidate in candidates if candidate.is_file()), None)
