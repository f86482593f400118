"""Kernels and PSFs of other packages as ours: one file a package."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernel import Kernel, fixed_kernel, flipped, normalized
from .classes import is_a
from .images import Pixels, as_pixels

__all__ = ["as_kernel", "as_pre_kernel", "as_psf", "from_galsim"]

# The files of packages are imported by those alone who have their objects.


def as_kernel(kernel: Any) -> Kernel:
    """Give a kernel of this package for what stands for one.

    Parameters
    ----------
    kernel : Kernel, array_like [v, u], or object
        An object may have ``getDimensions()`` and ``computeImage(image, doNormalize, x, y)``
        (lsst.afw.math.Kernel, which convolves by correlation), or
        ``compute_kernel_image(x=, y=)`` (lsst-images), or a ``kernel`` attribute that is one of
        these (what ``read_kernel`` gives), or be a Kernel2D or a model of astropy about its point
        (0, 0), or an image of any package.

    Raises
    ------
    TypeError
        If it is none of these, a PSF of lsst-images, or a profile of GalSim, which has no pixels:
        see `from_galsim`.
    ValueError
        If an array is not 2-D, empty, or not finite.
    """
    if isinstance(kernel, Kernel):
        return kernel
    if is_a(kernel, "astropy.modeling", "Model"):
        from .models import kernel_of_model

        return kernel_of_model(kernel)
    if _is_afw_kernel(kernel):
        from .afw import AfwKernel

        return flipped(AfwKernel(kernel))
    if hasattr(kernel, "compute_stellar_image"):
        raise TypeError(f"kernel must be a matching kernel, got a PSF, {type(kernel).__name__}")
    if hasattr(kernel, "compute_kernel_image"):
        from .lsst_images import LsstImagesKernel

        # Its images come from lsst.afw kernels.
        y0, x0 = kernel.kernel_bbox.y.start, kernel.kernel_bbox.x.start
        return flipped(LsstImagesKernel(kernel, center=(-y0, -x0)))
    if getattr(kernel, "science_kernel", None) is not None:
        raise TypeError(
            "kernel must be that of one convolved image, got those of both: whiten the difference "
            "with a NoiseSource for each"
        )
    if hasattr(kernel, "kernel"):
        return as_kernel(kernel.kernel)
    return _from_array(kernel, "kernel")


def as_psf(psf: Any) -> Kernel:
    """Give a kernel for a point spread function, scaled to a sum of one at every position.

    Parameters
    ----------
    psf : Kernel, array_like [v, u], or object
        An object may have ``computeKernelImage(point)`` and ``getAveragePosition()`` (lsst.afw
        PSFs), or ``compute_kernel_image(x=, y=)`` and ``compute_stellar_image`` (those of
        lsst-images), or be a model of photutils or astropy, or an image of any package.

    Raises
    ------
    TypeError, ValueError
        As `as_kernel`; and if it is a matching kernel of lsst-images.
    """
    if isinstance(psf, Kernel):
        return normalized(psf)
    if hasattr(psf, "computeKernelImage"):
        from .afw import AfwPsf

        return normalized(AfwPsf(psf))
    if hasattr(psf, "compute_stellar_image"):
        return _lsst_image(psf)
    if hasattr(psf, "compute_kernel_image"):
        raise TypeError(f"psf must be a PSF, got a matching kernel, {type(psf).__name__}")
    if is_a(psf, "astropy.modeling", "Model"):
        from .models import psf_of_model

        return normalized(psf_of_model(psf))
    return normalized(_from_array(psf, "psf"))


def as_pre_kernel(kernel: Any) -> Kernel:
    """Give a kernel for what a science image was correlated with, scaled to a sum of one.

    Parameters
    ----------
    kernel : Kernel, array_like [v, u], PSF or object
        What `as_psf` takes; or a kernel of lsst.afw or lsst-images, whose image is taken as it
        is, since it acts by correlation.

    Returns
    -------
    kernel : Kernel
        The kernel, true convolution with which would turn it round once more.
    """
    if hasattr(kernel, "compute_kernel_image"):
        return _lsst_image(kernel)
    if not _is_afw_kernel(kernel):
        return as_psf(kernel)
    from .afw import AfwKernel

    return normalized(AfwKernel(kernel))


def _lsst_image(kernel: Any) -> Kernel:
    from .lsst_images import LsstImagesKernel

    return normalized(LsstImagesKernel(kernel))


def _is_afw_kernel(kernel: Any) -> bool:
    return hasattr(kernel, "computeImage") and hasattr(kernel, "getDimensions")


def from_galsim(profile: Any, scale: float, *, method: str = "auto") -> Kernel:
    """Give a kernel, or a PSF, for a profile of GalSim.

    Parameters
    ----------
    profile : galsim.GSObject
        The profile, about its point (0, 0).
    scale : float
        Side of a pixel of the image, in the unit of the profile (as a rule arcsec).
    method : str, optional
        That of ``GSObject.drawImage``: the default integrates over pixels; "no_pixel" is for a
        profile in which this is done.

    Raises
    ------
    TypeError
        If it is no profile.
    """
    from .galsim import drawn

    return drawn(profile, scale, method)


def _from_array(value: Any, name: str) -> Kernel:
    if is_a(value, "galsim", "GSObject"):
        raise TypeError(
            f"{name} must have pixels, got a profile of GalSim: "
            "whitediff.adapters.from_galsim(profile, scale) draws it"
        )
    # Images of lsst.afw, GalSim and others, and kernels of astropy.
    image = getattr(value, "array", value)
    try:
        pixels = as_pixels(image, name)
    except TypeError:
        pixels = Pixels(None)
    if name == "kernel" and not (pixels.unit is None or pixels.unit == ""):
        raise ValueError(f"kernel must have no unit, got {pixels.unit}")
    try:
        array = np.asarray(pixels.values)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise TypeError(
            f"{name} must be a Kernel, a 2-D array of numbers or an object with a kernel "
            f"interface, got {type(value).__name__}"
        )
    return fixed_kernel(pixels.array)
