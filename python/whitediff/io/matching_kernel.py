"""What a kernel file tells."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..arrays import as_number, one_of
from ..kernel import Kernel

__all__ = ["Convolved", "MatchingKernel"]

Convolved = Literal["template", "science", "both"]


@dataclass(frozen=True)
class MatchingKernel:
    """A matching kernel with what its file says about the subtraction.

    With the template convolved the difference is ``scale * (S - K*T - background)``, with the
    science image convolved it is ``scale * (K*S + background - T)``. With both convolved it is
    ``J*S - K*T - background``, which is also the form of a difference whose scale, or convolved
    image, changes from region to region.

    Attributes
    ----------
    kernel : Kernel
        The kernel K, acting by true convolution.
    convolved : {"template", "science", "both"} or None
        Which image was convolved; None where the file does not say.
    scale : float or None
        The factor by which the difference was multiplied after the subtraction; None where the
        file does not say.
    background : callable or None
        ``background(x, y)``, in units of the image that was not convolved, of the difference if
        both were; None where the file has no such term.
    origin : {"array", "parent"}
        What positions are counted from: the first pixel of the array (HOTPANTS, SFFT), or the
        origin of the parent image, so that pixel [0, 0] is at the exposure's ``xy0`` (Rubin,
        whitediff).
    science_kernel : Kernel or None
        The kernel J of the science image, if both were convolved.

    Raises
    ------
    ValueError
        If one of these is none that can be.

    Examples
    --------
    A difference of which both images were convolved is whitened as a combination of the two::

        science = NoiseSource(science_variance, kernels=[matching.science_kernel])
        template = NoiseSource(template_variance, kernels=[matching.kernel])
        whitened = whiten(difference, [science, template])
    """

    kernel: Kernel
    convolved: Convolved | None = None
    scale: float | None = None
    background: Callable[[Any, Any], Any] | None = None
    origin: Literal["array", "parent"] = "parent"
    science_kernel: Kernel | None = None

    def __post_init__(self) -> None:
        if self.convolved is not None:
            one_of(self.convolved, ("template", "science", "both"), "convolved")
        if (self.convolved == "both") != (self.science_kernel is not None):
            raise ValueError(
                "science_kernel must be given if both images were convolved, and not otherwise"
            )
        one_of(self.origin, ("array", "parent"), "origin")
        if self.scale is not None:
            scale = as_number(self.scale, "scale")
            if not math.isfinite(scale) or scale == 0:
                raise ValueError(f"scale must be finite and not zero, got {scale}")
