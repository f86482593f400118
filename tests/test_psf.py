"""PSF images, shapes and their choice by position."""

import numpy as np
import pytest

from whitediff.geometry import Box2I, Extent2I, Point2D, Point2I
from whitediff.kernel import Polynomial2D, SpatialKernel
from whitediff.psf import CellPsf, EvaluatedPsf, KernelPsf, Quadrupole, refined

PIXELS = np.arange(1.0, 16.0).reshape(3, 5)


def gaussian(shape, ixx, iyy=None, ixy=0.0, offset=(0.0, 0.0)):
    """Normalised Gaussian around the centre pixel, moved by an offset (x, y)."""
    height, width = shape
    y, x = np.indices(shape, dtype=float)
    r = np.stack([x - (width - 1) // 2 - offset[0], y - (height - 1) // 2 - offset[1]])
    covariance = np.array([[ixx, ixy], [ixy, ixx if iyy is None else iyy]])
    image = np.exp(-0.5 * np.einsum("iyx,ij,jyx->yx", r, np.linalg.inv(covariance), r))
    return image / image.sum()


def test_kernel_image_is_centred_on_zero():
    image = gaussian((11, 17), 4.0)
    psf = KernelPsf(image, Point2D(30.0, 40.5))
    kernel_image = psf.computeKernelImage(Point2D(7, 9))
    assert np.array_equal(kernel_image.array, image)
    assert kernel_image.array.dtype == np.float64
    assert kernel_image.getXY0() == Point2I(-8, -5)
    assert psf.getAveragePosition() == Point2D(30.0, 40.5)


def test_a_computed_image_belongs_to_the_caller():
    psf = KernelPsf(gaussian((7, 7), 2.0))
    psf.computeKernelImage().array[...] = 0.0
    psf.computeImage(Point2D(2, 3)).array[...] = 0.0
    assert psf.computeKernelImage().array.max() > 0


def test_image_at_a_whole_pixel_is_the_kernel_image_moved():
    image = gaussian((9, 13), 3.0)
    result = KernelPsf(image).computeImage(Point2D(100, -20))
    assert np.array_equal(result.array, image)
    assert result.getBBox() == Box2I(Point2I(94, -24), Extent2I(13, 9))


def test_image_at_a_fraction_of_a_pixel_is_shifted_by_it():
    psf = KernelPsf(gaussian((41, 43), 6.0))
    x, y = 12.3, 55.8
    result = psf.computeImage(Point2D(x, y))
    assert result.getXY0() == Point2I(12 - 21, 56 - 20)
    expected = gaussian((41, 43), 6.0, offset=(x - 12, y - 56))
    # The window makes a Lanczos shift of order 5 wrong by up to 0.01 pixel, and the steepest slope
    # of a Gaussian of sigma 2.45 pixels is a quarter of its peak a pixel.
    np.testing.assert_allclose(result.array, expected, atol=2.5e-3 * expected.max())
    # The weights sum to one; what is lost is the light shifted out of the frame.
    assert result.array.sum() == pytest.approx(1.0, abs=1e-6)


def test_average_position_stands_in_for_a_missing_one():
    psf = KernelPsf(gaussian((9, 9), 2.0), (10.25, 20.0))
    assert psf.computeImage().getXY0() == Point2I(6, 16)
    np.testing.assert_array_equal(
        psf.computeImage().array, psf.computeImage(Point2D(10.25, 20)).array
    )


@pytest.mark.parametrize("moments", [(4.0, 4.0, 0.0), (5.0, 3.0, 1.0), (2.0, 6.0, -1.5)])
def test_shape_of_a_gaussian_is_its_covariance(moments):
    shape = KernelPsf(gaussian((51, 53), *moments, offset=(0.2, -0.3))).computeShape()
    # Sampling of a Gaussian of these widths changes its moments by less than exp(-2 pi^2 * 2).
    np.testing.assert_allclose((shape.ixx, shape.iyy, shape.ixy), moments, atol=1e-6)
    ixx, iyy, ixy = moments
    assert shape.getDeterminantRadius() == pytest.approx((ixx * iyy - ixy**2) ** 0.25, rel=1e-6)
    assert shape.getTraceRadius() == pytest.approx(((ixx + iyy) / 2) ** 0.5, rel=1e-6)


def test_shape_survives_the_negative_wings_of_a_whitened_psf():
    core, wings = gaussian((61, 61), 3.0), gaussian((61, 61), 12.0)
    radius = KernelPsf(1.3 * core - 0.3 * wings).computeShape().getDeterminantRadius()
    # Narrower than the core alone, whose sigma is 1.73 pixels, but of its order.
    assert 1.3 < radius < 3.0**0.5


@pytest.mark.parametrize("image", [np.full((9, 9), np.nan), np.zeros((9, 9)), -np.ones((9, 9))])
def test_an_image_without_a_peak_has_no_shape(image):
    with pytest.raises(ValueError, match="peak"):
        KernelPsf(image).computeShape()


def test_quadrupole_tells_its_moments():
    quadrupole = Quadrupole(2.0, 3.0, 0.5)
    assert (quadrupole.getIxx(), quadrupole.getIyy(), quadrupole.getIxy()) == (2.0, 3.0, 0.5)


@pytest.mark.parametrize("image", [np.ones(5), np.ones((2, 3, 3)), np.ones((0, 3))])
def test_a_psf_is_one_image(image):
    with pytest.raises(ValueError, match="2-D"):
        KernelPsf(image)


@pytest.fixture
def cells():
    """Three cells of 10 x 8 pixels in a row, the last two overlapping by 4."""
    images = np.stack([gaussian((9, 11), ixx) for ixx in (2.0, 3.0, 4.0)])
    boxes = [(100, 50, 110, 58), (110, 50, 120, 58), (116, 50, 126, 58)]
    return CellPsf(images, boxes)


def test_cell_psf_is_that_of_the_cell(cells):
    assert cells.getComponentCount() == 3
    for position, index in ((Point2D(100, 50), 0), (Point2D(109.4, 57), 0), (Point2D(110, 57), 1)):
        image = cells.computeKernelImage(position)
        assert np.array_equal(image.array, cells.images[index])
        assert image.getXY0() == Point2I(-5, -4)


def test_cell_psf_is_the_mean_where_cells_overlap(cells):
    mean = (cells.images[1] + cells.images[2]) / 2
    np.testing.assert_array_equal(cells.computeKernelImage(Point2D(117, 52)).array, mean)


def test_cell_psf_is_that_of_the_nearest_cell_outside(cells):
    assert np.array_equal(cells.computeKernelImage(Point2D(0, 0)).array, cells.images[0])
    assert np.array_equal(cells.computeKernelImage(Point2D(500, 60)).array, cells.images[2])


def test_cell_psf_tells_its_cells(cells):
    np.testing.assert_array_equal(cells.positions, [(104.5, 53.5), (114.5, 53.5), (120.5, 53.5)])
    assert tuple(cells.getAveragePosition()) == pytest.approx((339.5 / 3, 53.5))
    assert cells.getBBox(1) == Box2I(Point2I(110, 50), Extent2I(10, 8))
    assert np.array_equal(cells.getPsf(2).image, cells.images[2])
    assert cells.getPsf(2).getAveragePosition() == Point2D(120.5, 53.5)


def test_cell_psf_takes_its_positions(cells):
    positions = [(1.0, 2.0), (3.0, 4.0), (5.0, 9.0)]
    psf = CellPsf(cells.images, cells.boxes, positions)
    assert psf.getAveragePosition() == Point2D(3.0, 5.0)
    with pytest.raises(ValueError, match=r"positions must have shape \(3, 2\), got \(2, 2\)"):
        CellPsf(cells.images, cells.boxes, positions[:2])


def test_cell_psf_needs_one_box_for_each_image(cells):
    with pytest.raises(ValueError, match=r"boxes must have shape \(3, 4\), got \(2, 4\)"):
        CellPsf(cells.images, cells.boxes[:2])
    with pytest.raises(ValueError, match="3-D"):
        CellPsf(cells.images[0], cells.boxes)


@pytest.mark.parametrize(("shape", "corner"), [((4, 6), (-2, -1)), ((5, 6), (-2, -2))])
def test_the_centre_of_an_even_size_is_the_lower_of_two_pixels(shape, corner):
    psf = KernelPsf(gaussian(shape, 1.0), (20.0, 30.0))
    for image, (x, y) in ((psf.computeKernelImage(), (0, 0)), (psf.computeImage(), (20, 30))):
        row, column = np.unravel_index(image.array.argmax(), shape)
        assert image.getXY0() == Point2I(x + corner[0], y + corner[1])
        assert image.getXY0() + Extent2I(int(column), int(row)) == Point2I(x, y)


@pytest.mark.parametrize("center", [(1, 2), (3, 0), (0, 5)])
def test_evaluated_psf_is_the_kernel_about_its_centre(center):
    images = np.zeros((2, 4, 6))
    images[:, *center] = 1.0
    images[1, 2, 3] += 0.5
    kernel = SpatialKernel(
        images, [Polynomial2D([1.0, 0.0, 0.0]), Polynomial2D([0.0, 1.0, 0.0])], center=center
    )
    psf = EvaluatedPsf(kernel, Point2D(2.0, 7.0))
    assert psf.getAveragePosition() == Point2D(2.0, 7.0)
    for position, x in ((None, 2.0), (Point2D(4.0, 1.0), 4.0)):
        image = psf.computeKernelImage(position)
        x0, y0 = image.getXY0()
        assert image.array[-y0, -x0] == 1 + x
        assert image.array[2 - center[0] - y0, 3 - center[1] - x0] == x / 2
        assert image.array.sum() == 1 + 1.5 * x
    assert psf.computeImage(Point2D(100, 200)).getBBox().contains(Point2I(100, 200))


def test_cell_psf_follows_a_parabola_through_the_positions_of_a_cell():
    x, y = (grid.ravel() for grid in np.meshgrid([5.0, 20.0, 33.0], [-3.0, 4.0, 8.0]))

    def images_at(x, y):
        shape = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y * y], axis=-1)
        return (shape @ np.array([3, 0.1, -0.2, 0.01, 0.03, -0.002]))[:, None, None] * PIXELS

    psf = CellPsf(images_at(x, y), [[0, -5, 40, 11]] * 9, np.stack([x, y], axis=1))
    for at in ((5.0, 4.0), (0.0, -5.0), (39.0, 10.0), (12.5, 6.1)):
        # A parabola in x and in y: rounding alone.
        np.testing.assert_allclose(
            psf.computeKernelImage(at).array, images_at(*np.array([at]).T)[0], rtol=1e-12
        )
    # Beyond the box it is what it is at its edge.
    outside, edge = (psf.computeKernelImage(at).array for at in ((90.0, 2.0), (39.0, 2.0)))
    np.testing.assert_array_equal(outside, edge)
    assert psf.getComponentCount() == 9


