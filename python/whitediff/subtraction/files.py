"""One image subtraction: its files, read and found to agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..cells import Grid
from ..fill import fill_values
from ..io import read_kernel
from ..io.exposure_rows import ExposureRows, open_exposure
from ..io.matching_kernel import Convolved
from ..io.regions import RegionKernel
from ..io.rows import Rows
from ..kernel import Kernel, Side, shifted
from ..meshes import in_one_row, sky_meshes
from .facts import VERSION_KEYWORD
from .job import Job, JobError
from .masks import check_planes, has_bits, plane_bits

__all__ = ["Component", "Pair", "Subtraction", "blank_where_missing", "open_subtraction"]

Value = TypeVar("Value")

# What SFFT writes into the header of the difference image.
_SFFT_CONVOLVED: dict[str, Side] = {"REF": "template", "SCI": "science"}


@dataclass(frozen=True)
class Pair:
    """The two images of a subtraction, and how they were matched.

    Attributes
    ----------
    science, template : ExposureRows
        On the pixel grid of the difference.
    kernel : Kernel
        The matching kernel; positions are in the pixel coordinates of the difference, origin
        included.
    convolved : {"template", "science"}
        Which image it was applied to.
    convolved_is_known : bool
        Whether a file or the user said so.
    scale : float or None
        The factor by which the difference was multiplied after the subtraction, if it is known.
    """

    science: ExposureRows
    template: ExposureRows
    kernel: Kernel
    convolved: Side
    convolved_is_known: bool
    scale: float | None


@dataclass(frozen=True)
class Component:
    """One of the images that a difference is a linear combination of.

    Attributes
    ----------
    image : ExposureRows
        On the pixel grid of the difference.
    kernels : sequence of Kernel
        What it was convolved with; positions as of `Pair`.
    weight : float
        What it was multiplied by, with its sign.
    variance_factor : float
        As of `InputImage`.
    """

    image: ExposureRows
    kernels: Sequence[Kernel]
    weight: float = 1.0
    variance_factor: float = 1.0


@dataclass(frozen=True)
class Subtraction:
    """A difference image, and how it was made: of a pair, of components, or nobody knows.

    Attributes
    ----------
    difference : ExposureRows
        Pixels that have no value are NaN.
    pair : Pair or None
        The two images that it is the difference of, one of them matched to the other.
    components : mapping of str to Component
        The images of any other combination, by their names; empty if it is none.
    grid : Grid or None
        Cells that end where the kernel changes from one pixel to the next; None if it does not.
    notes : sequence of str
        What kernel files say and is not used.
    no_value_planes : sequence of str
        Mask planes of the difference that say so.
    filled : sequence of float
        Values that recur improbably often in the difference: pixels without data are filled with
        them.
    """

    difference: ExposureRows
    pair: Pair | None
    components: Mapping[str, Component]
    grid: Grid | None
    notes: Sequence[str]
    no_value_planes: Sequence[str]
    filled: Sequence[float]

    @property
    def images(self) -> Mapping[str, ExposureRows]:
        """The images whose noise is in the difference, by the names that a job gives them."""
        if self.pair is not None:
            return {"science": self.pair.science, "template": self.pair.template}
        components = {name: component.image for name, component in self.components.items()}
        return components or {"difference": self.difference}


@contextmanager
def open_subtraction(job: Job) -> Iterator[Subtraction]:
    """Open the files of a subtraction, to be read row by row.

    Parameters
    ----------
    job : Job
        Names of files, and what is known of the subtraction.

    Raises
    ------
    OSError, ValueError
        If a file is missing, damaged, not what it should be, or was whitened before; if the
        images differ in shape; if the user and the files contradict each other.
    """
    with ExitStack() as files:
        named = [(image.file, image.mask) for image in job.images.values()]
        # One file may be several inputs, each with a mask of its own.
        exposures = {
            name: files.enter_context(open_exposure(*name))
            for name in dict.fromkeys([*named, (job.difference, job.difference_mask)])
        }
        whole = exposures[job.difference, job.difference_mask]
        for (path, _), exposure in exposures.items():
            if exposure.shape != whole.shape:
                raise ValueError(
                    f"the images must be on one pixel grid: {job.difference} has {_size(whole)} "
                    f"pixels, {path} has {_size(exposure)}"
                )
        if VERSION_KEYWORD in whole.metadata and not job.again:
            raise JobError(
                f"{job.difference} has been whitened already (it has the keyword "
                f"{VERSION_KEYWORD}); to whiten it all the same: ",
                "again",
                "",
            )
        no_value_planes = check_planes(job.no_value_planes, [whole.mask_planes], ["NO_DATA"])
        filled = _filled(whole.image)
        yield Subtraction(
            difference=blank_where_missing(whole, no_value_planes, filled),
            **_made(job, whole, [exposures[name] for name in named]),
            no_value_planes=no_value_planes,
            filled=filled,
        )


def _made(job: Job, difference: ExposureRows, images: Sequence[ExposureRows]) -> dict[str, Any]:
    """Fields of a subtraction that say how it was made, of the images in the order of the job."""
    made: dict[str, Any] = {"pair": None, "components": {}, "grid": None, "notes": []}
    xy0 = difference.xy0
    if job.combined:
        components, notes = _combined(job, xy0, images)
        return made | {"components": components, "notes": notes}
    if job.science is None or job.template is None or job.kernel is None:
        return made
    matching = read_kernel(job.kernel, difference=job.difference)
    science, template = images
    if isinstance(matching.kernel, RegionKernel):
        made["grid"] = matching.kernel.grid(difference.shape)
    convd = str(difference.metadata.get("CONVD"))
    stated = matching.convolved or _SFFT_CONVOLVED.get(convd)
    known: Convolved | None = _agreed("convolved", job.convolved, stated, job.kernel)
    scale = _agreed("scale", job.scale, matching.scale, job.kernel)
    if known == "both":
        for name in ("shared_variance", "preconvolved"):
            if getattr(job, name):
                raise JobError("", name, f" needs one convolved image and one scale: {job.kernel}")
        kernels = [matching.science_kernel, matching.kernel]
        return made | {
            "components": {
                name: Component(image, [_placed(kernel, matching.origin, xy0)], weight)
                for name, image, kernel, weight in zip(
                    ("science", "template"), (science, template), kernels, (1.0, -1.0), strict=True
                )
                if kernel is not None
            }
        }
    pair = Pair(
        science=science,
        template=template,
        kernel=_placed(matching.kernel, matching.origin, xy0),
        convolved=known or "template",
        convolved_is_known=known is not None,
        scale=scale,
    )
    return made | {"pair": pair}


def _combined(
    job: Job, xy0: tuple[int, int], images: Sequence[ExposureRows]
) -> tuple[dict[str, Component], list[str]]:
    components, notes = {}, []
    for (name, given), image in zip(job.images.items(), images, strict=True):
        kernels = []
        for path in given.kernels:
            matching = read_kernel(path)
            if matching.convolved == "both":
                raise ValueError(f"{path}: a kernel of one image is expected, got one of a pair")
            if matching.scale not in (None, 1.0):
                notes.append(f"{path}: its scale, {matching.scale:g}, is not used: weights have it")
            kernels.append(_placed(matching.kernel, matching.origin, xy0))
        components[name] = Component(image, kernels, given.weight, given.variance_factor)
    return components, list(dict.fromkeys(notes))


def _placed(kernel: Kernel, origin: str, xy0: tuple[int, int]) -> Kernel:
    return kernel if origin == "parent" else shifted(kernel, xy0)


def _agreed(field: str, given: Value | None, stated: Value | None, path: Path) -> Value | None:
    """What the user or the file says; neither may contradict the other."""
    if given is not None and stated is not None and given != stated:
        raise JobError("", field, f" {given} contradicts {path}, which says {stated}")
    return stated if given is None else given


def blank_where_missing(
    exposure: ExposureRows, planes: Sequence[str], filled: Sequence[float]
) -> ExposureRows:
    """Give an exposure whose pixels are NaN where the mask says so, or where they are filled."""
    image, mask = exposure.image, exposure.mask
    bits = plane_bits(exposure.mask_planes, planes)
    if (mask is None or bits == 0) and not filled:
        return exposure

    def read(rows: slice) -> NDArray[Any]:
        pixels = image[rows]
        for value in filled:
            pixels[pixels == value] = np.nan
        if mask is not None:
            pixels[has_bits(mask[rows], bits)] = np.nan
        return pixels

    return replace(exposure, image=Rows(image.shape, image.dtype, read))


def _filled(image: Rows) -> list[float]:
    """Values that fill pixels without data; none that pixels with data have as well."""
    sample = in_one_row(image[mesh] for mesh in sky_meshes(image.shape))
    found = fill_values(sample, np.isfinite(sample))
    return [fill.value for fill in found if not fill.is_data_too]


def _size(exposure: ExposureRows) -> str:
    height, width = exposure.shape
    return f"{width} x {height}"
