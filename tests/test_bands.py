"""``decorrelate_bands`` and ``whiten_bands``: frames read and written in bands of rows."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import whitediff
from white_noise import gaussian

SHAPE = (1501, 413)


class OnDisk:
    """An array of which only slices of rows can be had, as of a dataset in a file."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.asked = []

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        self.asked.append(rows)
        return self._array[rows]


class Collected:
    """The result, put together from its bands."""

    def __init__(self, shape, dtype):
        self.image, self.variance = np.zeros(shape, dtype), np.zeros(shape, dtype)
        self.filter_edge = np.zeros(shape, bool)
        self.rows = []

    def __call__(self, y0, image, variance, filter_edge):
        assert image.shape == variance.shape == filter_edge.shape
        assert filter_edge.dtype == bool
        self.rows.append((y0, y0 + len(image)))
        self.image[y0 : y0 + len(image)] = image
        self.variance[y0 : y0 + len(image)] = variance
        self.filter_edge[y0 : y0 + len(image)] = filter_edge


@pytest.fixture
def kernel():
    return whitediff.SpatialKernel(
        [gaussian(1.1, radius=6), gaussian(2.0, radius=6)],
        [
            whitediff.Polynomial2D([0.7, -4e-4, 0.0]),
            whitediff.Polynomial2D([0.3, 4e-4, 0.0]),
        ],
    )


def planes(rng, dtype):
    """Difference, variances and a mask; the image and a variance have gaps."""
    difference = rng.normal(size=SHAPE).astype(dtype)
    science, template = (rng.uniform(1, 1.2, SHAPE).astype(dtype) for _ in range(2))
    difference[rng.random(SHAPE) < 1e-3] = np.nan
    difference[700, 200] = np.inf
    science[rng.random(SHAPE) < 1e-3] = np.nan
    return difference, science, template, rng.integers(0, 8, SHAPE, dtype=np.int32)


@pytest.mark.parametrize("dtype", [">f4", "<f4", ">f8"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"variance": "full"},
        {"spatially_varying": False},
        {"mode": "score", "psf": gaussian(1.3, radius=6)},
        {"convolved": "science", "xy0": (-40, 1000.5), "mean_variances": (None, 2.0)},
    ],
)
def test_same_bits_as_in_memory(rng, kernel, dtype, options):
    difference, science, template, mask = planes(rng, dtype)
    masks = {"mask": mask, "science_mask": mask != 0, "template_mask": mask.astype(">i2")}
    expected = whitediff.decorrelate(
        difference, science, template, kernel, **masks, ignore_mask=4, no_value_mask=2, **options
    )
    collected = Collected(SHAPE, expected.image.dtype)
    on_disk = {name: OnDisk(mask) for name, mask in masks.items()}
    result = whitediff.decorrelate_bands(
        *map(OnDisk, (difference, science, template)),
        kernel,
        collected,
        **on_disk,
        ignore_mask=4,
        no_value_mask=2,
        **options,
    )
    np.testing.assert_array_equal(collected.image, expected.image)
    np.testing.assert_array_equal(collected.variance, expected.variance)
    np.testing.assert_array_equal(collected.filter_edge, expected.filter_edge)
    assert result.gaps == expected.gaps
    assert result.gaps["marked"] == np.count_nonzero(mask & 2)
    assert result.unknown_variances == expected.unknown_variances
    np.testing.assert_array_equal(result.cells.variances, expected.cells.variances)
    np.testing.assert_array_equal(result.filters, expected.filters)
    assert result.clipped_modes == expected.clipped_modes
    # Down the frame, every row once, in pieces where there are several rows of cells.
    assert (len(collected.rows) > 1) == (len(set(result.cells.boxes[:, 1])) > 1)
    begins, ends = zip(*collected.rows, strict=True)
    assert (0, *ends) == (*begins, SHAPE[0])


@pytest.mark.parametrize("dtype", ["f4", ">f8"])
@pytest.mark.parametrize(
    "options", [{}, {"variance": "full"}, {"mode": "score", "psf": gaussian(1.3, radius=6)}]
)
def test_stacks_are_the_same_bits_as_in_memory(rng, kernel, dtype, options):
    image, first, second, mask = planes(rng, dtype)

    def sources(plane):
        return [
            whitediff.NoiseSource(plane(first), weight=0.5, mask=plane(mask)),
            whitediff.NoiseSource(plane(second), weight=-1, kernels=[kernel], mean_variance=1.1),
            whitediff.NoiseSource(3.0, kernels=[kernel, gaussian(1.0, radius=3)]),
        ]

    settings = {"ignore_mask": 4, "xy0": (-40, 1000.5), **options}
    expected = whitediff.whiten(image, sources(np.asarray), mask=mask, **settings)
    collected = Collected(SHAPE, expected.image.dtype)
    result = whitediff.whiten_bands(
        OnDisk(image), sources(OnDisk), collected, mask=OnDisk(mask), **settings
    )
    assert (len(collected.rows) > 1) == (len(set(result.cells.boxes[:, 1])) > 1)
    np.testing.assert_array_equal(collected.image, expected.image)
    np.testing.assert_array_equal(collected.variance, expected.variance)
    np.testing.assert_array_equal(result.cells.variances, expected.cells.variances)
    np.testing.assert_array_equal(result.filters, expected.filters)
    if "psf" in options:
        np.testing.assert_array_equal(result.psf, expected.psf)


