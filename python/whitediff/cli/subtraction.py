"""One image subtraction: its files, read and found to agree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..exposure import Exposure
from ..io import MatchingKernel, read_exposure, read_kernel
from ..kernel import Kernel

__all__ = ["Subtraction", "read_subtraction"]

Side = Literal["template", "science"]
Value = TypeVar("Value")

# What SFFT writes into the header of the difference image.
_SFFT_CONVOLVED: dict[str, Side] = {"REF": "template", "SCI": "science"}


@dataclass(frozen=True)
class Subtraction:
    """Two images, their difference, and how it was made.

    Attributes
    ----------
    science, template, difference : Exposure
        On one pixel grid. Pixels of the difference that have no value are NaN.
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

    science: Exposure
    template: Exposure
    difference: Exposure
    kernel: Kernel
    convolved: Side
    convolved_is_known: bool
    scale: float | None


def read_subtraction(
    science: Path,
    template: Path,
    difference: Path,
    kernel: Path,
    *,
    convolved: Side | None,
    scale: float | None,
) -> Subtraction:
    """Read the files of a subtraction.

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
    exposures = {path: read_exposure(path) for path in (science, template, difference)}
    whole = exposures[difference]
    for path in (science, template):
        if exposures[path].image.array.shape != whole.image.array.shape:
            raise ValueError(
                f"the images must be on one pixel grid: {difference} has {_size(whole)} pixels, "
                f"{path} has {_size(exposures[path])}"
            )
    if "WDVERSN" in whole.metadata:
        raise ValueError(f"{difference} has been whitened already (it has the keyword WDVERSN)")
    _blank_missing_pixels(whole)
    matching = read_kernel(kernel)
    stated = matching.convolved or _SFFT_CONVOLVED.get(str(whole.metadata.get("CONVD")))
    known: Side | None = _agreed("--convolved", convolved, stated, kernel)
    return Subtraction(
        science=exposures[science],
        template=exposures[template],
        difference=whole,
        kernel=_placed(matching, whole),
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


def _placed(matching: MatchingKernel, exposure: Exposure) -> Kernel:
    x0, y0 = exposure.getXY0()
    if matching.origin == "parent" or (x0, y0) == (0, 0):
        return matching.kernel
    return _ShiftedKernel(matching.kernel, (x0, y0))


def _agreed(option: str, given: Value | None, stated: Value | None, path: Path) -> Value | None:
    """What the user or the file says; neither may contradict the other."""
    if given is not None and stated is not None and given != stated:
        raise ValueError(f"{option} {given} contradicts {path}, which says {stated}")
    return stated if given is None else given


def _blank_missing_pixels(exposure: Exposure) -> None:
    mask = exposure.mask
    if "NO_DATA" in mask.getMaskPlaneDict():
        missing = (mask.array & mask.getPlaneBitMask("NO_DATA")) != 0
        exposure.image.array[missing] = np.nan


def _size(exposure: Any) -> str:
    return f"{exposure.getWidth()} x {exposure.getHeight()}"
