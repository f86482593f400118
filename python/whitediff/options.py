"""How an image is whitened: the options that functions, tasks and the command line share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, TypeVar

from .arrays import as_callable, as_integer, one_of
from .cells import Grid
from .covariance import NoiseCovariance

__all__ = [
    "Covariance",
    "Mode",
    "Progress",
    "Propagation",
    "WhitenKeywords",
    "WhitenOptions",
    "as_options",
    "shows_options",
]

Mode = Literal["difference", "score"]
Propagation = Literal["estimate", "full"]
Covariance = Literal["none", "auto", "measured"] | NoiseCovariance
Progress = Callable[[int, int], object]
_Function = TypeVar("_Function", bound=Callable[..., Any])


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
    variance : {"estimate", "full"}, optional
        How the variance plane is propagated: each plane times a mean gain, or convolved with the
        squared response. Default: "full" in mode "score", else "estimate".
    covariance : {"none", "auto", "measured"} or NoiseCovariance
        What remains of the noise's colour when the kernels are accounted for, because pixels of
        the inputs are not independent: nothing; what is measured on the whitened image, if that is
        beyond doubt; what is measured; what is given.
    ignore_mask : int
        Bits of the masks that leave a pixel out of statistics; boolean masks leave out what is
        True.
    no_value_mask : int
        Bits of the image's mask that say that a pixel has no value, like one that is not finite; of
        a boolean mask, 1 for what is True.
    grid : Grid, optional
        Cells chosen by the caller; default: found from the filter and the cost.
    n_threads : int
        0 for the cores that the process may use: the least of OMP_NUM_THREADS (or what
        threadpoolctl has set), its affinity, and the quota of its control group; fewer where a
        frame is too small to keep them busy. A fork of a process uses one. The result does not
        depend on it.
    progress : callable, optional
        Called as ``progress(done, total)`` while cells finish; what it raises ends the computation.

    Raises
    ------
    TypeError
        If an option is of the wrong kind.
    ValueError
        If a name is unknown.
    """

    mode: Mode = "difference"
    spatially_varying: bool = True
    variance: Propagation | None = None
    covariance: Covariance = "none"
    ignore_mask: int = 0
    no_value_mask: int = 0
    grid: Grid | None = None
    n_threads: int = 0
    progress: Progress | None = None

    def __post_init__(self) -> None:
        one_of(self.mode, ("difference", "score"), "mode")
        if self.variance is not None:
            one_of(self.variance, ("estimate", "full"), "variance")
        if not isinstance(self.covariance, NoiseCovariance):
            one_of(self.covariance, ("none", "auto", "measured"), "covariance")
        as_integer(self.ignore_mask, "ignore_mask")
        as_integer(self.no_value_mask, "no_value_mask")
        as_integer(self.n_threads, "n_threads")
        if self.grid is not None and not isinstance(self.grid, Grid):
            raise TypeError(f"grid must be a Grid, got {type(self.grid).__name__}")
        if self.progress is not None:
            as_callable(self.progress, "progress")

    @property
    def propagation(self) -> Propagation:
        """How the variance plane is propagated, the default being that of the mode."""
        return self.variance or ("full" if self.mode == "score" else "estimate")


class WhitenKeywords(TypedDict, total=False):
    """The same as keywords of a function."""

    mode: Mode
    spatially_varying: bool
    variance: Propagation | None
    covariance: Covariance
    ignore_mask: int
    no_value_mask: int
    grid: Grid | None
    n_threads: int
    progress: Progress | None


def shows_options(function: _Function) -> _Function:
    """Show every option, with its default, in the signature of a function of ``**options``."""
    signature = inspect.signature(function)
    *own, _ = signature.parameters.values()
    shown = signature.replace(parameters=[*own, *_OPTIONS])
    function.__signature__ = shown  # type: ignore[attr-defined]
    return function


_OPTIONS = inspect.signature(WhitenOptions).parameters.values()


def as_options(keywords: WhitenKeywords, function: Callable[..., Any]) -> WhitenOptions:
    """Give the options among the keywords of a function.

    Raises
    ------
    TypeError
        If one has no such name.
    """
    for name in keywords.keys() - WhitenKeywords.__annotations__.keys():
        parameters = inspect.signature(function).parameters.values()
        known = [
            parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY
        ]
        raise TypeError(
            f"option of {function.__name__} must be one of {', '.join(known)}, got {name}"
        )
    return WhitenOptions(**keywords)