def test_cells_may_be_given(rng, kernel):
    difference = rng.normal(size=SHAPE)
    boxes = [[0, 0, 413, 800], [0, 750, 200, 1501], [180, 750, 400, 1501]]
    for reduction in ("crossfade", "average", "copy"):
        grid = whitediff.Grid(boxes, reduction=reduction)
        expected = whitediff.decorrelate(difference, 1.0, 2.0, kernel, grid=grid)
        collected = Collected(SHAPE, float)
        result = whitediff.decorrelate_bands(difference, 1.0, 2.0, kernel, collected, grid=grid)
        np.testing.assert_array_equal(collected.image, expected.image)
        np.testing.assert_array_equal(collected.variance, expected.variance)
        np.testing.assert_array_equal(result.cells.boxes, boxes)
        assert len(collected.rows) > 1


def test_what_is_no_source_is_refused():
    with pytest.raises(TypeError, match="sources must hold NoiseSource objects, got float"):
        whitediff.whiten_bands(np.zeros((9, 9)), [1.0], lambda *rows: None)
    source = whitediff.NoiseSource(np.ones((9, 8)))
    with pytest.raises(ValueError, match=r"sources\[0\].variance must have shape \(9, 9\)"):
        whitediff.whiten_bands(np.zeros((9, 9)), [source], lambda *rows: None)


def test_numbers_as_variances(rng, kernel):
    difference = rng.normal(size=SHAPE)
    expected = whitediff.decorrelate(difference, 1.0, 2, kernel)
    collected = Collected(SHAPE, float)
    whitediff.decorrelate_bands(difference, 1.0, 2, kernel, collected)
    np.testing.assert_array_equal(collected.image, expected.image)
    np.testing.assert_array_equal(collected.variance, expected.variance)


def test_integers_and_masked_arrays(rng, kernel):
    difference = np.ma.masked_greater(rng.integers(-50, 50, SHAPE), 45)
    expected = whitediff.decorrelate(difference, 1.0, 2.0, kernel)
    collected = Collected(SHAPE, float)
    whitediff.decorrelate_bands(difference, 1.0, 2.0, kernel, collected)
    assert np.isnan(expected.image).any()
    np.testing.assert_array_equal(collected.image, expected.image)


def test_no_plane_is_read_as_a_whole(rng, kernel):
    difference, science, template, _ = (OnDisk(plane) for plane in planes(rng, "f4"))
    whitediff.decorrelate_bands(difference, science, template, kernel, lambda *rows: None)
    for plane in (difference, science, template):
        most = max(len(range(*rows.indices(SHAPE[0]))) for rows in plane.asked)
        assert most < 0.8 * SHAPE[0]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc/self/status")
def test_memory_is_that_of_bands():
    """A frame of 120 MB a plane, made row by row, in a process of its own."""
    program = """
from pathlib import Path
import numpy as np
import whitediff

class Rows:
    shape, dtype = (60000, 500), np.dtype("f4")
    def __getitem__(self, rows):
        y = np.arange(*rows.indices(self.shape[0]), dtype="f4")[:, np.newaxis]
        return (y * np.arange(500, dtype="f4")) % 7 + 1

kernel = np.zeros((5, 5))
kernel[1:4, 1:4] = 1 / 9
whitediff.decorrelate_bands(Rows(), 1.0, Rows(), kernel, lambda *rows: None, n_threads=2)
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # In KiB. Interpreter, numpy and bands take some 60 MB; in memory there would be four planes.
    assert int(done.stdout) < 150_000


def test_what_reading_and_writing_raise_arrives(rng, kernel):
    difference, science, template, _ = planes(rng, "f4")

    class Damaged(OnDisk):
        def __getitem__(self, rows):
            if rows.stop > 1000:
                raise OSError("the disk is gone")
            return super().__getitem__(rows)

    with pytest.raises(OSError, match="the disk is gone"):
        whitediff.decorrelate_bands(
            Damaged(difference), science, template, kernel, lambda *rows: None
        )

    def full(y0, image, variance, filter_edge):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        whitediff.decorrelate_bands(difference, science, template, kernel, full)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"difference": [[1.0]]}, TypeError, "difference must have shape, dtype and rows"),
        ({"difference": np.zeros(9)}, ValueError, r"difference must be a 2-D array .* \(9,\)"),
        ({"difference": np.zeros((9, 9), complex)}, TypeError, "real numbers, got dtype complex"),
        ({"science_variance": -1.0}, ValueError, "science_variance must be finite and >= 0"),
        (
            {"template_variance": np.ones((9, 8))},
            ValueError,
            r"template_variance must have shape \(9, 9\), that of the image, got \(9, 8\)",
        ),
        ({"mask": np.ones((9, 9))}, TypeError, "mask must hold integers or booleans"),
        ({"science_mask": np.ones((8, 9), int)}, ValueError, "science_mask must have shape"),
        ({"convolved": "both"}, ValueError, "convolved must be one of"),
        ({"write": None}, TypeError, "write must be callable, got None"),
    ],
)
def test_what_cannot_be_is_refused(changed, error, message):
    arguments = {
        "difference": np.zeros((9, 9)),
        "science_variance": 1.0,
        "template_variance": 1.0,
        "kernel": np.ones((1, 1)),
        "write": lambda *rows: None,
    }
    with pytest.raises(error, match=message):
        whitediff.decorrelate_bands(**(arguments | changed))
