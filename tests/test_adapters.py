"""Kernels and PSFs of other packages as ours."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import foreign
from cell_mappers import gaussian
from cell_mappers import make_exposure as make_cell_exposure
from cell_mappers import make_task as make_map_reduce
from foreign import as_foreign
from one_filter import KERNEL, core, make_exposures, make_task
from whitediff import Kernel, Polynomial2D, SpatialKernel
from whitediff.adapters import as_kernel, as_pre_kernel, as_psf
from whitediff.adapters.afw import AfwPsf, psf_for
from whitediff.psf import CellPsf
from whitediff.tasks import (
    DecorrelateALKernelSpatialTask,
    DecorrelateALKernelTask,
    ImageMapper,
    Struct,
)

X, Y = np.array([0.0, 3.0, -7.5, 100.25]), np.array([2.0, -1.0, 55.5, 0.125])


class TestAsKernel:
    def test_of_a_kernel_is_the_kernel(self):
        kernel = SpatialKernel(np.ones((1, 3, 3)), [Polynomial2D([1.0])])
        assert as_kernel(kernel) is kernel

    def test_of_an_array_is_fixed(self, rng):
        image = rng.normal(size=(4, 5)).astype(">f4")
        kernel = as_kernel(image)
        np.testing.assert_array_equal(kernel.evaluate(X, Y), [image] * 4)
        assert kernel.center == (1, 2)

    @pytest.mark.parametrize("center", [None, (3, 0)])
    def test_of_an_afw_kernel_is_flipped(self, center):
        """What afw applies by correlation acts the same by convolution."""
        image = np.arange(12.0).reshape(3, 4)
        kernel = as_kernel(foreign.CorrelationKernel(image, center, slopes=(1, 100)))
        x, y = (1, 1) if center is None else center
        assert (kernel.shape, kernel.center) == ((3, 4), (2 - y, 3 - x))
        images = kernel.evaluate([0.0, 1.0], [0.0, 2.0])
        upright = np.arange(12.0).reshape(3, 4)
        np.testing.assert_array_equal(images[0], upright[::-1, ::-1])
        np.testing.assert_array_equal(images[1], upright[::-1, ::-1] + 201)
        # A shift by (v - y, u - x) under correlation is the opposite one under convolution.
        v, u = 2, 0
        flipped_v, flipped_u = np.argwhere(images[0] == upright[v, u])[0]
        cy, cx = kernel.center
        assert (flipped_v - cy, flipped_u - cx) == (y - v, x - u)

    def test_of_an_afw_kernel_that_tells_no_centre_has_the_usual_one(self):
        kernel = foreign.CorrelationKernel(np.arange(24.0).reshape(4, 6))
        untold = SimpleNamespace(
            getDimensions=kernel.getDimensions, computeImage=kernel.computeImage
        )
        # Of an even size it is the lower of two pixels, and the upper one of a turned image.
        assert as_kernel(untold).center == as_kernel(kernel).center == (2, 3)
        assert as_pre_kernel(untold).center == (1, 2)

    def test_of_an_lsst_images_kernel_is_flipped(self):
        kernel = as_kernel(foreign.SampledKernel())
        assert (kernel.shape, kernel.center) == ((3, 5), (1, 1))
        images = kernel.evaluate([0.0, 1.0], [0.0, 2.0])
        np.testing.assert_array_equal(images[1], np.arange(15.0).reshape(3, 5)[::-1, ::-1] + 201)

    def test_looks_into_what_carries_a_kernel(self):
        kernel = SpatialKernel(np.ones((1, 3, 3)), [Polynomial2D([1.0])])
        assert as_kernel(SimpleNamespace(kernel=kernel)) is kernel

    @pytest.mark.parametrize(
        "value", [None, "kernel", object(), np.ones((3, 3), complex), [[None]]]
    )
    def test_of_anything_else_is_an_error(self, value):
        with pytest.raises(TypeError, match="kernel must be a Kernel, a 2-D array of numbers"):
            as_kernel(value)

    @pytest.mark.parametrize("shape", [(), (3,), (1, 3, 3), (0, 3)])
    def test_expects_two_dimensions(self, shape):
        expected = ", ".join(map(str, shape))
        with pytest.raises(ValueError, match=rf"2-D array .* got shape \({expected}"):
            as_kernel(np.ones(shape))


class TestAsPsf:
    def test_has_the_sum_one_everywhere(self):
        basis = np.zeros((2, 3, 3))
        basis[:, 1, 1] = basis[1, 0, 0] = 1.0
        psf = as_psf(SpatialKernel(basis, [Polynomial2D([5.0]), Polynomial2D([0.0, 1.0, 0.0])],
                                   center=(0, 2)))  # fmt: skip
        images = psf.evaluate(np.array([0.0, 5.0]), np.zeros(2))
        assert psf.center == (0, 2)
        assert images[0, 1, 1] == 1.0
        # 10 in the middle and 5 in the corner.
        np.testing.assert_allclose(images[1, [1, 0], [1, 0]], [2 / 3, 1 / 3])

    def test_of_an_array_is_scaled(self):
        np.testing.assert_array_equal(
            as_psf(np.full((2, 2), 3)).evaluate(X, Y), np.full((4, 2, 2), 0.25)
        )

    def test_of_an_afw_psf_is_upright_and_centred(self):
        psf = as_psf(foreign.ResizedPsf())
        assert (psf.shape, psf.center) == ((5, 7), (2, 3))
        image = psf.evaluate([3.0], [1.0])[0]
        assert (image[2, 3], image[1, 3]) == (0.75, 0.25)

    def test_of_an_afw_psf_of_another_size_is_padded_about_its_centre(self):
        image = as_psf(foreign.ResizedPsf()).evaluate([200.0], [0.0])[0]
        np.testing.assert_allclose(image[1:4, 2:5], 1 / 9)
        # Rounding only.
        assert image.sum() == pytest.approx(1, rel=1e-12)

    def test_of_an_afw_psf_of_an_even_size_is_padded_about_its_centre(self):
        """Which is the lower of two pixels."""
        image = as_psf(foreign.ResizedPsf(small=(4, 2))).evaluate([200.0], [0.0])[0]
        np.testing.assert_array_equal(np.argwhere(image)[[0, -1]], [[1, 3], [4, 4]])

    def test_of_an_afw_psf_that_fails_is_its_average(self):
        image = as_psf(foreign.ResizedPsf()).evaluate([2000.0], [0.0])[0]
        np.testing.assert_allclose((image[2, 3], image[1, 3]), (1 / 3, 2 / 3))

    def test_of_an_lsst_images_psf_is_upright(self):
        image = as_psf(foreign.SampledPsf()).evaluate([0.0], [0.0])[0]
        np.testing.assert_allclose(image, np.arange(15.0).reshape(3, 5) / 105)

    @pytest.mark.parametrize("image", [np.zeros((3, 3)), -np.ones((3, 3))])
    def test_expects_a_positive_sum(self, image):
        with pytest.raises(ValueError, match="psf must have a finite, positive sum, got"):
            as_psf(image).evaluate(X, Y)

    def test_of_anything_else_is_an_error(self):
        with pytest.raises(TypeError, match="psf must be a Kernel, a 2-D array of numbers"):
            as_psf("gaussian")


def test_a_correlation_kernel_off_its_centre_is_turned_about_it() -> None:
    image = np.zeros((4, 6))
    image[1, 2], image[1, 3], image[3, 5] = 1.0, 0.5, 0.25
    kernel: Kernel = as_pre_kernel(foreign.CorrelationKernel(image))
    assert kernel.center == (1, 2)
    np.testing.assert_array_equal(kernel.evaluate(np.zeros(1), np.zeros(1))[0], image / image.sum())


class Recorder(SimpleNamespace, foreign.AfwPsf):
    """A PSF of which a test sees how it was made."""

    __module__ = "lsst.meas.algorithms"


@pytest.fixture
def afw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for the parts of the Rubin stack that make a PSF."""

    class Record(dict[str, Any]):
        def __getattr__(self, name: str) -> Callable[[Any], None]:
            return lambda value: self.__setitem__(name.removeprefix("set"), value)

    class Catalog(list[Record]):
        def __init__(self, schema: Any) -> None:
            self.schema = schema

        def addNew(self) -> Record:
            self.append(Record())
            return self[-1]

    class Control(dict[str, Any]):
        def __getattr__(self, name: str) -> Callable[[Any], None]:
            return lambda value: self.__setitem__(name.removeprefix("set"), value)

    def image(width: int, height: int) -> foreign.Plane:
        return foreign.Plane(np.zeros((height, width)))

    def schema() -> Any:
        return SimpleNamespace(addField=lambda name, type, doc: None)

    contents: dict[str, dict[str, Any]] = {
        "lsst.geom": {"Point2D": foreign.Point},
        "lsst.afw": {},
        "lsst.afw.image": {
            "ImageD": image,
            "Mask": SimpleNamespace(getPlaneBitMask=foreign.Mask(None).getPlaneBitMask),
        },
        "lsst.afw.math": {
            "FixedKernel": lambda image: image.array,
            "StatisticsControl": Control,
        },
        "lsst.afw.table": {
            "ExposureTable": SimpleNamespace(makeMinimalSchema=schema),
            "ExposureCatalog": Catalog,
        },
        "lsst.meas": {},
        "lsst.meas.algorithms": {
            "KernelPsf": lambda kernel, position: Recorder(kernel=kernel, position=position),
            "CoaddPsf": lambda catalog, wcs, weight: Recorder(
                catalog=catalog, wcs=wcs, weight=weight
            ),
        },
    }
    for name, attributes in contents.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)


