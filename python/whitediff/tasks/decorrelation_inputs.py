"""A difference image and what it was made of: exposures and kernels, as the core takes them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..adapters import as_kernel, as_pre_kernel
from ..adapters.afw import AfwPsf
from ..agreement import Subtracted
from ..arrays import Known, Marked
from ..decorrelate import decorrelate
from ..exposure import Exposure
from ..kernel import Kernel, Side, fixed_kernel, flux_scale, normalized
from ..options import Mode, WhitenOptions
from ..whitening import Whitened
from .exposure_statistics import bit_mask, has_finite_pixel, has_known_variance
from .held_psf import hold_psf
from .whitened_psf import WhitenedPsf

__all__ = ["DecorrelationInputs"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DecorrelationInputs:
    """Three exposures on one box, and how the third was made of the others.

    Attributes
    ----------
    science, template, difference : Exposure
        The inputs before any convolution, and their difference.
    kernel : Kernel
        The matching kernel, in the sense of true convolution, as filters are made with it.
    matching : Kernel
        The same wherever it is.
    template_matched : bool
        Whether the template was convolved with it, or else the science image.
    score : bool
        Whether the difference is a likelihood image.
    psf : Kernel or None
        PSF of the difference image; of the science image for a likelihood image.
    pre_kernel : Kernel or None
        What the science image was correlated with, for a likelihood image.
    scale : float or None
        What the difference was multiplied by; None for Rubin's convention.
    psf_trouble : str
        What is wrong with the PSF of the exposures, and what stands in; empty if nothing is.
    """

    science: Any
    template: Any
    difference: Any
    kernel: Kernel
    matching: Kernel
    template_matched: bool
    score: bool
    psf: Kernel | None
    pre_kernel: Kernel | None
    scale: float | None = None
    psf_trouble: str = ""

    @classmethod
    def of(
        cls,
        science: Any,
        template: Any,
        difference: Any,
        kernel: Any,
        *,
        preConvKernel: Any = None,
        templateMatched: bool = True,
        preConvMode: bool = False,
    ) -> DecorrelationInputs:
        """Check and adapt the arguments of a task.

        Parameters
        ----------
        science, template, difference : Exposure
            The first two may be larger than the difference.
        kernel : Kernel, array_like [v, u] or object
            What `whitediff.adapters.as_kernel` takes.
        preConvKernel : object, optional
            What `whitediff.adapters.as_pre_kernel` takes. By default the PSF of the science image
            at its average position.
        templateMatched, preConvMode : bool, optional
            Which image was convolved; whether the difference is a likelihood image.

        Raises
        ------
        ValueError
            If there is a preConvKernel outside of preConvMode, or preConvMode without
            templateMatched or without any PSF; if the exposures do not contain the difference or
            have no variance.
        TypeError
            If a kernel is not of a known kind.
        """
        if preConvMode and not templateMatched:
            raise ValueError(
                "preConvMode must come with templateMatched, got templateMatched=False"
            )
        if preConvKernel is not None and not preConvMode:
            raise ValueError("preConvKernel must come with preConvMode, got preConvMode=False")
        box = difference.getBBox()
        unconvolved = science if templateMatched else template
        psf_owners = [science] if preConvMode else [difference, unconvolved]
        found, replaced = _known_psf(psf_owners, box)
        if preConvMode and preConvKernel is None:
            if found is None:
                raise ValueError(
                    "preConvMode must come with a preConvKernel or a PSF of the science exposure, "
                    "got neither"
                )
            preConvKernel = found.average
        matching = as_kernel(kernel)
        return cls(
            science=_cut(science, box, "scienceExposure"),
            template=_cut(template, box, "templateExposure"),
            difference=difference,
            kernel=matching,
            matching=matching,
            template_matched=templateMatched,
            score=preConvMode,
            psf=None if found is None else normalized(found),
            psf_trouble=replaced,
            pre_kernel=None if preConvKernel is None else as_pre_kernel(preConvKernel),
        )

    @property
    def convolved(self) -> Side:
        """Which image was convolved with the kernel."""
        return "template" if self.template_matched else "science"

    @property
    def xy0(self) -> tuple[int, int]:
        """Pixel coordinates (x, y) of pixel [0, 0]."""
        box = self.difference.getBBox()
        return box.getMinX(), box.getMinY()

    def at(self, x: float, y: float) -> DecorrelationInputs:
        """Fix kernels and PSF to what they are at one position.

        Parameters
        ----------
        x, y : float
            The position in pixel coordinates.
        """
        kernels = {
            name: None if kernel is None else _fixed(kernel, x, y)
            for name, kernel in (
                ("kernel", self.kernel),
                ("psf", self.psf),
                ("pre_kernel", self.pre_kernel),
            )
        }
        return replace(self, **kernels)  # type: ignore[arg-type]

    def with_scale_of(self, box: Any) -> DecorrelationInputs:
        """Set the scale to that of a larger frame, which these inputs are a part of.

        Parameters
        ----------
        box : Box2I
            The box of the frame.
        """
        corner = box.getMinX(), box.getMinY()
        shape = box.getMaxY() + 1 - corner[1], box.getMaxX() + 1 - corner[0]
        return replace(self, scale=flux_scale(self.matching, self.convolved, shape, corner))

    def subtracted(
        self, ignored_planes: Iterable[str], no_value_planes: Iterable[str]
    ) -> Subtracted | None:
        """Give what a verdict has to look at, pixels with these planes left out as in `whiten`.

        None for a likelihood image.
        """
        if self.score:
            return None
        ignored = list(ignored_planes)
        inputs = {"science": self.science, "template": self.template}
        gaps = Marked(
            self.difference.mask.array, bit_mask(self.difference.mask, list(no_value_planes))
        )
        return Subtracted.of_pair(
            Known(self.difference.image.array, gaps),
            self.science.image.array,
            self.template.image.array,
            kernel=self.matching,
            convolved=self.convolved,
            scale=self.scale,
            xy0=self.xy0,
            ignored={
                name: Marked(exposure.mask.array, bit_mask(exposure.mask, ignored))
                for name, exposure in inputs.items()
            },
        )

    def array_boxes(self, boxes: Sequence[Any]) -> NDArray[np.int32]:
        """Give boxes as the core takes them.

        Parameters
        ----------
        boxes : sequence of Box2I
            Boxes in pixel coordinates.

        Returns
        -------
        boxes : numpy.ndarray [n, 4]
            ``x0, y0, x1, y1``, half-open, counted from pixel [0, 0].
        """
        limits = [(b.getMinX(), b.getMinY(), b.getMaxX() + 1, b.getMaxY() + 1) for b in boxes]
        return np.array(limits, dtype=np.int32) - np.array(self.xy0 + self.xy0, dtype=np.int32)

    def have_pixels(self) -> bool:
        """Say whether there are finite pixels in both the science image and the template."""
        return has_finite_pixel(self.science) and has_finite_pixel(self.template)

    def have_variances(self) -> bool:
        """Say whether there are positive, finite variances in both of them."""
        return has_known_variance(self.science) and has_known_variance(self.template)

    @property
    def kind(self) -> str:
        """What the difference is, in words."""
        return "a likelihood image" if self.score else "an ordinary difference"

    def have_psf(self) -> bool:
        """Say whether the PSF of the whitened image can be known."""
        return self.psf is not None or self.score

    def whiten(
        self,
        options: WhitenOptions,
        *,
        ignored_planes: Iterable[str],
        no_value_planes: Iterable[str],
        mean_variances: tuple[float | None, float | None] = (None, None),
    ) -> Whitened:
        """Whiten the difference: `whitediff.decorrelate` with exposures.

        Parameters
        ----------
        options : WhitenOptions
            How; the mode of a likelihood image is "score", and the bits of masks are those of the
            planes.
        ignored_planes : iterable of str
            Mask planes whose pixels statistics leave out.
        no_value_planes : iterable of str
            Mask planes of the difference whose pixels have no value.
        mean_variances : tuple of float, optional
            As for `whitediff.decorrelate`.

        Returns
        -------
        whitened : Whitened
            The result, as arrays.
        """
        no_value_mask = bit_mask(self.difference.mask, list(no_value_planes))
        masks, ignore_mask = self._masks(list(ignored_planes), no_value_mask)
        mode: Mode = "score" if self.score else options.mode
        return decorrelate(
            self.difference.image.array,
            self.science.variance.array,
            self.template.variance.array,
            self.kernel,
            convolved=self.convolved,
            scale=self.scale,
            **masks,
            mean_variances=mean_variances,
            psf=self.psf,
            preconvolved=self.score,
            pre_kernel=self.pre_kernel,
            xy0=self.xy0,
            **vars(
                replace(
                    options,
                    mode=mode,
                    ignore_mask=ignore_mask,
                    no_value_mask=no_value_mask,
                )
            ),
        )

    def _masks(self, planes: list[str], no_value: int) -> tuple[dict[str, Any], int]:
        """Give masks that leave something out, by the core's names for them, and the ignored bits.

        Parameters
        ----------
        planes : list of str
            Those that are ignored.
        no_value : int
            Bits of the difference's mask that are looked at as well.
        """
        masks = {
            "mask": self.difference.mask,
            "science_mask": self.science.mask,
            "template_mask": self.template.mask,
        }
        bits = {name: bit_mask(mask, planes) for name, mask in masks.items()}
        own = bits["mask"]
        # A boolean mask needs no bits.
        return {
            name: mask.array if bits[name] == own else (mask.array & bits[name]) != 0
            for name, mask in masks.items()
            if bits[name] or (name == "mask" and no_value)
        }, own

    def exposure_of(self, whitened: Whitened, *, edge_plane: str = "", set_psf: bool = True) -> Any:
        """Make an exposure of a whitened image, with the mask and the rest of the difference.

        Parameters
        ----------
        whitened : Whitened
            The result of `whiten`.
        edge_plane : str, optional
            Mask plane to mark the edge of filters with, if any.
        set_psf : bool, optional
            Whether to give it the PSF of the whitened image, or leave it that of the difference.

        Returns
        -------
        exposure : Exposure
            A new exposure, of the type of the difference, with the PSF of the whitened image; with
            none where it cannot hold that.
        """
        exposure = self._exposure_of(whitened)
        if set_psf:
            psf = WhitenedPsf(whitened, self.xy0) if self.have_psf() else None
            hold_psf(exposure, psf)
        if edge_plane:
            bit = exposure.mask.addMaskPlane(edge_plane)
            exposure.mask.array[whitened.filter_edge] |= 1 << bit
        return exposure

    def _exposure_of(self, whitened: Whitened) -> Any:
        if isinstance(self.difference, Exposure):
            return Exposure(
                image=whitened.image,
                mask=self.difference.mask.clone(),
                variance=whitened.variance,
                psf=self.difference.getPsf(),
                wcs=self.difference.getWcs(),
                xy0=self.difference.getXY0(),
                metadata=copy.deepcopy(self.difference.getMetadata()),
            )
        exposure = self.difference.clone()
        exposure.image.array[...] = whitened.image
        exposure.variance.array[...] = whitened.variance
        return exposure


def _known_psf(owners: Sequence[Any], box: Any) -> tuple[AfwPsf | None, str]:
    """Give the first PSF of exposures that is known somewhere, and what is wrong with it."""
    trouble = ""
    for owner in owners:
        psf = owner.getPsf()
        if psf is None:
            continue
        try:
            known = AfwPsf(psf, box)
        except Exception as error:
            # An image without a PSF is better than none.
            trouble = f"The PSF is not known, so there is none: {error}"
            continue
        if known.known_at_average:
            return known, ""
        return known, "The PSF is not known at its average position: its mean over a grid stands in"
    return None, trouble


def _image_at(kernel: Kernel, x: float, y: float) -> Array:
    image: Array = kernel.evaluate(np.array([x], dtype=float), np.array([y], dtype=float))[0]
    return image


def _fixed(kernel: Kernel, x: float, y: float) -> Kernel:
    return fixed_kernel(_image_at(kernel, x, y), center=kernel.center)


def _cut(exposure: Any, box: Any, name: str) -> Any:
    """Give the part of an exposure in a box, sharing its pixels."""
    if exposure.variance is None:
        raise ValueError(f"{name} must have a variance plane, got one without")
    own = exposure.getBBox()
    if own == box:
        return exposure
    if not own.contains(box):
        raise ValueError(f"{name} must contain the box of the difference, {box}, got {own}")
    return exposure.Factory(exposure, box)
