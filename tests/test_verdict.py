"""What is thought of results on arrays and of tasks: as of files, when it is asked for."""

import numpy as np
import pytest

import whitediff
from right_sets import right_set
from white_noise import gaussian
from whitediff import NoiseSource
from whitediff.exposure import Exposure
from whitediff.kernel import Kernel
from whitediff.psf import KernelPsf
from whitediff.simulate import simulate
from whitediff.tasks import DecorrelateALKernelSpatialTask

SHAPE = (411, 560)


@pytest.fixture(scope="module", params=["template", "science"])
def right(request):
    return simulate(SHAPE, seed=3, convolved=request.param)


def whitened(pair, **changed):
    given = {
        "difference": pair.difference,
        "science_variance": pair.science_variance,
        "template_variance": pair.template_variance,
        "kernel": pair.kernel,
        "convolved": pair.convolved,
        "images": (pair.science, pair.template),
    }
    return whitediff.decorrelate(**{**given, **changed})


@pytest.mark.parametrize("covariance", ["none", "auto"])
def test_a_right_set_is_white(right, covariance):
    before = [plane.copy() for plane in (right.difference, right.science, right.template)]
    verdict = whitened(right, covariance=covariance).verdict
    assert (verdict.status, verdict.causes) == ("white", ())
    # Single precision, and kernels between the corners of a mesh.
    assert verdict.agreement < 1e-3
    for plane, original in zip(
        (right.difference, right.science, right.template), before, strict=True
    ):
        np.testing.assert_array_equal(plane, original)


def test_asking_changes_nothing(right):
    result = whitened(right)
    plain = whitened(right, images=None)
    assert result.verdict is result.verdict
    np.testing.assert_array_equal(result.image, plain.image)
    assert result.covariance is None and not result.covariance_applied


def test_noise_is_judged_without_images(right):
    verdict = whitened(right, images=None).verdict
    assert verdict.status == "white" and verdict.agreement is None
    assert "the difference was not compared with its images" in verdict.summary
    wrong = whitened(right, images=None, science_variance=1.0, template_variance=1.0).verdict
    assert wrong.status == "suspect" and "times the variance that is given" in wrong.causes[0]


@pytest.mark.parametrize("covariance", ["none", "auto"])
@pytest.mark.parametrize("sigmas", [5.0, 60.0])
def test_a_sky_that_rises_is_white(right, covariance, sigmas):
    # In units of 10, the science image's noise, from one side to the other.
    slope = np.linspace(-5 * sigmas, 5 * sigmas, SHAPE[1], dtype=np.float32)
    result = whitened(
        right,
        difference=right.difference + slope,
        images=None,
        covariance=covariance,
        mask=right.difference_mask | right.science_mask,
        ignore_mask=-1,
    )
    assert (result.verdict.status, result.verdict.causes) == ("white", ())


@pytest.mark.parametrize("mode", ["difference", "score"])
def test_a_mistake_is_named_whatever_the_mode(right, mode):
    verdict = whitened(right, science_variance=10.0, mode=mode, psf=right.difference_psf).verdict
    assert verdict.status == "suspect"
    assert "science variance is 10, its sky has" in verdict.causes[0]
    assert "standard deviations" in verdict.causes[0]


def test_a_variance_that_is_half_too_large_is_no_correction(right):
    """An input of raw pixels has no reason for it; one that was resampled has (see files)."""
    verdict = whitened(
        right, template_variance=1.5 * right.template_variance, covariance="auto"
    ).verdict
    assert verdict.status == "suspect" and "template variance is" in verdict.causes[0]


@pytest.mark.parametrize("name", ["science", "template"])
def test_an_image_with_noise_has_no_variance_of_zero(right, name):
    verdict = whitened(right, **{f"{name}_variance": 0.0}, covariance="auto").verdict
    assert verdict.status == "suspect"
    assert f"{name} variance is 0, its sky has" in verdict.causes[0]


def test_a_template_without_noise_may_have_no_variance(rng):
    science = 10 * rng.normal(size=SHAPE)
    template = 1e-3 * rng.normal(size=SHAPE)
    verdict = whitediff.decorrelate(
        science - template, 25.0, 0.0, np.ones((1, 1)), images=(science, template)
    ).verdict
    assert verdict.causes[0].startswith("science variance is 25, its sky has")
    assert not any("template variance" in cause for cause in verdict.causes)