def test_parts_of_a_cell_lie_next_to_its_positions():
    positions = [[x, y] for y in (1.5, 4.5) for x in (2.0, 7.0, 11.0)]
    psf = CellPsf(np.ones((7, 3, 3)), [[0, 0, 14, 6]] * 6 + [[14, 0, 20, 6]], [*positions, [16, 2]])
    columns = ((0, 5), (5, 10), (10, 14))
    expected = [[x0, y0, x1, y1] for y0, y1 in ((0, 4), (4, 6)) for x0, x1 in columns]
    np.testing.assert_array_equal(psf.parts, [*expected, [14, 0, 20, 6]])


def test_positions_of_a_cell_form_a_grid():
    with pytest.raises(ValueError, match="positions must form a grid in each cell, got"):
        CellPsf(np.ones((3, 3, 3)), [[0, 0, 9, 9]] * 3, [[1, 1], [5, 1], [1, 5]])


# Cells side by side, two that overlap, and one cell with PSFs on a grid; all within 24 x 24 pixels.
SIDE_BY_SIDE = [(0, 0, 12, 24), (12, 0, 24, 12), (12, 12, 24, 24)]
OVERLAPPING = [(0, 0, 14, 24), (10, 0, 24, 24)]
ONE_CELL = [(0, 0, 24, 24)] * 9
ON_A_GRID = [(x, y) for y in (3.5, 11.5, 19.5) for x in (3.5, 11.5, 19.5)]


