"""Functions of position, and kernels."""

import copy
import gc
import pickle

import numpy as np
import pytest

import whitediff
from whitediff import Chebyshev2D, Kernel, Polynomial2D, SpatialKernel, TabulatedKernel
from whitediff.kernel import fitted, fixed_kernel, flipped, one_less

X, Y = np.array([0.0, 3.0, -7.5, 100.25]), np.array([2.0, -1.0, 55.5, 0.125])


def terms(order):
    """Exponents (or degrees) in x and y of 1; x, y; x^2, xy, y^2; ..."""
    return [(total - j, j) for total in range(order + 1) for j in range(total + 1)]


class TestPolynomial2D:
    @pytest.mark.parametrize("order", [0, 1, 2, 5])
    def test_sums_its_terms(self, rng, order):
        coefficients = rng.normal(size=len(terms(order)))
        expected = sum(
            c * X**i * Y**j for c, (i, j) in zip(coefficients, terms(order), strict=True)
        )
        polynomial = Polynomial2D(coefficients)
        # Powers up to 100^5, summed in other orders.
        np.testing.assert_allclose(polynomial(X, Y), expected, rtol=1e-10)
        np.testing.assert_array_equal(polynomial.coefficients, coefficients)

    def test_broadcasts(self):
        polynomial = Polynomial2D([1.0, 10.0, 100.0])
        grid = polynomial(np.arange(3.0), np.arange(2.0)[:, np.newaxis])
        np.testing.assert_array_equal(grid, [[1, 11, 21], [101, 111, 121]])
        assert polynomial(1, 2) == 211.0
        assert isinstance(polynomial(1, 2), float)

    @pytest.mark.parametrize("count", [0, 2, 4, 5, 7])
    def test_expects_whole_orders(self, count):
        with pytest.raises(
            ValueError, match=rf"coefficients must be 1, 3, 6, .* in number, got {count}"
        ):
            Polynomial2D(np.ones(count))

    def test_expects_finite_coefficients(self):
        with pytest.raises(ValueError, match="finite, got nan"):
            Polynomial2D([1.0, np.nan, 0.0])


class TestChebyshev2D:
    BBOX = (-10.0, 110.0, -5.0, 60.0)

    @pytest.mark.parametrize("order", [0, 1, 3, 6])
    def test_sums_its_terms(self, rng, order):
        coefficients = rng.normal(size=len(terms(order)))
        x_min, x_max, y_min, y_max = self.BBOX
        x = (2 * X - x_min - x_max) / (x_max - x_min)
        y = (2 * Y - y_min - y_max) / (y_max - y_min)
        basis = np.polynomial.chebyshev.Chebyshev.basis
        expected = sum(
            c * basis(i)(x) * basis(j)(y)
            for c, (i, j) in zip(coefficients, terms(order), strict=True)
        )
        function = Chebyshev2D(coefficients, self.BBOX)
        # Rounding only.
        np.testing.assert_allclose(function(X, Y), expected, rtol=1e-12)
        np.testing.assert_array_equal(function.coefficients, coefficients)
        assert function.bbox == self.BBOX

    @pytest.mark.parametrize("bbox", [(5, 5, 0, 1), (0, 1, 3, 2), (0, np.inf, 0, 1)])
    def test_expects_a_box(self, bbox):
        with pytest.raises(
            ValueError, match="Chebyshev2D must have finite x_min < x_max and y_min < y_max"
        ):
            Chebyshev2D([1.0], bbox)


