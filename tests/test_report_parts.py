"""What the page measures, against slow direct mathematics and known truth."""

import numpy as np
import pytest

from white_noise import gaussian, linear_kernel
from whitediff.detection import SOURCE_TYPE
from whitediff.io.rows import Rows
from whitediff.kernel import fixed_kernel
from whitediff.report import alarms, drawing
from whitediff.report.alarms import Found, expected_by_chance, found_in, without_counterpart
from whitediff.report.significance import Box, MatchedFilter
from whitediff.report.stamps import places, residual
from whitediff.report.survey import survey
from whitediff.simulate import convolve
from whitediff.subtraction.files import Pair, Subtraction


def rows_of(array):
    return Rows(array.shape, array.dtype, lambda rows: array[rows].copy())


def matched_filter(image, variance, psf, xy0=(0, 0)):
    return MatchedFilter(rows_of(image), rows_of(variance), psf, xy0)


def never_marked(sources):
    return np.zeros(len(sources), bool)


# A matched filter.


def test_a_matched_filter_is_the_sums_that_it_should_be(rng):
    image = rng.normal(size=(37, 52)).astype(np.float32)
    variance = rng.uniform(0.5, 2, image.shape).astype(np.float32)
    image[10:13, 20] = np.nan
    variance[30, 40] = np.nan
    psf = gaussian(1.2, radius=4)
    psf /= psf.sum()
    box = Box(3, 37, 0, 45)
    planes = matched_filter(image, variance, fixed_kernel(psf)).point_sources(box)
    for y in range(box.y0, box.y1):
        for x in range(box.x0, box.x1):
            found = [plane[y - box.y0, x - box.x0] for plane in planes]
            if not np.isfinite(image[y, x] + variance[y, x]):
                assert np.isnan(found[:2]).all()
                continue
            score = noise = response = 0.0
            for v in range(-4, 5):
                for u in range(-4, 5):
                    if not (0 <= y + v < 37 and 0 <= x + u < 52):
                        continue
                    if np.isfinite(image[y + v, x + u] + variance[y + v, x + u]):
                        weight = psf[4 + v, 4 + u]
                        score += weight * image[y + v, x + u]
                        noise += weight**2 * variance[y + v, x + u]
                        response += weight**2
            expected = score / noise**0.5, score / response, noise**0.5 / response
            # Transforms in single precision.
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)


def test_the_psf_is_that_of_the_place():
    kernel = linear_kernel((100, 1300))
    filtered = matched_filter(np.ones((100, 1300), np.float32), np.ones((100, 1300)), kernel)
    moved = matched_filter(np.ones((100, 1300), np.float32), np.ones((100, 1300)), kernel, (7, -9))
    for one, x, y in ((filtered, 20.0, 30.0), (moved, 13.0, 39.0)):
        expected = kernel.evaluate(np.array([20.0]), np.array([30.0]))[0]
        np.testing.assert_allclose(one.psf_at(y, x), expected / expected.sum(), rtol=1e-12)
    # Tiles of 512 pixels at most.
    parts = filtered.point_sources(Box(40, 60, 0, 1300)).flux_error[10]
    assert len(np.unique(parts[60:-60].round(3))) == 3


# What is found, and what chance makes.


@pytest.mark.parametrize("sigma", [1.2, 2.0])
def test_white_noise_has_as_many_peaks_as_chance_makes(rng, sigma):
    image = rng.normal(size=(901, 1203)).astype(np.float32)
    psf = fixed_kernel(gaussian(sigma, radius=9))
    filtered = matched_filter(image, np.ones_like(image), psf)
    found = found_in(filtered, image.shape, never_marked)
    thresholds = np.array([3.4, 3.8])
    expected = expected_by_chance(filtered.noise_power, image.size, thresholds)
    both = found.counts(thresholds, 1) + found.counts(thresholds, -1)
    # Four Poisson errors, and 6 % by which peaks of a narrow PSF stand between pixels.
    assert (abs(both - 2 * expected) < 4 * np.sqrt(2 * expected) + 0.12 * expected).all()
    assert (expected > 15).all()