@pytest.mark.parametrize("xs", [(0.0, 23.49, 11.5, 11.49), (-3.0, 30.0, 11.0, 12.0)])
@pytest.mark.parametrize(
    ("boxes", "positions"),
    [(SIDE_BY_SIDE, None), (OVERLAPPING, None), (ONE_CELL, ON_A_GRID)],
    ids=["side by side", "overlapping", "on a grid"],
)
def test_images_at_many_positions_are_those_at_each(boxes, positions, xs):
    images = np.random.default_rng(5).normal(size=(len(boxes), 4, 5))
    psf = CellPsf(images, boxes, positions)
    x, y = np.array(xs), np.array([0.0, 23.0, 11.5, 5.2])
    expected = [psf.computeKernelImage(Point2D(*at)).array for at in zip(x, y, strict=True)]
    assert np.array_equal(psf.kernel_images(x, y), expected)


def test_an_image_that_is_not_known_costs_positions_near_it():
    x, y = (axis.ravel() for axis in np.meshgrid([5.0, 15.0, 25.0, 35.0], [2.0, 8.0]))
    images = np.ones((8, 3, 3))
    images[3] = np.nan  # x = 35, y = 2
    psf = CellPsf(images, [[0, 0, 40, 10]] * 8, np.stack([x, y], axis=1))
    found = psf.kernel_images(np.array([6.0, 34.0]), np.array([3.0, 3.0]))
    np.testing.assert_allclose(found[0], 1.0, rtol=1e-15)  # weights with a sum of one
    assert np.isnan(found[1]).all()


