"""Process an exposure cell by cell and put the results together."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from lsst.pex.config import ChoiceField, Config, ConfigurableField, Field, ListField
from lsst.utils.timer import timeMethod

from ..exposure import IGNORED_MASK_PLANES
from .cell_grid import (
    Interval,
    centered_interval,
    covering_intervals,
    even_intervals,
    expanded,
)
from .image_mapper import ImageMapper
from .image_reducer import PIXEL_OPERATIONS, ImageReducer
from .struct import Struct
from .task import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ImageMapReduceConfig", "ImageMapReduceTask"]

FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))


def _positive(value: float) -> bool:
    return value > 0


class ImageMapReduceConfig(Config):
    """Configuration of `ImageMapReduceTask`.

    Sizes, steps and borders are in pixels, or in units of the FWHM of the PSF if `scaleByFwhm`
    is set; they are rounded to whole pixels.
    """

    mapper = ConfigurableField[Any](doc="The task to run on each cell.", target=ImageMapper)
    reducer = ConfigurableField[Any](
        doc="The task that puts the results for the cells together.", target=ImageReducer
    )
    cellCentroidsX = ListField[float](
        doc="Positions x of the centres of cells in pixels. Without them there is a regular grid.",
        optional=True,
        default=None,
    )
    cellCentroidsY = ListField[float](
        doc="Positions y of the centres of cells in pixels, one for each of cellCentroidsX.",
        optional=True,
        default=None,
    )
    cellSizeX = Field[float](doc="Size of a cell along x.", default=10.0, check=_positive)
    cellSizeY = Field[float](doc="Size of a cell along y.", default=10.0, check=_positive)
    gridStepX = Field[float](
        doc="Distance between neighbouring cells along x. Less than cellSizeX makes them overlap; "
        "more has the effect of cellSizeX, as there are no gaps.",
        default=10.0,
        check=_positive,
    )
    gridStepY = Field[float](
        doc="Distance between neighbouring cells along y. Less than cellSizeY makes them overlap; "
        "more has the effect of cellSizeY, as there are no gaps.",
        default=10.0,
        check=_positive,
    )
    borderSizeX = Field[float](
        doc="Width of the border on both sides of a cell along x, in the expanded sub-exposure.",
        default=5.0,
        check=_positive,
    )
    borderSizeY = Field[float](
        doc="Width of the border on both sides of a cell along y, in the expanded sub-exposure.",
        default=5.0,
        check=_positive,
    )
    adjustGridOption = ChoiceField[str](
        doc="What is adjusted so that the grid fits the exposure.",
        default="spacing",
        allowed={
            "spacing": "the distance between cells, which may overlap more",
            "size": "the size of the cells, which is about that of the step, with no overlap",
            "none": "nothing: the last cells are cut off at the edge of the exposure",
        },
    )
    scaleByFwhm = Field[bool](
        doc="Whether sizes, steps and borders are in units of the FWHM of the PSF.", default=True
    )
    returnSubImages = Field[bool](
        doc="Whether to return copies of the input of the mapper beside each result.",
        default=False,
    )
    ignoreMaskPlanes = ListField[str](
        doc="Mask planes whose pixels are left out of clipped statistics.",
        default=list(IGNORED_MASK_PLANES),
    )

    def validate(self) -> None:
        """Check the fields, and that each centroid has both coordinates.

        Raises
        ------
        ValueError
            If the numbers of x and y coordinates differ.
        lsst.pex.config.FieldValidationError
            If a field is not valid.
        """
        super().validate()
        n_x, n_y = len(self.cellCentroidsX or ()), len(self.cellCentroidsY or ())
        if n_x != n_y:
            raise ValueError(
                f"cellCentroidsY must have as many values as cellCentroidsX, {n_x}, got {n_y}"
            )


class ImageMapReduceTask(Task):
    """Cut an exposure into cells, run a mapper on each, and reduce the results to one.

    Attributes
    ----------
    boxes0 : list of Box2I or None
        The cells. Set or edited by hand before a run, or made by `_generateGrid`, they are used as
        they are, until set to None; else these are the cells of the last run, made anew for each
        exposure.
    boxes1 : list of Box2I or None
        The same cells with their borders.
    mapper : ImageMapper
        The subtask that processes one cell.
    reducer : ImageReducer
        The subtask that puts the results together.
    """

    ConfigClass = ImageMapReduceConfig
    _DefaultName = "ip_diffim_imageMapReduce"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.boxes0: list[Any] | None = None
        self.boxes1: list[Any] | None = None
        self._made: tuple[list[Any], list[Any]] | None = None
        self.mapper: Any
        self.reducer: Any
        self.makeSubtask("mapper")
        self.makeSubtask("reducer")

    @timeMethod
    def run(
        self,
        exposure: Any,
        *,
        boxes0: list[Any] | None = None,
        boxes1: list[Any] | None = None,
        forceEvenSized: bool = False,
        progress: Callable[[int, int], None] | None = None,
        **kwargs: Any,
    ) -> Struct:
        """Process an exposure.

        Parameters
        ----------
        exposure : Exposure
            The exposure; it is not modified, and the mapper is given copies of its parts.
        boxes0, boxes1 : list of Box2I, optional
            Values for the attributes of the same name.
        forceEvenSized : bool, optional
            Make all boxes of the grid even-sized, as suits Fourier transforms. An exposure of
            one pixel along an axis keeps that size.
        progress : callable, optional
            Called as ``progress(done, total)`` after cells are processed; what it raises ends
            the run.
        **kwargs : object
            For the ``run`` methods of the mapper and the reducer.

        Returns
        -------
        result : Struct
            What the reducer returns: see `ImageReducer.run`.

        Raises
        ------
        ValueError
            If boxes do not fit the exposure or each other; if sizes are in units of the FWHM and
            there is none.
        """
        if boxes0 is not None or boxes1 is not None:
            self.boxes0, self.boxes1 = boxes0, boxes1
        if self.boxes0 is None or (self.boxes0, self.boxes1) == self._made:
            made0, made1 = self._generateGrid(exposure, forceEvenSized=forceEvenSized, **kwargs)
            # Copies tell later whether the lists were edited.
            self._made = list(made0), list(made1)
        boxes0, boxes1 = _checked(self.boxes0, self.boxes1, exposure.getBBox())
        self.metadata["nCells"] = len(boxes0)
        self.log.info("Processing %d cells with %s.", len(boxes0), self.mapper.getName())
        result = self._runWholeGrid(exposure, boxes0, boxes1, progress, **kwargs)
        if result is None:
            mapperResults = self._runMapper(exposure, boxes0, boxes1, progress, **kwargs)
            with self.timer("reduce"):
                result = self._reduceImage(mapperResults, exposure, **kwargs)
        return result

    def _runWholeGrid(
        self,
        exposure: Any,
        boxes0: Sequence[Any],
        boxes1: Sequence[Any],
        progress: Callable[[int, int], None] | None,
        **kwargs: Any,
    ) -> Struct | None:
        """Let the mapper process all cells at once, if it can and its exposure is all we need."""
        result: Struct | None = None
        run_all = getattr(self.mapper, "runAll", None)
        if run_all is not None and self._wantsExposureOnly():
            with self.timer("runAll"):
                result = run_all(
                    exposure,
                    boxes0,
                    boxes1,
                    reduceOperation=self.reducer.config.reduceOperation,
                    progress=progress,
                    **kwargs,
                )
        self.metadata["wholeGrid"] = result is not None
        if result is not None:
            self.reducer.flagInvalid(result.exposure)
        return result

    def _wantsExposureOnly(self) -> bool:
        """Whether the results for single cells serve no purpose but to be put together."""
        return (
            not self.config.returnSubImages
            and type(self)._reduceImage is ImageMapReduceTask._reduceImage
            and type(self.reducer).run is ImageReducer.run
            and type(self.reducer)._constructPsf is ImageReducer._constructPsf
            and self.reducer.config.reduceOperation in PIXEL_OPERATIONS
        )

    def _runMapper(
        self,
        exposure: Any,
        boxes0: Sequence[Any],
        boxes1: Sequence[Any],
        progress: Callable[[int, int], None] | None,
        **kwargs: Any,
    ) -> list[Struct]:
        results = []
        cut = _cutter(exposure)
        with self.timer("map"):
            for i, boxes in enumerate(zip(boxes0, boxes1, strict=True)):
                result = self.mapper.run(*map(cut, boxes), exposure.getBBox(), **kwargs)
                if self.config.returnSubImages:
                    # New copies: the mapper may have changed those that it was given.
                    names = "inputSubExposure", "inputExpandedSubExposure"
                    inputs = zip(names, map(cut, boxes), strict=True)
                    result.mergeItems(Struct(**dict(inputs)), *names)
                results.append(result)
                if progress is not None:
                    progress(i + 1, len(boxes0))
        return results

    def _reduceImage(self, mapperResults: list[Struct], exposure: Any, **kwargs: Any) -> Any:
        """Put the results for the cells together.

        Parameters
        ----------
        mapperResults : list of Struct
            What the mapper returned, cell by cell.
        exposure : Exposure
            The exposure that the cells were cut from.
        **kwargs : object
            For the ``run`` method of the reducer.

        Returns
        -------
        result : Struct
            What the reducer returns.
        """
        return self.reducer.run(mapperResults, exposure, **kwargs)

    def _generateGrid(
        self, exposure: Any, forceEvenSized: bool = False, **kwargs: Any
    ) -> tuple[list[Any], list[Any]]:
        """Make the boxes that the configuration asks for, and keep them.

        Parameters
        ----------
        exposure : Exposure
            What to cover: its box and, where sizes are in units of it, its PSF are taken.
        forceEvenSized : bool, optional
            Make all boxes even-sized.
        **kwargs : object
            What else `run` was given; not used here.

        Returns
        -------
        boxes0, boxes1 : list of Box2I
            The attributes of the same name.
        """
        bbox = exposure.getBBox()
        lengths = bbox.getWidth(), bbox.getHeight()
        scale = self._scale(exposure)
        border = self._pixels("borderSize", scale)
        if self.config.cellCentroidsX:
            cells = self._centroidCells(bbox, scale)
        else:
            cells = self._gridCells(lengths, scale)
        if forceEvenSized:
            cells = [
                (x, y)
                for cell in cells
                for y in even_intervals(cell[1], lengths[1])
                for x in even_intervals(cell[0], lengths[0])
            ]
        self.boxes0 = [_box(bbox, x, y) for x, y in cells]
        self.boxes1 = [
            _box(
                bbox,
                expanded(x, border[0], lengths[0], even=forceEvenSized),
                expanded(y, border[1], lengths[1], even=forceEvenSized),
            )
            for x, y in cells
        ]
        return self.boxes0, self.boxes1

    def _gridCells(self, lengths: tuple[int, int], scale: float) -> list[tuple[Interval, Interval]]:
        """Return the cells (x, y) of a regular grid."""
        size, step = self._pixels("cellSize", scale), self._pixels("gridStep", scale)
        adjust = self.config.adjustGridOption
        xs, ys = (covering_intervals(lengths[i], size[i], step[i], adjust) for i in (0, 1))
        return [(x, y) for y in ys for x in xs]

    def _centroidCells(self, bbox: Any, scale: float) -> list[tuple[Interval, Interval]]:
        """Return the cells (x, y) around the configured centroids, as far as they are inside."""
        size = self._pixels("cellSize", scale)
        cells = [
            (
                centered_interval(bbox.getWidth(), size[0], x - bbox.getMinX()),
                centered_interval(bbox.getHeight(), size[1], y - bbox.getMinY()),
            )
            for x, y in zip(self.config.cellCentroidsX, self.config.cellCentroidsY, strict=True)
        ]
        inside = [cell for cell in cells if all(start < stop for start, stop in cell)]
        if len(inside) < len(cells):
            self.log.warning(
                "%d of %d cells lie outside of the exposure.",
                len(cells) - len(inside),
                len(cells),
            )
        return inside

    def _scale(self, exposure: Any) -> float:
        """Return the number of pixels in the unit of the configured sizes."""
        if not self.config.scaleByFwhm:
            return 1.0
        psf = exposure.getPsf()
        if psf is None:
            raise ValueError("exposure must have a PSF for scaleByFwhm, got one without")
        shape = psf.computeShape(psf.getAveragePosition())
        fwhm = float(shape.getDeterminantRadius()) * FWHM_PER_SIGMA
        if not (np.isfinite(fwhm) and fwhm > 0):
            raise ValueError(f"PSF must have a positive FWHM for scaleByFwhm, got {fwhm}")
        self.log.info("Sizes of the grid are in units of the FWHM of the PSF, %.3f pixels.", fwhm)
        self.metadata["psfFwhm"] = fwhm
        return fwhm

    def _pixels(self, name: str, scale: float) -> tuple[int, int]:
        """Return a configured size (x, y) in whole pixels, and record it."""
        size = tuple(max(round(getattr(self.config, name + axis) * scale), 1) for axis in "XY")
        self.metadata[name + "X"], self.metadata[name + "Y"] = size
        return size[0], size[1]

    def plotBoxes(self, fullBBox: Any, skip: int = 3) -> Axes:
        """Draw cells (solid) and their borders (dashed) with matplotlib.

        Parameters
        ----------
        fullBBox : Box2I
            The box of the exposure.
        skip : int, optional
            Draw one of so many cells, to keep overlapping ones apart.

        Returns
        -------
        axes : matplotlib.axes.Axes
            What they are drawn on: the current axes.

        Raises
        ------
        RuntimeError
            If there are no boxes yet.
        """
        if self.boxes0 is None or self.boxes1 is None:
            raise RuntimeError(
                "boxes0 and boxes1 must be set, or made by a run, to be plotted, got None"
            )
        import matplotlib.pyplot as plt

        axes = plt.gca()
        for n, (box0, box1) in enumerate(
            zip(self.boxes0[::skip], self.boxes1[::skip], strict=True)
        ):
            axes.add_patch(_rectangle(box0, color=f"C{n % 10}"))
            axes.add_patch(_rectangle(box1, color=f"C{n % 10}", linestyle="--"))
        axes.add_patch(_rectangle(fullBBox, color="black"))
        axes.set(aspect="equal", xlabel="x [pixels]", ylabel="y [pixels]")
        axes.autoscale_view()
        return axes


def _checked(boxes0: Any, boxes1: Any, fullBBox: Any) -> tuple[list[Any], list[Any]]:
    """Check that there are cells, each within its expanded box and that within the exposure."""
    if not boxes0 or not boxes1 or len(boxes0) != len(boxes1):
        lengths = tuple(None if boxes is None else len(boxes) for boxes in (boxes0, boxes1))
        raise ValueError(f"boxes0 and boxes1 must have one box each for every cell, got {lengths}")
    for box0, box1 in zip(boxes0, boxes1, strict=True):
        if not (fullBBox.contains(box1) and box1.contains(box0)):
            raise ValueError(
                f"boxes0 must lie in boxes1, and those in the exposure, {fullBBox}, "
                f"got {box0} and {box1}"
            )
    return boxes0, boxes1


def _cutter(exposure: Any) -> Callable[[Any], Any]:
    """Return a function that makes a deep copy of the part of an exposure in a box.

    All these parts share one copy of the metadata: a header of a few hundred cards takes longer
    to copy than the pixels of a cell.
    """
    if not hasattr(exposure, "getMetadata"):
        return lambda box: exposure.Factory(exposure, box).clone()
    metadata = copy.deepcopy(exposure.getMetadata())
    empty = type(metadata)()

    def cut(box: Any) -> Any:
        view = exposure.Factory(exposure, box)
        view.setMetadata(empty)
        part = view.clone()
        part.setMetadata(metadata)
        return part

    return cut


def _box(bbox: Any, x: Interval, y: Interval) -> Any:
    """Return the box of pixel intervals of an exposure, in the geometry of its own box."""
    point, extent = type(bbox.getMin()), type(bbox.getDimensions())
    corner = point(bbox.getMinX() + x[0], bbox.getMinY() + y[0])
    return type(bbox)(corner, extent(x[1] - x[0], y[1] - y[0]))


def _rectangle(box: Any, **style: Any) -> Any:
    from matplotlib.patches import Rectangle

    corner = box.getMinX() - 0.5, box.getMinY() - 0.5
    return Rectangle(corner, box.getWidth(), box.getHeight(), fill=False, **style)
