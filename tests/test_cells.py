"""Cells that a caller gives, and cells that are found."""

import numpy as np
import pytest

import reference
import whitediff
from white_noise import gaussian, linear_kernel
from whitediff import Grid

SHAPE = (141, 173)
PADDED = reference.padded_shape(SHAPE, 256)
VARIANCES = (1.3, 2.6)
KERNEL = gaussian(1.4, radius=8)


@pytest.fixture
def image(rng):
    return rng.normal(size=SHAPE)


def assert_whitened(result, image, padded=PADDED):
    """The same as by the equations."""
    sources = reference.difference_sources(*VARIANCES, KERNEL)
    spectrum = reference.whitening_filter(sources, padded)
    # The cut-off at the border: 1e-5 of the noise, and the largest pixel is beyond 4 sigma.
    reference.assert_filtered(result, image, spectrum, padded, 1e-5)


def boxes_of(shape, rows, columns, overlap=0):
    y = np.linspace(0, shape[0], rows + 1).astype(int)
    x = np.linspace(0, shape[1], columns + 1).astype(int)
    return np.array(
        [
            (
                max(0, x[i] - overlap), max(0, y[j] - overlap),
                min(shape[1], x[i + 1] + overlap), min(shape[0], y[j + 1] + overlap),
            )
            for j in range(rows)
            for i in range(columns)
        ]
    )  # fmt: skip


def decorrelated(image, kernel=KERNEL, **options):
    return whitediff.decorrelate(image, *VARIANCES, kernel, **options)


def coverage(boxes, shape):
    count = np.zeros(shape, int)
    for x0, y0, x1, y1 in boxes:
        count[y0:y1, x0:x1] += 1
    return count


class TestAutomaticCells:
    @pytest.mark.parametrize("shape", [SHAPE, (64, 1500), (1027, 311), (600, 601)])
    def test_cover_the_frame_with_overlaps(self, rng, shape):
        image = rng.normal(size=shape)
        cells = decorrelated(image, linear_kernel(shape)).cells
        count = coverage(cells.boxes, shape)
        assert count.min() == 1
        assert count.max() <= 4
        x0, y0, x1, y1 = cells.boxes.T
        X0, Y0, X1, Y1 = cells.expanded.T
        assert ((X0 <= x0) & (Y0 <= y0) & (X1 >= x1) & (Y1 >= y1)).all()
        assert (X0.min(), Y0.min(), X1.max(), Y1.max()) == (0, 0, shape[1], shape[0])
        np.testing.assert_array_equal(cells.centers, np.stack([x0 + x1 - 1, y0 + y1 - 1], 1) / 2)

    def test_read_a_border_as_far_as_the_frame_goes(self, rng):
        shape = (1027, 600)
        result = decorrelated(rng.normal(size=shape), linear_kernel(shape))
        border = result.border
        low = np.maximum(result.cells.boxes[:, :2] - border, 0)
        high = np.minimum(result.cells.boxes[:, 2:] + border, shape[::-1])
        np.testing.assert_array_equal(result.cells.expanded, np.hstack([low, high]))

    def test_leave_no_trace_where_the_kernel_does_not_vary(self, rng):
        shape = (700, 401)
        image = rng.normal(size=shape)
        result = decorrelated(image)
        assert len(result.cells) > 1
        assert_whitened(result, image, reference.padded_shape(shape, 64))

    def test_are_narrow_along_the_axis_in_which_the_kernel_varies_fast(self, rng):
        image = rng.normal(size=(300, 1500))
        kernel = linear_kernel(image.shape, sigmas=(0.8, 5.0))
        boxes = whitediff.decorrelate(image, 1.0, 100.0, kernel).cells.boxes
        assert 2 * (boxes[:, 2] - boxes[:, 0]).max() < (boxes[:, 3] - boxes[:, 1]).min()


@pytest.mark.parametrize("reduction", ["crossfade", "average", "copy"])
class TestGivenCells:
    def test_are_used_as_they_come(self, image, reduction):
        boxes = boxes_of(SHAPE, 2, 3, overlap=5)
        result = decorrelated(image, grid=Grid(boxes, reduction=reduction))
        np.testing.assert_array_equal(result.cells.boxes, boxes)
        assert result.filters.shape[0] == len(result.cells) == 6

    def test_make_the_whole_frame(self, image, reduction):
        boxes = boxes_of(SHAPE, 4, 3, overlap=7)
        result = decorrelated(image, grid=Grid(boxes, reduction=reduction))
        assert_whitened(result, image)
        np.testing.assert_allclose(result.variance, 3.9, rtol=1e-6)

    def test_may_read_what_the_caller_says(self, image, reduction):
        boxes = boxes_of(SHAPE, 2, 2)
        result = decorrelated(image, grid=Grid(boxes, expanded=boxes, reduction=reduction))
        np.testing.assert_array_equal(result.cells.expanded, boxes)
        for x0, y0, x1, y1 in boxes:
            alone = decorrelated(image[y0:y1, x0:x1], grid=Grid([[0, 0, x1 - x0, y1 - y0]]))
            # The same level beyond the box, on a grid of another size.
            np.testing.assert_allclose(result.image[y0:y1, x0:x1], alone.image, atol=1e-5)

    def test_may_be_of_any_size_and_order(self, image, reduction):
        boxes = [[0, 0, 1, 141], [160, 0, 173, 141], [150, 100, 173, 141], [1, 0, 161, 141]]
        result = decorrelated(image, grid=Grid(boxes, reduction=reduction))
        assert_whitened(result, image)

    def test_leave_pixels_of_no_cell_as_nan(self, image, reduction):
        boxes = np.array([[10, 20, 60, 70], [50, 60, 100, 100]])
        result = decorrelated(image, grid=Grid(boxes, reduction=reduction))
        covered = coverage(boxes, SHAPE) > 0
        np.testing.assert_array_equal(np.isfinite(result.image), covered)
        np.testing.assert_array_equal(np.isfinite(result.variance), covered)
        np.testing.assert_array_equal(result.filter_edge[~covered], True)
        assert_whitened(result, image)

    def test_may_hold_nothing_finite(self, image, reduction):
        image[:, 90:] = np.nan
        boxes = boxes_of(SHAPE, 1, 6, overlap=3)
        for propagation in ("estimate", "full"):
            result = decorrelated(
                image, grid=Grid(boxes, expanded=boxes, reduction=reduction), variance=propagation
            )
            np.testing.assert_array_equal(np.isnan(result.image), np.isnan(image))
            assert np.isfinite(result.variance).all()


