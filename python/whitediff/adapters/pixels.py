"""Pixels of the images of other packages."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["pixels_of"]


def pixels_of(image: Any) -> npt.NDArray[np.float64]:
    """Give the pixels [y, x] of an array, or of an image that has them as its ``array``."""
    return np.asarray(getattr(image, "array", image), dtype=np.float64)
