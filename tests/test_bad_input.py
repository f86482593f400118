"""Every bad argument of the array interface: what it must be, and what came."""

import numpy as np
import pytest

import whitediff
from whitediff import NoiseSource, Polynomial2D, SpatialKernel
from whitediff.kernel import fixed_kernel

SHAPE = (10, 12)
IMAGE = np.zeros(SHAPE)
KERNEL = np.full((3, 3), 1 / 9)


def with_pixel(value, background=1.0):
    plane = np.full(SHAPE, background)
    plane[4, 7] = value
    return plane


def call(**changes):
    arguments = {
        "difference": IMAGE,
        "science_variance": 1.0,
        "template_variance": 2.0,
        "kernel": KERNEL,
    }
    return whitediff.decorrelate(**{**arguments, **changes})


def test_the_unchanged_call_works():
    call()


VALUE_ERRORS = {
    "1-D image": ({"difference": np.zeros(5)}, r"difference must be a 2-D array .* shape \(5,\)"),
    "3-D image": ({"difference": np.zeros((2, 3, 4))}, r"2-D array .*, got shape \(2, 3, 4\)"),
    "empty image": ({"difference": np.zeros((0, 5))}, r"at least one pixel, got shape \(0, 5\)"),
    "science variance of another shape": (
        {"science_variance": np.ones((12, 10))},
        r"science_variance must have shape \(10, 12\), that of the image, got \(12, 10\)",
    ),
    "template variance of another shape": (
        {"template_variance": np.ones((10, 11))},
        r"template_variance must have shape \(10, 12\), that of the image, got \(10, 11\)",
    ),
    "1-D variance": ({"science_variance": np.ones(12)}, r"2-D array .*, got shape \(12,\)"),
    "negative number": ({"science_variance": -1.0}, "science_variance must be .* >= 0, got -1"),
    "NaN for a variance": ({"template_variance": np.nan}, "must be finite and >= 0, got nan"),
    "variance of NaN only": (
        {"science_variance": np.full(SHAPE, np.nan)},
        "variance must have known pixels .*, got none",
    ),
    "variance of infinity only": (
        {"template_variance": np.full(SHAPE, np.inf)},
        "variance must have known pixels .*, got none",
    ),
    "negative variances only": (
        {"science_variance": -np.ones(SHAPE)},
        "variance must have known pixels .*, got none",
    ),
    "no variance at all": (
        {"science_variance": 0.0, "template_variance": np.zeros(SHAPE)},
        "positive total",
    ),
    "no variance at k = 0": (
        {"science_variance": 0.0, "kernel": [[1.0, -1.0]]},
        "positive total variance at k = 0 .*, got 0",
    ),
    "no variance at k = 0, but for rounding": (
        {"science_variance": 0.0, "kernel": KERNEL - KERNEL.mean()},
        "positive total variance at k = 0 .*, got",
    ),
    "variances that single precision does not hold": (
        {
            "difference": np.ones(SHAPE, np.float32),
            "science_variance": 1e-44,
            "template_variance": 1e-44,
        },
        "variance must be at least 1e-36, or the image in double precision .*, got .*e-44",
    ),
    "mask of another shape": (
        {"mask": np.zeros((12, 10), int)},
        r"mask must have shape \(10, 12\), that of the image, got \(12, 10\)",
    ),
    "science mask of another shape": (
        {"science_mask": np.zeros((12, 10), bool)},
        r"science_mask must have shape \(10, 12\), that of the image, got \(12, 10\)",
    ),
    "1-D kernel": ({"kernel": np.ones(3)}, r"kernel must be a 2-D array .*, got shape \(3,\)"),
    "3-D kernel": ({"kernel": np.ones((1, 3, 3))}, r"2-D array .*, got shape \(1, 3, 3\)"),
    "empty kernel": ({"kernel": np.ones((0, 3))}, r"at least one pixel, got shape \(0, 3\)"),
    "NaN in the kernel": (
        {"kernel": [[1.0, np.nan]]},
        "basis must be finite, got 1 non-finite of 2 values",
    ),
    "infinite kernel somewhere": (
        {"kernel": SpatialKernel(KERNEL[None] * 1e300, [Polynomial2D([0.0, 1e300, 0.0])])},
        r"kernel must give finite values, got others from one of shape \(3, 3\)",
    ),
    "kernel larger than the image": (
        {"kernel": np.ones((11, 3))},
        r"kernel must be no larger than the image, \(10, 12\), got \(11, 3\)",
    ),
    "kernel of no sum, science convolved": (
        {"kernel": [[1.0, -1.0]], "convolved": "science"},
        "scale must be a number, since the kernel's sum is zero, got none",
    ),
    "kernel whose sum is zero in single precision": (
        {"kernel": np.array([[0.5, -1.0, 0.5 + 1e-7]]), "convolved": "science"},
        "scale must be a number, since the kernel's sum is zero, got none",
    ),
    "kernel of no sum, with what both images share": (
        {"kernel": [[1.0, -1.0]], "convolved": "science", "shared_variance": 0.5},
        "scale must be a number, since the kernel's sum is zero, got none",
    ),
    "scale of zero": ({"scale": 0.0}, "scale must be finite and not zero, got 0"),
    "scale of NaN": ({"scale": np.nan}, "scale must be finite and not zero, got nan"),
    "unknown mode": ({"mode": "snr"}, "mode must be one of 'difference', 'score', got 'snr'"),
    "unknown side": (
        {"convolved": "both"},
        "convolved must be one of 'template', 'science', got 'both'",
    ),
    "unknown propagation": (
        {"variance": "exact"},
        "variance must be one of 'estimate', 'full', got 'exact'",
    ),
    "score without a PSF": (
        {"mode": "score"},
        "psf must be given in mode score, got none",
    ),
    "preconvolved without a PSF": (
        {"mode": "score", "preconvolved": True},
        "preconvolved must have a pre-kernel or the PSF of the science image, got neither",
    ),
    "preconvolved, and the science image convolved": (
        {"mode": "score", "preconvolved": True, "convolved": "science", "psf": KERNEL},
        "preconvolved must have the template as the convolved image, got the science image",
    ),
    "preconvolved without score": (
        {"preconvolved": True},
        "preconvolved must come with mode score, got mode difference",
    ),
    "pre-kernel of an ordinary difference": (
        {"mode": "score", "psf": KERNEL, "pre_kernel": KERNEL},
        "pre_kernel must come with preconvolved, got a difference that is not",
    ),
    "PSF of no sum": ({"psf": np.zeros((3, 3)), "mode": "score"}, "finite, positive sum, got 0"),
    "PSF of infinite parts": (
        {"psf": np.array([[1e308, 1e308, -1e308, -1e308, 1.0]]), "mode": "score"},
        "finite, positive sum, got",
    ),
    "PSF larger than the image": (
        {"psf": np.ones((3, 13)), "mode": "score"},
        r"psf must be no larger than the image, \(10, 12\), got \(3, 13\)",
    ),
    "position of NaN": ({"xy0": (0.0, np.nan)}, r"xy0 must be finite, got \(0.0+, nan\)"),
    "mean variance of NaN": ({"mean_variances": (np.nan, None)}, "variance.* got nan"),
    "negative mean variance": ({"mean_variances": (None, -1.0)}, "variance.* >= 0, got -1"),
    "negative number of threads": ({"n_threads": -1}, "n_threads must be 0 .*, got -1"),
}