def images_of(catalog: Any) -> NDArray[np.float64]:
    return np.stack([record["Psf"].kernel for record in catalog])


KINDS = [foreign.AfwExposure, foreign.AfwExposureWithoutWcs, foreign.DerivedAfwExposure]


@pytest.mark.usefixtures("afw")
@pytest.mark.parametrize("kind", KINDS)
def test_an_lsst_exposure_holds_the_psf_of_one_filter(kind: type[Any]) -> None:
    exposures = make_exposures()
    psf = make_task().run(*as_foreign(exposures, kind), KERNEL).correctedExposure.getPsf()
    assert psf.position == foreign.Point(36.5, 260.0)
    expected = core(exposures, ignore_mask=7).psf
    assert expected is not None
    # Scaled to a sum of one once more: rounding.
    np.testing.assert_allclose(psf.kernel, expected[0], rtol=1e-14)


BOXES = np.array([[-30, 205, 20, 316], [20, 205, 104, 250], [20, 250, 104, 316]])


def cells(rng: np.random.Generator) -> CellPsf:
    return CellPsf(rng.random((3, 5, 5)), BOXES)


@pytest.mark.usefixtures("afw")
@pytest.mark.parametrize("kind", [foreign.AfwExposure, foreign.DerivedAfwExposure])
def test_an_lsst_exposure_holds_the_psfs_of_cells(
    kind: type[Any], rng: np.random.Generator
) -> None:
    (exposure,) = as_foreign(make_exposures()[:1], kind)
    psf = cells(rng)
    held = psf_for(exposure, psf)
    exposure.setPsf(held)
    assert (held.wcs, held.weight) == ("a WCS", "weight")
    assert [record["Id"] for record in held.catalog] == [0, 1, 2]
    assert {record["weight"] for record in held.catalog} == {1.0}
    assert {record["Wcs"] for record in held.catalog} == {"a WCS"}
    np.testing.assert_array_equal(images_of(held.catalog), psf.images)
    # By the size of the frame, 134 x 111, where they touch its edge, and nowhere else.
    assert [
        (box.getMinX(), box.getMinY(), box.getMaxX() + 1, box.getMaxY() + 1)
        for box in (record["BBox"] for record in held.catalog)
    ] == [(-164, 94, 20, 427), (20, 94, 238, 250), (20, 250, 238, 427)]


