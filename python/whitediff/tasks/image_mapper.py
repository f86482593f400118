"""What is done to each cell of an exposure."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

from lsst.pex.config import Config

from .struct import Struct
from .task import Task

__all__ = ["ImageMapper", "ImageMapperConfig"]


class ImageMapperConfig(Config):
    """Configuration of `ImageMapper`: nothing by itself."""


class ImageMapper(Task, abc.ABC):
    """A task that turns the part of an exposure in one cell into a result.

    A subclass implements `run`, and `runAll` if it can do all cells at once.
    """

    ConfigClass = ImageMapperConfig
    _DefaultName = "ip_diffim_ImageMapper"

    @abc.abstractmethod
    def run(
        self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kwargs: Any
    ) -> Struct:
        """Process one cell.

        Parameters
        ----------
        subExposure : Exposure
            The cell itself. This and the next are copies, which the mapper may modify.
        expandedSubExposure : Exposure
            The cell with a border around it, as far as the image goes.
        fullBBox : Box2I
            The box of the whole exposure.
        **kwargs : object
            What else `ImageMapReduceTask.run` was given.

        Returns
        -------
        result : Struct
            For operations on pixels: ``subExposure``, an exposure whose box lies in `fullBBox`.
            For ``coaddPsf``: that, or ``psf`` and ``bbox``. Anything for ``none``.
        """

    def runAll(
        self,
        exposure: Any,
        boxes0: Sequence[Any],
        boxes1: Sequence[Any],
        *,
        reduceOperation: str,
        progress: Callable[[int, int], None] | None = None,
        **kwargs: Any,
    ) -> Struct | None:
        """Process all cells and put them together, if this mapper has a faster way to do so.

        Parameters
        ----------
        exposure : Exposure
            The whole exposure, which must not be modified.
        boxes0 : sequence of Box2I
            The cells.
        boxes1 : sequence of Box2I
            The cells with their borders.
        reduceOperation : str
            How to put the cells together: a choice of `ImageReducerConfig.reduceOperation`.
        progress : callable, optional
            Called as ``progress(done, total)`` with numbers of cells.
        **kwargs : object
            What else `ImageMapReduceTask.run` was given.

        Returns
        -------
        result : Struct or None
            ``exposure``, a new exposure in which pixels that no cell covers are NaN; or None (as
            here) where cells are to be given to `run` and `ImageReducer` one by one.
        """
        return None