TYPE_ERRORS = {
    "complex image": ({"difference": IMAGE * 1j}, "difference must hold real numbers, got .*comp"),
    "boolean image": ({"difference": IMAGE > 0}, "must hold real numbers, got dtype bool"),
    "text for an image": (
        {"difference": "image.fits"},
        "difference must hold real numbers, .*, got str",
    ),
    "no variance": ({"science_variance": None}, "science_variance must hold .*, got NoneType"),
    "complex variance": ({"template_variance": IMAGE * 1j}, "template_variance must hold real"),
    "float mask": (
        {"mask": np.zeros(SHAPE)},
        "mask must hold integers or booleans, got dtype float64",
    ),
    "float science mask": ({"science_mask": np.zeros(SHAPE)}, "science_mask must hold integers or"),
    "no kernel": ({"kernel": None}, "kernel must be a Kernel, a 2-D array .*, got NoneType"),
    "text for a kernel": ({"kernel": "kernel.fits"}, "kernel must be a Kernel, .*, got str"),
    "complex kernel": ({"kernel": KERNEL * 1j}, "kernel must be a Kernel, .*, got ndarray"),
    "text for a PSF": ({"psf": "psf.fits"}, "psf must be a Kernel, .*, got str"),
    "one number for a position": ({"xy0": 5.0}, r"xy0 must be a pair of numbers \(x, y\), got 5.0"),
    "three numbers for a position": ({"xy0": (1, 2, 3)}, r"pair of numbers .*, got \(1, 2, 3\)"),
    "one mean variance": ({"mean_variances": 5.0}, r"mean_variances must be a pair .*, got 5.0"),
    "a fraction for no-value bits": (
        {"no_value_mask": 1.5},
        "no_value_mask must be an integer, got 1.5",
    ),
    "a fraction for bits": ({"ignore_mask": 1.5}, "ignore_mask must be an integer, got 1.5"),
    "text for threads": ({"n_threads": "x"}, "n_threads must be an integer, got 'x'"),
    "text for a scale": ({"scale": "a"}, "scale must be a number, got 'a'"),
    "boxes for a grid": ({"grid": [[0, 0, 5, 5]]}, "grid must be a Grid, got list"),
}