def test_bands_find_what_the_whole_has(rng, monkeypatch):
    image = rng.normal(size=(190, 210)).astype(np.float32)
    filtered = matched_filter(image, np.ones_like(image), fixed_kernel(gaussian(1.5, radius=6)))
    whole = found_in(filtered, image.shape, lambda sources: sources["x"] > 90)
    monkeypatch.setattr(alarms, "_BAND", 16)
    parts = found_in(filtered, image.shape, lambda sources: sources["x"] > 90)
    assert len(whole.sources) == len(parts.sources) > 10
    for name in SOURCE_TYPE.names:
        # Sums in single precision, taken together differently.
        np.testing.assert_allclose(whole.sources[name], parts.sources[name], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(whole.marked, parts.marked)
    assert whole.marked.any() and not whole.marked.all()


def test_counts_are_of_one_sign_and_unmarked():
    sources = np.zeros(5, SOURCE_TYPE)
    sources["significance"] = [3.5, -4.5, 5.5, 6.5, -7.5]
    found = Found(sources, np.array([False, False, False, True, False]))
    thresholds = np.array([3.0, 4.0, 6.0])
    np.testing.assert_array_equal(found.counts(thresholds, 1), [2, 1, 0])
    np.testing.assert_array_equal(found.counts(thresholds, -1), [2, 2, 1])
    np.testing.assert_array_equal(found.beyond(5.0), [False, False, True, False, True])


def test_counterparts_are_near():
    here, there = np.zeros(3, SOURCE_TYPE), np.zeros(2, SOURCE_TYPE)
    here["x"], here["y"] = [10, 20, 30], [5, 5, 5]
    there["x"], there["y"] = [12, 30], [7, 8.5]
    np.testing.assert_array_equal(without_counterpart(here, there), [False, True, True])
    assert without_counterpart(here, there[:0]).all()
    assert len(without_counterpart(here[:0], there)) == 0


# Noise over the frame.


def test_white_noise_is_white_in_every_mesh(rng):
    variance = np.linspace(1, 9, 400, dtype=np.float32)[:, np.newaxis] * np.ones(290, np.float32)
    image = (rng.normal(size=variance.shape) * np.sqrt(variance)).astype(np.float32)
    found = survey(rows_of(image), rows_of(variance), None, None)
    for quantity, white in (("variance", 1), ("correlation", 0), ("psf_scale", 1)):
        values, errors = found.map(quantity)
        assert values.shape == (3, 2)
        # Of six meshes the worst; sources that are none take one or two parts in a thousand.
        assert (abs(values - white) < 4 * errors + 0.003).all()
        value, error = found.number(quantity)
        assert abs(value - white) < 4 * error + 0.003
        assert error == pytest.approx(errors.mean() / np.sqrt(6), rel=0.1)
    assert found.mean.variance == pytest.approx(found.number("variance")[0])


def test_a_map_shows_where_noise_is_another(rng):
    image = rng.normal(size=(256, 384)).astype(np.float32)
    image[128:, :128] *= 2
    ignored = np.zeros(image.shape, bool)
    ignored[:128, 256:] = True
    found = survey(rows_of(image), rows_of(np.ones_like(image)), rows_of(ignored), None)
    values, errors = found.map("variance")
    assert np.isnan(values[0, 2]) and np.isnan(errors[0, 2])
    expected = np.array([[1, 1, np.nan], [4, 1, 1]])
    np.testing.assert_allclose(values, expected, rtol=0.07)  # 4 errors of 16 000 pixels
    with pytest.raises(ValueError, match="no mesh of the frame has blank sky"):
        survey(rows_of(image), rows_of(np.ones_like(image)), rows_of(np.ones_like(ignored)), None)


def test_no_more_than_a_band_is_read(rng):
    image = rng.normal(size=(3000, 70)).astype(np.float32)
    read = []

    def rows(part):
        read.append(len(range(*part.indices(len(image)))))
        return image[part].copy()

    watched = Rows(image.shape, image.dtype, rows)
    survey(watched, watched.map(np.float32, np.ones_like), None, None)
    psf = fixed_kernel(gaussian(1.5, radius=6))
    filtered = MatchedFilter(watched, watched.map(np.float32, np.ones_like), psf, (0, 0))
    found_in(filtered, image.shape, never_marked)
    assert max(read) <= 512 + 2 * (8 + 16)


# Parts of the frame.


class _Exposure:
    def __init__(self, image, xy0=(0, 0)):
        self.image, self.xy0, self.shape = rows_of(image), xy0, image.shape


@pytest.mark.parametrize(
    ("convolved", "scale"), [("template", None), ("template", 2.5), ("science", None)]
)
def test_what_images_and_kernel_make_is_taken_off(rng, convolved, scale):
    shape = (140, 170)
    kernel = linear_kernel(shape)
    science, template = rng.normal(size=(2, *shape))
    template[60:70, 80] = np.nan
    known = {"science": science, "template": np.nan_to_num(template)}
    known[convolved] = convolve(known[convolved], kernel)
    factor = scale or 1.0
    if convolved == "science" and scale is None:
        factor = 1 / float(kernel.evaluate(np.array([85.0]), np.array([70.0])).sum())
    signal = np.zeros(shape)
    signal[75, 66] = 50.0
    difference = factor * (known["science"] - known["template"]) + signal + 7.0
    pair = Pair(_Exposure(science), _Exposure(template), kernel, convolved, True, scale)
    subtraction = Subtraction(_Exposure(difference), pair, {}, None, [], [], [])
    for box in (Box(40, 104, 30, 94), Box(76, 140, 0, 64), Box(0, 64, 106, 170)):
        part = np.s_[box.y0 : box.y1, box.x0 : box.x1]
        seen, rest = residual(subtraction, box)
        np.testing.assert_array_equal(seen, difference[part])
        left = np.isfinite(rest)
        assert left.mean() > 0.6
        # The kernel is linear over the frame, and so it is between the corners of a part.
        np.testing.assert_allclose(rest[left], signal[part][left], atol=1e-9 * abs(science).max())
    assert not np.isfinite(residual(subtraction, Box(40, 104, 30, 94))[1]).all()


def test_places_are_detections_then_alarms_that_are_gone():
    after, before = np.zeros(4, SOURCE_TYPE), np.zeros(3, SOURCE_TYPE)
    after["x"], after["y"] = [40, 41, 150, 220], [40, 42, 40, 60]
    after["significance"] = [30, 7, -6, 4.5]
    before["x"], before["y"] = [300, 220, 2], [100, 60, 139]
    before["significance"] = [5.5, 5.2, -5.1]
    unmarked = [Found(one, np.zeros(len(one), bool)) for one in (before, after)]
    chosen = places(*unmarked, 5.0, (141, 333))
    assert [place.why for place in chosen] == ["detection"] * 2 + ["false alarm before"] * 2
    # About each, within the frame; what is beside another is not shown again.
    assert [place.box for place in chosen] == [
        (8, 72, 8, 72),
        (8, 72, 118, 182),
        (68, 132, 268, 332),
        (77, 141, 0, 64),
    ]
    (middle,) = places(None, Found(after[:0], np.zeros(0, bool)), 5.0, (141, 333))
    assert middle == ((38, 102, 134, 198), "middle") or middle.box == (38, 102, 134, 198)


# Figures.


def test_figures_take_colours_and_letters_from_the_page():
    codes = []
    for _ in range(2):
        with drawing.figure(3, 2) as drawn:
            axes = drawn.subplots()
            axes.plot([0, 1], [1e-3, 1], color=drawing.AFTER, label="a")
            axes.set(xlabel="x & y", yscale="log")
            axes.legend()
            codes.append(drawing.svg(drawn, 'a "b" & <c>'))
    for code in codes:
        assert code.startswith("<svg viewBox=") and code.rstrip().endswith("</svg>")
        assert 'aria-label="a &quot;b&quot; &amp; &lt;c&gt;"' in code
        assert "var(--after)" in code and "var(--ink)" in code and "#01020" not in code
        assert "DejaVu" not in code and "metadata" not in code
        assert "x &amp; y</text>" in code
    ids = [set(part.split('"')[0] for part in code.split(' id="')[1:]) for code in codes]
    assert ids[0] and not ids[0] & ids[1]
