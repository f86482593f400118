"""Kernels in files of our own form, as plain images, and files that hold none."""

import numpy as np
import pytest
from astropy.io import fits

from whitediff.io import MatchingKernel, read_exposure, read_kernel, write_kernel
from whitediff.io.kernel_limits import check_size
from whitediff.io.regions import RegionFunction, RegionKernel
from whitediff.kernel import Chebyshev2D, Polynomial2D, SpatialKernel, TabulatedKernel, flipped

POSITIONS = np.array([0.0, 13.5, 700.0]), np.array([-4.0, 250.0, 99.9])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kernel.fits"


def spatial_kernel(center=None):
    rng = np.random.default_rng(8)
    functions = [
        Polynomial2D([1.0]),
        Polynomial2D([0.1, 1e-4, -2e-4]),
        Chebyshev2D(rng.normal(size=10), (-0.5, 2047.5, 99.5, 4095.5)),
    ]
    return SpatialKernel(rng.normal(size=(3, 5, 8)), functions, center=center)


@pytest.mark.parametrize("center", [None, (0, 6)])
def test_a_spatial_kernel_comes_back(path, center):
    kernel = spatial_kernel(center)
    write_kernel(kernel, path)
    read = read_kernel(path)
    assert np.array_equal(read.kernel.basis, kernel.basis)
    assert tuple(read.kernel.center) == tuple(kernel.center)
    for new, old in zip(read.kernel.functions, kernel.functions, strict=True):
        assert type(new) is type(old)
        assert np.array_equal(new.coefficients, old.coefficients)
    assert tuple(read.kernel.functions[2].bbox) == tuple(kernel.functions[2].bbox)
    assert np.array_equal(read.kernel.evaluate(*POSITIONS), kernel.evaluate(*POSITIONS))
    assert (read.convolved, read.scale, read.background) == (None, None, None)


@pytest.mark.parametrize(("n_x", "n_y"), [(3, 2), (1, 1)])
def test_a_tabulated_kernel_comes_back(path, n_x, n_y):
    images = np.random.default_rng(8).normal(size=(n_y, n_x, 5, 8))
    x, y = np.array([1.5, 20.0, 300.0])[:n_x], np.array([-7.0, 40.25])[:n_y]
    kernel = TabulatedKernel(x, y, images, center=(1, 4))
    write_kernel(kernel, path)
    read = read_kernel(path).kernel
    assert isinstance(read, TabulatedKernel) and tuple(read.center) == (1, 4)
    assert np.array_equal(read.evaluate(*POSITIONS), kernel.evaluate(*POSITIONS))


@pytest.mark.parametrize("convolved", ["template", "science"])
def test_what_is_known_of_the_subtraction_comes_back(path, convolved):
    background = Chebyshev2D([1.0, 2.0, 3.0], (0.0, 10.0, 0.0, 20.0))
    write_kernel(MatchingKernel(spatial_kernel(), convolved, 0.75, background), path)
    read = read_kernel(path)
    assert (read.convolved, read.scale) == (convolved, 0.75)
    assert np.array_equal(read.background(*POSITIONS), background(*POSITIONS))


def test_an_existing_kernel_is_kept(path):
    write_kernel(spatial_kernel(), path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"kernel\.fits exists"):
        write_kernel(spatial_kernel((0, 0)), path)
    assert path.read_bytes() == before
    write_kernel(spatial_kernel((0, 0)), path, overwrite=True)
    assert tuple(read_kernel(path).kernel.center) == (0, 0)


def test_other_kernels_are_not_written(path):
    kernel = flipped(spatial_kernel())
    with pytest.raises(
        TypeError, match="must be a SpatialKernel or a TabulatedKernel, got _Flipped"
    ):
        write_kernel(kernel, path)
    with pytest.raises(TypeError, match="kernels of regions must be SpatialKernels, got _Flipped"):
        write_kernel(RegionKernel([kernel], [(0, 0, 9, 9)]), path)
    odd = MatchingKernel(spatial_kernel(), background=lambda x, y: 0 * x)
    with pytest.raises(TypeError, match="must be Polynomial2D or Chebyshev2D, got function"):
        write_kernel(odd, path)
    assert not path.exists()


