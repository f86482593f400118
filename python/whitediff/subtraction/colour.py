"""How the noise of neighbouring pixels goes together, as a job says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..covariance import INTERPOLATIONS, NoiseCovariance, psf_image
from ..io.covariance_fits import read_covariance
from ..io.exposure_rows import ExposureRows
from ..options import Covariance

__all__ = [
    "INTERPOLATIONS",
    "InputCovariance",
    "Remaining",
    "Resampling",
    "input_covariance",
    "remaining_covariance",
]

Remaining = Literal["none", "auto", "measured"]
"""What remains of the colour, as the option ``covariance``."""


@dataclass(frozen=True)
class Resampling:
    """The interpolation that an image went through before the subtraction.

    Attributes
    ----------
    kernel : str
        As of `NoiseCovariance.resampling`.
    phase : tuple [float, float], optional
        Likewise.
    """

    kernel: str
    phase: tuple[float, float] | None = None

    @classmethod
    def of(cls, text: str) -> Resampling | None:
        """Read ``KERNEL`` or ``KERNEL:Y,X``; None if it begins with no known interpolation.

        Raises
        ------
        ValueError
            If the phases are no pair of numbers.
        """
        kernel, colon, phases = text.partition(":")
        if kernel not in INTERPOLATIONS:
            return None
        if not colon:
            return cls(kernel)
        try:
            y, x = (float(phase) for phase in phases.split(","))
        except ValueError:
            raise ValueError(
                f"phases of {kernel} must be two numbers, {kernel}:Y,X, got '{text}'"
            ) from None
        return cls(kernel, (y, x))

    @property
    def covariance(self) -> NoiseCovariance:
        """That of the resampled pixels, whose own variance the plane has: one at no lag."""
        lags = NoiseCovariance.resampling(self.kernel, self.phase).lags
        return NoiseCovariance(lags / lags.max())

    def __str__(self) -> str:
        if self.phase is None:
            return f"{self.kernel}, mean over phases"
        return f"{self.kernel} at phases {self.phase[0]:g}, {self.phase[1]:g}"


InputCovariance = Path | Resampling
"""The covariance of the pixels of an input image: a file of lags, or what it went through."""


def input_covariance(given: InputCovariance | None) -> NoiseCovariance | None:
    """Give the covariance of the pixels of an input image.

    Raises
    ------
    OSError, ValueError
        If its file is not as expected.
    """
    if isinstance(given, Resampling):
        return given.covariance
    return None if given is None else read_covariance(given)


def remaining_covariance(
    given: Covariance | Path, psf: Any, difference: ExposureRows
) -> Covariance:
    """Give the option ``covariance`` of a run.

    Parameters
    ----------
    given : {"none", "auto", "measured"}, NoiseCovariance or Path
        What a job says.
    psf : array_like [v, u], Kernel or object, optional
        Of the difference.
    difference : ExposureRows
        It itself.

    Raises
    ------
    OSError, ValueError
        If its file is not as expected.
    """
    if not isinstance(given, Path):
        return given
    (height, width), (x0, y0) = difference.shape, difference.xy0
    middle = x0 + (width - 1) / 2, y0 + (height - 1) / 2
    return read_covariance(given, psf=None if psf is None else psf_image(psf, *middle))
