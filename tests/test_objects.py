"""What comes of objects of other packages as images: the rows of the table in docs/objects.md."""

from __future__ import annotations

import gc
import re
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whitediff
from whitediff.whiteness import whiteness

dask_array = pytest.importorskip("dask.array")
nddata = pytest.importorskip("astropy.nddata")
units = pytest.importorskip("astropy.units")
xarray = pytest.importorskip("xarray")

from astropy.io import fits  # noqa: E402
from astropy.nddata import (  # noqa: E402
    CCDData,
    InverseVariance,
    NDData,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from astropy.utils.masked import Masked  # noqa: E402
from astropy.wcs import WCS  # noqa: E402

PAGE = Path(__file__).resolve().parent.parent / "docs/objects.md"
SHAPE = (61, 47)
KERNEL = np.outer([1, 3, 1], [2, 4, 1]) / 35
PLANES = np.random.default_rng(5)
IMAGE = PLANES.normal(scale=3.0, size=SHAPE)
# Powers of two, so that roots and conversions by powers of two are exact.
SCIENCE = np.where(PLANES.random(SHAPE) < 0.5, 4.0, 16.0)
TEMPLATE = np.full(SHAPE, 1.0)
HIDDEN = PLANES.random(SHAPE) < 0.03


def run(difference: Any = IMAGE, science: Any = SCIENCE, template: Any = TEMPLATE, **options: Any):
    return whitediff.decorrelate(difference, science, template, KERNEL, **options)


def planes_of(result: Any) -> tuple[Any, Any]:
    """Image and variance as plain arrays, in the unit of the result."""
    if isinstance(result, NDData):
        return result.data, result.uncertainty.array
    return np.asarray(result.image), np.asarray(result.variance)


def check_same(result: Any, expected: Any) -> None:
    for own, other in zip(planes_of(result), planes_of(expected), strict=True):
        np.testing.assert_array_equal(own, other)


def ccd(data: Any = IMAGE, unit: Any = "adu", **more: Any) -> Any:
    return CCDData(data, unit=unit, **more)


def table(data: Any, *, transposed: bool = False, **more: Any) -> Any:
    array = data.T if transposed else data
    return xarray.DataArray(array, dims=("x", "y") if transposed else ("y", "x"), **more)


def blocks(data: Any) -> Any:
    return dask_array.from_array(data, chunks=(20, 30))


with_gaps = np.where(HIDDEN, np.nan, IMAGE)
adu2 = units.adu**2

# What is taken: its difference, science and template, and the same as arrays.
TAKEN = {
    "a list": ((IMAGE.tolist(), SCIENCE.tolist(), 1.0), (IMAGE, SCIENCE, 1.0)),
    "a masked array": ((np.ma.array(IMAGE, mask=HIDDEN), SCIENCE, TEMPLATE), (with_gaps, SCIENCE)),
    "an NDData": ((NDData(IMAGE), SCIENCE, TEMPLATE), (IMAGE,)),
    "a CCDData": ((ccd(), SCIENCE, TEMPLATE), (IMAGE,)),
    "a masked CCDData": ((ccd(mask=HIDDEN), SCIENCE, TEMPLATE), (with_gaps,)),
    "a CCDData of integers": (
        (ccd(np.round(IMAGE).astype(">i2"), mask=HIDDEN),),
        (np.where(HIDDEN, np.nan, np.round(IMAGE)),),
    ),
    "a Masked": ((Masked(IMAGE, HIDDEN),), (with_gaps,)),
    "a Masked Quantity": ((Masked(IMAGE << units.adu, HIDDEN),), (with_gaps,)),
    "a Quantity": ((IMAGE << units.adu,), (IMAGE,)),
    "a DataArray": ((table(IMAGE),), (IMAGE,)),
    "a transposed DataArray": ((table(IMAGE, transposed=True),), (IMAGE,)),
    "a DataArray of blocks": ((table(blocks(IMAGE)),), (IMAGE,)),
    "a dask array": ((blocks(IMAGE), blocks(SCIENCE), TEMPLATE), (IMAGE,)),
    "a dask array of masked blocks": (
        (dask_array.ma.masked_array(blocks(IMAGE), blocks(HIDDEN)),),
        (with_gaps,),
    ),
    "a CCDData with blocks": ((ccd(blocks(IMAGE), mask=HIDDEN),), (with_gaps,)),
    "standard deviations": ((ccd(), ccd(uncertainty=StdDevUncertainty(SCIENCE**0.5))), (IMAGE,)),
    "variances": ((ccd(), ccd(uncertainty=VarianceUncertainty(SCIENCE))), (IMAGE,)),
    "inverse variances": ((ccd(), ccd(uncertainty=InverseVariance(1 / SCIENCE))), (IMAGE,)),
    "an uncertainty alone": ((IMAGE, StdDevUncertainty(SCIENCE**0.5)), (IMAGE,)),
    "a negative standard deviation": (
        (IMAGE, StdDevUncertainty(np.where(HIDDEN, -1.0, SCIENCE**0.5))),
        (IMAGE, np.where(HIDDEN, np.nan, SCIENCE)),
    ),
    "an inverse variance of zero": (
        (IMAGE, InverseVariance(np.where(HIDDEN, 0.0, 1 / SCIENCE))),
        (IMAGE, np.where(HIDDEN, np.nan, SCIENCE)),
    ),
    "masked variances": (
        (ccd(), ccd(uncertainty=VarianceUncertainty(SCIENCE), mask=HIDDEN)),
        (IMAGE, np.where(HIDDEN, np.nan, SCIENCE)),
    ),
    "a Quantity of the square": ((ccd(), SCIENCE << adu2, 1.0 * adu2), (IMAGE, SCIENCE, 1.0)),
    "a Quantity to be converted": (
        (IMAGE << units.mJy, SCIENCE * 1e-6 << units.Jy**2),
        (IMAGE, SCIENCE * 1e-6 * 1e6),
    ),
    "a CCDData to be converted": (
        (ccd(unit="mJy"), ccd(SCIENCE, "Jy", uncertainty=StdDevUncertainty(SCIENCE**0.5 / 1024))),
        (IMAGE, SCIENCE / 1024**2 * 1e6),
    ),
    "a transposed DataArray of variances": (
        (table(IMAGE), table(SCIENCE, transposed=True)),
        (IMAGE,),
    ),
    "units of a DataArray": (
        (table(IMAGE, attrs={"units": "mJy"}), table(SCIENCE, attrs={"units": "Jy2"})),
        (IMAGE, SCIENCE * 1e6),
    ),
}


@pytest.mark.parametrize(("given", "plain"), TAKEN.values(), ids=TAKEN)
def test_taken(given, plain):
    before = [held(one).copy() for one in given]
    # Conversions of units round in the last bit, wherever they are made.
    for own, other in zip(planes_of(run(*given)), planes_of(run(*plain)), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-12, atol=1e-12)
    for one, same in zip(given, before, strict=True):
        np.testing.assert_array_equal(held(one), same)


def held(given: Any) -> Any:
    """The pixels of an object, and of its uncertainty."""
    own = [getattr(given, name, None) for name in ("data", "array", "uncertainty")]
    own = [getattr(one, "array", one) for one in own]
    return np.stack([np.asarray(one) for one in own if hasattr(one, "dtype")] or [given])


Y = {"y": np.arange(SHAPE[0])}
# What is refused: difference, science, the error and what it says.
REFUSED = {
    "a Dataset": (
        xarray.Dataset({"a": table(IMAGE)}), SCIENCE, TypeError, "dimensions would be lost",
    ),
    "any other object": (
        object(), SCIENCE, TypeError, "NDData, CCDData and Quantity .*, got object",
    ),
    "None": (None, SCIENCE, TypeError, "difference must hold real numbers, .*, got NoneType"),
    "a header": (IMAGE, fits.Header(), TypeError, "science_variance .*, got Header"),
    "a complex NDData": (NDData(IMAGE * 1j), SCIENCE, TypeError, "real numbers, got dtype complex"),
    "a cube": (ccd(np.zeros((2, 9, 9))), 1.0, ValueError, r"2-D array .*, got shape \(2, 9, 9\)"),
    "other dimensions": (
        xarray.DataArray(IMAGE), SCIENCE, ValueError, "dimensions y and x, got dim_0, dim_1",
    ),
    "other coordinates": (
        table(IMAGE, coords=Y), table(SCIENCE, coords={"y": Y["y"] + 1}), ValueError,
        "science_variance must have the coordinates y of the image",
    ),
    "units that astropy does not know": (
        table(IMAGE, attrs={"units": "bananas"}), 1.0, ValueError, "units that .*, got 'bananas'",
    ),
    "magnitudes": (IMAGE * units.mag(units.AB), 1.0, ValueError, "must be linear in the flux"),
    "a mask of another shape": (
        NDData(IMAGE, mask=HIDDEN[0]), SCIENCE, ValueError, "a mask must have the shape",
    ),
    "an unknown uncertainty": (
        ccd(), ccd(uncertainty=UnknownUncertainty(SCIENCE)), ValueError,
        "science_variance must come with a StdDevUncertainty, .*, got UnknownUncertainty",
    ),
    "no uncertainty": (ccd(), ccd(SCIENCE), ValueError, "must come with .*, got none"),
    "electrons for adu": (
        ccd(), SCIENCE << units.electron**2, ValueError, "unit of the image, adu2, got electron2",
    ),
    "electrons for adu, both CCDData": (
        ccd(), ccd(unit="electron", uncertainty=StdDevUncertainty(SCIENCE)), ValueError,
        "unit of the image, adu2, got electron2",
    ),
    "a standard deviation as a Quantity": (
        ccd(), 2.0 * units.adu, ValueError, "adu2, got adu: square a standard deviation",
    ),
    "variances with a unit for an image without": (
        IMAGE, 4.0 * adu2, ValueError, "no unit, got adu2",
    ),
    "variances without a unit for an image with one": (
        ccd(), ccd(unit="", uncertainty=StdDevUncertainty(SCIENCE)), ValueError, "got no unit",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("difference", "science", "error", "message"), REFUSED.values(), ids=REFUSED
)
def test_refused(difference, science, error, message):
    with pytest.raises(error, match=message):
        run(difference, science)


def test_the_page_has_these_rows():
    table = PAGE.read_text().partition("<!-- rows -->")[2].partition("<!-- /rows -->")[0]
    rows = re.findall(r"^\| ([^|*-]+?) \| [^|\n]+ \|$", table, flags=re.M)[1:]
    assert rows == [*dict.fromkeys(rows)]
    assert set(rows) == {*TAKEN, *REFUSED}


@pytest.mark.parametrize("value", [IMAGE << units.adu, table(IMAGE), NDData(IMAGE), ccd()])
def test_what_has_a_meaning_is_nowhere_taken_for_an_array(value):
    with pytest.raises(TypeError, match="must be an array of numbers alone|real numbers"):
        whitediff.clipped_mean(value)
    with pytest.raises(TypeError, match="array of numbers alone|real numbers"):
        whitediff.Exposure(image=value)
    with pytest.raises(TypeError, match="mask must be an array of numbers alone|integers or bool"):
        run(mask=value)


@pytest.mark.parametrize(
    "options",
    [
        {"mean_variances": (4.0 * adu2, None)},
        {"shared_variance": 1.0 * adu2},
        {"scale": 2.0 * units.adu},
        {"xy0": (1.0, 2.0) * units.pix},
    ],
)
def test_numbers_have_no_unit(options):
    with pytest.raises(TypeError, match=f"{next(iter(options))} must be a"):
        run(ccd(), **options)


class TestGivenBack:
    def test_of_a_ccd_data_is_a_ccd_data(self):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
        header = fits.Header({"OBJECT": "field"})
        difference = ccd(mask=HIDDEN, wcs=wcs, meta=header, unit="electron")
        white = run(difference, ccd(uncertainty=StdDevUncertainty(SCIENCE**0.5), unit="electron"))
        assert type(white) is CCDData
        assert white.unit == units.electron
        assert isinstance(white.uncertainty, VarianceUncertainty)
        assert white.uncertainty.unit == units.electron**2
        np.testing.assert_array_equal(white.mask, HIDDEN)
        np.testing.assert_array_equal(white.data[HIDDEN], np.nan)
        assert white.wcs is wcs
        assert white.meta["OBJECT"] == "field"
        assert white.meta["WDVERSN"] == whitediff.__version__
        assert list(header) == ["OBJECT"]
        assert white.psf is None
        assert isinstance(white.whitening, whitediff.Whitened)

    def test_keeps_what_a_file_can_hold(self, tmp_path):
        white = run(ccd(mask=HIDDEN, meta=fits.Header()), psf=KERNEL)
        white.write(tmp_path / "white.fits")
        again = CCDData.read(tmp_path / "white.fits")
        np.testing.assert_array_equal(again.data, white.data)
        np.testing.assert_array_equal(again.uncertainty.array, white.uncertainty.array)
        np.testing.assert_array_equal(again.mask, HIDDEN)
        np.testing.assert_array_equal(again.psf, white.psf)

    def test_is_not_whitened_twice(self):
        with pytest.raises(ValueError, match="must not be whitened already, .* WDVERSN"):
            run(run(ccd()))

    def test_takes_the_psf_of_a_ccd_data(self):
        score = run(ccd(psf=KERNEL), mode="score")
        expected = run(psf=KERNEL, mode="score")
        check_same(score, expected)
        np.testing.assert_array_equal(
            score.whitening.point_sources.flux, expected.point_sources.flux
        )

    def test_has_the_psf_of_the_middle(self):
        x0, y0 = 100, 50
        white = run(ccd(), psf=KERNEL, xy0=(x0, y0))
        expected = white.whitening.psf_at(x0 + SHAPE[1] // 2, y0 + SHAPE[0] // 2)
        np.testing.assert_array_equal(white.psf, expected)

    @pytest.mark.parametrize("dtype", [bool, np.int32, np.uint8])
    def test_masks_what_the_mask_says_has_no_value(self, dtype):
        marked = HIDDEN.astype(dtype)
        for white in (
            run(ccd(), mask=marked, no_value_mask=1),
            run(mask=marked, no_value_mask=1).to_ccddata(),
        ):
            np.testing.assert_array_equal(white.mask, HIDDEN)
        assert run(ccd(), mask=marked, ignore_mask=1).mask is None

    def test_does_not_keep_the_input(self):
        for make in (np.array, ccd, table, lambda data: data.copy() << units.adu):
            difference = make(IMAGE.copy())
            pixels = weakref.ref(difference)
            result = run(difference)
            del difference
            gc.collect()
            assert pixels() is None
            del result

    def test_masks_pixels_of_unknown_variance(self):
        white = run(ccd(), ccd(uncertainty=VarianceUncertainty(SCIENCE), mask=HIDDEN))
        np.testing.assert_array_equal(white.mask, HIDDEN)

    def test_of_an_nddata_without_a_unit_is_dimensionless(self):
        white = run(NDData(IMAGE))
        assert type(white) is CCDData
        assert white.unit == units.dimensionless_unscaled

    def test_of_an_nddata_with_another_kind_of_wcs_keeps_it(self):
        from astropy.wcs.wcsapi import HighLevelWCSWrapper

        wcs = HighLevelWCSWrapper(WCS(naxis=2))
        white = run(NDData(IMAGE, wcs=wcs))
        assert type(white) is NDData
        assert white.wcs is wcs

    def test_of_a_quantity_is_a_quantity(self):
        result = run(IMAGE << units.mJy)
        assert result.image.unit == units.mJy
        assert result.variance.unit == units.mJy**2
        assert result.to_ccddata().unit == units.mJy

    def test_of_a_data_array_has_its_coordinates(self):
        array = table(IMAGE, transposed=True, coords=Y, attrs={"units": "adu", "band": "r"})
        result = run(array)
        assert result.image.dims == result.variance.dims == ("y", "x")
        np.testing.assert_array_equal(result.image.y, Y["y"])
        assert result.image.attrs == {"units": "adu", "band": "r"}
        assert result.variance.attrs == {"units": "adu2", "band": "r"}

    def test_of_arrays_can_become_a_ccd_data(self):
        result = run(with_gaps)
        white = result.to_ccddata()
        check_same(white, result)
        np.testing.assert_array_equal(white.mask, HIDDEN)


class TestImages:
    """What the verdict compares a difference with is in its unit."""

    def agreement(self, *images, unit="mJy"):
        # Large enough for nine parts to be compared.
        rng = np.random.default_rng(4)
        science, template = (rng.normal(size=(331, 317)) for _ in "st")
        difference = science.copy()
        for v, u in np.ndindex(KERNEL.shape):
            difference -= KERNEL[v, u] * np.roll(template, (v - 1, u - 1), (0, 1))
        given = [make(image) for make, image in zip(images, (science, template), strict=True)]
        difference = difference if unit is None else ccd(difference, unit)
        result = run(difference, 1.0, 1.0, images=tuple(given))
        return getattr(result, "whitening", result).verdict.agreement

    def test_of_units_are_converted(self):
        same = self.agreement(lambda image: ccd(image, "mJy"), lambda image: ccd(image, "mJy"))
        assert same < 0.05
        other = self.agreement(
            lambda image: image / 1000 << units.Jy, lambda image: ccd(image, "mJy")
        )
        # Conversions round in the last bit.
        assert other == pytest.approx(same, abs=1e-9)
        assert self.agreement(*[lambda image: image] * 2, unit=None) == pytest.approx(
            same, abs=1e-9
        )

    def test_of_other_units_are_refused(self):
        with pytest.raises(
            ValueError, match="images of science must be in the unit .* mJy, got adu"
        ):
            self.agreement(lambda image: ccd(image, "adu"), lambda image: image)

    def test_are_put_right(self):
        """Transposed, as any other image of xarray."""
        upright = table(IMAGE)
        pair = table(IMAGE, transposed=True), table(TEMPLATE)
        other = table(IMAGE, coords={"y": Y["y"] + 1}), table(TEMPLATE)
        run(upright, images=pair)
        with pytest.raises(ValueError, match="images of science must have the coordinates y"):
            run(table(IMAGE, coords=Y), images=other)


def test_blocks_are_read_a_few_at_a_time():
    """No more rows are in memory than a band has, and none is computed for the sake of another."""
    height, width, row = 5000, 32, 100
    rows_read = []

    def block(block_info):
        (y0, y1), _ = block_info[None]["array-location"]
        rows_read.append(y1 - y0)
        return np.random.default_rng(y0).normal(size=(y1 - y0, width)).astype(np.float32)

    image = dask_array.map_blocks(
        block, chunks=((row,) * (height // row), (width,)), dtype=np.float32,
        meta=np.empty((0, 0), np.float32),
    )  # fmt: skip
    largest = 0
    compute = type(image).compute

    def counted(self, **options):
        nonlocal largest
        largest = max(largest, len(self))
        return compute(self, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dask_array.Array, "compute", counted)
        result = run(image, 1.0, 1.0)
    # Bands have some 700 rows and the border of the filter.
    assert largest <= 1000
    # Where bands meet, blocks are read for both.
    assert sum(rows_read) <= 2 * height
    check_same(result, run(image.compute(), 1.0, 1.0))


class TestWhiten:
    def test_of_blocks_of_which_nothing_is_known(self):
        image = np.random.default_rng(6).normal(size=(200, 170))
        lazy = whitediff.whiten(dask_array.from_array(image, chunks=64))
        check_same(lazy, whitediff.whiten(image))
        assert lazy.covariance_applied

    def test_takes_images_of_sources(self):
        source = whitediff.NoiseSource(
            ccd(uncertainty=StdDevUncertainty(SCIENCE**0.5), mask=HIDDEN), kernels=[KERNEL]
        )
        white = whitediff.whiten(ccd(), [source, whitediff.NoiseSource(1.0 * adu2)])
        plain = [
            whitediff.NoiseSource(np.where(HIDDEN, np.nan, SCIENCE), kernels=[KERNEL]),
            whitediff.NoiseSource(1.0),
        ]
        assert type(white) is CCDData
        check_same(white, whitediff.whiten(IMAGE, plain))

    def test_says_which_source_is_wrong(self):
        with pytest.raises(ValueError, match=r"sources\[0\].variance must be in the square"):
            whitediff.whiten(ccd(), [whitediff.NoiseSource(1.0 * units.electron**2)])

    def test_of_bands_writes_plain_rows(self):
        rows = []
        whitediff.whiten_bands(
            ccd(mask=HIDDEN), [whitediff.NoiseSource(1.0 * adu2, kernels=[KERNEL])],
            lambda y0, image, variance, edge: rows.append(image),
        )  # fmt: skip
        expected = whitediff.whiten(with_gaps, [whitediff.NoiseSource(1.0, kernels=[KERNEL])])
        np.testing.assert_array_equal(np.concatenate(rows), expected.image)


class TestMeasured:
    """On an image large enough for noise to be measured."""

    image = np.random.default_rng(8).normal(scale=2.0, size=(151, 133))
    hidden = np.random.default_rng(9).random((151, 133)) < 0.05

    @pytest.mark.parametrize("measure", [whiteness, whitediff.NoiseCovariance.measured])
    def test_takes_the_variance_of_a_ccd_data(self, measure):
        own = ccd(self.image, uncertainty=StdDevUncertainty(np.full(self.image.shape, 2.0)),
                  mask=self.hidden)  # fmt: skip
        expected = measure(np.where(self.hidden, np.nan, self.image), 4.0)
        # A plane of one value is smoothed, the number is not: the last bits.
        covariance = lambda of: getattr(of, "covariance", of).lags  # noqa: E731
        np.testing.assert_allclose(covariance(measure(own)), covariance(expected), atol=1e-12)
        other = measure(own, 16.0 * adu2)
        np.testing.assert_allclose(covariance(other), covariance(expected) / 4, atol=1e-12)

    @pytest.mark.parametrize("measure", [whiteness, whitediff.NoiseCovariance.measured])
    def test_refuses_other_units(self, measure):
        with pytest.raises(ValueError, match="variance must be in the square .*, got electron2"):
            measure(ccd(self.image), 4.0 * units.electron**2)

    def test_of_the_colour_of_noise_needs_a_variance(self):
        with pytest.raises(ValueError, match="variance must be given, or be that of an NDData"):
            whitediff.NoiseCovariance.measured(ccd(self.image))

    def test_puts_masks_right(self):
        mask = xarray.DataArray(self.hidden.T, dims=("x", "y"))
        image = table(self.image)
        assert (
            whiteness(image, mask=mask).variance == whiteness(self.image, mask=self.hidden).variance
        )
