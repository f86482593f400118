"""PSFs and kernels of ours as those of lsst.images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

images: Any = pytest.importorskip("lsst.images", reason="lsst-images is not installed")

from lsst.images.psfs import GaussianPointSpreadFunction
from visits import SHAPE, simulation, visit

from whitediff.io import read_kernel
from whitediff.io.lsst_exposure import psf_of
from whitediff.kernel import Chebyshev2D, Polynomial2D, SpatialKernel
from whitediff.pipeline import write_lsst_kernel
from whitediff.pipeline.psfs import cell_psf, piff_psf
from whitediff.psf import CellPsf, psf_on_grid

BOX = images.Box.from_shape(SHAPE, start=(0, 0))
POSITIONS = [(0.0, 0.0), (150.0, 100.0), (299.0, 20.5)]


def test_piff_at_every_position() -> None:
    # The share of the wider part is a polynomial of the second order: so are all pixels.
    kernel = simulation().science_psf
    found = piff_psf(psf_on_grid(kernel, SHAPE), BOX)
    assert found.misfit < 1e-10  # rounding of double precision in a well-conditioned fit
    for x, y in POSITIONS:
        image = found.psf.compute_kernel_image(x=x, y=y).array
        truth = kernel.evaluate(np.array([x]), np.array([y]))[0]
        # Piff draws in single precision.
        np.testing.assert_allclose(image, truth, atol=1e-6 * truth.max())


def test_piff_says_how_far_it_is_off() -> None:
    psf = psf_on_grid(simulation().science_psf, SHAPE)
    noisy = psf.images.copy()
    noisy[5, 0, 0] += 0.01
    found = piff_psf(CellPsf(noisy, psf.boxes, psf.positions), BOX)
    image = found.psf.compute_kernel_image(x=psf.positions[5, 0], y=psf.positions[5, 1]).array
    truth = noisy / noisy.sum(axis=(1, 2), keepdims=True)
    # The one outlier is the worst of all pixels; Piff draws in single precision.
    assert found.misfit > 0.01
    assert abs(image - truth[5]).max() / truth.max() == pytest.approx(found.misfit, abs=1e-6)


def test_piff_follows_x_where_there_is_one_row_of_cells() -> None:
    x = np.array([50.0, 250.0])
    images = np.zeros((2, 3, 3))
    images[:, 1, 1], images[:, 1, 2] = 1 - x / 1000, x / 1000
    psf = CellPsf(images, [[0, 0, 101, 256], [201, 0, 300, 256]], np.stack([x, [120, 120]], axis=1))
    found = piff_psf(psf, BOX)
    assert found.misfit < 1e-12  # rounding of double precision
    image = found.psf.compute_kernel_image(x=150.0, y=10.0).array
    np.testing.assert_allclose(image[1], [0, 0.85, 0.15], atol=1e-6)  # single precision


def test_piff_for_one_cell_of_even_size() -> None:
    image = np.zeros((4, 6))
    image[1, 2] = 1.0  # the centre
    psf = piff_psf(CellPsf(image[None], [[0, 0, 300, 256]]), BOX).psf
    found = psf.compute_kernel_image(x=3.0, y=200.0)
    assert found.array.shape == (7, 7)
    assert (found.bbox.x.start, found.bbox.y.start) == (-3, -3)
    assert found.array[3, 3] == pytest.approx(1.0, abs=1e-6)  # single precision


@pytest.mark.parametrize("suffix", ["fits", "json", "sdf"])
def test_a_difference_image_keeps_its_psf_in_a_file(tmp_path: Path, suffix: str) -> None:
    difference = visit().difference_image_predetection
    difference.write(str(tmp_path / f"difference.{suffix}"))
    read = images.serialization.read_archive(tmp_path / f"difference.{suffix}")
    for x, y in POSITIONS:
        np.testing.assert_array_equal(
            read.psf.compute_kernel_image(x=x, y=y).array,
            difference.psf.compute_kernel_image(x=x, y=y).array,
        )


def test_psfs_of_every_kind_come_in() -> None:
    sampled = psf_on_grid(simulation().science_psf, SHAPE)
    cells = cell_psf(CellPsf(sampled.images, sampled.parts, sampled.positions), BOX)
    gaussian = GaussianPointSpreadFunction(1.5, bounds=BOX, stamp_size=21)
    for theirs in (gaussian, cells, visit().visit_image.psf):
        ours = psf_of(theirs, BOX)
        for x, y in POSITIONS:
            np.testing.assert_array_equal(
                ours.computeKernelImage((x, y)).array, theirs.compute_kernel_image(x=x, y=y).array
            )
    middle = (SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2
    assert tuple(ours.getAveragePosition()) == middle


def test_cells_without_overlap() -> None:
    sampled = psf_on_grid(simulation().science_psf, SHAPE)
    psf = CellPsf(sampled.images, sampled.parts, sampled.positions)
    found = cell_psf(psf, BOX)
    assert found.bounds.bbox.contains(BOX)
    assert len(list(found.bounds.cell_indices())) == psf.getComponentCount()
    for (x0, y0, x1, y1), image in zip(psf.boxes, psf.images, strict=True):
        x, y = (x0 + x1) // 2, (y0 + y1) // 2
        np.testing.assert_allclose(found.compute_kernel_image(x=x, y=y).array, image, atol=1e-15)


@pytest.mark.parametrize("suffix", ["fits", "json", "sdf"])
@pytest.mark.parametrize("center", [(1, 2), (0, 4)])
def test_kernels_come_back(
    tmp_path: Path, rng: np.random.Generator, suffix: str, center: tuple[int, int]
) -> None:
    functions = [
        Polynomial2D([1.0, 2e-3, -1e-3, 1e-6, 2e-6, -3e-6]),
        Chebyshev2D([0.1, -0.2, 0.3], (0.0, 400.0, -5.0, 250.0)),
        Polynomial2D([0.5]),
    ]
    kernel = SpatialKernel(rng.normal(size=(3, 4, 5)), functions, center=center)
    path = tmp_path / f"kernel.{suffix}"
    write_lsst_kernel(kernel, BOX, path)
    found = read_kernel(path).kernel
    x, y = np.array(POSITIONS).T
    # The same polynomials in another basis: rounding of double precision.
    assert (found.shape, found.center) == (kernel.shape, kernel.center)
    np.testing.assert_allclose(found.evaluate(x, y), kernel.evaluate(x, y), atol=1e-12)
    with pytest.raises(FileExistsError):
        write_lsst_kernel(kernel, BOX, path)