class TestSpatialKernel:
    @pytest.fixture
    def kernel(self, rng):
        functions = [Polynomial2D([1.0]), Chebyshev2D([0.5, 1.0, 2.0], (0, 10, 0, 20))]
        return SpatialKernel(rng.normal(size=(2, 5, 8)), functions, center=(4, 0))

    def test_is_the_sum_of_basis_images_times_functions(self, kernel):
        images = kernel.evaluate(X, Y)
        expected = sum(
            function(X, Y)[:, np.newaxis, np.newaxis] * basis
            for function, basis in zip(kernel.functions, kernel.basis, strict=True)
        )
        # Rounding only.
        np.testing.assert_allclose(images, expected, rtol=1e-12, atol=1e-12)
        assert (kernel.shape, kernel.center) == ((5, 8), (4, 0))

    @pytest.mark.parametrize(
        ("shape", "center"), [((5, 7), (2, 3)), ((4, 6), (1, 2)), ((1, 1), (0, 0))]
    )
    def test_default_centre(self, shape, center):
        assert SpatialKernel(np.ones((1, *shape)), [Polynomial2D([1.0])]).center == center

    def test_keeps_a_copy_of_its_basis(self):
        basis = np.ones((1, 3, 3))
        kernel = SpatialKernel(basis, [Polynomial2D([1.0])])
        basis[:] = 7
        kernel.basis[:] = 8
        np.testing.assert_array_equal(kernel.evaluate([0.0], [0.0]), np.ones((1, 3, 3)))

    @pytest.mark.parametrize(
        ("basis", "n_functions", "center", "message"),
        [
            (np.ones((3, 3)), 1, None, r"basis.*\(n, h, w\), got \(3, 3\)"),
            (np.ones((2, 3, 3)), 1, None, "one for each of 2 basis images, got 1"),
            (np.ones((0, 3, 3)), 0, None, "at least one basis image, got none"),
            (np.ones((1, 0, 3)), 1, None, r"shape of at least \(1, 1\), got \(0, 3\)"),
            (np.full((1, 3, 3), np.nan), 1, None, "finite, got 9 non-finite of 9"),
            (np.ones((1, 3, 4)), 1, (3, 0), r"centre inside the shape \(3, 4\), got \(3, 0\)"),
        ],
    )
    def test_says_what_it_expects(self, basis, n_functions, center, message):
        with pytest.raises(ValueError, match=message):
            SpatialKernel(basis, [Polynomial2D([1.0])] * n_functions, center=center)

    def test_expects_positions_in_pairs(self, kernel):
        with pytest.raises(
            ValueError, match=r"x and y must have one length, got shapes \(2,\) and \(3,\)"
        ):
            kernel.evaluate(np.zeros(2), np.zeros(3))


class TestTabulatedKernel:
    @pytest.fixture
    def images(self, rng):
        return rng.normal(size=(3, 2, 4, 5))

    @pytest.fixture
    def kernel(self, images):
        return TabulatedKernel([10.0, 20.0], [0.0, 1.0, 5.0], images)

    def test_is_bilinear_between_the_nodes(self, kernel, images):
        np.testing.assert_array_equal(kernel.evaluate([10.0], [1.0])[0], images[1, 0])
        result = kernel.evaluate([12.5], [4.0])[0]
        in_x = 0.75 * images[:, 0] + 0.25 * images[:, 1]
        # Rounding only.
        np.testing.assert_allclose(result, 0.25 * in_x[1] + 0.75 * in_x[2], rtol=1e-12, atol=1e-12)

    def test_is_constant_outside(self, kernel, images):
        result = kernel.evaluate([-100.0, 1e9], [-1.0, 1e9])
        np.testing.assert_array_equal(result, [images[0, 0], images[2, 1]])

    def test_may_have_one_node(self, images):
        kernel = TabulatedKernel([3.0], [4.0], images[:1, :1])
        np.testing.assert_array_equal(kernel.evaluate([-5.0], [50.0])[0], images[0, 0])

    @pytest.mark.parametrize(
        ("x", "shape", "message"),
        [
            ([20.0, 10.0], (3, 2, 4, 5), "x must increase strictly, got 10.0+ after 20.0"),
            ([10.0, 10.0], (3, 2, 4, 5), "x must increase strictly, got 10.0+ after 10.0"),
            ([10.0, np.nan], (3, 2, 4, 5), "finite, got 1 non-finite"),
            (
                [10.0, 20.0],
                (2, 3, 4, 5),
                r"images must have shape \(3, 2, h, w\), got \(2, 3, 4, 5\)",
            ),
        ],
    )
    def test_says_what_it_expects(self, x, shape, message):
        with pytest.raises(ValueError, match=message):
            TabulatedKernel(x, [0.0, 1.0, 5.0], np.ones(shape))


class Widening(Kernel):
    """A kernel written in Python: a box that grows with x."""

    def __init__(self):
        super().__init__(shape=(3, 7), center=(1, 3))

    def evaluate(self, x, y):
        offset = abs(np.arange(7) - 3.0)
        images = (offset <= x[:, np.newaxis] / 50) / 3.0
        return np.repeat(images[:, np.newaxis], 3, axis=1)