@pytest.mark.parametrize(("changes", "message"), VALUE_ERRORS.values(), ids=VALUE_ERRORS)
def test_bad_values(changes, message):
    with pytest.raises(ValueError, match=message):
        call(**changes)


@pytest.mark.parametrize(("changes", "message"), TYPE_ERRORS.values(), ids=TYPE_ERRORS)
def test_bad_types(changes, message):
    with pytest.raises(TypeError, match=message):
        call(**changes)


class TestWhiten:
    def test_needs_a_source(self):
        with pytest.raises(
            ValueError, match="sources must hold at least one noise source, got none"
        ):
            whitediff.whiten(IMAGE, [])

    def test_needs_noise_sources(self):
        with pytest.raises(TypeError, match="sources must hold NoiseSource objects, got float"):
            whitediff.whiten(IMAGE, [1.0])

    def test_needs_a_psf_for_scores(self):
        with pytest.raises(ValueError, match="psf must be given in mode score, got none"):
            whitediff.whiten(IMAGE, [NoiseSource(1.0)], mode="score")

    def test_says_which_source_is_wrong(self):
        sources = [NoiseSource(1.0), NoiseSource(np.ones((2, 2)))]
        with pytest.raises(ValueError, match=r"sources\[1\].variance must have shape \(10, 12\)"):
            whitediff.whiten(IMAGE, sources)
        sources = [NoiseSource(1.0, mask=np.zeros(SHAPE))]
        with pytest.raises(TypeError, match=r"sources\[0\].mask must hold integers or booleans"):
            whitediff.whiten(IMAGE, sources)

    @pytest.mark.parametrize("weight", [0.0, np.nan, np.inf])
    def test_needs_weights(self, weight):
        with pytest.raises(ValueError, match="weight must be finite and not zero, got"):
            whitediff.whiten(IMAGE, [NoiseSource(1.0, weight=weight)])

    def test_needs_kernels(self):
        with pytest.raises(TypeError, match="kernel must be a Kernel, .*, got str"):
            NoiseSource(1.0, kernels=["kernel.fits"])


def test_a_kernel_as_large_as_the_image_is_fine():
    call(kernel=fixed_kernel(np.ones(SHAPE)))


def test_errors_leave_the_next_call_alone():
    expected = call(difference=with_pixel(5.0)).image
    with pytest.raises(ValueError, match="known pixels"):
        call(difference=with_pixel(5.0), science_variance=np.full(SHAPE, -1.0))
    np.testing.assert_array_equal(call(difference=with_pixel(5.0)).image, expected)