def two_flat_variances():
    """Variances that tell the two overlapping cells apart, and where they overlap."""
    science = np.where(np.arange(SHAPE[1]) < 90, 1.0, 5.0) * np.ones(SHAPE)
    return science, [[0, 0, 100, 141], [80, 0, 173, 141]], slice(80, 100)


@pytest.mark.parametrize("propagation", ["estimate", "full"])
class TestOverlaps:
    @pytest.fixture
    def parts(self, image, propagation):
        """Each cell alone, where it lies in the frame, and the result for a reduction."""
        science, boxes, overlap = two_flat_variances()
        options = {"variance": propagation}

        def reduced(reduction, chosen=boxes):
            return whitediff.decorrelate(
                image, science, 2.6, KERNEL,
                grid=Grid(chosen, reduction=reduction), **options,
            )  # fmt: skip

        return [reduced("copy", [box]) for box in boxes], reduced, overlap

    # Rounding only, in all of these.

    def test_are_copied_from_the_last_cell(self, parts):
        (left, right), reduced, overlap = parts
        result = reduced("copy")
        for plane in ("image", "variance"):
            expected = getattr(right, plane)[:, overlap]
            np.testing.assert_allclose(getattr(result, plane)[:, overlap], expected, atol=1e-12)

    def test_are_averaged(self, parts):
        (left, right), reduced, overlap = parts
        result = reduced("average")
        for plane in ("image", "variance"):
            expected = (getattr(left, plane)[:, overlap] + getattr(right, plane)[:, overlap]) / 2
            np.testing.assert_allclose(getattr(result, plane)[:, overlap], expected, atol=1e-12)

    def test_are_cross_faded(self, parts):
        (left, right), reduced, overlap = parts
        result = reduced("crossfade")
        weight = (np.arange(20) + 0.5) / 20
        for plane in ("image", "variance"):
            a, b = (getattr(part, plane)[:, overlap] for part in (left, right))
            expected = (1 - weight) * a + weight * b
            np.testing.assert_allclose(getattr(result, plane)[:, overlap], expected, atol=1e-12)


class TestBadGrids:
    @pytest.mark.parametrize(
        ("boxes", "message"),
        [
            ([], r"boxes must have shape \(n, 4\), n >= 1, got \(0,\)"),
            ([0, 0, 5, 5], r"boxes must have shape \(n, 4\), n >= 1, got \(4,\)"),
            ([[0, 0, 5]], r"boxes must have shape \(n, 4\), n >= 1, got \(1, 3\)"),
            ([[0.0, 0.0, 5.0, 5.0]], "boxes must hold integers, got dtype float64"),
        ],
    )
    def test_of_wrong_boxes(self, boxes, message):
        with pytest.raises(ValueError, match=message):
            Grid(boxes)

    def test_of_too_few_expanded_boxes(self):
        with pytest.raises(ValueError, match="one box for each of 2, got 1"):
            Grid([[0, 0, 5, 5], [5, 0, 9, 5]], expanded=[[0, 0, 9, 9]])

    def test_of_an_unknown_reduction(self):
        with pytest.raises(ValueError, match="one of 'crossfade', 'average', 'copy', got 'mean'"):
            Grid([[0, 0, 5, 5]], reduction="mean")

    @pytest.mark.parametrize(
        ("boxes", "expanded", "message"),
        [
            ([[5, 0, 5, 141]], None, r"boxes of at least one pixel, got \[5:5, 0:141\]"),
            ([[0, 0, 174, 141]], None, r"inside .*, got \[0:17[34], 0:141\]"),
            ([[-1, 0, 173, 141]], None, r"inside .*, got \[-?[01]:173, 0:141\]"),
            ([[0, 0, 173, 141]], [[0, 0, 180, 141]], r"inside the frame \[0:173, 0:141\], got"),
            ([[0, 0, 173, 141]], [[1, 0, 173, 141]], "inside its expanded box, got"),
        ],
    )
    def test_that_do_not_fit_the_frame(self, image, boxes, expanded, message):
        with pytest.raises(ValueError, match=message):
            decorrelated(image, grid=Grid(boxes, expanded=expanded))

    def test_of_another_type(self, image):
        with pytest.raises(TypeError, match="grid must be a Grid, got list"):
            decorrelated(image, grid=[[0, 0, 173, 141]])


def test_grids_and_cells_say_what_they_are(image):
    grid = Grid(boxes_of(SHAPE, 2, 2), reduction="copy")
    assert repr(grid) == "Grid(4 boxes, reduction='copy')"
    assert repr(decorrelated(image, grid=grid).cells) == "Cells(4 cells, 4 filters)"