@pytest.mark.parametrize("dtype", [">f4", ">f8", "i2"])
def test_a_plain_image_is_a_fixed_kernel(path, dtype):
    image = np.arange(35).reshape(5, 7).astype(dtype)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image)]).writeto(path)
    read = read_kernel(path)
    assert tuple(read.kernel.center) == (2, 3)
    images = read.kernel.evaluate(*POSITIONS)
    assert images.dtype == np.float64
    np.testing.assert_array_equal(images, np.broadcast_to(image, (3, 5, 7)))
    assert (read.convolved, read.scale, read.background) == (None, None, None)


def test_kernels_of_sfft_match_the_images(data_path):
    """True convolution with the plain kernel images of a real run brings the stars down."""
    decam = data_path("decam")
    reference = read_exposure(decam / "DEC-OBS04a.mini.fits").image.array
    image = read_exposure(decam / "DEC-OBS04b.mini.fits").image.array
    kernel = read_kernel(decam / "DEC-OBS04b.MatchKernel.fits").kernel
    (stamp,) = kernel.evaluate(np.array([128.0]), np.array([128.0]))

    def residual(stamp):
        windows = np.lib.stride_tricks.sliding_window_view(image, stamp.shape)
        half = stamp.shape[0] // 2
        matched = np.einsum("yxvu,vu->yx", windows, stamp[::-1, ::-1], optimize=True)
        return np.percentile(np.abs(reference[half:-half, half:-half] - matched), 99.9)

    # The brightest residuals are of the size of the noise only if the kernel is applied rightly:
    # turned round or transposed it leaves nearly twice as much.
    assert residual(stamp) < 0.65 * residual(stamp[::-1, ::-1])
    assert residual(stamp) < 0.65 * residual(stamp.T)


def test_an_image_too_large_for_a_kernel(path):
    fits.writeto(path, np.ones((20, 256)))
    message = (
        r"kernel\.fits: no matching kernel in it: one is taken .* got an image of 256 x 20 pixels"
    )
    with pytest.raises(ValueError, match=message):
        read_kernel(path)


