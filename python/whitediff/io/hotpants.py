"""Kernel tables of HOTPANTS (Becker 2015, ASCL 1504.004).

The kernel is a sum of Gaussians times polynomials in the kernel pixel (Alard & Lupton 1998, ApJ
503, 325), each times a polynomial in the position.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Any, Literal

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..kernel import Chebyshev2D, SpatialKernel
from .fits_file import find_image
from .kernel_limits import check_size, order_of, side_of, whole_number
from .matching_kernel import MatchingKernel
from .polynomials import chebyshev_matrix, pack
from .regions import joined

__all__ = ["TABLE_NAME", "leaves_gaps", "read_hotpants"]

TABLE_NAME = "Convolution Kernel Information"

# The tool's own default is three.
_MAX_GAUSSIANS = 20
# A narrower Gaussian is one pixel, a wider one the same over the largest kernel.
_MIN_SIGMA, _MAX_SIGMA = 0.01, 1000.0
_CONVOLVED: dict[str, Literal["template", "science"]] = {"TEMPLATE": "template", "IMAGE": "science"}
# What PHOTNORM is where the difference was brought to the scale of the image that was convolved.
_SCALED = {"template": "t", "science": "i"}
# With "u" it is that of the image that was not convolved.
_NORMALISATIONS = ("t", "i", "u")


def read_hotpants(hdus: fits.HDUList, difference: fits.Header | None = None) -> MatchingKernel:
    """Read the kernel that HOTPANTS wrote with -oki (its own file) or -hki (difference image).

    Positions are array pixels of the images, counted from 0. With several regions the kernel is
    a `RegionKernel`. Regions that differ in scale, or in the image that was convolved, make a
    difference of which both images were convolved. Those that HOTPANTS has left out, for want of
    stars, are not there.

    Parameters
    ----------
    hdus : HDUList
        Open file with the kernel table.
    difference : Header, optional
        That of the difference image, with its size. It holds the command line, which tells how far
        regions overlap: the file of -oki does not.

    Returns
    -------
    MatchingKernel
        With background, direction and scale.

    Raises
    ------
    ValueError
        If the table is empty or inconsistent, if the difference is that of another run, or if a
        keyword is missing.
    """
    table = hdus[TABLE_NAME]
    if not isinstance(table, fits.BinTableHDU):
        raise ValueError(f"{TABLE_NAME} must be a binary table, got {type(table).__name__}")
    header = _collected_header(hdus)
    image = find_image(hdus)
    size = None if image is None else np.array(image.shape[::-1])
    if difference is not None:
        _check_same_run(header, difference)
        header.extend(difference, unique=True)
        size = np.array([difference["NAXIS1"], difference["NAXIS2"]])
    command = _Command(_text(header, "DIFFCMD")) if "DIFFCMD" in header else None
    if command is not None and (images := command.words("-pca")):
        raise ValueError(
            "the kernel must be one of Gaussians, got one of images (-pca "
            f"{' '.join(images)}), which its table does not hold"
        )
    solved = [n for n in range(len(table.columns)) if f"REGION{n:02d}" in header]
    if not solved:
        _keyword(header, "REGION00")
    boxes = np.array([_region_box(_text(header, f"REGION{n:02d}")) for n in solved])
    frames = _frames(boxes, len(table.columns), _full_width(header), size, command)
    basis = _basis(header)
    normalisation = _text(header, "PHOTNORM")
    if normalisation not in _NORMALISATIONS:
        raise ValueError(f"PHOTNORM must be one of {_NORMALISATIONS}, got {normalisation!r}")
    regions = []
    for n, frame in zip(solved, frames, strict=True):
        coefficients = np.asarray(table.data.field(n), dtype=np.float64)
        kernel, background = _region(coefficients, basis, header, frame)
        convolved = _CONVOLVED.get(_text(header, f"CONVOL{n:02d}"))
        if convolved is None:
            raise ValueError(
                f"CONVOL{n:02d} must be TEMPLATE or IMAGE, got {header[f'CONVOL{n:02d}']}"
            )
        scale = 1 / float(coefficients[1]) if normalisation == _SCALED[convolved] else 1.0
        regions.append(MatchingKernel(kernel, convolved, scale, background, origin="array"))
    return regions[0] if len(table.columns) == 1 else joined(regions, boxes)


def leaves_gaps(header: fits.Header, shape: tuple[int, ...]) -> bool:
    """Whether a difference image has pixels that HOTPANTS has never written, which are zero then.

    They lie beyond the limits of -gd, between its regions, and in those without a solution.

    Parameters
    ----------
    header : Header
        Of the difference image.
    shape : (int, int)
        Its height and width.
    """
    regions = [keyword for keyword in header if re.fullmatch(r"REGION\d+", keyword)]
    if not any(f"CONVOL{keyword.removeprefix('REGION')}" in header for keyword in regions):
        return False
    boxes = np.array([_region_box(_text(header, keyword)) for keyword in regions])
    # Regions that meet share a row or a column.
    covered = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum()
    return bool(covered < shape[0] * shape[1])


def _check_same_run(header: fits.Header, difference: fits.Header) -> None:
    """Refuse a difference image that says of its regions what the table does not."""
    for keyword in header:
        if re.fullmatch(r"(REGION|CONVOL|KSUM)\d+", keyword) is None:
            continue
        if keyword in difference and difference[keyword] != header[keyword]:
            raise ValueError(
                f"the kernel table is of another run than the difference image: {keyword} is "
                f"{header[keyword]}, and {difference[keyword]} there"
            )


def _collected_header(hdus: fits.HDUList) -> fits.Header:
    """Header of the table, with the keywords that other HDUs add to it.

    Which HDU holds which keyword depends on the options of the run.
    """
    header = hdus[TABLE_NAME].header.copy()
    for hdu in hdus:
        header.extend(hdu.header, unique=True)
    return header


def _keyword(header: fits.Header, name: str) -> Any:
    if name not in header:
        raise ValueError(
            f"the HOTPANTS kernel table needs the keyword {name}, which is missing, as where the "
            "run ended early (with -pca it does)"
        )
    return header[name]


def _text(header: fits.Header, name: str) -> str:
    text = _keyword(header, name)
    if not isinstance(text, str):
        raise ValueError(f"{name} must be text, got {text!r}")
    return text.strip()


def _full_width(header: fits.Header) -> int:
    return side_of(_keyword(header, "FWKERN"), "FWKERN")


def _order(header: fits.Header, name: str) -> int:
    return order_of(_keyword(header, name), name)


def _sigma(header: fits.Header, name: str) -> float:
    sigma = _keyword(header, name)
    if not (isinstance(sigma, int | float) and _MIN_SIGMA <= sigma <= _MAX_SIGMA):
        raise ValueError(
            f"{name} must be a number of pixels from {_MIN_SIGMA} to {_MAX_SIGMA}, got {sigma!r}"
        )
    return float(sigma)


def _region_box(region: str) -> tuple[int, int, int, int]:
    """Half-open box (x0, y0, x1, y1), counted from 0, of '[x0:x1,y0:y1]', counted from 1."""
    match = re.fullmatch(r"\s*\[(\d+):(\d+),(\d+):(\d+)\]\s*", region)
    if match is None:
        raise ValueError(f"a HOTPANTS region must read '[x0:x1,y0:y1]', got {region!r}")
    x0, x1, y0, y1 = map(int, match.groups())
    return x0 - 1, y0 - 1, x1, y1


class _Command:
    """The command line of a run, from the keyword DIFFCMD."""

    def __init__(self, text: str) -> None:
        self._words = text.split()

    def words(self, option: str) -> list[str]:
        """Give what follows an option, where it stands last, up to the next one; none if nowhere.

        Names of options are told without regard to case.
        """
        words = [word.lower() for word in self._words]
        if option not in words:
            return []
        start = len(words) - words[::-1].index(option)
        rest = self._words[start:]
        return list(takewhile(lambda word: re.fullmatch(r"-[A-Za-z].*", word) is None, rest))

    def numbers(self, option: str, *default: int) -> list[int]:
        """Give the whole numbers that follow an option, as many as the default has."""
        words = self.words(option)[: len(default)]
        if not words:
            return list(default)
        if len(words) < len(default) or not all(re.fullmatch(r"[+-]?\d+", word) for word in words):
            raise ValueError(
                f"DIFFCMD must give {option} as many whole numbers as {len(default)}, got {words}"
            )
        return [int(word) for word in words]


def _frames(
    boxes: NDArray[np.int64],
    n_regions: int,
    full_width: int,
    size: NDArray[np.int64] | None,
    command: _Command | None,
) -> NDArray[np.int64]:
    """Boxes that the position polynomials are scaled to: regions grown, within what is subtracted.

    What is subtracted is the image, or the part of it that -gd names.
    """
    if command is None:
        whole = (0, 0, *(boxes[0, 2:] if size is None else size))
        if n_regions == 1 and tuple(boxes[0]) == whole:
            return boxes
        raise ValueError(
            "the kernel table has several regions, or is for a part of the image, and how far they "
            "reach stands only in the keyword DIFFCMD, which is missing: the difference image has "
            "it"
        )
    if size is None:
        size = boxes[:, 2:].max(axis=0)
    x0, x1, y0, y1 = command.numbers("-gd", 0, 0, 0, 0)
    # A limit of zero is none.
    first, last = np.maximum([x0, y0], 0), np.minimum([x1 or size[0], y1 or size[1]], size)
    buffer = (full_width if n_regions == 1 else _stamp_width(command, full_width, size)) // 2
    return np.hstack([np.maximum(boxes[:, :2] - buffer, first),
                      np.minimum(boxes[:, 2:] + buffer, last)])  # fmt: skip


def _stamp_width(command: _Command, full_width: int, size: NDArray[np.int64]) -> int:
    """Give the width of a stamp, half of which regions are grown by to overlap."""
    n_regions = np.array(command.numbers("-nrx", 1) + command.numbers("-nry", 1))
    n_stamps = np.array(command.numbers("-nsx", 10) + command.numbers("-nsy", 10))
    (half,) = command.numbers("-rss", 15)
    substamp = 2 * half + 1
    width = _odd(int((size // n_regions // n_stamps).min()) - full_width)
    return width if width >= substamp else _odd(substamp + full_width)


def _odd(width: int) -> int:
    return width - 1 if width % 2 == 0 else width


def _basis(header: fits.Header) -> NDArray[np.float64]:
    """Basis images [n, v, u]; all but the first sum to zero."""
    half = _full_width(header) // 2
    u = np.arange(-half, half + 1, dtype=np.float64)
    n_gaussians = whole_number(_keyword(header, "NGAUSS"), "NGAUSS", 1, _MAX_GAUSSIANS)
    degrees = [_order(header, f"DGAUSS{n}") for n in range(1, n_gaussians + 1)]
    n_images = sum((degree + 1) * (degree + 2) // 2 for degree in degrees)
    check_size(n_images, len(u), len(u), "kernel basis")
    images: list[NDArray[np.float64]] = []
    for n, degree in enumerate(degrees, start=1):
        sigma = _sigma(header, f"SGAUSS{n}")
        profiles = [u**power * np.exp(-(u**2) / (2 * sigma**2)) for power in range(degree + 1)]
        for a in range(degree + 1):
            for b in range(degree - a + 1):
                image = np.outer(profiles[b], profiles[a])
                if a % 2 == 0 and b % 2 == 0:
                    image /= profiles[a].sum() * profiles[b].sum()
                    if images:
                        image -= images[0]
                images.append(image)
    return np.array(images)


def _region(
    coefficients: NDArray[np.float64],
    basis: NDArray[np.float64],
    header: fits.Header,
    frame: NDArray[np.int64],
) -> tuple[SpatialKernel, Chebyshev2D]:
    """Kernel and background of one region."""
    order, background_order = _order(header, "CKORDER"), _order(header, "BGORDER")
    n_terms = (order + 1) * (order + 2) // 2
    n_background = (background_order + 1) * (background_order + 2) // 2
    start = 2 + (len(basis) - 1) * n_terms
    if len(coefficients) < start + n_background:
        raise ValueError(
            f"the kernel table must have at least {start + n_background} rows for "
            f"{len(basis)} basis functions, got {len(coefficients)}"
        )
    if not np.isfinite(coefficients).all() or coefficients[1] == 0:
        raise ValueError(
            "the kernel table must hold finite values and a kernel sum that is not zero; tables "
            "of zeros come from HOTPANTS runs with both -hki and -oki: read the file of -oki"
        )
    x0, y0, x1, y1 = (int(edge) for edge in frame)
    bbox = (x0, x1, y0, y1)
    functions = [Chebyshev2D([coefficients[1]], bbox)]
    functions += [
        Chebyshev2D(_chebyshev(terms, order), bbox)
        for terms in coefficients[2:start].reshape(-1, n_terms)
    ]
    background = coefficients[start : start + n_background]
    return SpatialKernel(basis, functions), Chebyshev2D(
        _chebyshev(background, background_order), bbox
    )


def _chebyshev(terms: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Chebyshev coefficients of a polynomial in X and Y, given for p = 0.., then q = 0.."""
    table = np.zeros((order + 1, order + 1))
    table[[p for p in range(order + 1) for _ in range(order - p + 1)],
          [q for p in range(order + 1) for q in range(order - p + 1)]] = terms  # fmt: skip
    matrix = chebyshev_matrix(order, 0.0, 1.0)
    return pack(matrix @ table @ matrix.T)
