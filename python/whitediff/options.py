"""How an image is whitened: the options that functions, tasks and the command line share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .cells import Grid

__all__ = ["Mode", "Progress", "Propagation", "WhitenOptions"]

Mode = Literal["difference", "score"]
Propagation = Literal["estimate", "full"]
Progress = Callable[[int, int], object]


@dataclass(frozen=True, kw_only=True)
class WhitenOptions:
    """How an image is whitened.

    Attributes
    ----------
    mode : {"difference", "score"}
        White noise, or the optimal detection image, which needs the PSF.
    spatially_varying : bool
        A filter for every cell of the frame; if False, one with the kernels at the centre of the
        frame and the clipped mean variances of whole planes.
    variance : {"estimate", "full"}
        How the variance plane is propagated: each plane times a mean gain, or convolved with the
        squared response.
    ignore_mask : int
        Bits of the masks that leave a pixel out of statistics; boolean masks leave out what is
        True.
    grid : Grid, optional
        Cells chosen by the caller; default: found from the filter and the cost.
    n_threads : int
        0 for all cores that the process may use. The result does not depend on it.
    progress : callable, optional
        Called as ``progress(done, total)`` while cells finish; what it raises ends the computation.
    """

    mode: Mode = "difference"
    spatially_varying: bool = True
    variance: Propagation = "estimate"
    ignore_mask: int = 0
    grid: Grid | None = None
    n_threads: int = 0
    progress: Progress | None = None