def test_no_kernel_and_no_image(path):
    fits.HDUList([fits.PrimaryHDU()]).writeto(path)
    with pytest.raises(
        ValueError, match=r"kernel\.fits: no matching kernel in it: .* got no image"
    ):
        read_kernel(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_kernel_that_is_not_finite(path, value):
    image = np.ones((5, 5))
    image[1, 1] = value
    fits.writeto(path, image)
    with pytest.raises(ValueError, match="finite"):
        read_kernel(path)


def test_missing_damaged_and_foreign_files(path):
    with pytest.raises(FileNotFoundError, match=r"kernel\.fits"):
        read_kernel(path)
    write_kernel(spatial_kernel(), path)
    whole = path.read_bytes()
    for length in (0, 100, len(whole) - 2880, len(whole) - 4000):
        path.write_bytes(whole[:length])
        with pytest.raises(OSError, match=r"kernel\.fits is (truncated|not a FITS file)"):
            read_kernel(path)
    path.write_text("some text")
    with pytest.raises(OSError, match=r"kernel\.fits is not a FITS file"):
        read_kernel(path)


def edited(path, name, **keywords):
    with fits.open(path, mode="update") as hdus:
        hdus[name].header.update(keywords)


def test_an_inconsistent_file(path):
    write_kernel(spatial_kernel(), path)
    edited(path, "KERNEL", KERNTYPE="OTHER")
    with pytest.raises(ValueError, match="KERNTYPE must be SPATIAL or TABULATED, got 'OTHER'"):
        read_kernel(path)
    edited(path, "KERNEL", KERNTYPE="TABULATED")
    with pytest.raises(ValueError, match=r"kernel\.fits is incomplete: .*GRID"):
        read_kernel(path)


def test_a_function_of_unknown_type(path):
    write_kernel(spatial_kernel(), path)
    with fits.open(path, mode="update") as hdus:
        hdus["FUNCTIONS"].data["TYPE"][1] = "SPLINE"
    with pytest.raises(ValueError, match="POLYNOMIAL or CHEBYSHEV, got 'SPLINE'"):
        read_kernel(path)


def constant_kernel(value):
    return SpatialKernel(np.full((1, 3, 5), value), [Polynomial2D([1.0])])


def test_regions_choose_their_kernel_and_function():
    boxes = [(0, 0, 10, 20), (10, 0, 30, 20)]
    kernel = RegionKernel([constant_kernel(1.0), constant_kernel(2.0)], boxes)
    x = np.array([0.0, 9.4, 9.6, 29.0, -50.0, 99.0, 4.0])
    y = np.array([0.0, 19.0, 0.0, 19.0, 5.0, 5.0, 70.0])
    expected = [1, 1, 2, 2, 1, 2, 1]
    assert kernel.shape == (3, 5) and tuple(kernel.center) == (1, 2)
    np.testing.assert_array_equal(kernel.evaluate(x, y)[:, 2, 3], expected)
    function = RegionFunction([Polynomial2D([1.0]), Polynomial2D([2.0])], boxes)
    np.testing.assert_array_equal(function(x, y), expected)
    np.testing.assert_array_equal(function(x[:, None], 3.0)[:, 0], [1, 1, 2, 2, 1, 2, 1])
    assert function(11.0, 3.0) == 2.0


def test_regions_have_to_be_consistent():
    with pytest.raises(ValueError, match=r"boxes must have shape \(2, 4\), got \(1, 4\)"):
        RegionKernel([constant_kernel(1.0)] * 2, [(0, 0, 10, 20)])
    other = SpatialKernel(np.ones((1, 5, 5)), [Polynomial2D([1.0])])
    with pytest.raises(ValueError, match="one shape and centre"):
        RegionKernel([constant_kernel(1.0), other], [(0, 0, 10, 20), (10, 0, 20, 20)])


@pytest.mark.parametrize("shape", [(1, 3, 1003), (1, 1003, 3), (1, 2, 1003, 3)])
def test_kernels_that_are_too_large(path, shape):
    kernel_type = "SPATIAL" if len(shape) == 3 else "TABULATED"
    header = fits.Header({"KERNTYPE": kernel_type, "CENTERX": 1, "CENTERY": 1})
    kernel = fits.ImageHDU(np.zeros(shape, np.float32), header, name="KERNEL")
    fits.HDUList([fits.PrimaryHDU(), kernel]).writeto(path)
    message = r"kernel\.fits: (height|width) of KERNEL must be a whole .* 1 to 1001, got 1003"
    with pytest.raises(ValueError, match=message):
        read_kernel(path)


def test_kernel_images_that_are_too_many():
    with pytest.raises(ValueError, match="KERNEL must hold at most 67108864 values, got 70000 i"):
        check_size(70000, 31, 31, "KERNEL")
    check_size(66, 1001, 1001, "KERNEL")


@pytest.mark.parametrize("shape", [(5,), (9, 9), (1, 1, 1, 3, 3)])
def test_kernel_images_of_another_dimension(path, shape):
    header = fits.Header({"KERNTYPE": "SPATIAL", "CENTERX": 1, "CENTERY": 1})
    kernel = fits.ImageHDU(np.zeros(shape), header, name="KERNEL")
    fits.HDUList([fits.PrimaryHDU(), kernel]).writeto(path)
    with pytest.raises(ValueError, match=f"KERNEL must have 3 or 4 axes, got {len(shape)}"):
        read_kernel(path)


def test_a_function_of_too_high_an_order(path):
    coefficients = np.ones(22 * 23 // 2)
    write_kernel(SpatialKernel(np.ones((1, 3, 3)), [Polynomial2D(coefficients)]), path)
    message = "number of coefficients must be a whole number from 1 to 231, got"
    with pytest.raises(ValueError, match=rf"kernel\.fits: {message}"):
        read_kernel(path)
    write_kernel(SpatialKernel(np.ones((1, 3, 3)), [Polynomial2D(coefficients[:231])]), path,
                 overwrite=True)  # fmt: skip
    assert len(read_kernel(path).kernel.functions[0].coefficients) == 231


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("ORIGIN", "moon", "origin must be one of 'array', 'parent', got 'moon'"),
        ("SCALE", "one", "scale must be a number, got 'one'"),
        ("SCALE", 0.0, "scale must be finite and not zero, got 0.0"),
        ("CONVOLVD", "sky", "convolved must be one of 'template', 'science', 'both', got 'sky'"),
        ("CENTERX", "left", "kernel.fits: "),
    ],
)
def test_metadata_that_cannot_be(path, keyword, value, message):
    write_kernel(SpatialKernel(np.ones((1, 3, 3)), [Polynomial2D([1.0])]), path)
    with fits.open(path, mode="update") as hdus:
        hdus["KERNEL"].header[keyword] = value
    with pytest.raises(ValueError, match=message):
        read_kernel(path)
