"""One image subtraction: its files, read and found to agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..io import MatchingKernel, read_kernel
from ..io.exposure_rows import ExposureRows, open_exposure
from ..io.fits_file import content_errors
from ..io.rows import Rows
from ..kernel import Kernel

__all__ = ["Subtraction", "open_subtraction", "read_subtraction"]

Side = Literal["template", "science"]
Value = TypeVar("Value")

# What SFFT writes into the header of the difference image.
_SFFT_CONVOLVED: dict[str, Side] = {"REF": "template", "SCI": "science"}


@dataclass(frozen=True)
class Subtraction:
    """Two images, their difference, and how it was made.

    Attributes
    ----------
    science, template, difference : Exposure or ExposureRows
        On one pixel grid, in memory or on the disk. Pixels of the difference that have no value are
        NaN.
    kernel : Kernel
        The matching kernel; positions are in the pixel coordinates of the difference, origin
        included.
    convolved : {"template", "science"}
        Which image it was applied to.
    convolved_is_known : bool
        Whether a file or the user said so.
    scale : float or None
        The factor by which the difference was multiplied after the subtraction, if it is known.
    """

    science: Any
    template: Any
    difference: Any
    kernel: Kernel
    convolved: Side
    convolved_is_known: bool
    scale: float | None


def read_subtraction(**arguments: Any) -> Subtraction:
    """Read the files of a subtraction into memory; see `open_subtraction`."""
    with open_subtraction(**arguments) as rows:
        exposures = {}
        for name in ("science", "template", "difference"):
            with content_errors(arguments[name]):
                exposures[name] = getattr(rows, name).load()
        return replace(rows, **exposures)


@contextmanager
def open_subtraction(
    *,
    science: Path,
    template: Path,
    difference: Path,
    kernel: Path,
    convolved: Side | None,
    scale: float | None,
) -> Iterator[Subtraction]:
    """Open the files of a subtraction, to be read row by row.

    Parameters
    ----------
    science, template, difference, kernel : Path
        FITS files.
    convolved : {"template", "science"}, optional
        Which image was convolved, as far as the user says it.
    scale : float, optional
        What the difference was multiplied by, as far as the user says it.

    Raises
    ------
    OSError, ValueError
        If a file is missing, damaged, not what it should be, or was whitened before; if the
        images differ in shape; if the user and the files contradict each other.
    """
    with ExitStack() as files:
        exposures = {
            path: files.enter_context(open_exposure(path))
            for path in (science, template, difference)
        }
        whole = exposures[difference]
        for path in (science, template):
            if exposures[path].shape != whole.shape:
                raise ValueError(
                    f"the images must be on one pixel grid: {difference} has {_size(whole)} "
                    f"pixels, {path} has {_size(exposures[path])}"
                )
        if "WDVERSN" in whole.metadata:
            raise ValueError(f"{difference} has been whitened already (it has the keyword WDVERSN)")
        matching = read_kernel(kernel)
        stated = matching.convolved or _SFFT_CONVOLVED.get(str(whole.metadata.get("CONVD")))
        known: Side | None = _agreed("--convolved", convolved, stated, kernel)
        yield Subtraction(
            science=exposures[science],
            template=exposures[template],
            difference=_with_missing_pixels_blank(whole),
            kernel=_placed(matching, whole.xy0),
            convolved=known or "template",
            convolved_is_known=known is not None,
            scale=_agreed("--scale", scale, matching.scale, kernel),
        )


class _ShiftedKernel(Kernel):
    """A kernel that counts positions from the pixel at `xy0`."""

    def __init__(self, kernel: Kernel, xy0: tuple[int, int]) -> None:
        super().__init__(shape=kernel.shape, center=kernel.center)
        self._kernel = kernel
        self._xy0 = xy0

    def evaluate(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._kernel.evaluate(x - self._xy0[0], y - self._xy0[1])


def _placed(matching: MatchingKernel, xy0: tuple[int, int]) -> Kernel:
    if matching.origin == "parent" or xy0 == (0, 0):
        return matching.kernel
    return _ShiftedKernel(matching.kernel, xy0)


def _agreed(option: str, given: Value | None, stated: Value | None, path: Path) -> Value | None:
    """What the user or the file says; neither may contradict the other."""
    if given is not None and stated is not None and given != stated:
        raise ValueError(f"{option} {given} contradicts {path}, which says {stated}")
    return stated if given is None else given


def _with_missing_pixels_blank(exposure: ExposureRows) -> ExposureRows:
    image, mask = exposure.image, exposure.mask
    bit = exposure.mask_planes.get("NO_DATA")
    if mask is None or bit is None:
        return exposure

    def read(rows: slice) -> NDArray[Any]:
        pixels = image[rows]
        pixels[(mask[rows] & (1 << bit)) != 0] = np.nan
        return pixels

    return replace(exposure, image=Rows(image.shape, image.dtype, read))


def _size(exposure: ExposureRows) -> str:
    height, width = exposure.shape
    return f"{width} x {height}"
