"""Noise whose covariance changes over the frame."""

import re

import numpy as np
import pytest

import whitediff
from coloured_noise import psf_profile, pull
from white_noise import RADIUS, inner, linear_kernel, matched
from whitediff import NoiseCovariance, NoiseSource
from whitediff.local_covariance import varying_covariance
from whitediff.polynomial import nodes, spatial_kernel, terms
from whitediff.simulate import simulate

FRAME = (10.0, 209.0, 0.0, 99.0)
PROFILE = psf_profile()
CONSTANT = np.outer([0.1, 1.0, 0.1], [0.2, 1.0, 0.2])
SLOPE = np.outer([0.02, 0.3, 0.02], [0.1, 1.0, 0.1])
ZERO = np.zeros((3, 3))


def linear(psf=None):
    """Changes in x alone."""
    return NoiseCovariance(np.stack([CONSTANT, SLOPE, ZERO]), frame=FRAME, psf=psf)


class TestPolynomials:
    def test_terms_are_those_of_the_core(self, rng):
        x, y = rng.uniform(0, 220, 7), rng.uniform(0, 100, 7)
        for degree, count in ((0, 1), (1, 3), (2, 6), (3, 10)):
            coefficients = rng.normal(size=count)
            images = spatial_kernel(coefficients[:, np.newaxis, np.newaxis], FRAME).evaluate(x, y)
            # Sums of ten terms in another order.
            np.testing.assert_allclose(
                terms(x, y, FRAME, degree) @ coefficients, images[:, 0, 0], rtol=0, atol=1e-13
            )

    def test_nodes_give_means_of_polynomials(self):
        x, y, weights = nodes(FRAME, 2)
        assert weights.sum() == pytest.approx(1, rel=1e-14)
        # The mean of x^2 over an interval is that of its ends and the middle, a third each of
        # a^2 + ab + b^2.
        expected = (10**2 + 10 * 209 + 209**2) / 3
        assert (weights * x**2).sum() == pytest.approx(expected, rel=1e-14)
        assert (weights * y).sum() == pytest.approx(49.5, rel=1e-14)