@pytest.mark.usefixtures("afw")
def test_an_lsst_exposure_without_wcs_holds_one_psf_and_says_so(
    rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    (exposure,) = as_foreign(make_exposures()[:1], foreign.AfwExposureWithoutWcs)
    psf = cells(rng)
    held = psf_for(exposure, psf)
    np.testing.assert_array_equal(held.kernel, psf.computeKernelImage().array)
    assert "An exposure without a WCS holds one PSF only" in caplog.text


def test_other_exposures_and_psfs_of_lsst_stay_as_they_are(rng: np.random.Generator) -> None:
    plain, exposure = (as_foreign(make_exposures()[:1], k)[0] for k in (foreign.Exposure, KINDS[0]))
    psf, theirs = cells(rng), foreign.AfwPsf()
    assert psf_for(plain, psf) is psf
    assert psf_for(exposure, theirs) is theirs
    assert psf_for(exposure, None) is None


BOX = foreign.Box(foreign.Point(100, 200), foreign.Extent(101, 51))
IMAGE = np.outer([1.0, 2.0, 1.0], [1.0, 3.0, 1.0])


@pytest.mark.parametrize("stamp", [None, np.full((3, 3), np.nan), np.zeros((3, 3))])
def test_an_afw_psf_unknown_at_its_average_is_the_mean_over_the_image(
    stamp: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Exceptions of lsst.pex are not those that are built in, and stamps may be NaN."""
    psf = AfwPsf(foreign.GappyPsf(IMAGE, x_min=150.0, stamp=stamp), BOX)
    assert not psf.known_at_average
    # The image grows by x / 1000, so the mean is that at the mean of the grid's known positions.
    known = [x for x in np.linspace(105, 195, 20) if x >= 150]
    # Rounding only.
    np.testing.assert_allclose(psf.average, IMAGE * (1 + np.mean(known) / 1000), rtol=1e-13)
    images = psf.evaluate(np.array([120.0, 160.0]), np.array([210.0, 210.0]))
    np.testing.assert_array_equal(images[0], psf.average)
    np.testing.assert_allclose(images[1], IMAGE * 1.16, rtol=1e-13)
    assert "The PSF is not known at 1 of 2 positions: its average stands in." in caplog.text


@pytest.mark.parametrize("box", [None, BOX])
def test_an_afw_psf_known_nowhere_is_an_error(box: Any) -> None:
    with pytest.raises(ValueError, match="psf must have an image with a positive sum"):
        AfwPsf(foreign.GappyPsf(IMAGE, x_min=1e6), box)


@pytest.mark.usefixtures("afw")
@pytest.mark.parametrize("kind", [DecorrelateALKernelTask, DecorrelateALKernelSpatialTask])
def test_subclasses_find_the_control_of_statistics(kind: type[Any]) -> None:
    config = kind.ConfigClass()
    config.ignoreMaskPlanes = ["DETECTED", "SAT"]
    # Bits 0 and 2 of the foreign mask.
    expected = {"NumSigmaClip": 3.0, "NumIter": 3, "AndMask": 5}
    assert kind(config=config).statsControl == expected


class AfwImage(foreign.Plane):
    __module__ = "lsst.afw.image._image"


@pytest.mark.usefixtures("afw")
def test_corrected_psf_is_of_the_kind_of_the_image() -> None:
    task = make_task()
    psf = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0]) / 16
    task.computeCommonShape(psf.shape, KERNEL.shape)
    correction = task.computeDiffimCorrection(KERNEL, 1.0, 2.0).corrft
    pixels = task.computeCorrectedDiffimPsf(correction, psf)
    theirs = task.computeCorrectedDiffimPsf(correction, AfwImage(psf))
    assert isinstance(pixels, np.ndarray) and isinstance(theirs, foreign.AfwPsf)
    np.testing.assert_array_equal(theirs.kernel, pixels)


class StampPsf(foreign.AfwPsf):
    """A PSF of lsst.afw with one image."""

    __module__ = "lsst.meas.algorithms"

    def __init__(self, width: float) -> None:
        self.image = gaussian(width, (11, 11))

    def getAveragePosition(self) -> foreign.Point:
        return foreign.Point(0.0, 0.0)

    def computeKernelImage(self, position: Any) -> foreign.Plane:
        return foreign.Plane(self.image)


class StampMapper(ImageMapper):
    """Give each cell a PSF of its own."""

    def run(self, subExposure: Any, *args: Any, **kwargs: Any) -> Struct:
        subExposure.setPsf(StampPsf(1 + subExposure.getBBox().getMinX() % 7))
        return Struct(subExposure=subExposure)


@pytest.mark.usefixtures("afw")
@pytest.mark.parametrize("operation", ["average", "sum", "copy", "coaddPsf"])
@pytest.mark.parametrize("kind", [foreign.AfwExposure, foreign.DerivedAfwExposure])
def test_map_reduce_of_an_lsst_exposure_keeps_the_psfs(kind: type[Any], operation: str) -> None:
    source = make_cell_exposure()
    source.setPsf(None)
    task = make_map_reduce(StampMapper, reduceOperation=operation, cellSizeX=30, gridStepX=30)
    result = task.run(kind(source))
    psf = result.result if operation == "coaddPsf" else result.exposure.getPsf()
    assert task.boxes0 is not None and len(task.boxes0) > 1
    expected = [StampPsf(1 + box.getMinX() % 7).image for box in task.boxes0]
    # Scaled to a sum of one once more.
    np.testing.assert_allclose(images_of(psf.catalog), expected, rtol=1e-14)


@pytest.mark.usefixtures("afw")
@pytest.mark.parametrize("operation", ["average", "sum", "copy"])
def test_map_reduce_of_an_lsst_exposure_with_one_psf(operation: str) -> None:
    """Copies keep it; what is added up has it in every cell."""
    psf = StampPsf(2.0)
    source = make_cell_exposure()
    source.setPsf(None)
    exposure = foreign.AfwExposure(source)
    exposure.setPsf(psf)
    task = make_map_reduce(reduceOperation=operation, cellSizeX=30, gridStepX=30)
    held = task.run(exposure).exposure.getPsf()
    if operation == "copy":
        assert held is psf
    else:
        assert task.boxes0 is not None
        # Scaled to a sum of one once more.
        np.testing.assert_allclose(
            images_of(held.catalog), [psf.image] * len(task.boxes0), rtol=1e-14
        )
