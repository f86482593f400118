"""What notebooks show of an object: a picture, and a table of what it is.

It is imported where it is used: it takes longer than most of the package.
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Mapping
from html import escape

import numpy as np
import numpy.typing as npt

__all__ = ["shown"]

# Pictures have at most so many pixels a side, and show small images enlarged to the width below.
_SIDE, _WIDTH = 256, 160


def shown(title: str, facts: Mapping[str, object], image: npt.ArrayLike | None = None) -> str:
    """Give a piece of HTML.

    Parameters
    ----------
    title : str
        What the object is.
    facts : mapping [str, object]
        The lines of the table.
    image : array_like, [y, x], optional
        A picture, with row 0 at the bottom, from its first to its 99th percentile.
    """
    lines = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    picture = "" if image is None else _picture(np.asarray(image))
    return (
        f"<div><b>{escape(title)}</b><div style='display:flex;gap:1em'>{picture}"
        f"<table>{lines}</table></div></div>"
    )


def _picture(image: npt.NDArray[np.floating]) -> str:
    step = 1 + (max(image.shape) - 1) // _SIDE
    pixels = image[::step, ::step][::-1]
    finite = pixels[np.isfinite(pixels)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 0.0)
    with np.errstate(invalid="ignore"):
        grey = np.nan_to_num(255 * np.clip((pixels - low) / ((high - low) or 1.0), 0, 1))
    data = b64encode(_png(grey.astype(np.uint8))).decode()
    return (
        f"<img src='data:image/png;base64,{data}' width='{_WIDTH}' "
        "style='image-rendering:pixelated;object-fit:contain'>"
    )


def _png(grey: npt.NDArray[np.uint8]) -> bytes:
    """Give the file of a grey picture (PNG specification, sections 5 and 11)."""
    height, width = grey.shape
    lines = np.zeros((height, width + 1), np.uint8)
    lines[:, 1:] = grey
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines.tobytes())),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