def test_a_position_that_is_not_finite_is_none(cells):
    with pytest.raises(ValueError, match="positions must be finite, got"):
        cells.computeKernelImage((np.nan, 3.0))


@pytest.mark.parametrize(
    ("share", "side"),
    [
        (lambda x, y: 0.3 + 0 * x, 1),
        (lambda x, y: 0.3 + x / 1000 - y / 2000, 2),
        (lambda x, y: 0.3 + (x / 300) ** 2 - x * y / 3e5, 3),
    ],
)
def test_cells_have_as_many_psfs_as_fluxes_need(share, side):
    narrow, wide = np.zeros((2, 9, 9))
    narrow[3:6, 3:6], wide[1:8, 1:8] = 1 / 9, 1 / 49
    boxes = np.array([(0, 0, 130, 100), (120, 0, 257, 100), (0, 90, 257, 190)])

    def images_at(x, y, cells):
        weights = share(x, y)[:, np.newaxis, np.newaxis]
        return (1 - weights) * narrow + weights * wide

    psf = refined(boxes, images_at)
    assert psf.getComponentCount() == len(boxes) * side**2
    x, y = np.array([[0.0, 129.0, 60.0, 256.0, 200.0], [0.0, 99.0, 30.0, 189.0, 150.0]])
    # Pixels are polynomials that so many places tell: rounding.
    np.testing.assert_allclose(psf.kernel_images(x, y), images_at(x, y, None), atol=1e-14)