class TestCovariance:
    def test_is_a_polynomial_of_position_with_a_mean(self):
        covariance = linear()
        np.testing.assert_allclose(covariance.lags, CONSTANT, rtol=0, atol=1e-15)
        # Half way from the middle, 109.5, to the right edge.
        np.testing.assert_allclose(covariance.at(159.25, 3).lags, CONSTANT + 0.5 * SLOPE)
        assert covariance.at(159.25, 3).frame is None
        square = NoiseCovariance(np.stack([CONSTANT, *[ZERO] * 4, SLOPE]), frame=FRAME)
        # The mean of T2 = 2 t^2 - 1 is -1/3.
        np.testing.assert_allclose(square.lags, CONSTANT - SLOPE / 3, rtol=0, atol=1e-15)

    def test_says_how_much_it_varies(self):
        covariance = linear()
        ends = [covariance.at(x, 0).psf_scale for x in FRAME[:2]]
        expected = max(abs(end / covariance.psf_scale - 1) for end in ends)
        assert covariance.variation == pytest.approx(expected, rel=1e-12)
        assert f"varies by up to {100 * expected:.1f} %" in repr(covariance)
        assert f"by up to {100 * expected:.1f} %" in covariance.plot().get_title()
        assert NoiseCovariance(CONSTANT).variation == 0
        assert "varies" not in repr(NoiseCovariance(CONSTANT))

    def test_products_are_those_of_spectra_everywhere(self):
        constant = NoiseCovariance([[0.1, 1.0, 0.1]])
        product = constant * linear()
        assert product.frame == FRAME
        for x, y in ((10, 0), (100, 50), (209, 99)):
            expected = (constant * linear().at(x, y)).lags
            np.testing.assert_allclose(product.at(x, y).lags, expected, rtol=0, atol=1e-14)
        # What is of the second degree is left out: next to nothing, where it is small.
        small = NoiseCovariance(np.stack([CONSTANT, 0.01 * SLOPE, ZERO]), frame=FRAME)
        product = small * small
        expected = (small.at(200, 20) * small.at(200, 20)).lags
        # A square of 0.003 of the variance.
        np.testing.assert_allclose(product.at(200, 20).lags, expected, rtol=0, atol=2e-5)
        other = NoiseCovariance(np.stack([CONSTANT, SLOPE, ZERO]), frame=(0, 1, 0, 1))
        with pytest.raises(ValueError, match="covariances must be of one frame"):
            linear() * other

    @pytest.mark.parametrize(
        ("coefficients", "frame", "message"),
        [
            ([CONSTANT], (0, 0, 0, 1), "frame must be (x_min, x_max, y_min, y_max) in order"),
            ([CONSTANT, SLOPE], FRAME, "coefficients must be 1, 3, 6, 10, ... in number, got 2"),
            (CONSTANT, FRAME, "covariance of a frame must be 3-D, got shape (3, 3)"),
            (
                [CONSTANT, 4 * SLOPE, ZERO],
                FRAME,
                "covariance must be positive at no lag, got -0.2",
            ),
        ],
    )
    def test_that_cannot_be_are_refused(self, coefficients, frame, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            NoiseCovariance(np.array(coefficients), frame=frame)


class TestWhitening:
    @pytest.mark.parametrize("propagation", ["estimate", "full"])
    def test_every_cell_has_the_filter_of_its_place(self, rng, propagation):
        image = rng.normal(size=(100, 200))
        grid = whitediff.Grid([[0, 0, 100, 100], [100, 0, 200, 100]])
        keywords = {"grid": grid, "xy0": (10, 0), "variance": propagation}
        varying = whitediff.whiten(image, [NoiseSource(2.0)], covariance=linear(), **keywords)
        for n, (x, y) in enumerate(varying.cells.centers):
            local = linear().at(x, y)
            same = whitediff.whiten(image, [NoiseSource(2.0)], covariance=local, **keywords)
            radius = min(varying.border, same.border)
            filters = [one.filters[n] for one in (varying, same)]
            middles = [len(one) // 2 for one in filters]
            cut = [
                one[m - radius : m + radius + 1, m - radius : m + radius + 1]
                for one, m in zip(filters, middles, strict=True)
            ]
            # Cut off where 5e-6 of the noise is lost, at radii that may differ.
            np.testing.assert_allclose(*cut, rtol=0, atol=1e-5)
            box = grid.boxes[n]
            plane = varying.variance[(box[1] + box[3]) // 2, (box[0] + box[2]) // 2]
            # P(0), as that of the cells is blended far from there.
            assert plane == pytest.approx(2 * local.power_at_zero, rel=1e-3)

    def test_of_a_source_acts_as_what_remains(self, rng):
        image = rng.normal(size=(100, 200))
        remaining = whitediff.whiten(image, [NoiseSource(1.0)], covariance=linear(), xy0=(10, 0))
        source = NoiseSource(1.0, covariance=linear())
        of_source = whitediff.whiten(image, [source], xy0=(10, 0))
        np.testing.assert_array_equal(remaining.image, of_source.image)
        # Cells are small enough for it.
        assert len(remaining.cells.boxes) > 1

    def test_blind_noise_that_changes_over_the_frame(self, rng):
        shape = (1300, 1250)
        big = tuple(size + 2 * RADIUS for size in shape)
        template = rng.normal(scale=np.sqrt(3.0), size=big)
        image = inner(rng.normal(size=big)) - matched(template, linear_kernel(shape))
        result = whitediff.whiten(image.astype(np.float32))
        assert result.covariance.variation > 0.1
        one = NoiseCovariance(result.covariance.lags)
        mean = whitediff.whiten(image.astype(np.float32), covariance=one)

        def pulls(of):
            columns = np.array_split(np.arange(shape[1]), 3)
            return np.array(
                [pull(of.image[:, part], of.variance[:, part], PROFILE) for part in columns]
            )

        # 500 000 pixels, 36 of which tell as much as one: 0.6 per cent, and less as what is
        # tested is what was measured; what the filters of one covariance leave is more.
        assert abs(pulls(result) - 1).max() < 0.02
        assert abs(pulls(mean) - 1).max() > 0.03
        again = whitediff.whiten(image.astype(np.float32), covariance=result.covariance)
        np.testing.assert_array_equal(again.image, result.image)


class TestParts:
    WHOLE = 1_600_000

    def fitted(self, rng, slope, columns=4, curve=0.0):
        """What is made of 16 parts whose lags scatter as those of white noise do."""
        whole = NoiseCovariance(np.pad([[1.0]], 6))
        whole.n_pairs = np.full((13, 13), float(self.WHOLE))
        x, y = np.meshgrid((np.arange(columns) + 0.5) * 50 + 10, np.arange(4) * 25.0 + 12)
        centers = np.column_stack([x.ravel(), y.ravel()])
        n_pixels = np.full(len(centers), self.WHOLE / 16)
        lags = rng.normal(scale=1 / np.sqrt(n_pixels[0]), size=(len(centers), 13, 13))
        lags = np.sqrt(0.5) * (lags + lags[:, ::-1, ::-1]) * whole._window()
        place = (2 * centers[:, 0] - FRAME[0] - FRAME[1]) / (FRAME[1] - FRAME[0])
        lags[:, 6, 6] += 1.0 + slope * place + curve * place**2
        return whole, varying_covariance(whole, lags, n_pixels, centers, FRAME)

    def test_nothing_is_made_of_scatter(self, rng):
        for _ in range(100):
            whole, found = self.fitted(rng, 0.0)
            assert found is whole

    def test_a_slope_is_found(self, rng):
        _, found = self.fitted(rng, 0.1)
        assert len(found.coefficients) == 3
        # What is a slope in x is none in y.
        assert not found.coefficients[2].any()
        # sqrt(2 / N) of a part, over the root of the sum of squares of 16 places: four of them.
        error = np.sqrt(2 / (self.WHOLE / 16) / (16 * 0.31))
        assert found.coefficients[1, 6, 6] == pytest.approx(0.1, abs=4 * error)
        assert found.n_pixels == self.WHOLE

    def test_a_curve_is_found(self, rng):
        _, found = self.fitted(rng, 0.1, curve=0.2)
        assert len(found.coefficients) == 6
        # t^2 is (1 + T2) / 2.
        error = np.sqrt(2 / (self.WHOLE / 16) / (16 * 0.25))
        assert found.coefficients[3, 6, 6] == pytest.approx(0.1, abs=4 * error)

    def test_what_parts_do_not_reach_is_not_made_up(self, rng):
        # One column of parts says nothing of x.
        whole, found = self.fitted(rng, 0.1, columns=1)
        assert found is whole


def whitened(pair, sky=0):
    """A simulated difference, on a sky that is left in it, with whatever colour is found."""
    return whitediff.decorrelate(
        pair.difference + sky,
        pair.science_variance,
        pair.template_variance,
        pair.kernel,
        mask=pair.difference_mask | pair.science_mask,
        ignore_mask=-1,
        covariance="auto",
    )


@pytest.mark.parametrize("seed", [3, 9, 13])
def test_filters_of_cells_are_no_reason_for_it(seed):
    # The kernel grows by half across three cells; one filter for each leaves variances of pixels
    # that are off by 2 to 4 per cent near the upper and the lower edge.
    pair = simulate((560, 640), seed=seed)
    result = whitened(pair)
    assert result.covariance.frame is None
    assert not result.covariance_applied


@pytest.mark.parametrize("sigmas", [5.0, 60.0])
def test_a_sky_that_rises_is_no_colour(sigmas):
    # In units of 10, the science image's noise, from one side to the other.
    pair = simulate((700, 640), seed=2)
    slope = np.linspace(-5 * sigmas, 5 * sigmas, 640, dtype=np.float32)
    result = whitened(pair, slope)
    assert not result.covariance_applied
    # Sampling errors of one frame.
    deviation = result.covariance.psf_scale - 1
    assert abs(deviation) < 4 * result.covariance.psf_scale_error
