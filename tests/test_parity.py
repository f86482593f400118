"""The answers of Rubin's own decorrelation, and those of the plain equations."""

import numpy as np
import pytest

import reference
import whitediff

CASES = (
    "nonfinite_full",
    "science_matched_full",
    "template_matched_estimate",
    "template_matched_full",
    "score_estimate",
    "score_full",
)
# BAD, SAT, INTRP, CR, EDGE, DETECTED, NO_DATA: what Rubin leaves out of the mean variance.
IGNORE_MASK = 0b100111111
RUBIN_PADDING = 24
SCORE_POWER_FLOOR = 1e-11


def decorrelated(case):
    template_matched, score = bool(case["template_matched"]), bool(case["score"])
    return whitediff.decorrelate(
        case["difference"],
        case["science_variance"],
        case["template_variance"],
        case["kernel"],
        convolved="template" if template_matched else "science",
        mode="score" if score else "difference",
        preconvolved=score,
        spatially_varying=False,
        variance="full" if case["full_variance"] else "estimate",
        science_mask=case["mask"],
        ignore_mask=IGNORE_MASK,
        psf=case["science_psf"] if template_matched else case["template_psf"],
    )


def sources_of(case, v_science, v_template):
    if case["score"]:
        psf = case["science_psf"] / case["science_psf"].sum()
        return reference.score_sources(v_science, v_template, case["kernel"], psf)
    convolved = "template" if case["template_matched"] else "science"
    return reference.difference_sources(v_science, v_template, case["kernel"], convolved)


def filter_of(case, sources, shape, floor):
    if case["score"]:
        return reference.score_filter(sources, case["science_psf"], shape, floor)
    return reference.whitening_filter(sources, shape)


def same_finite(image, expected):
    """Pixels that are finite, in both images at the same places."""
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(image[~finite], expected[~finite])
    assert np.isfinite(image[finite]).all()
    return finite


@pytest.mark.parametrize("name", CASES)
def test_reference_gives_the_answers_of_rubin(name, data_path):
    case = np.load(data_path(f"parity/{name}.npz"))
    sources = sources_of(case, case["mean_science_variance"], case["mean_template_variance"])
    shape = reference.padded_shape(case["difference"].shape, RUBIN_PADDING)
    # Rubin divides without a floor.
    spectrum = filter_of(case, sources, shape, floor=0.0)
    # Rubin has the mean of the others in gaps, and zeros beyond the frame.
    finite = np.isfinite(case["difference"])
    filled = np.where(finite, case["difference"], case["difference"][finite].mean())
    image = np.where(finite, reference.filtered(filled, spectrum, shape), case["difference"])
    expected = case["corrected_image"]
    finite = same_finite(image, expected)
    # The same equations in the same precision: rounding alone, lifted where score power is dead.
    assert abs(image[finite] - expected[finite]).max() < 1e-9 * abs(expected[finite]).max()


@pytest.mark.parametrize("name", CASES)
def test_image_is_that_of_rubin(name, data_path):
    case = np.load(data_path(f"parity/{name}.npz"))
    result, expected = decorrelated(case), case["corrected_image"]
    image, finite = result.image, same_finite(result.image, expected)
    inside = finite & reference.away_from_edges(case["difference"], result.border)
    assert inside.sum() > 2000
    # Whitening filters are cut off at 1e-5 of the noise. Score filters ring over the whole frame
    # where P has no power: Rubin's wraps around, ours is held at the power floor.
    tolerance = 3e-3 if case["score"] else 1e-5
    assert abs(image[inside] - expected[inside]).max() < tolerance * abs(expected[finite]).max()


@pytest.mark.parametrize("name", CASES[-2:])
def test_score_image_is_that_of_a_large_frame(name, data_path):
    case = np.load(data_path(f"parity/{name}.npz"))
    sources = sources_of(case, case["mean_science_variance"], case["mean_template_variance"])
    shape = reference.padded_shape(case["difference"].shape, 256)
    spectrum = filter_of(case, sources, shape, floor=SCORE_POWER_FLOOR)
    # Four times the 5e-5 of the noise at which score filters are cut off.
    reference.assert_filtered(decorrelated(case), case["difference"], spectrum, shape, 2e-4)


@pytest.mark.parametrize("name", CASES)
def test_variance_is_that_of_rubin(name, data_path):
    case = np.load(data_path(f"parity/{name}.npz"))
    variance, expected = decorrelated(case).variance, case["corrected_variance"]
    finite = same_finite(variance, expected)
    # Rubin's variance planes are float32, and its frame is small.
    np.testing.assert_allclose(variance[finite], expected[finite], rtol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_mean_variances_are_those_of_rubin(name, data_path):
    case = np.load(data_path(f"parity/{name}.npz"))
    science = whitediff.clipped_mean(
        case["science_variance"], mask=case["mask"], ignore_mask=IGNORE_MASK
    )
    template = whitediff.clipped_mean(case["template_variance"])
    # Sums of some 3e4 float32 values, in double precision and in other orders.
    assert science == pytest.approx(case["mean_science_variance"], rel=1e-12)
    assert template == pytest.approx(case["mean_template_variance"], rel=1e-12)
    np.testing.assert_allclose(
        decorrelated(case).cells.variances, [[science, template]], rtol=1e-12
    )
