"""Other packages that can whiten an image, where they are installed.

What is called is what their pipelines call, on one thread where it takes no number of them. Two
packages go by the name of sfft: SFFT itself, and the fork of the Roman Supernova PIT.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from answers import Image, central_kernel, check_all_equal, check_equal, check_white, expected
from errors import SkippedError
from scene import SCIENCE_VARIANCE, TEMPLATE_VARIANCE, Scene
from timing import Timed

# Tiles of a frame in x and in y: as fine as the filter needs, since SFFT looks for each of them in
# the whole frame.
_TILES = 16


def scipy_convolution(scene: Scene, threads: int, *, name: str) -> Timed:
    """Convolve the image with one ready-made filter, in float32."""
    try:
        from scipy import fft, signal
    except ImportError as error:
        raise SkippedError(f"no scipy: {error}") from None
    convolve = getattr(signal, name)
    kernel = expected(scene).filters[0].astype(np.float32)

    def run() -> Image:
        with fft.set_workers(threads):
            return np.asarray(convolve(scene.difference, kernel, mode="same"))

    return Timed(run, lambda result: check_equal(scene, result))


def astropy_convolution(scene: Scene, threads: int) -> Timed:
    """Convolve the image with one ready-made filter, by the transforms of the whole frame."""
    try:
        from astropy.convolution import convolve_fft
    except ImportError as error:
        raise SkippedError(f"no astropy: {error}") from None
    kernel = expected(scene).filters[0]

    def run() -> Image:
        return np.asarray(
            convolve_fft(
                scene.difference,
                kernel,
                boundary="fill",
                normalize_kernel=False,
                nan_treatment="fill",
                allow_huge=True,
            )
        )

    return Timed(run, lambda result: check_equal(scene, result))


def sfft(scene: Scene, threads: int) -> Timed:
    """Convolve the image with the decorrelation kernel of SFFT, as the example that comes with it.

    One kernel for the frame; no variance, no PSF.
    """
    calculator = _sfft_calculator()
    from astropy.convolution import convolve

    matching = central_kernel(scene)

    def run() -> Image:
        with redirect_stdout(io.StringIO()):
            kernel = calculator.DCC(**_sfft_noise(matching))
        convolved = convolve(scene.difference, kernel, boundary="extend", normalize_kernel=False)
        return np.asarray(convolved)

    return Timed(run, lambda result: check_equal(scene, result))


def sfft_tiles(scene: Scene, threads: int) -> Timed:
    """Whiten the image tile by tile with SFFT, by Fourier transforms, in as many processes.

    No variance, no PSF. The processes are new ones.
    """
    _sfft_calculator()
    from sfft.BSplineSFFT import BSpline_DeCorrelation, BSpline_GridConvolve

    edges = np.linspace(0, scene.size, _TILES + 1).astype(int)
    of_pixel = np.repeat(np.arange(_TILES), np.diff(edges))
    labels = _TILES * of_pixel[:, np.newaxis] + of_pixel
    middle = 0.5 * (edges[1:] + edges[:-1] - 1)
    y, x = (positions.ravel() for positions in np.meshgrid(middle, middle, indexing="ij"))

    def run() -> Image:
        kernels = [
            BSpline_DeCorrelation.BDC(**_sfft_noise(matching))
            for matching in scene.kernel.evaluate(x, y)
        ]
        tiles = BSpline_GridConvolve(scene.difference, labels, np.array(kernels), use_fft=True)
        return np.asarray(tiles.GSVC_CPU(nproc=threads))

    variance = np.broadcast_to(SCIENCE_VARIANCE + TEMPLATE_VARIANCE, scene.difference.shape)

    def check(result: Image) -> None:
        check_white(result, variance, 2 * scene.radius, scene.radius)

    return Timed(run, check)


def _sfft_calculator() -> Any:
    """Give what makes the decorrelation kernels of SFFT."""
    try:
        from sfft.utils.DeCorrelationCalculator import DeCorrelation_Calculator
    except ImportError as error:
        raise SkippedError(f"no SFFT: {error}") from None
    if not hasattr(DeCorrelation_Calculator, "DCC"):
        raise SkippedError("the fork of the Roman Supernova PIT is in the place of SFFT")
    return DeCorrelation_Calculator


def _sfft_noise(matching: Image) -> dict[str, Any]:
    """Give what SFFT is told of the noise: what images J and I were convolved with, and sigmas."""
    return {
        "MK_JLst": [matching],
        "SkySig_JLst": [TEMPLATE_VARIANCE**0.5],
        "MK_ILst": [None],
        "SkySig_ILst": [SCIENCE_VARIANCE**0.5],
        "VERBOSE_LEVEL": 0,
    }


def roman(scene: Scene, threads: int) -> Timed:
    """Whiten image and PSF and make the variance plane with the fork of the Roman Supernova PIT.

    What its pipeline phrosty calls once the subtraction is done, on processors. It convolves each
    image with the PSF of the other, and takes those for kernels; here one is the matching kernel.
    """
    try:
        from sfft.SpaceSFFTFlow import SpaceSFFT_Flow
    except ImportError as error:
        raise SkippedError(f"no fork of SFFT of the Roman Supernova PIT: {error}") from None
    delta = np.zeros((2 * scene.radius + 1, 2 * scene.radius + 1))
    delta[scene.radius, scene.radius] = 1.0
    science, template = scene.pair
    nothing = np.zeros((1, 1))
    flow = SpaceSFFT_Flow(
        hdr_target=None,
        hdr_object=None,
        target_skyrms=TEMPLATE_VARIANCE**0.5,
        object_skyrms=SCIENCE_VARIANCE**0.5,
        PixA_target=template,
        PixA_object=science,
        PixA_targetVar=scene.template_plane,
        PixA_objectVar=scene.science_plane,
        PixA_target_DMASK=nothing,
        PixA_object_DMASK=nothing,
        PSF_target=delta,
        PSF_object=central_kernel(scene),
        transpose=False,
        GKerHW=scene.radius,
        BACKEND_4SUBTRACT="Numpy",
        NUM_CPU_THREADS_4SUBTRACT=threads,
    )
    # What resampling and subtraction leave behind; the solution is only looked at.
    flow.PSF_resamp_object = flow.PSF_object
    flow.PixA_resamp_objectVar = flow.PixA_objectVar
    flow.PixA_DIFF = scene.difference.astype(np.float64)
    of_kernel = (flow.KerPolyOrder + 1) * (flow.KerPolyOrder + 2) // 2 * delta.size
    flow.Solution = np.zeros(of_kernel + 1)

    def run() -> tuple[Image, Image, Image]:
        with redirect_stdout(io.StringIO()):
            flow.find_decorrelation()
            variance = flow.create_variance_image()
            image, psf = (
                flow.apply_decorrelation(pixels) for pixels in (flow.PixA_DIFF, scene.psf)
            )
        return image, variance, psf / psf.sum()

    return Timed(run, lambda result: check_all_equal(scene, *result, "full"))


def rubin(scene: Scene, threads: int) -> Timed:
    """Run Rubin's own task, which gives image and variance, in its constant mode.

    Its PSF stays that of the difference. It writes into the difference, which is copied first.
    """
    try:
        from lsst.afw.image import ExposureF, ImageD
        from lsst.afw.math import FixedKernel
        from lsst.geom import Box2I, Extent2I, Point2I
        from lsst.ip.diffim.imageDecorrelation import DecorrelateALKernelTask
        from lsst.meas.algorithms import KernelPsf
    except ImportError as error:
        raise SkippedError(f"no lsst.ip.diffim: {error}") from None
    box = Box2I(Point2I(0, 0), Extent2I(scene.size, scene.size))

    def exposure(image: Image, variance: Image) -> Any:
        made = ExposureF(box)
        made.image.array[...] = image
        made.variance.array[...] = variance
        made.setPsf(KernelPsf(FixedKernel(ImageD(scene.psf))))
        return made

    science, template = map(exposure, scene.pair, (scene.science_plane, scene.template_plane))
    difference = exposure(scene.difference, scene.science_plane)
    kernel = FixedKernel(ImageD(central_kernel(scene)))
    task = DecorrelateALKernelTask()

    def run() -> tuple[Image, Image]:
        difference.image.array[...] = scene.difference
        corrected = task.run(
            science,
            template,
            difference,
            kernel,
            svar=SCIENCE_VARIANCE,
            tvar=TEMPLATE_VARIANCE,
        ).correctedExposure
        return corrected.image.array, corrected.variance.array

    return Timed(run, lambda result: check_all_equal(scene, *result, None))
