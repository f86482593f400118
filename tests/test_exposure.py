"""Images, masks and exposures."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from whitediff.exposure import DEFAULT_MASK_PLANES, LOCAL, Exposure, Image, Mask, MaskedImage
from whitediff.geometry import Box2D, Box2I, Extent2I, Point2D, Point2I
from whitediff.psf import KernelPsf

SHAPE = (7, 11)
XY0 = (100, -20)


@pytest.fixture
def exposure():
    rng = np.random.default_rng(1)
    return Exposure(
        image=rng.normal(size=SHAPE).astype(np.float32),
        mask=rng.integers(0, 512, SHAPE, dtype=np.int32),
        variance=rng.uniform(1, 2, SHAPE).astype(np.float32),
        psf=KernelPsf(np.ones((3, 5)), (104, -18)),
        wcs=WCS(naxis=2),
        xy0=XY0,
        metadata={"OBJECT": "M 31"},
    )


def test_arrays_of_the_right_type_are_shared():
    image, mask = np.zeros(SHAPE, np.float64), np.zeros(SHAPE, np.int32)
    exposure = Exposure(image=image, mask=mask, variance=image)
    assert exposure.image.array is image or exposure.image.array.base is image
    assert np.shares_memory(exposure.mask.array, mask)
    assert np.shares_memory(exposure.variance.array, image)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (">f4", np.float32), (">f8", np.float64), ("f2", np.float32), ("i2", np.float32),
        ("u1", np.float32), ("i4", np.float64), ("longdouble", np.float64),
    ],
)  # fmt: skip
def test_pixels_become_native_floating_point(dtype, expected):
    values = np.arange(77).reshape(SHAPE)
    image = Image(values.astype(dtype))
    assert image.dtype == np.dtype(expected) and image.dtype.isnative
    np.testing.assert_array_equal(image.array, values)


def test_non_finite_pixels_are_kept():
    values = np.array([[np.nan, np.inf], [-np.inf, 1.0]])
    np.testing.assert_array_equal(Image(values).array, values)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0, 4), ()])
def test_planes_are_two_dimensional(shape):
    with pytest.raises(ValueError, match="2-D"):
        Image(np.zeros(shape))
    with pytest.raises(ValueError, match="2-D"):
        Mask(np.zeros(shape, np.int32))


@pytest.mark.parametrize("values", [np.zeros(SHAPE, complex), np.zeros(SHAPE, bool), "text"])
def test_images_hold_real_numbers(values):
    with pytest.raises(TypeError, match="real numbers"):
        Image(values)


@pytest.mark.parametrize("dtype", [bool, float, np.float32])
def test_masks_hold_integers(dtype):
    with pytest.raises(TypeError, match="integers"):
        Exposure(image=np.zeros(SHAPE), mask=np.zeros(SHAPE, dtype))


@pytest.mark.parametrize("value", [-1, 2**31])
def test_masks_have_31_bits(value):
    with pytest.raises(ValueError, match="mask must have values from 0"):
        Mask(np.full(SHAPE, value, np.int64))


@pytest.mark.parametrize("dtype", [">i4", "u1", "u2", "i8"])
def test_masks_become_int32(dtype):
    mask = Mask(np.full(SHAPE, 37, dtype))
    assert mask.dtype == np.int32 and mask.dtype.isnative and (mask.array == 37).all()


def test_shapes_have_to_agree():
    for name in ("mask", "variance"):
        plane = np.zeros(SHAPE[::-1], np.int32)
        with pytest.raises(ValueError, match=rf"{name} must have shape \(7, 11\).*got \(11, 7\)"):
            Exposure(image=np.zeros(SHAPE), **{name: plane})
    with pytest.raises(ValueError, match="mask must cover"):
        MaskedImage(Image(np.zeros(SHAPE)), Mask(np.zeros(SHAPE, int), xy0=(1, 0)), None)


def test_arguments_have_to_be_of_their_types():
    image = np.zeros(SHAPE)
    with pytest.raises(TypeError, match="computeKernelImage"):
        Exposure(image=image, psf=np.ones((3, 3)))
    with pytest.raises(TypeError, match=r"astropy\.wcs\.WCS"):
        Exposure(image=image, wcs="TAN")
    with pytest.raises(TypeError, match="metadata"):
        Exposure(image=image, metadata=3)
    with pytest.raises(TypeError, match="positional"):
        Exposure(image)


def test_what_is_not_given():
    exposure = Exposure(image=np.zeros(SHAPE))
    assert exposure.variance is None and exposure.getVariance() is None
    assert exposure.mask.getMaskPlaneDict() == DEFAULT_MASK_PLANES
    assert not exposure.mask.array.any()
    assert not exposure.hasPsf() and not exposure.hasWcs() and len(exposure.metadata) == 0
    assert exposure.getXY0() == Point2I(0, 0)


def test_geometry(exposure):
    box = Box2I(Point2I(*XY0), Extent2I(11, 7))
    for framed in (exposure, exposure.maskedImage, exposure.image, exposure.mask):
        assert framed.getBBox() == box
        assert framed.getBBox(LOCAL) == Box2I(Point2I(0, 0), Extent2I(11, 7))
        assert framed.getXY0() == Point2I(*XY0)
        assert (framed.getX0(), framed.getY0()) == XY0
        assert framed.getDimensions() == Extent2I(11, 7)
        assert (framed.getWidth(), framed.getHeight()) == (11, 7)


def test_interface_of_afw(exposure):
    assert exposure.getMaskedImage() is exposure.maskedImage
    assert exposure.getImage() is exposure.image is exposure.maskedImage.getImage()
    assert exposure.getMask() is exposure.mask is exposure.maskedImage.getMask()
    assert exposure.getVariance() is exposure.variance is exposure.maskedImage.getVariance()
    assert exposure.image.getArray() is exposure.image.array
    exposure.setPsf(None)
    exposure.setWcs(None)
    exposure.setMetadata(fits.Header({"A": 1}))
    assert exposure.getPsf() is exposure.psf is None
    assert exposure.getWcs() is exposure.wcs is None
    assert exposure.getMetadata()["A"] == exposure.metadata["A"] == 1


def test_assigning_an_array_sets_the_pixels(exposure):
    before = exposure.image.array
    exposure.image.array = np.arange(77).reshape(SHAPE)
    assert exposure.image.array is before and before[6, 10] == 76


def test_an_image_brings_its_origin():
    image = Image(np.zeros(SHAPE), xy0=(3, 4))
    assert Exposure(image=image).getXY0() == Point2I(3, 4)
    assert Exposure(image=image, xy0=(5, 6)).getXY0() == Point2I(5, 6)
    assert image.getXY0() == Point2I(3, 4)


def test_a_subset_shares_everything(exposure):
    box = Box2I(Point2I(102, -18), Extent2I(4, 3))
    part = exposure[box]
    assert part.getBBox() == box
    np.testing.assert_array_equal(part.image.array, exposure.image.array[2:5, 2:6])
    part.image.array[...] = 5.0
    part.mask.array[0, 0] = 77
    part.variance.array[2, 3] = -1
    assert (exposure.image.array == 5.0).sum() == 12
    assert exposure.mask.array[2, 2] == 77 and exposure.variance.array[4, 5] == -1
    assert part.getPsf() is exposure.getPsf() and part.getWcs() is exposure.getWcs()
    assert part.getMetadata() is exposure.getMetadata()


def test_a_plane_added_in_a_subset_is_known_to_the_whole(exposure):
    part = exposure[Box2I(Point2I(102, -18), Extent2I(4, 3))]
    bit = part.mask.addMaskPlane("STREAK")
    assert exposure.mask.getMaskPlane("STREAK") == bit


def test_a_clone_shares_no_pixels(exposure):
    clone = exposure.clone()
    clone.image.array[...] = 0
    clone.mask.array[...] = 0
    clone.variance.array[...] = 0
    clone.mask.addMaskPlane("STREAK")
    clone.metadata["OBJECT"] = "M 33"
    assert exposure.image.array.any() and exposure.mask.array.any()
    assert exposure.variance.array.all()
    assert "STREAK" not in exposure.mask.getMaskPlaneDict()
    assert exposure.metadata["OBJECT"] == "M 31"
    assert clone.getPsf() is exposure.getPsf() and clone.getXY0() == exposure.getXY0()


def test_factory_cuts_as_afw_does(exposure):
    box = Box2I(Point2I(101, -19), Extent2I(3, 2))
    shallow = exposure.Factory(exposure, box)
    deep = exposure.Factory(exposure, box, deep=True)
    local = exposure.Factory(exposure, Box2I(Point2I(1, 1), Extent2I(3, 2)), LOCAL)
    assert shallow.getBBox() == deep.getBBox() == local.getBBox() == box
    assert np.shares_memory(shallow.image.array, exposure.image.array)
    assert np.shares_memory(local.image.array, exposure.image.array)
    assert not np.shares_memory(deep.image.array, exposure.image.array)
    assert exposure.Factory(exposure).getBBox() == exposure.getBBox()


def test_factory_makes_an_empty_exposure(exposure):
    box = Box2I(Point2I(5, 6), Extent2I(3, 2))
    new = exposure.clone().Factory(box)
    assert new.getBBox() == box and new.image.dtype == np.float32
    for plane in (new.image, new.mask, new.variance):
        assert plane.array.shape == (2, 3) and not plane.array.any()
    assert Exposure(image=np.zeros(SHAPE)).Factory(box).image.dtype == np.float64


def test_a_box_has_to_lie_inside(exposure):
    outside = Box2I(Point2I(102, -18), Extent2I(40, 3))
    for framed in (exposure, exposure.maskedImage, exposure.image, exposure.mask):
        with pytest.raises(ValueError, match="the box must lie inside of Box2I"):
            framed[outside]
        with pytest.raises(ValueError, match="the box must lie inside"):
            framed[Box2I()]
    with pytest.raises(TypeError, match="box must be a Box2I, got Box2D"):
        exposure[Box2D(Point2D(102, -18), Point2D(104, -17))]
    with pytest.raises(TypeError, match="source must be an Exposure or a Box2I, got"):
        exposure.Factory(exposure.maskedImage)


def test_masked_images_are_cut_and_cloned(exposure):
    box = Box2I(Point2I(102, -18), Extent2I(4, 3))
    part = exposure.maskedImage[box]
    assert part.getBBox() == box
    assert np.shares_memory(part.variance.array, exposure.variance.array)
    assert not np.shares_memory(part.clone().image.array, exposure.image.array)
    bare = Exposure(image=np.zeros(SHAPE)).maskedImage
    assert bare[Box2I(Point2I(1, 1), Extent2I(2, 2))].clone().variance is None


def test_mask_planes_give_bits():
    mask = Mask(np.zeros(SHAPE, np.int32))
    assert mask.getPlaneBitMask("SAT") == 2
    assert mask.getPlaneBitMask(["BAD", "NO_DATA"]) == 1 | 256
    assert mask.getPlaneBitMask([]) == 0
    with pytest.raises(ValueError, match="unknown mask plane 'NOSUCH', expected one of"):
        mask.getPlaneBitMask(["BAD", "NOSUCH"])


def test_mask_planes_are_added_at_the_lowest_free_bit():
    mask = Mask(np.zeros(SHAPE, np.int32), planes={"BAD": 0, "CR": 2})
    assert [mask.addMaskPlane(name) for name in ("A", "B", "CR", "A")] == [1, 3, 2, 1]
    assert mask.getMaskPlaneDict() == {"BAD": 0, "CR": 2, "A": 1, "B": 3}


def test_masks_do_not_share_their_planes():
    one, other = Mask(np.zeros(SHAPE, np.int32)), Mask(np.zeros(SHAPE, np.int32))
    one.addMaskPlane("STREAK")
    one.getMaskPlaneDict()["HIDDEN"] = 20
    assert "STREAK" not in other.getMaskPlaneDict() and "STREAK" not in DEFAULT_MASK_PLANES
    assert "HIDDEN" not in one.getMaskPlaneDict()


def test_mask_planes_fit_the_bits_and_fits_keywords():
    mask = Mask(np.zeros(SHAPE, np.int32), planes={})
    for n in range(31):
        assert mask.addMaskPlane(f"P{n}") == n
    with pytest.raises(ValueError, match="mask plane ONE_MORE needs a free bit"):
        mask.addMaskPlane("ONE_MORE")
    for planes in ({"A": 31}, {"A": -1}, {"A": 3, "B": 3}):
        with pytest.raises(ValueError, match="needs a free bit"):
            Mask(np.zeros(SHAPE, np.int32), planes=planes)
    with pytest.raises(ValueError, match="named in A-Z"):
        mask.addMaskPlane("lower case")


class TestCcdData:
    @pytest.fixture
    def wcs(self):
        """One with every kind of distortion that a FITS header has."""
        from astropy.wcs import WCS, DistortionLookupTable, Sip

        rng = np.random.default_rng(4)
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "RA---TAN-SIP", "DEC--TAN-SIP"
        wcs.wcs.crpix, wcs.wcs.crval, wcs.wcs.cdelt = (10, 20), (150, 2), (-1e-4, 1e-4)
        a, b = (np.triu(rng.normal(scale=1e-5, size=(3, 3)))[:, ::-1] for _ in "ab")
        wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
        for name in ("cpdis1", "cpdis2", "det2im1", "det2im2"):
            values = rng.normal(scale=0.2, size=(5, 6)).astype(np.float32)
            table = DistortionLookupTable(values, (1.0, 1.0), (1.0, 1.0), (30.0, 20.0))
            setattr(wcs, name, table)
        return wcs

    def test_comes_back(self, rng, wcs):
        from astropy import units

        image, variance = rng.normal(size=(2, 31, 47)).astype(np.float32)
        exposure = Exposure(
            image=image, variance=variance**2, wcs=wcs, xy0=(3, -4),
            metadata={"BUNIT": "electron", "OBJECT": "field"}, psf=KernelPsf(np.ones((3, 5))),
        )  # fmt: skip
        exposure.mask.array[2, 3:5] = exposure.mask.getPlaneBitMask(["NO_DATA", "DETECTED"])
        ccd = exposure.to_ccddata()
        assert ccd.unit == units.electron
        np.testing.assert_array_equal(np.argwhere(ccd.mask), [[2, 3], [2, 4]])
        np.testing.assert_array_equal(ccd.uncertainty.array, variance**2)
        np.testing.assert_array_equal(ccd.psf, np.ones((3, 5)))
        # Positions to a rounding of 360 degrees: the same place of the sky in both.
        x, y = rng.uniform(0, 30, (2, 9))
        np.testing.assert_allclose(
            ccd.wcs.all_pix2world(x, y, 0), wcs.all_pix2world(x + 3, y - 4, 0), rtol=0, atol=1e-11
        )
        again = Exposure.from_ccddata(ccd)
        assert again.getXY0() == exposure.getXY0()
        np.testing.assert_array_equal(again.image.array, image)
        np.testing.assert_array_equal(again.variance.array, variance**2)
        np.testing.assert_allclose(
            again.wcs.all_pix2world(x, y, 0), wcs.all_pix2world(x, y, 0), rtol=0, atol=1e-11
        )
        assert again.mask.array[2, 3] == again.mask.getPlaneBitMask("NO_DATA")
        assert np.count_nonzero(again.mask.array) == 2
        assert (again.metadata["OBJECT"], again.metadata["BUNIT"]) == ("field", "electron")
        np.testing.assert_array_equal(again.psf.computeKernelImage().array, np.ones((3, 5)))
        assert "LTV1" not in exposure.metadata

    def test_shares_no_pixel_that_it_changes(self):
        from astropy.nddata import CCDData, StdDevUncertainty

        ccd = CCDData(np.ones((3, 4)), unit="adu", uncertainty=StdDevUncertainty(np.ones((3, 4))))
        exposure = Exposure.from_ccddata(ccd)
        exposure.image.array[...] = exposure.variance.array[...] = 7.0
        assert (ccd.data == 1.0).all()
        assert (ccd.uncertainty.array == 1.0).all()

    @pytest.mark.parametrize(
        ("unit", "expected"),
        [("ADU", "adu"), ("electrons", "electron"), ("", ""), ("Jy", "Jy"), ("MJy/sr", "MJy/sr")],
    )
    def test_knows_the_units_of_headers(self, unit, expected):
        from astropy import units

        ccd = Exposure(image=np.ones((3, 4)), metadata={"BUNIT": unit}).to_ccddata()
        assert ccd.unit == units.Unit(expected)

    def test_refuses_others(self):
        with pytest.raises(ValueError, match="BUNIT must be a unit .*, got 'bananas'"):
            Exposure(image=np.ones((3, 4)), metadata={"BUNIT": "bananas"}).to_ccddata()
        with pytest.raises(TypeError, match="ccd must be a CCDData or an NDData, got ndarray"):
            Exposure.from_ccddata(np.ones((3, 4)))

    def test_of_a_file_of_ours_has_its_origin(self, tmp_path):
        from astropy.nddata import CCDData

        from whitediff.io import write_exposure

        exposure = Exposure(image=np.ones((3, 4)), xy0=(5, 6), metadata={"BUNIT": "adu"})
        write_exposure(exposure, tmp_path / "exposure.fits")
        again = Exposure.from_ccddata(CCDData.read(tmp_path / "exposure.fits"))
        assert again.getXY0() == Point2I(5, 6)
