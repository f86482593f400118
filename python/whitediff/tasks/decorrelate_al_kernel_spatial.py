"""Make the noise of a difference image white with a filter that varies over the frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
from lsst.pex.config import Config, ConfigField, ConfigurableField, Field, ListField
from lsst.utils.timer import timeMethod

from ..adapters.afw import clipped_statistics
from ..cells import Grid
from ..exposure import IGNORED_MASK_PLANES
from .decorrelate_al_kernel import DecorrelateALKernelConfig, DecorrelateALKernelTask
from .decorrelation_inputs import DecorrelationInputs
from .exposure_statistics import mean_variance
from .image_map_reduce import ImageMapReduceConfig, ImageMapReduceTask
from .image_mapper import ImageMapper, ImageMapperConfig
from .struct import Struct
from .task import Task

__all__ = [
    "DecorrelateALKernelMapReduceConfig",
    "DecorrelateALKernelMapper",
    "DecorrelateALKernelMapperConfig",
    "DecorrelateALKernelSpatialConfig",
    "DecorrelateALKernelSpatialTask",
]


class DecorrelateALKernelMapperConfig(DecorrelateALKernelConfig, ImageMapperConfig):
    """Configuration of `DecorrelateALKernelMapper`: that of `DecorrelateALKernelTask`."""


class DecorrelateALKernelMapper(DecorrelateALKernelTask, ImageMapper):
    """Whiten the cells of a difference image, each with its own filter.

    The kernel is taken at the middle of each cell, the mean variances in the cell without border.
    """

    ConfigClass = DecorrelateALKernelMapperConfig
    _DefaultName = "ip_diffim_decorrelateALKernelMapper"

    def run(  # type: ignore[override]
        self,
        subExposure: Any,
        expandedSubExposure: Any,
        fullBBox: Any,
        template: Any,
        science: Any,
        alTaskResult: Any = None,
        psfMatchingKernel: Any = None,
        preConvKernel: Any = None,
        templateMatched: bool = True,
        preConvMode: bool = False,
        nThreads: int | None = None,
        **kwargs: Any,
    ) -> Struct:
        """Whiten one cell.

        Parameters
        ----------
        subExposure, expandedSubExposure : Exposure
            The cell of the difference image, without and with its border.
        fullBBox : Box2I
            The box of the whole difference image.
        template, science : Exposure
            The whole inputs before any convolution.
        alTaskResult : Struct, optional
            Something with a ``psfMatchingKernel``, which is used then.
        psfMatchingKernel, preConvKernel, templateMatched, preConvMode, nThreads
            As for `DecorrelateALKernelTask.run`.
        **kwargs : object
            Not used.

        Returns
        -------
        result : Struct
            ``subExposure``: the whitened cell, without its border.

        Raises
        ------
        RuntimeError
            If there is neither alTaskResult nor psfMatchingKernel.
        ValueError
            As `DecorrelateALKernelTask.run`; if the expanded cell is smaller than the kernel; if
            the configuration wants what remains of the noise's colour to be measured.
        """
        if self.config.covariance != "none":
            raise ValueError(
                f"covariance must be 'none' for single cells, got {self.config.covariance!r}"
            )
        if expandedSubExposure.variance is None:
            raise ValueError(
                "exposure must have a variance plane for single cells, got one without"
            )
        inputs = DecorrelationInputs.of(
            science,
            template,
            expandedSubExposure,
            _matching_kernel(alTaskResult, psfMatchingKernel),
            preConvKernel=preConvKernel,
            templateMatched=templateMatched,
            preConvMode=preConvMode,
        ).with_scale_of(fullBBox)
        box = subExposure.getBBox()
        x, y = (box.getMinX() + box.getMaxX()) / 2, (box.getMinY() + box.getMaxY()) / 2
        whitened = inputs.at(x, y).whiten(
            self.config.whitenOptions(nThreads, spatially_varying=False),
            ignored_planes=self.config.ignoreMaskPlanes,
            no_value_planes=self.config.noValueMaskPlanes,
            mean_variances=(
                self._variance_near(science, expandedSubExposure, box),
                self._variance_near(template, expandedSubExposure, box),
            ),
        )
        exposure = inputs.exposure_of(
            whitened, edge_plane=self.config.filterEdgePlane, set_psf=self.config.setPsf
        )
        return Struct(subExposure=exposure.Factory(exposure, box))

    def _variance_near(self, exposure: Any, expanded: Any, box: Any) -> float | None:
        """Give the mean variance in a cell; with its border, or of the frame, if there is none."""
        for part in (box, expanded.getBBox(), exposure.getBBox()):
            mean = self.computeVarianceMean(exposure.Factory(exposure, part))
            if not np.isnan(mean):
                return mean
        return None

    def runAll(  # type: ignore[override]
        self,
        exposure: Any,
        boxes0: Sequence[Any],
        boxes1: Sequence[Any],
        *,
        reduceOperation: str,
        progress: Callable[[int, int], None] | None = None,
        template: Any,
        science: Any,
        alTaskResult: Any = None,
        psfMatchingKernel: Any = None,
        preConvKernel: Any = None,
        templateMatched: bool = True,
        preConvMode: bool = False,
        nThreads: int | None = None,
        **kwargs: Any,
    ) -> Struct | None:
        """Whiten all cells at once, in the compiled core.

        Parameters
        ----------
        exposure : Exposure
            The difference image; it is not modified.
        boxes0, boxes1 : sequence of Box2I
            The cells, without and with their borders.
        reduceOperation : str
            "average" or "copy".
        progress : callable, optional
            Called as ``progress(done, total)``; what it raises ends the run.
        template, science, alTaskResult, psfMatchingKernel
            As for `run`.
        preConvKernel, templateMatched, preConvMode, nThreads
            As for `run`.
        **kwargs : object
            Not used.

        Returns
        -------
        result : Struct or None
            ``exposure``; or None for another reduceOperation.

        Raises
        ------
        RuntimeError, ValueError
            As `run`.
        """
        if reduceOperation not in ("average", "copy"):
            return None
        inputs = DecorrelationInputs.of(
            science,
            template,
            exposure,
            _matching_kernel(alTaskResult, psfMatchingKernel),
            preConvKernel=preConvKernel,
            templateMatched=templateMatched,
            preConvMode=preConvMode,
        )
        grid = Grid(
            inputs.array_boxes(boxes0),
            expanded=inputs.array_boxes(boxes1),
            reduction="average" if reduceOperation == "average" else "copy",
        )
        return Struct(
            exposure=self.correct(
                inputs, spatiallyVarying=True, grid=grid, progress=progress, nThreads=nThreads
            )
        )


class DecorrelateALKernelMapReduceConfig(ImageMapReduceConfig):
    """Configuration of an `ImageMapReduceTask` that whitens a difference image.

    Run the task with the difference image and, as keyword arguments, ``science``, ``template``,
    ``psfMatchingKernel`` and what else `DecorrelateALKernelMapper.run` takes.
    """

    mapper = ConfigurableField[Any](
        doc="The task that whitens a cell.", target=DecorrelateALKernelMapper
    )


class DecorrelateALKernelSpatialConfig(Config):
    """Configuration of `DecorrelateALKernelSpatialTask`."""

    decorrelateConfig = ConfigField[DecorrelateALKernelConfig](
        doc="For one filter on the whole frame (spatiallyVarying=False).",
        dtype=DecorrelateALKernelConfig,
    )
    decorrelateMapReduceConfig = ConfigField[DecorrelateALKernelMapReduceConfig](
        doc="For a filter that varies over the frame (spatiallyVarying=True).",
        dtype=DecorrelateALKernelMapReduceConfig,
    )
    spatiallyVarying = Field[bool](
        doc="Whether the filter varies over the frame, whatever the argument of run says; None for "
        "what it says. lsst.ip.diffim's own subtraction tasks never ask for more than one filter.",
        optional=True,
        default=None,
    )
    automaticCells = Field[bool](
        doc="Whether to find the cells from the reach and the variation of the filter, as long as "
        "decorrelateMapReduceConfig has its default grid. A grid that was changed there (cells, "
        "steps, borders, centroids, reduceOperation, mapper or reducer) is always used, and so are "
        "boxes that were set by hand in the subtask mapReduce.",
        default=True,
    )
    ignoreMaskPlanes = ListField[str](
        doc="Mask planes that computeVarianceMean leaves out.",
        default=list(IGNORED_MASK_PLANES),
    )

    def setDefaults(self) -> None:
        """Set the default grid: cells of 41 FWHM of the PSF every 40, with borders of 8."""
        super().setDefaults()
        grid = self.decorrelateMapReduceConfig
        grid.cellSizeX = grid.cellSizeY = 41.0
        grid.gridStepX = grid.gridStepY = 40.0
        grid.borderSizeX = grid.borderSizeY = 8.0
        grid.reducer.reduceOperation = "average"

    def hasDefaultGrid(self) -> bool:
        """Say whether decorrelateMapReduceConfig has the grid, mapper and reducer of the default.

        Returns
        -------
        default : bool
            Mask planes, and the configuration of the mapper, may differ. What a subclass sets is
            not the default.
        """
        return _grid_of(self.decorrelateMapReduceConfig) == _default_grid()


class DecorrelateALKernelSpatialTask(Task):
    """Undo the correlation of noise that the matching kernel left in a difference image.

    Attributes
    ----------
    decorrelate : DecorrelateALKernelTask
        The subtask for one filter on the whole frame.
    mapReduce : ImageMapReduceTask
        The subtask for a filter that varies over the frame; its mapper does the work, be it with
        a configured grid or with automatic cells.

    Notes
    -----
    The equations are in docs/mathematics.md, Eqs. 1 to 16, each with where it comes from: Kaiser
    (2004); Zackay, Ofek & Gal-Yam (2016); DMTN-021, Eq. 1; DMTN-179,
    Eqs. 9, 10, 12 and 23, for variances and likelihood images.
    """

    ConfigClass = DecorrelateALKernelSpatialConfig
    _DefaultName = "ip_diffim_decorrelateALKernelSpatial"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.decorrelate = DecorrelateALKernelTask(
            config=self.config.decorrelateConfig, name="decorrelate", parentTask=self
        )
        self.mapReduce = ImageMapReduceTask(
            config=self.config.decorrelateMapReduceConfig, name="mapReduce", parentTask=self
        )

    @cached_property
    def statsControl(self) -> Any:
        """As of `DecorrelateALKernelTask`."""
        return clipped_statistics(self.config.ignoreMaskPlanes)

    def computeVarianceMean(self, exposure: Any) -> float:
        """Give the clipped mean of the variance plane of an exposure.

        Parameters
        ----------
        exposure : Exposure
            The exposure. Pixels with `ignoreMaskPlanes` are left out.

        Returns
        -------
        mean : float
            Mean after three rounds of 3-sigma clipping; NaN where no pixel is left.

        Notes
        -----
        docs/mathematics.md, Eq. 14.
        """
        return mean_variance(exposure, self.config.ignoreMaskPlanes)

    @timeMethod
    def run(
        self,
        scienceExposure: Any,
        templateExposure: Any,
        subtractedExposure: Any,
        psfMatchingKernel: Any,
        spatiallyVarying: bool = True,
        preConvKernel: Any = None,
        templateMatched: bool = True,
        preConvMode: bool = False,
        progress: Callable[[int, int], None] | None = None,
        nThreads: int | None = None,
    ) -> Struct:
        """Whiten a difference image.

        Parameters
        ----------
        scienceExposure, templateExposure, subtractedExposure, psfMatchingKernel
            As for `DecorrelateALKernelTask.run`. None of the exposures is modified.
        spatiallyVarying : bool, optional
            Whether each cell of the frame has a filter of its own, or the frame has one, unless the
            configuration says so. It also says which cells: see
            `DecorrelateALKernelSpatialConfig.automaticCells`.
        preConvKernel, templateMatched, preConvMode, nThreads
            As for `DecorrelateALKernelTask.run`.
        progress : callable, optional
            Called as ``progress(done, total)`` with numbers of cells; what it raises ends the run.

        Returns
        -------
        result : Struct
            ``correctedExposure``: the whitened image, its variance and PSF, with the mask of the
            difference. Where a configured grid leaves pixels without a value, the bad planes of
            the reducer are set as well. What `DecorrelateALKernelTask.score` gives, if the
            configuration of the subtask wants it.

        Raises
        ------
        ValueError, TypeError
            As `DecorrelateALKernelTask.run`.

        Notes
        -----
        ``psi(k) = sqrt((v_1 + v_2 K(0)^2) / (v_1 + v_2 |K(k)|^2))``, with v_2 the variance of the
        convolved image (docs/mathematics.md, Eqs. 7 and 8; DMTN-021, Eq. 1), for the kernel and the
        mean variances of each cell. Likelihood images: F = P(0) conj(phi_D) / P
        (docs/mathematics.md, Eqs. 3 and 9; DMTN-179, Eq. 23).
        """
        source = "argument"
        if self.config.spatiallyVarying is not None:
            spatiallyVarying, source = self.config.spatiallyVarying, "configuration"
        self.log.info(
            "Running A&L decorrelation: spatiallyVarying=%r, from the %s", spatiallyVarying, source
        )
        options = {
            "preConvKernel": preConvKernel,
            "templateMatched": templateMatched,
            "preConvMode": preConvMode,
        }
        self.metadata["spatiallyVarying"] = spatiallyVarying
        if not spatiallyVarying:
            self.metadata["grid"] = "one filter"
            return self.decorrelate.run(
                scienceExposure,
                templateExposure,
                subtractedExposure,
                psfMatchingKernel,
                progress=progress,
                nThreads=nThreads,
                **options,
            )
        mapper = self.mapReduce.mapper
        how: Any = {"spatiallyVarying": True, "progress": progress, "nThreads": nThreads}
        if self._findsCells():
            self.metadata["grid"] = "automatic"
            inputs = DecorrelationInputs.of(
                scienceExposure, templateExposure, subtractedExposure, psfMatchingKernel, **options
            )
            exposure = mapper.correct(inputs, **how)
            return Struct(correctedExposure=exposure, **mapper.score(inputs, **how))
        self.metadata["grid"] = "configured"
        exposure = self.mapReduce.run(
            subtractedExposure,
            science=scienceExposure,
            template=templateExposure,
            psfMatchingKernel=psfMatchingKernel,
            forceEvenSized=True,
            progress=progress,
            nThreads=nThreads,
            **options,
        ).exposure
        if not isinstance(mapper, DecorrelateALKernelTask):
            return Struct(correctedExposure=exposure)
        inputs = DecorrelationInputs.of(
            scienceExposure, templateExposure, subtractedExposure, psfMatchingKernel, **options
        )
        return Struct(correctedExposure=exposure, **mapper.score(inputs, **how))

    def _findsCells(self) -> bool:
        return (
            self.config.automaticCells
            and self.config.hasDefaultGrid()
            and self.mapReduce.boxes0 is None
        )


def _matching_kernel(alTaskResult: Any, psfMatchingKernel: Any) -> Any:
    if alTaskResult is not None:
        return alTaskResult.psfMatchingKernel
    if psfMatchingKernel is None:
        raise RuntimeError("alTaskResult or psfMatchingKernel must be given, got neither")
    return psfMatchingKernel


@cache
def _default_grid() -> dict[str, Any]:
    return _grid_of(DecorrelateALKernelSpatialConfig().decorrelateMapReduceConfig)


def _grid_of(config: ImageMapReduceConfig) -> dict[str, Any]:
    """Give all that decides which cells there are and what happens in them."""
    values = config.toDict()
    del values["ignoreMaskPlanes"]
    values["mapper"] = config.mapper.target
    values["reducer"].pop("badMaskPlanes", None)
    values["reducer"]["target"] = config.reducer.target
    return dict(values)
