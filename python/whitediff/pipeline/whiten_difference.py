"""Whitening of difference images as a task of Rubin pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from lsst.images import DifferenceImage, MaskedImage
from lsst.images.convolution_kernels import ConvolutionKernel
from lsst.pex.config import ChoiceField, ConfigurableField, Field
from lsst.pipe.base import (
    AlgorithmError,
    NoWorkFound,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
    TaskMetadata,
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
from ..tasks.decorrelation_inputs import DecorrelationInputs
from ..tasks.exposure_statistics import has_known_variance
from ..verdict import Verdict
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
# Under this name AlardLuptonSubtractTask records "Template" or "Science".
_CONVOLVED = "convolvedExposure"


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
    subtractionMetadata = connectionTypes.Input(
        doc="What the subtraction has recorded.",
        name="subtractImages_metadata",
        storageClass="TaskMetadata",
        dimensions=_DIMENSIONS,
    )
    white = connectionTypes.Output(
        doc="The whitened difference image.",
        name="difference_image_white",
        storageClass="DifferenceImage",
        dimensions=_DIMENSIONS,
    )
    score = connectionTypes.Output(
        doc="The optimal detection image, of an ordinary difference or a likelihood image.",
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
        if config.kernelPackage == "lsst.images":
            self.kernel = replace(self.kernel, storageClass="ConvolutionKernel")
        for name, wanted in (
            ("kernel", config.doReadKernel),
            ("subtractionMetadata", config.doReadMetadata),
            ("white", not config.preConvMode),
            ("score", config.preConvMode or _makes_score(config)),
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
        doc="Whether the template was convolved, or else the science image. None for what the "
        f"metadata of the difference, or those of the subtraction, say as {_CONVOLVED}; the "
        "template, if they say nothing.",
        optional=True,
        default=None,
    )
    doReadKernel = Field[bool](
        doc="Read the matching kernel from a dataset of its own, rather than take the one that the "
        "difference image has.",
        default=False,
    )
    kernelPackage: Any = ChoiceField[str](
        doc="Which package the kernel of that dataset is of.",
        allowed={
            "lsst.afw": "The storage class is MatchingKernel; lsst.afw is needed to read it.",
            "lsst.images": "The storage class is ConvolutionKernel.",
        },
        default="lsst.afw",
        optional=False,
    )
    doReadMetadata = Field[bool](
        doc="Read what the subtraction has recorded, to know which image was convolved.",
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
        subtractionMetadata: TaskMetadata | None = None,
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
        subtractionMetadata : TaskMetadata, optional
            What the subtraction has recorded.
        nThreads : int, optional
            Number of threads; by default what the subtask's configuration or the environment says.

        Returns
        -------
        result : Struct
            ``white``, unless the difference is a likelihood image: the whitened image, with its
            PSF, the kernel, if it is one that lsst.images can hold, and metadata that say that it
            is white and how it became so. ``score``, of a likelihood image or if the subtask makes
            one: the same of the score image. ``psf``, if it was asked for: of ``white``, or else
            of ``score``.

        Raises
        ------
        NoWorkFound
            If the template has no pixels.
        WhitenDifferenceError
            If the difference is white already, has no kernel, or has no PSF; if another image has
            no pixels, or one has no variance; if the subtask gives no PSF of the white image, or
            not the score image that it is told to make.
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
        template_matched = self._template_matched(difference, subtractionMetadata)
        how = {"templateMatched": template_matched, "preConvMode": self.config.preConvMode}
        if not self.config.preConvMode and self._is_white_already(exposures, matching, how):
            raise WhitenDifferenceError("difference must not be white, got one whose noise is")
        result = self.decorrelate.run(
            exposures["science"],
            exposures["template"],
            exposures["difference"],
            matching,
            **how,
            nThreads=nThreads,
        )
        recorded = self._recorded()
        facts = Facts.of_task(recorded)
        cards = {
            VERSION_KEYWORD: __version__,
            "WDCONV": "template" if template_matched else "science",
        }
        images = {
            "score" if self.config.preConvMode else "white": (
                result.correctedExposure,
                cards | {keyword: value for keyword, (value, _) in facts.cards.items()},
            )
        }
        if "score" not in images and _makes_score(self.config):
            score = getattr(result, "scoreExposure", None)
            if score is None:
                raise WhitenDifferenceError(
                    "decorrelate must give a score image, got none: doScore is that of another mode"
                )
            images["score"] = score, cards
        made = Struct(
            **{
                name: self._image(name, difference, kernel, exposure, own)
                for name, (exposure, own) in images.items()
            }
        )
        self._tell(facts, Verdict.recorded(recorded))
        if self.config.doWriteCellPsf:
            made.psf = cell_psf(_psf_of(result.correctedExposure), difference.bbox)
        return made

    @timeMethod
    def _is_white_already(
        self, exposures: dict[str, Exposure], matching: Any, how: dict[str, Any]
    ) -> bool:
        inputs = DecorrelationInputs.of(
            exposures["science"], exposures["template"], exposures["difference"], matching, **how
        )
        planes = self._planes("ignoreMaskPlanes"), self._planes("noValueMaskPlanes")
        subtracted = inputs.subtracted(*planes)
        found = None if subtracted is None else subtracted.agreement
        return found is not None and found.is_white_already

    def _template_matched(
        self, difference: DifferenceImage, subtraction: TaskMetadata | None
    ) -> bool:
        """Say whether the template was convolved, from whatever says it first."""
        said: list[tuple[str, Any]] = [("configuration", self.config.templateMatched)]
        for source, metadata in (("difference", difference.metadata), ("subtraction", subtraction)):
            side = _convolved(metadata)
            said.append((source, None if side is None else side == "template"))
        said.append(("assumption", True))
        source, matched = next((source, known) for source, known in said if known is not None)
        self.metadata["templateMatched"], self.metadata["templateMatchedFrom"] = matched, source
        self.log.info(
            "The %s was convolved, as known from: %s",
            "template" if matched else "science image",
            source,
        )
        return bool(matched)

    def _image(
        self,
        name: str,
        difference: DifferenceImage,
        kernel: Any,
        exposure: Any,
        cards: dict[str, Any],
    ) -> DifferenceImage:
        """Make an image of lsst.images of a white one, or of a score."""
        with self.timer(f"{name}Psf"):
            smooth = piff_psf(_psf_of(exposure), difference.bbox)
        self.metadata[f"{name}PsfMisfit"] = smooth.misfit
        mode: dict[str, Any] = {"WDMODE": "difference"}
        if name == "score":
            mode = {"WDMODE": "score", "WDPRECON": self.config.preConvMode}
        with self.timer(f"{name}Image"):
            image = whitened_difference(
                difference, exposure, smooth.psf, cards | mode | {"WDPSFERR": smooth.misfit}
            )
            if isinstance(kernel, SpatialKernel):
                image.kernel = lsst_kernel(kernel, difference.bbox)
            elif isinstance(kernel, ConvolutionKernel):
                image.kernel = kernel
        return image

    def _tell(self, facts: Facts, judged: Verdict) -> None:
        """Log what was done, and record what is to be thought of it."""
        self.log.info(
            "Whitened in %s cells with %s filters: variance %.6g (science), %.6g (template)%s",
            facts.cells,
            facts.filters,
            facts.science_variance,
            facts.template_variance,
            "".join(f"; {notice}" for notice in facts.notices),
        )
        for name, value in judged.facts.items():
            if value is not None:
                self.metadata[name] = value
        self.metadata["verdictSummary"] = judged.summary

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
        for name in self._planes("ignoreMaskPlanes"):
            if not any(own_names([name], planes) for planes in known):
                self.log.warning("No image has the mask plane %s, which is to be left out.", name)

    def _planes(self, field: str) -> Iterable[str]:
        """Mask planes that the configuration of the subtask names in such a field."""
        lists = _values(self.decorrelate.config, field)
        return dict.fromkeys(plane for planes in lists for plane in planes)

    def _recorded(self) -> dict[str, Any]:
        """What the subtask and those under it have recorded."""
        own = self.decorrelate.getFullName()
        recorded: dict[str, Any] = {}
        for name, task in self.getTaskDict().items():
            if name == own or name.startswith(f"{own}."):
                recorded |= task().metadata.to_dict()
        return recorded


def _makes_score(config: Any) -> bool:
    """Say whether the subtask is told to make a score image of an ordinary difference."""
    return any(_values(config.decorrelate.value, "doScore"))


def _values(config: Any, name: str) -> Iterator[Any]:
    """Values of all fields of that name, of a configuration and those in it."""
    yield from _leaves(config.toDict(), name)


def _leaves(tree: dict[str, Any], name: str) -> Iterator[Any]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, name)
        elif key == name:
            yield value


def _convolved(metadata: Any) -> str | None:
    """What metadata say which image was convolved; None if nothing."""
    names = [] if metadata is None else getattr(metadata, "names", metadata.keys)()
    for name in names:
        if name.rpartition(".")[2] == _CONVOLVED:
            return str(metadata[name]).lower()
    return None


def _kernel_of(difference: DifferenceImage) -> Any:
    try:
        return difference.kernel
    except AttributeError:
        raise WhitenDifferenceError(
            "difference must have a matching kernel, got none: doReadKernel takes it from a dataset"
        ) from None


def _psf_of(exposure: Any) -> CellPsf:
    psf = exposure.getPsf()
    if not isinstance(psf, CellPsf):
        raise WhitenDifferenceError(
            f"decorrelate must give the PSF of the white image, got {type(psf).__name__}: none is "
            "known, or its setPsf is False"
        )
    return psf


def _has_pixels(exposure: Exposure) -> bool:
    """Say whether any pixel is finite and has data; as a rule the first row tells."""
    mask = exposure.mask
    bits = mask.getPlaneBitMask(own_names(["NO_DATA"], mask.getMaskPlaneDict()))
    rows = zip(exposure.image.array, mask.array, strict=True)
    return any(bool((np.isfinite(pixels) & ((row & bits) == 0)).any()) for pixels, row in rows)