def test_the_difference_is_compared_with_its_images(right):
    swapped = whitened(right, images=(right.template, right.science)).verdict
    assert (swapped.status, swapped.causes[0]) == ("suspect", "science and template are exchanged")
    marked = right.difference.copy()
    marked[100:300] = 1e4 * np.random.default_rng(1).normal(size=(200, SHAPE[1]))
    mask = np.zeros(SHAPE, np.int32)
    mask[100:300] = 4
    verdict = whitened(right, difference=marked, mask=mask, no_value_mask=4).verdict
    assert verdict.causes == () and verdict.agreement < 1e-3


def test_images_that_cannot_be_are_refused(right):
    with pytest.raises(TypeError, match="images must be a pair"):
        whitened(right, images=right.science)
    with pytest.raises(ValueError, match="images of template must have shape"):
        whitened(right, images=(right.science, right.template[1:]))


def test_a_covariance_that_is_given_is_tested(rng):
    image = rng.normal(size=(400, 420))
    source = [NoiseSource(1.0)]
    wrong = whitediff.whiten(2 * image, source, covariance="measured").covariance
    verdict = whitediff.whiten(image, source, covariance=wrong).verdict
    assert verdict.status == "suspect" and "that was not corrected for" in verdict.causes[-1]
    verdict = whitediff.whiten(2 * image, source, covariance=wrong).verdict
    assert verdict.status == "white"


def test_what_is_measured_blindly(rng):
    smooth = whitediff.simulate.convolve(
        rng.normal(size=(400, 420)), whitediff.kernel.fixed_kernel(gaussian(0.8, 4))
    )
    verdict = whitediff.whiten(smooth).verdict
    assert verdict.status == "corrected"
    assert verdict.summary == "filters and variances are those of the noise as it was measured"


def test_what_cannot_be_judged_is_unknown():
    pair = simulate(SHAPE, seed=3)
    likelihood = {"mode": "score", "psf": pair.science_psf, "preconvolved": True}
    result = whitened(pair, **likelihood, images=None)
    assert result.verdict.status == "unknown"
    assert result.verdict.summary == "the noise of a likelihood image is not measured"
    with pytest.raises(ValueError, match="images must be None for a likelihood image"):
        whitened(pair, **likelihood)
    tiny = whitediff.decorrelate(np.ones((9, 9)), 1.0, 1.0, [[1.0]])
    assert tiny.verdict.status == "unknown" and "cannot be measured" in tiny.verdict.summary


class Moved(Kernel):
    """A kernel in coordinates that count from an origin."""

    def __init__(self, kernel, xy0):
        super().__init__(shape=kernel.shape, center=kernel.center)
        self.kernel, self.xy0 = kernel, xy0

    def evaluate(self, x, y):
        return self.kernel.evaluate(x - self.xy0[0], y - self.xy0[1])


@pytest.mark.parametrize("varying", [True, False])
def test_tasks_record_it(right, varying, caplog):
    caplog.set_level("INFO")
    xy0 = (-30, 205)
    images = {"science": right.science, "template": right.template, "difference": right.difference}
    variances = {"science": right.science_variance, "template": right.template_variance}
    psf = KernelPsf(right.difference_psf.evaluate(np.array([280.0]), np.array([205.0]))[0])
    kernel = Moved(right.kernel, xy0)
    exposures = [
        Exposure(
            image=image.copy(),
            variance=variances.get(name, right.science_variance),
            psf=psf,
            xy0=xy0,
        )
        for name, image in images.items()
    ]
    task = DecorrelateALKernelSpatialTask()
    matched = right.convolved == "template"
    task.run(*exposures, kernel, varying, templateMatched=matched)
    worker = task.mapReduce.mapper if varying else task.decorrelate
    # What one filter leaves of a varying kernel's colour is within the errors of so small a frame.
    assert worker.metadata["verdict"] == "white"
    assert worker.metadata["cause"] == ""
    assert worker.metadata["agreement"] < 1e-3
    assert f"Verdict: white: {worker.metadata['verdictSummary']}" in caplog.text
    exposures[2].image.array[...] *= 3
    task.run(*exposures, kernel, varying, templateMatched=matched)
    assert worker.metadata["verdict"] == "suspect"
    assert "multiplied by" in worker.metadata["cause"] and "Verdict: suspect: " in caplog.text


@pytest.mark.parametrize("seed", range(12))
def test_no_alarm_where_nothing_is_wrong(seed):
    words, result = right_set(seed)
    verdict = result.verdict
    assert verdict.status in ("white", "corrected"), (words, verdict)
    # Single precision of the large pixels of gaps and slopes, and kernels between corners.
    if "blind" in words:
        assert verdict.agreement is None
    else:
        assert verdict.agreement < 1e-5
