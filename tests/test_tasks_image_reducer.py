"""Putting the results for cells together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import foreign
from cell_mappers import (
    ConstantMapper,
    MeanMapper,
    WideningMapper,
    gaussian,
    make_config,
    make_exposure,
    make_task,
    two_boxes,
)
from whitediff.exposure import Exposure
from whitediff.geometry import Point2D, Point2I
from whitediff.psf import CellPsf
from whitediff.tasks import ImageMapper, ImageMapReduceTask, Struct


@pytest.mark.parametrize(("operation", "shared"), [("copy", 5.0), ("sum", 6.0), ("average", 3.0)])
def test_overlaps_and_gaps(operation: str, shared: float) -> None:
    exposure = make_exposure((10, 20))
    exposure.mask.array[...] = 1 << 4
    boxes = two_boxes(exposure)
    task = make_task(ConstantMapper, reduceOperation=operation)
    result = task.run(exposure, boxes0=boxes, boxes1=boxes, values=[1.0, 5.0]).exposure
    expected = np.full((10, 20), np.nan)
    expected[:9, :8], expected[:9, 8:12], expected[:9, 12:] = 1.0, shared, 5.0
    # These numbers are exact in float32.
    np.testing.assert_array_equal(result.image.array, expected)
    np.testing.assert_array_equal(result.variance.array, 10 * expected)
    invalid = result.mask.getPlaneBitMask(["INVALID_MAPREDUCE", "BAD", "NO_DATA"])
    bits = np.full((10, 20), 1 << 4)
    bits[:9, :12] |= 1
    bits[:9, 8:] |= 2
    bits[9] |= invalid
    np.testing.assert_array_equal(result.mask.array, bits)
    assert result.image.array.dtype == np.float32
    assert result.getBBox() == exposure.getBBox()
    assert task.getFullMetadata()["ip_diffim_imageMapReduce:reducer.nInvalidPixels"] == 20


@pytest.mark.parametrize(("operation", "shared"), [("copy", 1.0), ("sum", 1.0), ("average", 1.0)])
def test_nan_counts_as_no_value(operation: str, shared: float) -> None:
    exposure = make_exposure((9, 20))
    boxes = two_boxes(exposure)
    task = make_task(ConstantMapper, reduceOperation=operation)
    # Column 0 of each cell: 0 of the frame, of no other cell, and 8, of both.
    result = task.run(
        exposure, boxes0=boxes, boxes1=boxes, values=[1.0, 5.0], nan_at=np.s_[:, :1]
    ).exposure
    assert np.isnan(result.image.array[:, 0]).all()
    assert (result.image.array[:, 8] == shared).all()
    # The variance counts the cells that the image counts; where that is none, those there are.
    assert (result.variance.array[:, [0, 8]] == 10.0).all()
    assert np.isfinite(result.variance.array).all()
    invalid = result.mask.getPlaneBitMask("INVALID_MAPREDUCE")
    assert ((result.mask.array & invalid != 0) == (np.arange(20) == 0)).all()


def test_bad_mask_planes_are_those_configured() -> None:
    exposure = make_exposure((10, 20))
    exposure.mask.array[...] = 0
    config = make_config()
    config.reducer.badMaskPlanes = ["SUSPECT", "HOLE"]
    boxes = two_boxes(exposure)
    result = ImageMapReduceTask(config=config).run(exposure, boxes0=boxes, boxes1=boxes).exposure
    assert (result.mask.array[9] == result.mask.getPlaneBitMask(["SUSPECT", "HOLE"])).all()
    assert not result.mask.array[:9].any()
    assert "INVALID_MAPREDUCE" not in result.mask.getMaskPlaneDict()


def test_mask_planes_of_mappers_are_kept_by_name() -> None:
    class Marker(ImageMapper):
        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
            left = subExposure.getBBox().getMinX() == fullBBox.getMinX()
            bit = subExposure.mask.addMaskPlane("LEFT" if left else "RIGHT")
            subExposure.mask.array[...] = 1 << bit | 1 << 3
            return Struct(subExposure=subExposure)

    exposure = make_exposure((10, 20))
    exposure.mask.array[...] = 0
    boxes = two_boxes(exposure)
    mask = make_task(Marker).run(exposure, boxes0=boxes, boxes1=boxes).exposure.mask
    assert len({mask.getMaskPlane(name) for name in ("LEFT", "RIGHT", "INVALID_MAPREDUCE")}) == 3
    left, right = (mask.array & mask.getPlaneBitMask(name) != 0 for name in ("LEFT", "RIGHT"))
    columns = np.arange(20)
    assert (left[:9] == (columns < 12)).all() and (right[:9] == (columns >= 8)).all()
    assert (mask.array[:9] & 1 << 3 != 0).all()
    assert not left[9].any() and not right[9].any()


def test_operation_none_returns_the_results() -> None:
    exposure = make_exposure()
    task = make_task(MeanMapper, reduceOperation="none")
    result = task.run(exposure)
    assert task.boxes0 is not None
    assert [item.mean for item in result.result] == [
        exposure[box].image.array.mean() for box in task.boxes0
    ]


@pytest.mark.parametrize("operation", ["copy", "sum", "average"])
def test_operations_on_pixels_need_exposures(operation: str) -> None:
    task = make_task(MeanMapper, reduceOperation=operation)
    with pytest.raises(TypeError, match="unless reduceOperation is 'none', got NoneType"):
        task.run(make_exposure())

    class ArrayMapper(ImageMapper):
        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
            return Struct(subExposure=subExposure.image.array)

    with pytest.raises(TypeError, match="got ndarray"):
        make_task(ArrayMapper, reduceOperation=operation).run(make_exposure())


def test_cells_must_stay_in_the_exposure() -> None:
    class Shifter(ImageMapper):
        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
            return Struct(subExposure=make_exposure((3, 3), xy0=(10_000, 0)))

    with pytest.raises(ValueError, match="subExposure must lie in the exposure"):
        make_task(Shifter).run(make_exposure())


@pytest.mark.parametrize("operation", ["copy", "sum", "average"])
def test_exposures_without_variance(operation: str) -> None:
    exposure = Exposure(image=np.ones((21, 33), np.float32))
    exposure.image.array[4, 7] = np.nan
    result = make_task(adjustGridOption="size", reduceOperation=operation).run(exposure).exposure
    np.testing.assert_array_equal(result.image.array, exposure.image.array)
    assert result.variance is None and result.getPsf() is None
    assert np.flatnonzero(result.mask.array).tolist() == [4 * 33 + 7]


def test_float64_stays() -> None:
    exposure = Exposure(image=np.full((9, 9), 1 / 3), variance=np.full((9, 9), 1 / 7))
    result = make_task(adjustGridOption="size").run(exposure).exposure
    np.testing.assert_array_equal(result.image.array, exposure.image.array)
    assert exposure.variance is not None
    np.testing.assert_array_equal(result.variance.array, exposure.variance.array)


class PsfMapper(WideningMapper):
    """Return the PSF and box alone."""

    def run(self, *args: Any, **kwargs: Any) -> Struct:
        result = super().run(*args, **kwargs)
        return Struct(psf=result.psf, bbox=result.bbox)


def check_widening(psf: Any, exposure: Exposure, n_cells: int) -> None:
    assert isinstance(psf, CellPsf)
    assert psf.getComponentCount() == n_cells
    x0, y0 = exposure.getBBox().getMin()
    center = exposure.getBBox().getCenter()
    average = psf.getAveragePosition()
    # The cells cover the frame evenly.
    assert average.getX() == pytest.approx(center.getX(), abs=1e-9)
    assert average.getY() == pytest.approx(center.getY(), abs=1e-9)
    for column in (4.5, 14.5, 24.5):
        point = Point2D(x0 + column, y0 + 11)
        sigma = 1.0 + 0.05 * column
        # Both have a sum of one to rounding.
        np.testing.assert_allclose(psf.computeKernelImage(point).array, gaussian(sigma), rtol=1e-14)
        # Sampling and the edge of the image change the moments of the widest by less than this.
        assert psf.computeShape(point).getDeterminantRadius() == pytest.approx(sigma, rel=1e-4)
        assert psf.computeImage(point).getBBox().contains(Point2I(x0 + int(column), y0 + 11))


@pytest.mark.parametrize("mapper", [WideningMapper, PsfMapper])
def test_operation_coadd_psf(mapper: type[Any]) -> None:
    exposure = make_exposure((20, 30))
    task = make_task(mapper, reduceOperation="coaddPsf")
    check_widening(task.run(exposure).result, exposure, 6)


@pytest.mark.parametrize("operation", ["copy", "sum", "average"])
def test_result_has_the_psfs_of_the_cells(operation: str) -> None:
    exposure = make_exposure((20, 30))
    task = make_task(WideningMapper, reduceOperation=operation)
    check_widening(task.run(exposure).exposure.getPsf(), exposure, 6)


def test_psf_that_no_mapper_changed_stays() -> None:
    exposure = make_exposure()
    assert make_task().run(exposure).exposure.getPsf() is exposure.getPsf()


def test_psf_that_a_mapper_took_away_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    class Remover(ImageMapper):
        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
            if subExposure.getBBox().getMinX() == fullBBox.getMinX():
                subExposure.setPsf(None)
            return Struct(subExposure=subExposure)

    assert make_task(Remover).run(make_exposure()).exposure.getPsf() is None
    assert "Some cells have no PSF" in caplog.text


def test_coadd_psf_needs_psfs() -> None:
    with pytest.raises(TypeError, match="must return psf and bbox"):
        make_task(MeanMapper, reduceOperation="coaddPsf").run(make_exposure())


def test_foreign_exposure_that_cannot_hold_the_psf(caplog: pytest.LogCaptureFixture) -> None:
    result = make_task(WideningMapper).run(foreign.Narrow(make_exposure())).exposure
    assert result.getPsf() is None
    assert "A Narrow cannot hold a CellPsf, so it has no PSF: not my kind of PSF" in caplog.text


def test_foreign_exposure_of_integers() -> None:
    class Counts(foreign.Exposure):
        def clone(self) -> foreign.Exposure:
            clone = super().clone()
            clone.image = foreign.Plane(self.image.array.astype(np.int32))
            return clone

    with pytest.raises(TypeError, match="floating-point type to be NaN, got int32"):
        make_task().run(Counts(make_exposure()))