class TestPythonKernel:
    def test_serves_as_a_kernel(self, rng):
        image = rng.normal(size=(60, 150))
        kernel = Widening()
        assert (kernel.shape, kernel.center) == ((3, 7), (1, 3))
        grid = whitediff.Grid([[0, 0, 75, 60], [75, 0, 150, 60]])
        result = whitediff.decorrelate(image, 1.0, 2.0, kernel, grid=grid)
        table = TabulatedKernel([37.0, 112.0], [0.0], kernel.evaluate(
            np.array([37.0, 112.0]), np.zeros(2))[np.newaxis])  # fmt: skip
        expected = whitediff.decorrelate(image, 1.0, 2.0, table, grid=grid)
        # Borders may differ, as the two differ elsewhere: within the cut-off, 1e-5 of the noise.
        assert abs(result.image - expected.image).max() < 1e-5 * abs(expected.image).max()

    def test_lives_as_long_as_a_result_needs_it(self, rng):
        result = whitediff.decorrelate(rng.normal(size=(60, 150)), 1.0, 2.0, Widening())
        gc.collect()
        assert np.isfinite(result.filters).all()

    def test_may_raise(self):
        class Failing(Widening):
            def evaluate(self, x, y):
                raise LookupError("no kernel here")

        with pytest.raises(LookupError, match="no kernel here"):
            whitediff.decorrelate(np.zeros((60, 150)), 1.0, 2.0, Failing())

    @pytest.mark.parametrize("shape", [(1, 3, 7), (3, 7), (0,)])
    def test_must_give_images_of_its_shape(self, shape):
        class Wrong(Widening):
            def evaluate(self, x, y):
                return np.ones(shape)

        with pytest.raises(ValueError, match=r"evaluate must give shape \(\d+, 3, 7\), got"):
            whitediff.decorrelate(np.zeros((60, 150)), 1.0, 2.0, Wrong())

    def test_must_be_finite(self):
        class Broken(Widening):
            def evaluate(self, x, y):
                return np.full((len(x), 3, 7), np.nan)

        message = r"kernel must give finite values, got others from one of shape \(3, 7\)"
        with pytest.raises(ValueError, match=message):
            whitediff.decorrelate(np.zeros((60, 150)), 1.0, 2.0, Broken())

    def test_must_implement_evaluate(self):
        class Nothing(Kernel):
            def __init__(self):
                super().__init__(shape=(3, 3))

        with pytest.raises(TypeError, match="implements evaluate"):
            whitediff.decorrelate(np.zeros((60, 150)), 1.0, 2.0, Nothing())


def pickled(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize(
    "kernel",
    [
        SpatialKernel(
            np.arange(24.0).reshape(2, 3, 4),
            [Polynomial2D([1.0, 2.0, 3.0]), Chebyshev2D([1.0, 0.5, 0.25], (0, 9, -4, 4))],
            center=(0, 3),
        ),
        TabulatedKernel([0.0, 2.0], [1.0], np.arange(24.0).reshape(1, 2, 3, 4), center=(2, 1)),
    ],
    ids=lambda kernel: type(kernel).__name__,
)
def test_copies_are_equal(kernel, clone):
    other = clone(kernel)
    assert type(other) is type(kernel)
    assert other.center == kernel.center
    np.testing.assert_array_equal(other.evaluate(X, Y), kernel.evaluate(X, Y))


def test_fixed_kernel_may_have_any_centre():
    kernel = fixed_kernel([[1, 2, 3]], center=(0, 2))
    assert kernel.center == (0, 2)
    np.testing.assert_array_equal(kernel.evaluate([5.0], [6.0]), [[[1.0, 2.0, 3.0]]])


def test_a_flipped_kernel_is_turned_about_its_centre(rng):
    image = rng.normal(size=(4, 7))
    kernel = flipped(fixed_kernel(image, center=(1, 5)))
    assert (kernel.shape, kernel.center) == ((4, 7), (2, 1))
    np.testing.assert_array_equal(kernel.evaluate(X, Y), [image[::-1, ::-1]] * 4)
    # The core takes arrays of any strides.
    frame = rng.normal(size=(60, 150))
    results = [
        whitediff.decorrelate(frame, 1.0, 2.0, k, variance="full")
        for k in (kernel, fixed_kernel(image[::-1, ::-1], center=(2, 1)))
    ]
    np.testing.assert_array_equal(results[0].image, results[1].image)


@pytest.mark.parametrize("size", [4, 5])
@pytest.mark.parametrize("wanted", [2, 3, 4, 5, 8, 9])
def test_an_image_is_fitted_about_its_centre(rng, size, wanted):
    """The centre of an even size is the lower of two pixels."""
    image = rng.normal(size=(size, 5))
    result = fitted(image, (wanted, 5))
    assert result.shape == (wanted, 5)
    for row in range(wanted):
        source = row - (wanted - 1) // 2 + (size - 1) // 2
        expected = image[source] if 0 <= source < size else np.zeros(5)
        np.testing.assert_array_equal(result[row], expected)
    np.testing.assert_array_equal(fitted(image.T, (5, wanted)), result.T)


def test_one_less_a_kernel(rng):
    kernel = SpatialKernel(
        rng.normal(size=(2, 4, 5)),
        [Polynomial2D([1.0, 0.1, 0.0]), Polynomial2D([0.5])],
        center=(3, 1),
    )
    position = np.array([2.0, 7.0]), np.array([1.0, 4.0])
    expected = -kernel.evaluate(*position)
    expected[:, 3, 1] += 1
    for one in (kernel, flipped(flipped(kernel))):
        less = one_less(one)
        assert (less.shape, less.center) == (kernel.shape, kernel.center)
        np.testing.assert_allclose(less.evaluate(*position), expected, rtol=0, atol=1e-15)
