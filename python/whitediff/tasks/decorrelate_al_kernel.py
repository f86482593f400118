"""Make the noise of a difference image white with one filter."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from lsst.pex.config import ChoiceField, Config, Field, ListField
from lsst.utils.timer import timeMethod
from numpy.typing import NDArray

from ..adapters.afw import clipped_statistics, derives_from, kernel_psf
from ..adapters.pixels import pixels_of
from ..cells import Grid
from ..exposure import IGNORED_MASK_PLANES
from ..options import Progress, WhitenOptions
from ..whitening import Whitened
from . import full_frame
from .decorrelation_inputs import DecorrelationInputs
from .exposure_statistics import mean_variance, sampled_mean_variance
from .struct import Struct
from .task import Task
from .threads import threads_to_use

__all__ = ["DecorrelateALKernelConfig", "DecorrelateALKernelTask"]

# Where the convolved image is noisier than the other by more than this, nothing but the power floor
# bounds the filter: it undoes the convolution.
_DIVERGING_RATIO = 1e8

# Cutting the filter off must not err by more than this part of the noise without saying so.
_LARGEST_TRUNCATION = 3e-3

# Names in the metadata.
_GAPS = {"marked": "gapsMarked", "not_finite": "gapsNotFinite", "too_large": "gapsTooLarge"}

Spectrum = NDArray[Any]
Plane = NDArray[np.floating[Any]]


class DecorrelateALKernelConfig(Config):
    """Configuration of `DecorrelateALKernelTask`."""

    ignoreMaskPlanes = ListField[str](
        doc="Mask planes whose pixels are left out of clipped statistics.",
        default=list(IGNORED_MASK_PLANES),
    )
    noValueMaskPlanes = ListField[str](
        doc="Mask planes of the difference whose pixels have no value: the filter does not see "
        "them, and they come out as they went in, as those that are not finite do.",
        default=[],
    )
    filterEdgePlane = Field[str](
        doc="Mask plane of the result that marks pixels more than a thousandth of whose filter, of "
        "its sum of squares, fell on gaps or beyond the frame; none if empty.",
        default="",
    )
    completeVarPlanePropagation = Field[bool](
        doc="Convolve the variance planes of the inputs with the square of what the inputs went "
        "through, rather than multiply them by its sum.",
        default=False,
    )
    covariance: Any = ChoiceField[str](
        doc="What remains of the colour of the noise when the kernels are accounted for, as where "
        "inputs were resampled or share data. It is measured on whole frames: likelihood images "
        "and single cells take none.",
        allowed={
            "none": "Nothing: pixels of the inputs are independent.",
            "auto": "What is measured on the whitened image, if that is beyond doubt.",
            "measured": "What is measured on the whitened image.",
        },
        default="none",
        optional=False,
    )
    doScore = Field[bool](
        doc="Give the score image as well, of an ordinary difference or a likelihood image: the "
        "optimal detection image, with the complete variance, and significance and flux of a "
        "point source at every pixel. It has the cells that are best for it, and needs a PSF.",
        default=False,
    )
    setPsf = Field[bool](
        doc="Give the result the PSF of the whitened image; otherwise it keeps that of the "
        "difference, as with lsst.ip.diffim since 2024, although it is no longer its own.",
        default=True,
    )
    nThreads = Field[int](
        doc="Number of threads, unless run is told one; 0 for what the environment says "
        "(OMP_NUM_THREADS), or all cores that the process may use. The result does not depend "
        "on it.",
        default=0,
        check=lambda value: value >= 0,
    )

    def whitenOptions(self, nThreads: int | None = None, **options: Any) -> WhitenOptions:
        """Give the options that the fields stand for.

        Parameters
        ----------
        nThreads : int, optional
            In place of the field.
        **options : object
            More of them.

        Returns
        -------
        options : WhitenOptions
            The options of the core.
        """
        return WhitenOptions(
            variance="full" if self.completeVarPlanePropagation else "estimate",
            covariance=self.covariance,
            n_threads=threads_to_use(nThreads, self.nThreads),
            **options,
        )


class DecorrelateALKernelTask(Task):
    """Undo the correlation of noise that the matching kernel left in a difference image.

    `run` uses one filter for the whole frame. The methods with numbers in and out are the same
    method in parts, for those who want to see or to combine them; `computeCommonShape` comes first,
    as the others work on the Fourier grid that it sets.

    Attributes
    ----------
    freqSpaceShape : tuple of int
        The Fourier grid, once `computeCommonShape` has set it.

    Notes
    -----
    The equations are in docs/mathematics.md, Eqs. 1 to 16, each with where it comes from: Kaiser
    (2004); Zackay, Ofek & Gal-Yam (2016); DMTN-021, Eq. 1; DMTN-179,
    Eqs. 9, 10, 12 and 23, for variances and likelihood images.
    """

    ConfigClass = DecorrelateALKernelConfig
    _DefaultName = "ip_diffim_decorrelateALKernel"

    freqSpaceShape: tuple[int, int]

    @cached_property
    def statsControl(self) -> Any:
        """What lsst.afw.math takes to compute `computeVarianceMean`, for subclasses that do.

        Needs lsst.afw; our own statistics do not look at it.
        """
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
        preConvKernel: Any = None,
        xcen: float | None = None,
        ycen: float | None = None,
        svar: float | None = None,
        tvar: float | None = None,
        templateMatched: bool = True,
        preConvMode: bool = False,
        progress: Progress | None = None,
        nThreads: int | None = None,
        **kwargs: Any,
    ) -> Struct:
        """Whiten a difference image with one filter.

        Parameters
        ----------
        scienceExposure, templateExposure : Exposure
            The inputs before any convolution. They contain the box of the difference.
        subtractedExposure : Exposure
            Their difference. None of the exposures is modified.
        psfMatchingKernel : Kernel, array_like [v, u] or object
            The matching kernel: what `whitediff.adapters.as_kernel` takes, lsst.afw kernels among
            it.
        preConvKernel : Kernel, array_like [v, u], PSF or object, optional
            What the science image was correlated with before the subtraction. By default the PSF
            of the science image at its average position.
        xcen, ycen : float, optional
            Where kernel and PSF are taken, in pixel coordinates; the middle of the frame by
            default.
        svar, tvar : float, optional
            Mean variances of the science image and of the template; the clipped means of their
            variance planes by default.
        templateMatched : bool, optional
            Whether the template was convolved, D = S - K*T, or the science image,
            D = (K*S - T) / sum(K).
        preConvMode : bool, optional
            Whether the difference is a likelihood image: S correlated with preConvKernel, less
            K*T. The result then is the optimal detection image.
        progress : callable, optional
            Called as ``progress(done, total)``; what it raises ends the run.
        nThreads : int, optional
            Number of threads, in place of that of the configuration.
        **kwargs : object
            Not used.

        Returns
        -------
        result : Struct
            ``correctedExposure``: the whitened image, its variance and PSF, with the mask of the
            difference. A copy of the difference, with a warning, where an input is entirely NaN or
            has no positive variance. Without a PSF, with a warning, where none is known. With
            ``doScore`` what `score` gives.

        Raises
        ------
        ValueError
            If there is a preConvKernel outside of preConvMode, or preConvMode without
            templateMatched or without any PSF; if boxes do not fit; if svar or tvar is negative.
        TypeError
            If a kernel is not of a known kind.

        Notes
        -----
        ``psi(k) = sqrt((v_1 + v_2 K(0)^2) / (v_1 + v_2 |K(k)|^2))``, with v_2 the variance of the
        convolved image (docs/mathematics.md, Eqs. 7 and 8; DMTN-021, Eq. 1). Likelihood images:
        see `computeScoreCorrection`.
        """
        inputs = DecorrelationInputs.of(
            scienceExposure,
            templateExposure,
            subtractedExposure,
            psfMatchingKernel,
            preConvKernel=preConvKernel,
            templateMatched=templateMatched,
            preConvMode=preConvMode,
        )
        box = subtractedExposure.getBBox()
        x = (box.getMinX() + box.getMaxX()) / 2 if xcen is None else xcen
        y = (box.getMinY() + box.getMaxY()) / 2 if ycen is None else ycen
        self.log.info("Using matching kernel computed at (%d, %d)", x, y)
        inputs = inputs.at(x, y)
        how: dict[str, Any] = {
            "spatiallyVarying": False,
            "variances": (svar, tvar),
            "progress": progress,
            "nThreads": nThreads,
        }
        exposure = self.correct(inputs, **how)
        return Struct(correctedExposure=exposure, **self.score(inputs, **how))

    def correct(
        self,
        inputs: DecorrelationInputs,
        *,
        spatiallyVarying: bool,
        grid: Grid | None = None,
        variances: tuple[float | None, float | None] = (None, None),
        progress: Progress | None = None,
        nThreads: int | None = None,
    ) -> Any:
        """Whiten a difference image and record how.

        Parameters
        ----------
        inputs : DecorrelationInputs
            The exposures and kernels.
        spatiallyVarying : bool
            Whether each cell has a filter of its own.
        grid : Grid, optional
            The cells; those that the core finds by default.
        variances : tuple of float, optional
            Mean variances of science image and template to make the filter with, in place of
            those of their planes.
        progress : callable, optional
            Called as ``progress(done, total)``.
        nThreads : int, optional
            In place of that of the configuration.

        Returns
        -------
        exposure : Exposure
            The whitened image; a copy of the difference if an input is entirely NaN or has no
            positive variance.
        """
        if lack := _lack(inputs, variances):
            self.log.warning("Template or science image %s: skipping decorrelation.", lack)
            return inputs.difference.clone()
        if inputs.psf_trouble:
            self.log.warning("%s", inputs.psf_trouble)
        self.log.info(
            "Decorrelation after %s image convolution%s",
            "template" if inputs.template_matched else "science",
            ", of a likelihood image" if inputs.score else "",
        )
        self.log.debug(
            "Using %s variance plane calculation in decorrelation",
            "full" if self.config.completeVarPlanePropagation else "estimated",
        )
        with self.timer("whiten"):
            whitened = inputs.whiten(
                self.config.whitenOptions(
                    nThreads, spatially_varying=spatiallyVarying, grid=grid, progress=progress
                ),
                ignored_planes=self.config.ignoreMaskPlanes,
                no_value_planes=self.config.noValueMaskPlanes,
                mean_variances=variances,
            )
        with self.timer("makeExposure"):
            exposure = inputs.exposure_of(
                whitened, edge_plane=self.config.filterEdgePlane, set_psf=self.config.setPsf
            )
        with self.timer("statistics"):
            self._record(inputs, whitened, exposure)
        with self.timer("verdict"):
            self._record_verdict(inputs, whitened)
        return exposure

    def score(
        self,
        inputs: DecorrelationInputs,
        *,
        spatiallyVarying: bool,
        variances: tuple[float | None, float | None] = (None, None),
        progress: Progress | None = None,
        nThreads: int | None = None,
    ) -> dict[str, Any]:
        """Make the score image, if the configuration wants it.

        Parameters
        ----------
        inputs, spatiallyVarying, variances, progress, nThreads
            As for `correct`.

        Returns
        -------
        items : dict
            ``scoreExposure``: score and its complete variance, with the PSF of the score image.
            ``pointSources``: significance, flux and error of the flux of a point source at every
            pixel, a `PointSources` of arrays. Both are None if an input is entirely NaN or has no
            positive variance. Empty if the score is not wanted.

        Raises
        ------
        ValueError
            If no PSF is known.

        Notes
        -----
        F = P(0) conj(phi_D) / P (docs/mathematics.md, Eqs. 3 and 9; DMTN-179, Eq. 23, for
        likelihood images); planes: docs/mathematics.md, Eqs. 22 to 24.
        """
        if not self.config.doScore:
            return {}
        if _lack(inputs, variances):
            return {"scoreExposure": None, "pointSources": None}
        if inputs.psf is None:
            raise ValueError("doScore must come with a PSF of the difference, got none")
        options = self.config.whitenOptions(
            nThreads, mode="score", spatially_varying=spatiallyVarying, progress=progress
        )
        with self.timer("score"):
            whitened = inputs.whiten(
                replace(options, variance="full"),
                ignored_planes=self.config.ignoreMaskPlanes,
                no_value_planes=self.config.noValueMaskPlanes,
                mean_variances=variances,
            )
            sources = whitened.point_sources
        exposure = inputs.exposure_of(whitened, edge_plane=self.config.filterEdgePlane)
        self.metadata["scoreOf"] = inputs.kind
        self.log.info("Score image of %s", inputs.kind)
        return {"scoreExposure": exposure, "pointSources": sources}

    def _record(self, inputs: DecorrelationInputs, whitened: Whitened, exposure: Any) -> None:
        """Write to metadata and log what was done."""
        self.metadata["hasPsf"] = exposure.getPsf() is not None
        variances = whitened.cells.variances
        before, after = (
            np.nan
            if image.variance is None
            else sampled_mean_variance(image, self.config.ignoreMaskPlanes)
            for image in (inputs.difference, exposure)
        )
        science, template = variances.mean(axis=0)
        self.metadata["scienceVariance"] = science
        self.metadata["templateVariance"] = template
        self.metadata["differenceVariance"] = before
        self.metadata["correctedVariance"] = after
        boxes = whitened.cells.boxes
        self.metadata["nCells"] = len(boxes)
        self.metadata["nFilters"] = len(variances)
        self.metadata["cellSizeX"], self.metadata["cellSizeY"] = (boxes[:, 2:] - boxes[:, :2]).max(
            axis=0
        )
        self.metadata["border"] = whitened.border
        self.metadata["truncation"] = whitened.truncation
        self.metadata["nThreads"] = whitened.n_threads
        self.metadata["clippedModes"] = whitened.clipped_modes
        for why, pixels in whitened.gaps.items():
            self.metadata[_GAPS[why]] = pixels
        (
            self.metadata["unknownScienceVariances"],
            self.metadata["unknownTemplateVariances"],
        ) = whitened.unknown_variances
        self.metadata["maskedMeans"] = whitened.masked_means
        self._record_colour(whitened)
        for stage, seconds in whitened.seconds.items():
            self.metadata[f"{stage}Seconds"] = seconds
        self.log.info("Variance (science, template): (%f, %f)", science, template)
        self.log.info("Variance (uncorrected diffim): %f", before)
        self.log.info("Variance (corrected diffim): %f", after)
        self.log.debug("%r", whitened)
        if whitened.masked_means:
            self.log.warning(
                "No variance is known but under the mask: the means are those of masked pixels."
            )
        if whitened.truncation > _LARGEST_TRUNCATION:
            self.log.warning(
                "The filter reaches farther than %d pixels, where it is cut off: an error of %.1e "
                "of the noise.",
                whitened.border,
                whitened.truncation,
            )
        ratio = _ratio(variances, inputs.template_matched)
        if not ratio < _DIVERGING_RATIO:
            self.log.warning(
                "Diverging correction: the variance of the convolved image is %.1e times that of "
                "the other. The noise power of %d modes is below the floor.",
                ratio,
                whitened.clipped_modes,
            )

    def _record_colour(self, whitened: Whitened) -> None:
        """Write down what remains of the colour of the noise, if it was measured."""
        covariance = whitened.covariance
        if covariance is None:
            return
        self.metadata["covarianceApplied"] = whitened.covariance_applied
        self.metadata["covarianceVariance"] = covariance.variance
        self.metadata["covarianceLargest"] = covariance.largest_correlation
        self.metadata["covariancePower"] = covariance.power_at_zero
        self.metadata["covariancePsfScale"] = covariance.psf_scale
        self.metadata["covariancePsfScaleError"] = covariance.psf_scale_error
        self.metadata["covarianceVariation"] = covariance.variation
        self.metadata["covarianceScatter"] = covariance.scatter
        self.metadata["covariancePixels"] = covariance.n_pixels
        self.log.info(
            "Noise covariance: power %f +- %f on the scale of the PSF, %f at k = 0, %s",
            covariance.psf_scale,
            covariance.psf_scale_error,
            covariance.power_at_zero,
            "applied" if whitened.covariance_applied else "not applied",
        )

    def _record_verdict(self, inputs: DecorrelationInputs, whitened: Whitened) -> None:
        """Write down what is to be thought of the result."""
        verdict = whitened.judged(
            inputs.subtracted(self.config.ignoreMaskPlanes, self.config.noValueMaskPlanes)
        )
        self.metadata["verdictSummary"] = verdict.summary
        for name, value in verdict.facts.items():
            if value is not None:
                self.metadata[name] = value
        suspect = verdict.status == "suspect"
        (self.log.warning if suspect else self.log.info)("Verdict: %s", verdict)

    def computeCommonShape(self, *shapes: tuple[int, int]) -> None:
        """Set `freqSpaceShape` to the least even shape with no wrap-around of a convolution.

        Parameters
        ----------
        *shapes : tuple of int
            Shapes [y, x] of the arrays to be convolved, one or more.

        Raises
        ------
        ValueError
            If there is none.

        Notes
        -----
        Along each axis the sum of the two largest sizes less one, or the only size; made even.
        """
        self.freqSpaceShape = full_frame.common_shape(*shapes)
        self.log.debug("Common frequency space shape %s", self.freqSpaceShape)

    @staticmethod
    def padCenterOriginArray(
        A: NDArray[Any], newShape: tuple[int, int], useInverse: bool = False
    ) -> NDArray[Any]:
        """Pad an array with zeros and move its centre to pixel [0, 0], or undo that.

        Parameters
        ----------
        A : numpy.ndarray [y, x]
            The array. Its centre is pixel ``(h // 2, w // 2)``.
        newShape : tuple of int
            The shape [y, x] of the result.
        useInverse : bool, optional
            Whether to move pixel [0, 0] to the centre of the result and cut off the padding.

        Returns
        -------
        R : numpy.ndarray
            A new array of the same dtype.

        Raises
        ------
        ValueError
            If the new shape is smaller than the array, or larger if `useInverse`.
        """
        move = full_frame.centered if useInverse else full_frame.corner_origin
        return move(A, newShape)

    def computeDiffimCorrection(self, kappa: Plane, svar: float, tvar: float) -> Struct:
        """Compute the filter that whitens a difference image.

        Parameters
        ----------
        kappa : numpy.ndarray [v, u]
            The matching kernel.
        svar : float
            Mean variance of the image that was not convolved.
        tvar : float
            Mean variance of the image that was convolved, before that.

        Returns
        -------
        result : Struct
            All in Fourier space with shape `freqSpaceShape`: ``corrft``, the filter psi;
            ``cnft``, what the image that was not convolved went through in all, psi;
            ``crft``, the same of the convolved one, psi K.

        Raises
        ------
        ValueError
            If the variances are negative, or leave no noise at some k.

        Notes
        -----
        ``psi = sqrt((svar + tvar K(0)^2) / (svar + tvar |K|^2))`` (docs/mathematics.md, Eqs. 7 and
        8; DMTN-021, Eq. 1).
        """
        return _struct(full_frame.difference_correction(kappa, svar, tvar, self.freqSpaceShape))

    def computeScoreCorrection(
        self, kappa: Plane, svar: float, tvar: float, preConvArr: Plane
    ) -> Struct:
        """Compute the filter that makes the optimal detection image of a likelihood image.

        Parameters
        ----------
        kappa : numpy.ndarray [v, u]
            The matching kernel, with which the template was convolved.
        svar, tvar : float
            Mean variances of science image and template before any convolution.
        preConvArr : numpy.ndarray [v, u]
            p, with which the science image was correlated; its sum is one.

        Returns
        -------
        result : Struct
            ``corrft``, ``cnft``, ``crft`` as of `computeDiffimCorrection`.

        Raises
        ------
        ValueError
            If the variances are negative, or leave no noise at some k.

        Notes
        -----
        ``F = (svar + tvar K(0)^2) |p|^2 / (svar |p|^2 + tvar |K|^2)`` (docs/mathematics.md, Eq. 9;
        DMTN-179, Eqs. 12 and 23).
        """
        return _struct(
            full_frame.score_correction(kappa, svar, tvar, preConvArr, self.freqSpaceShape)
        )

    @staticmethod
    def estimateVariancePlane(
        vplane1: Plane, vplane2: Plane, c1ft: Spectrum, c2ft: Spectrum
    ) -> Plane:
        """Propagate variance planes that vary little over the reach of the filter.

        Parameters
        ----------
        vplane1, vplane2 : numpy.ndarray [y, x]
            Variance planes of the inputs before any convolution.
        c1ft, c2ft : numpy.ndarray [h, w]
            What they went through in all, in Fourier space.

        Returns
        -------
        vplaneD : numpy.ndarray [y, x]
            ``v_1 <|c_1|^2> + v_2 <|c_2|^2>``, means over k.

        Notes
        -----
        docs/mathematics.md, Eq. 4; DMTN-179, Eq. 10.
        """
        return full_frame.estimated_variance(vplane1, vplane2, c1ft, c2ft)

    def calculateVariancePlane(
        self,
        vplane1: Plane,
        vplane2: Plane,
        varMean1: float,
        varMean2: float,
        c1ft: Spectrum,
        c2ft: Spectrum,
    ) -> NDArray[np.float64]:
        """Propagate variance planes in full.

        Parameters
        ----------
        vplane1, vplane2 : numpy.ndarray [y, x]
            Variance planes of the inputs before any convolution.
        varMean1, varMean2 : float
            What stands for values that are not finite, which come out as they went in.
        c1ft, c2ft : numpy.ndarray [h, w]
            What the inputs went through in all, in Fourier space.

        Returns
        -------
        vplaneD : numpy.ndarray [y, x]
            The sum of the planes, each convolved with the square of its response in image space.

        Notes
        -----
        docs/mathematics.md, Eq. 5; DMTN-179, Eq. 9.
        """
        first = full_frame.propagated_variance(vplane1, varMean1, c1ft)
        return first + full_frame.propagated_variance(vplane2, varMean2, c2ft)

    def computeCorrectedDiffimPsf(self, corrft: Spectrum, psfOld: Any) -> Any:
        """Compute the PSF of the whitened image.

        Parameters
        ----------
        corrft : numpy.ndarray [h, w]
            The filter in Fourier space.
        psfOld : numpy.ndarray [y, x] or lsst.afw.image.Image
            PSF of the difference image.

        Returns
        -------
        psfNew : numpy.ndarray [y, x] or lsst.meas.algorithms.KernelPsf
            phi' = psi phi_D, of the shape of `psfOld` and a sum of one: pixels for pixels, and a
            PSF of lsst for an image of lsst.afw.

        Notes
        -----
        docs/mathematics.md, Eq. 6; DMTN-021.
        """
        filtered = full_frame.filtered_psf(pixels_of(psfOld), corrft)
        return kernel_psf(filtered, (0.0, 0.0)) if derives_from("lsst.afw", psfOld) else filtered

    def computeCorrectedImage(self, corrft: Spectrum, imgOld: Plane) -> NDArray[np.float64]:
        """Compute the whitened image.

        Parameters
        ----------
        corrft : numpy.ndarray [h, w]
            The filter in Fourier space.
        imgOld : numpy.ndarray [y, x]
            The difference image. Values that are not finite count as the mean of the others, and
            come out as they went in.

        Returns
        -------
        imgNew : numpy.ndarray [y, x]
            The whitened image.

        Notes
        -----
        The convolution of the image with the filter of docs/mathematics.md, Eqs. 2 and 3.
        """
        return full_frame.filtered_image(imgOld, corrft)


def _struct(correction: full_frame.Correction) -> Struct:
    return Struct(corrft=correction.filter, cnft=correction.unconvolved, crft=correction.convolved)


def _lack(inputs: DecorrelationInputs, variances: tuple[float | None, float | None]) -> str:
    """Say what science image or template lack; empty if nothing."""
    if not inputs.have_pixels():
        return "is entirely NaNs"
    if not inputs.have_variances() and None in variances:
        return "has no positive variance"
    return ""


def _ratio(variances: NDArray[np.float64], template_matched: bool) -> float:
    """The largest ratio of the variance of the convolved image to that of the other."""
    science, template = variances.T
    convolved, unconvolved = (template, science) if template_matched else (science, template)
    with np.errstate(divide="ignore"):
        return float(np.max(convolved / unconvolved))
