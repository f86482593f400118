"""Whitening of difference images as a task of Rubin pipelines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from lsst.images import DifferenceImage, MaskedImage
from lsst.images.convolution_kernels import ConvolutionKernel
from lsst.pex.config import ConfigurableField, Field
from lsst.pipe.base import (
    AlgorithmError,
    NoWorkFound,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
    connectionTypes,
)
from lsst.utils.logging import getLogger
from lsst.utils.timer import timeMethod

from .._core import __version__
from ..exposure import Exposure, own_names
from ..io.lsst_exposure import exposure_of
from ..kernel import SpatialKernel
from ..psf import CellPsf
from ..subtraction.facts import VERSION_KEYWORD, Facts
from ..tasks import DecorrelateALKernelSpatialTask
from ..tasks.exposure_statistics import has_known_variance
from .exposures import whitened_difference
from .kernels import lsst_kernel
from .psfs import cell_psf, piff_psf

__all__ = [
    "WhitenDifferenceConfig",
    "WhitenDifferenceConnections",
    "WhitenDifferenceError",
    "WhitenDifferenceTask",
]

_DIMENSIONS = ("instrument", "visit", "detector")


class WhitenDifferenceError(AlgorithmError):
    """A difference image cannot be whitened, and trying again will not help.

    Parameters
    ----------
    message : str
        Why not.
    **metadata : str, int, float or bool
        What is known about it.
    """

    def __init__(self, message: str, **metadata: str | int | float | bool) -> None:
        super().__init__(message)
        self._metadata = metadata

    @property
    def metadata(self) -> dict[str, Any]:
        """What is known about it."""
        return dict(self._metadata)


class WhitenDifferenceConnections(  # type: ignore[call-arg]
    PipelineTaskConnections,
    dimensions=_DIMENSIONS,
):
    """Datasets of `WhitenDifferenceTask`, by the names that they have in the pipelines of DRP."""

    science = connectionTypes.Input(
        doc="The science image before any convolution.",
        name="visit_image",
        storageClass="VisitImage",
        dimensions=_DIMENSIONS,
    )
    template = connectionTypes.Input(
        doc="The template, warped to the science image, before any convolution.",
        name="template_detector",
        storageClass="MaskedImageV2",
        dimensions=_DIMENSIONS,
    )
    difference = connectionTypes.Input(
        doc="Their difference, not whitened.",
        name="difference_image_predetection",
        storageClass="DifferenceImage",
        dimensions=_DIMENSIONS,
    )
    kernel = connectionTypes.Input(
        doc="The matching kernel, where the difference image does not have it.",
        name="difference_kernel",
        storageClass="MatchingKernel",
        dimensions=_DIMENSIONS,
    )
    white = connectionTypes.Output(
        doc="The whitened difference image.",
        name="difference_image_white",
        storageClass="DifferenceImage",
        dimensions=_DIMENSIONS,
    )
    score = connectionTypes.Output(
        doc="The whitened likelihood image: the optimal detection image.",
        name="difference_score_white",
        storageClass="DifferenceImage",
        dimensions=_DIMENSIONS,
    )
    psf = connectionTypes.Output(
        doc="The PSF of the whitened image in each of its cells.",
        name="difference_psf_white",
        storageClass="CellPointSpreadFunction",
        dimensions=_DIMENSIONS,
    )

    def __init__(self, *, config: Any) -> None:
        super().__init__(config=config)
        for name, wanted in (
            ("kernel", config.doReadKernel),
            ("white", not config.preConvMode),
            ("score", config.preConvMode),
            ("psf", config.doWriteCellPsf),
        ):
            if not wanted:
                delattr(self, name)


class WhitenDifferenceConfig(  # type: ignore[call-arg]
    PipelineTaskConfig, pipelineConnections=WhitenDifferenceConnections
):
    """Configuration of `WhitenDifferenceTask`."""

    decorrelate = ConfigurableField[Any](
        doc="The task that whitens.", target=DecorrelateALKernelSpatialTask
    )
    preConvMode = Field[bool](
        doc="Whether the difference is a likelihood image: the science image, correlated with its "
        "PSF, less the template, matched to that.",
        default=False,
    )
    templateMatched = Field[bool](
        doc="Whether the template was convolved, or else the science image.", default=True
    )
    doReadKernel = Field[bool](
        doc="Read the matching kernel from a dataset of its own, rather than take the one that the "
        "difference image has.",
        default=False,
    )
    doWriteCellPsf = Field[bool](
        doc="Write the PSF of each cell as well: that of the image is smooth over the frame.",
        default=False,
    )

    def setDefaults(self) -> None:
        """Mark the pixels whose filter fell on gaps or beyond the frame, which have no data."""
        super().setDefaults()
        for worker in (
            self.decorrelate.decorrelateConfig,
            self.decorrelate.decorrelateMapReduceConfig.mapper,
        ):
            worker.filterEdgePlane = "FILTER_EDGE"
            worker.noValueMaskPlanes = ["NO_DATA"]


class WhitenDifferenceTask(PipelineTask):
    """Make the noise of a difference image white, as a step of a pipeline.

    Notes
    -----
    Whatever is not pixels, mask, variance or PSF comes out as the difference has it: its aperture
    corrections and summary statistics are those of the science image.
    """

    ConfigClass = WhitenDifferenceConfig
    _DefaultName = "whitenDifference"

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("log") is None:
            # Executors show what stands under "lsst".
            kwargs["log"] = getLogger("lsst.whitediff")
        super().__init__(**kwargs)
        self.makeSubtask("decorrelate")

    def runQuantum(self, butlerQC: Any, inputRefs: Any, outputRefs: Any) -> None:
        """Read, whiten with as many threads as the quantum has cores, and write."""
        inputs = butlerQC.get(inputRefs)
        outputs = self.run(**inputs, nThreads=butlerQC.resources.num_cores)
        butlerQC.put(outputs, outputRefs)

    @timeMethod
    def run(
        self,
        science: MaskedImage,
        template: MaskedImage,
        difference: DifferenceImage,
        kernel: Any = None,
        nThreads: int | None = None,
    ) -> Struct:
        """Whiten a difference image.

        Parameters
        ----------
        science, template : MaskedImage
            The inputs before any convolution. They contain the box of the difference.
        difference : DifferenceImage
            Their difference. No image is modified.
        kernel : Kernel, array_like [v, u] or object, optional
            The matching kernel: what `whitediff.adapters.as_kernel` takes. By default that of the
            difference.
        nThreads : int, optional
            Number of threads; by default what the subtask's configuration or the environment says.

        Returns
        -------
        result : Struct
            ``white``, or ``score`` for a likelihood image: the whitened image, with its PSF, the
            kernel, if it is one that lsst.images can hold, and metadata that say that it is white
            and how it became so. ``psf``, if it was asked for.

        Raises
        ------
        NoWorkFound
            If the template has no pixels.
        WhitenDifferenceError
            If the difference is white already, has no kernel, or has no PSF; if another image has
            no pixels, or one has no variance; if the subtask gives no PSF of the white image.
        """
        if VERSION_KEYWORD in difference.metadata:
            raise WhitenDifferenceError(
                "difference must not be white, got one that is",
                version=str(difference.metadata[VERSION_KEYWORD]),
            )
        with self.timer("adapt"):
            exposures = {
                "science": exposure_of(science),
                "template": exposure_of(template),
                "difference": exposure_of(difference),
            }
        self._check(exposures)
        matching = _kernel_of(difference) if kernel is None else kernel
        corrected = self.decorrelate.run(
            exposures["science"],
            exposures["template"],
            exposures["difference"],
            matching,
            templateMatched=self.config.templateMatched,
            preConvMode=self.config.preConvMode,
            nThreads=nThreads,
        ).correctedExposure
        psf = corrected.getPsf()
        if not isinstance(psf, CellPsf):
            raise WhitenDifferenceError(
                "decorrelate must give the PSF of the white image, got "
                f"{type(psf).__name__}: none is known, or its setPsf is False"
            )
        with self.timer("psf"):
            smooth = piff_psf(psf, difference.bbox)
        facts = Facts.of_task(self._recorded())
        self.metadata["psfMisfit"] = smooth.misfit
        with self.timer("makeImage"):
            cards = {
                VERSION_KEYWORD: __version__,
                "WDCONV": "template" if self.config.templateMatched else "science",
                "WDMODE": "score" if self.config.preConvMode else "difference",
                **{keyword: value for keyword, (value, _) in facts.cards.items()},
                "WDPSFERR": smooth.misfit,
            }
            image = whitened_difference(difference, corrected, smooth.psf, cards)
            if isinstance(kernel, SpatialKernel):
                image.kernel = lsst_kernel(kernel, difference.bbox)
            elif isinstance(kernel, ConvolutionKernel):
                image.kernel = kernel
        self.log.info(
            "Whitened in %s cells with %s filters: variance %.6g (science), %.6g (template); PSF "
            "to %.1e of its peak%s",
            facts.cells,
            facts.filters,
            facts.science_variance,
            facts.template_variance,
            smooth.misfit,
            "".join(f"; {notice}" for notice in facts.notices),
        )
        result = Struct(**{"score" if self.config.preConvMode else "white": image})
        if self.config.doWriteCellPsf:
            result.psf = cell_psf(psf, difference.bbox)
        return result

    def _check(self, exposures: dict[str, Exposure]) -> None:
        if not _has_pixels(exposures["template"]):
            raise NoWorkFound("The template has no pixels.")
        for name, exposure in exposures.items():
            if not _has_pixels(exposure):
                raise WhitenDifferenceError(f"{name} must have pixels, got none", image=name)
            if name != "difference" and not has_known_variance(exposure):
                raise WhitenDifferenceError(
                    f"{name} must have positive variances, got none", image=name
                )
        known = [exposure.mask.getMaskPlaneDict() for exposure in exposures.values()]
        for name in self._ignored_planes():
            if not any(own_names([name], planes) for planes in known):
                self.log.warning("No image has the mask plane %s, which is to be left out.", name)

    def _ignored_planes(self) -> Iterable[str]:
        """Mask planes that the configuration of the subtask names."""
        names: dict[str, None] = {}
        for path, value in self.decorrelate.config.toDict().items():
            for key, planes in _items(path, value):
                if key == "ignoreMaskPlanes":
                    names.update(dict.fromkeys(planes))
        return names

    def _recorded(self) -> dict[str, Any]:
        """What the subtask and those under it have recorded."""
        own = self.decorrelate.getFullName()
        recorded: dict[str, Any] = {}
        for name, task in self.getTaskDict().items():
            if name == own or name.startswith(f"{own}."):
                recorded |= task().metadata.to_dict()
        return recorded


def _items(key: str, value: Any) -> Iterable[tuple[str, Any]]:
    """The leaves of a tree of dictionaries, each with its last key."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _items(name, part)
    else:
        yield key, value


def _kernel_of(difference: DifferenceImage) -> Any:
    try:
        return difference.kernel
    except AttributeError:
        raise WhitenDifferenceError(
            "difference must have a matching kernel, got none: doReadKernel takes it from a dataset"
        ) from None


def _has_pixels(exposure: Exposure) -> bool:
    """Say whether any pixel is finite and has data; as a rule the first row tells."""
    mask = exposure.mask
    bits = mask.getPlaneBitMask(own_names(["NO_DATA"], mask.getMaskPlaneDict()))
    rows = zip(exposure.image.array, mask.array, strict=True)
    return any(bool((np.isfinite(pixels) & ((row & bits) == 0)).any()) for pixels, row in rows)
