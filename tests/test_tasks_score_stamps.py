"""Score images whose PSF is a stamp cut at five sigma, against an image without end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
from one_filter import make_task
from white_noise import gaussian, inner
from whitediff.exposure import Exposure
from whitediff.psf import KernelPsf

SHAPE = (487, 531)
# The longest reach of a score filter.
MARGIN = 128


def moffat(sigma: float, radius: int) -> NDArray[np.float64]:
    """A Moffat profile of power 3, as wide at half its peak as a Gaussian."""
    core = (2.355 * sigma / 2) ** 2 / (2 ** (1 / 3) - 1)
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    image: NDArray[np.float64] = (1 + (x**2 + y**2) / core) ** -3
    return image / image.sum()


def score_and_truth(
    psf: NDArray[np.float64], kernel: NDArray[np.float64], variances: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """What the task makes of noise, what it should be, and the error that the task knows of."""
    sources = reference.score_sources(*variances, kernel, psf)
    rng = np.random.default_rng(31)
    noise = [rng.normal(scale=np.sqrt(variance), size=SHAPE) for variance in variances]
    spectrum = sum(
        sign * reference.response(source, SHAPE) * np.fft.rfft2(image)
        for sign, source, image in zip((1, -1), sources, noise, strict=True)
    )
    score = np.fft.irfft2(spectrum, s=SHAPE)
    spectrum *= reference.score_filter(sources, psf, SHAPE, floor=0.0)
    science, template, difference = (
        Exposure(image=image, variance=np.full(SHAPE, variance), psf=KernelPsf(psf))
        for image, variance in zip((*noise, score), (*variances, 1.0), strict=True)
    )
    task = make_task()
    result = task.run(science, template, difference, kernel, preConvMode=True).correctedExposure
    return result.image.array, np.fft.irfft2(spectrum, s=SHAPE), task.metadata["truncation"]


@pytest.mark.parametrize("reach", [5.0, 3.0])
@pytest.mark.parametrize("sigma", [2.0, 3.3])
@pytest.mark.parametrize("profile", [gaussian, moffat])
def test_cut_stamps_are_taken_as_they_are(profile: Any, sigma: float, reach: float) -> None:
    """A cut stamp is what the image was correlated with: its edge belongs to the filter.

    The truth is the filter of the whole periodic frame, of which our frame sees all but what lies
    beyond its edges: zeros there would ring far into it, as the filter is sharp in k wherever both
    transforms are near the zeros that a cut gives them.
    """
    kernel, psf = profile(1.2 * sigma, int(reach * sigma)), profile(sigma, int(5 * sigma))
    result, expected, truncation = score_and_truth(psf, kernel, (2.0, 1.0))
    error = inner(result - expected, MARGIN)
    expected = inner(expected, MARGIN)
    # What is cut off of the filter, and nothing else; the rms of so few pixels of smooth noise
    # scatters by some 5 per cent.
    assert error.std() <= 1.2 * truncation * expected.std()
    assert abs(error).max() <= 3e-3 * abs(expected).max()


def test_a_filter_that_is_cut_off_too_early_is_said(caplog: pytest.LogCaptureFixture) -> None:
    psf, kernel = moffat(3.3, 16), moffat(4.0, 9)
    result, expected, truncation = score_and_truth(psf, kernel, (1.0, 25.0))
    assert truncation > 3e-3
    assert f"an error of {truncation:.1e} of the noise" in caplog.text
    # It is the error; rms values scatter as above.
    error = inner(result - expected, MARGIN).std() / inner(expected, MARGIN).std()
    assert error == pytest.approx(truncation, rel=0.2)
