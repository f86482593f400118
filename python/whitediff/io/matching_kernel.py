"""What a kernel file tells."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..arrays import as_number, one_of
from ..kernel import Kernel

__all__ = ["MatchingKernel"]


@dataclass(frozen=True)
class MatchingKernel:
    """A matching kernel with what its file says about the subtraction.

    With the template convolved the difference is ``scale * (S - K*T - background)``, with the
    science image convolved it is ``scale * (K*S + background - T)``.

    Attributes
    ----------
    kernel : Kernel
        The kernel K, acting by true convolution.
    convolved : {"template", "science"} or None
        Which image was convolved; None where the file does not say.
    scale : float or None
        The factor by which the difference was multiplied after the subtraction; None where the
        file does not say.
    background : callable or None
        ``background(x, y)``, in units of the image that was not convolved; None where the file
        has no such term.
    origin : {"array", "parent"}
        What positions are counted from: the first pixel of the array (HOTPANTS, SFFT), or the
        origin of the parent image, so that pixel [0, 0] is at the exposure's ``xy0`` (Rubin,
        whitediff).

    Raises
    ------
    ValueError
        If one of these is none that can be.
    """

    kernel: Kernel
    convolved: Literal["template", "science"] | None = None
    scale: float | None = None
    background: Callable[[Any, Any], Any] | None = None
    origin: Literal["array", "parent"] = "parent"

    def __post_init__(self) -> None:
        if self.convolved is not None:
            one_of(self.convolved, ("template", "science"), "convolved")
        one_of(self.origin, ("array", "parent"), "origin")
        if self.scale is not None:
            scale = as_number(self.scale, "scale")
            if not math.isfinite(scale) or scale == 0:
                raise ValueError(f"scale must be finite and not zero, got {scale}")
