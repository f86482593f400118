"""Kernel tables of HOTPANTS."""

import numpy as np
import pytest
from astropy.io import fits

from whitediff.io import read_exposure, read_kernel
from whitediff.io.exposure_rows import open_exposure
from whitediff.io.regions import RegionKernel

NAME = "Convolution Kernel Information"
DEGREES, SIGMAS, HALF = (2, 1), (0.8, 2.0), 4
ORDER, BACKGROUND_ORDER = 2, 1
N_BASIS, N_TERMS, N_BACKGROUND = 6 + 3, 6, 3


def naive_basis():
    """Basis functions by the rules of the format, pixel by pixel."""
    result = []
    for degree, sigma in zip(DEGREES, SIGMAS, strict=True):
        for a in range(degree + 1):
            for b in range(degree + 1 - a):
                image = np.zeros((2 * HALF + 1, 2 * HALF + 1))
                for v in range(-HALF, HALF + 1):
                    for u in range(-HALF, HALF + 1):
                        image[v + HALF, u + HALF] = (
                            u**a * v**b * np.exp(-(u**2 + v**2) / (2 * sigma**2))
                        )
                if a % 2 == 0 and b % 2 == 0:
                    image /= image.sum()
                    if result:
                        image -= result[0]
                result.append(image)
    return result


def naive_polynomial(coefficients, order, x, y):
    total, k = 0.0, 0
    for p in range(order + 1):
        for q in range(order - p + 1):
            total += coefficients[k] * x**p * y**q
            k += 1
    return total


def naive_kernel(column, frame, x, y):
    """Kernel and background of one region at a position; frame = (x0, y0, x1, y1), half-open."""
    half_width, half_height = (frame[2] - frame[0]) / 2, (frame[3] - frame[1]) / 2
    x, y = (x - frame[0] - half_width) / half_width, (y - frame[1] - half_height) / half_height
    images = naive_basis()
    kernel = column[1] * images[0]
    for i in range(1, N_BASIS):
        terms = column[2 + (i - 1) * N_TERMS :]
        kernel = kernel + naive_polynomial(terms, ORDER, x, y) * images[i]
    terms = column[2 + (N_BASIS - 1) * N_TERMS :]
    return kernel, naive_polynomial(terms, BACKGROUND_ORDER, x, y)


def columns(n_regions):
    n_rows = 2 + (N_BASIS - 1) * N_TERMS + N_BACKGROUND + 3
    values = np.random.default_rng(4).normal(size=(n_regions, n_rows))
    values[:, 0], values[:, -3:] = 0.0, 0.0
    values[:, 1] = 0.8 + 0.1 * np.arange(n_regions)
    return values


def kernel_keywords():
    keywords = {"NGAUSS": 2, "FWKERN": 2 * HALF + 1, "CKORDER": ORDER, "BGORDER": BACKGROUND_ORDER}
    for n, (degree, sigma) in enumerate(zip(DEGREES, SIGMAS, strict=True), start=1):
        keywords |= {f"DGAUSS{n}": degree, f"SGAUSS{n}": sigma}
    return keywords


def write_table(path, values, regions, *, photnorm="t", convolved="TEMPLATE", image=None, **extra):
    """A file as of -oki, or as of -hki if there is an image."""
    primary = fits.PrimaryHDU(image)
    for n, region in enumerate(regions):
        primary.header[f"REGION{n:02d}"] = region
        primary.header[f"CONVOL{n:02d}"] = convolved if isinstance(convolved, str) else convolved[n]
        primary.header[f"KSUM{n:02d}"] = "0.1234"
    table = fits.BinTableHDU.from_columns(
        [fits.Column(f"Region{n}", "D", array=column) for n, column in enumerate(values)]
    )
    table.header["EXTNAME"] = NAME
    table.header.update(kernel_keywords())
    (table if image is None else primary).header["PHOTNORM"] = photnorm
    primary.header.update(extra)
    fits.HDUList([primary, table]).writeto(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kernel.fits"


def check_region(matching, column, frame, positions):
    for x, y in positions:
        kernel, background = naive_kernel(column, frame, x, y)
        (image,) = matching.kernel.evaluate(np.array([float(x)]), np.array([float(y)]))
        # The same few dozen products of numbers of order one, summed in another order.
        np.testing.assert_allclose(image, kernel, atol=1e-12)
        assert float(matching.background(x, y)) == pytest.approx(background, abs=1e-12)


@pytest.mark.parametrize("with_image", [False, True])
def test_one_region(path, with_image):
    image = np.zeros((90, 120), np.float32) if with_image else None
    (column,) = columns(1)
    write_table(path, [column], ["[1:120,1:90]"], image=image)
    matching = read_kernel(path)
    assert matching.kernel.shape == (9, 9) and tuple(matching.kernel.center) == (4, 4)
    check_region(matching, column, (0, 0, 120, 90), [(0, 0), (119, 89), (60, 45), (33.25, 7.5)])


LIMITS = "-gd 10 100 2 88"


def hotpants(options=""):
    return f"hotpants -inim a -tmplim b -outim c {options} -r 4"


@pytest.mark.parametrize(
    ("options", "frame"),
    [
        # A region from a file is grown by the half width, within the image.
        ("-rf regions.txt", (10 - HALF, 0, 100 + HALF, 90)),
        # What -gd names is all that is subtracted; the last one counts, in any case of letters.
        (f"-gd 0 50 0 50 {LIMITS.replace('gd', 'GD')}", (10, 2, 100, 88)),
        # Limits of zero are none.
        ("-rf regions.txt -gd 8 0 0 89", (8, 0, 100 + HALF, 89)),
    ],
)
@pytest.mark.parametrize("beside", [False, True])
def test_one_region_that_is_a_part_of_the_image(path, tmp_path, options, frame, beside):
    (column,) = columns(1)
    image = np.zeros((90, 120), np.float32)
    difference = None
    if beside:
        write_table(path, [column], ["[11:100,3:88]"])
        difference = tmp_path / "difference.fits"
        header = fits.Header({"REGION00": "[11:100,3:88]", "DIFFCMD": hotpants(options)})
        fits.PrimaryHDU(image, header).writeto(difference)
    else:
        write_table(path, [column], ["[11:100,3:88]"], image=image, DIFFCMD=hotpants(options))
    matching = read_kernel(path, difference=difference)
    check_region(matching, column, frame, [(10, 2), (99, 87)])


@pytest.mark.parametrize("image", [None, np.zeros((90, 120), np.float32)])
def test_a_part_of_an_image_without_the_command(path, image):
    write_table(path, columns(1), ["[11:100,3:88]"], image=image)
    with pytest.raises(ValueError, match="how far they reach stands only in the keyword DIFFCMD"):
        read_kernel(path)


def test_a_command_without_its_numbers(path):
    image = np.zeros((90, 120), np.float32)
    write_table(path, columns(1), ["[1:120,1:90]"], image=image, DIFFCMD=hotpants("-gd 1 2 x 4"))
    with pytest.raises(ValueError, match=r"DIFFCMD must give -gd as many whole numbers as 4, got"):
        read_kernel(path)


@pytest.mark.parametrize("keyword", ["REGION00", "CONVOL00", "KSUM00"])
def test_a_difference_of_another_run(path, tmp_path, keyword):
    write_table(path, columns(1), ["[1:120,1:90]"])
    header = fits.Header({keyword: "other"})
    fits.PrimaryHDU(np.zeros((90, 120)), header).writeto(tmp_path / "difference.fits")
    with pytest.raises(ValueError, match=rf"another run than the difference image: {keyword} is"):
        read_kernel(path, difference=tmp_path / "difference.fits")


def test_a_difference_without_an_image(path, tmp_path):
    write_table(path, columns(1), ["[1:120,1:90]"])
    fits.PrimaryHDU().writeto(tmp_path / "difference.fits")
    with pytest.raises(ValueError, match=r"difference\.fits: expected a FITS file with a two-dim"):
        read_kernel(path, difference=tmp_path / "difference.fits")


def test_a_basis_of_images(path):
    command = hotpants("-pca 2 a.fits b-c.fits -c t")
    write_table(path, columns(1), ["[1:120,1:90]"], DIFFCMD=command)
    with pytest.raises(ValueError, match=r"images \(-pca 2 a\.fits b-c\.fits\), which its table"):
        read_kernel(path)


@pytest.mark.parametrize(
    ("options", "stamp"),
    [
        # min(200 // 2 // 3, 150 // 1 // 3) - 9 = 24, one less as it is even.
        ("-nsx 3 -nsy 3 -rss 5", 23),
        # 200 // 2 // 10 - 9 = 1 is less than a substamp of 31, so that it is 31 + 9 - 1.
        ("", 39),
    ],
)
def test_several_regions(path, options, stamp):
    values = columns(2)
    # As HOTPANTS has it, the second region begins in the last column of the first.
    write_table(
        path, values, ["[1:101,1:150]", "[101:200,1:150]"], photnorm="u",
        image=np.zeros((150, 200), np.float32), DIFFCMD=hotpants(f"-nrx 2 -nry 1 {options}"),
    )  # fmt: skip
    matching = read_kernel(path)
    assert isinstance(matching.kernel, RegionKernel)
    assert (matching.convolved, matching.scale) == ("template", 1.0)
    np.testing.assert_array_equal(matching.kernel.boxes, [(0, 0, 101, 150), (100, 0, 200, 150)])
    buffer = stamp // 2
    check_region(matching, values[0], (0, 0, 101 + buffer, 150), [(0, 0), (99, 149), (50, 60)])
    check_region(matching, values[1], (100 - buffer, 0, 200, 150), [(100, 0), (199, 149)])


def test_several_regions_within_limits(path):
    values = columns(2)
    # HOTPANTS leaves a gap between the regions if the limits do not begin at zero.
    write_table(
        path, values, ["[11:90,6:140]", "[101:180,6:140]"], photnorm="u",
        image=np.zeros((150, 200), np.float32),
        DIFFCMD=hotpants("-nrx 2 -nsx 3 -nsy 3 -rss 5 -gd 10 180 5 140"),
    )  # fmt: skip
    matching = read_kernel(path)
    check_region(matching, values[0], (10, 5, 90 + 11, 140), [(10, 5), (89, 139)])
    check_region(matching, values[1], (100 - 11, 5, 180, 140), [(100, 5), (179, 139)])


def test_a_region_that_was_not_solved(path):
    values = columns(3)
    regions = ["[1:101,1:150]", "[101:200,1:150]", "[201:300,1:150]"]
    write_table(
        path, values, regions, photnorm="u", image=np.zeros((150, 300), np.float32),
        DIFFCMD=hotpants("-nrx 3"),
    )  # fmt: skip
    with fits.open(path, mode="update") as hdus:
        hdus[NAME].data["Region1"] = 0.0
        for name in ("REGION01", "CONVOL01", "KSUM01"):
            del hdus[0].header[name]
    matching = read_kernel(path)
    np.testing.assert_array_equal(matching.kernel.boxes, [(0, 0, 101, 150), (200, 0, 300, 150)])
    check_region(matching, values[2], (200 - 19, 0, 300, 150), [(200, 0), (299, 149)])


@pytest.mark.parametrize(
    ("convolved", "photnorm"),
    [
        (("TEMPLATE", "TEMPLATE"), "t"), (("IMAGE", "IMAGE"), "i"), (("TEMPLATE", "IMAGE"), "t"),
        (("IMAGE", "TEMPLATE"), "u"),
    ],
)  # fmt: skip
def test_regions_of_their_own_scale_or_direction(path, convolved, photnorm):
    values = columns(2)
    write_table(
        path, values, ["[1:101,1:150]", "[101:200,1:150]"], convolved=convolved, photnorm=photnorm,
        image=np.zeros((150, 200), np.float32), DIFFCMD=hotpants("-nrx 2"),
    )  # fmt: skip
    matching = read_kernel(path)
    assert (matching.convolved, matching.scale) == ("both", 1.0)
    one = np.zeros((9, 9))
    one[4, 4] = 1.0
    frames = [(0, 0, 101 + 19, 150), (100 - 19, 0, 200, 150)]
    for column, frame, of_region, x in zip(values, frames, convolved, (40, 130), strict=True):
        kernel, background = naive_kernel(column, frame, x, 70)
        template = of_region == "TEMPLATE"
        scale = 1 / column[1] if photnorm == ("t" if template else "i") else 1.0
        science, matched = (one, kernel) if template else (kernel, one)
        at = np.array([float(x)]), np.array([70.0])
        # As in `check_region`.
        np.testing.assert_allclose(matching.kernel.evaluate(*at)[0], scale * matched, atol=1e-12)
        np.testing.assert_allclose(
            matching.science_kernel.evaluate(*at)[0], scale * science, atol=1e-12
        )
        # J*S - K*T - background: it is subtracted from the image that was not convolved.
        sign = 1 if template else -1
        assert float(matching.background(x, 70)) == pytest.approx(
            sign * scale * background, abs=1e-12
        )


@pytest.mark.parametrize(
    ("regions", "dtype", "gaps"),
    [
        (["[11:40,6:45]"], np.float32, True),  # the limits of -gd
        (
            ["[1:25,1:50]", "[36:60,1:50]"],
            np.float32,
            True,
        ),  # a gap, or a region without a solution
        (["[1:31,1:50]", "[31:60,1:50]"], np.float32, False),  # zeros are differences then
        (["[11:40,6:45]"], np.int16, False),
        ([], np.float32, False),
    ],
)
def test_pixels_that_were_never_written_have_no_value(path, regions, dtype, gaps):
    rng = np.random.default_rng(4)
    image = np.zeros((50, 60))
    for region in regions:
        x0, x1, y0, y1 = (int(n) for n in region.strip("[]").replace(",", ":").split(":"))
        image[y0 - 1 : y1, x0 - 1 : x1] = rng.normal(100, 10, (y1 - y0 + 1, x1 - x0 + 1))
    image[20, 20] = 0 if gaps else 1e-30
    header = fits.Header({"MASKVAL": 1e-30})
    for n, region in enumerate(regions):
        header.update({f"REGION{n:02d}": region, f"CONVOL{n:02d}": "TEMPLATE"})
    fits.writeto(path, image.astype(dtype), header)
    exposure = read_exposure(path)
    no_data = exposure.mask.array & exposure.mask.getPlaneBitMask("NO_DATA") != 0
    if dtype == np.int16:
        # Rounded, 1e-30 is zero.
        assert (no_data == (image.astype(dtype) == 0)).all()
        return
    assert (no_data == ((image == 0) if gaps else (image == 1e-30))).all()
    with open_exposure(path) as rows:
        told = "pixels of 0, where HOTPANTS made no difference, have no value"
        assert (told in rows.notes) == gaps


def test_several_regions_without_the_command(path):
    write_table(path, columns(2), ["[1:100,1:150]", "[101:200,1:150]"])
    with pytest.raises(ValueError, match="DIFFCMD"):
        read_kernel(path)


@pytest.mark.parametrize(
    ("convolved", "photnorm", "expected"),
    [
        ("TEMPLATE", "t", ("template", 1 / 0.8)), ("TEMPLATE", "i", ("template", 1.0)),
        ("IMAGE", "i", ("science", 1 / 0.8)), ("IMAGE", "t", ("science", 1.0)),
    ],
)  # fmt: skip
def test_direction_and_scale(path, convolved, photnorm, expected):
    write_table(path, columns(1), ["[1:120,1:90]"], convolved=convolved, photnorm=photnorm)
    matching = read_kernel(path)
    # The sum of the table is taken, not the four digits of KSUM.
    assert (matching.convolved, matching.scale) == expected


def test_an_unknown_direction(path):
    write_table(path, columns(1), ["[1:120,1:90]"], convolved="NEITHER")
    with pytest.raises(ValueError, match="CONVOL00 must be TEMPLATE or IMAGE, got NEITHER"):
        read_kernel(path)


def test_a_table_of_zeros(path):
    write_table(path, columns(1) * 0, ["[1:120,1:90]"])
    with pytest.raises(ValueError, match="zeros come from HOTPANTS runs with both -hki and -oki"):
        read_kernel(path)


def test_a_table_that_is_not_finite(path):
    values = columns(1)
    values[0, 5] = np.nan
    write_table(path, values, ["[1:120,1:90]"])
    with pytest.raises(ValueError, match="finite"):
        read_kernel(path)


def test_a_table_that_is_too_short(path):
    write_table(path, columns(1)[:, :40], ["[1:120,1:90]"])
    with pytest.raises(ValueError, match="at least 53 rows for 9 basis functions, got 40"):
        read_kernel(path)


@pytest.mark.parametrize("name", ["NGAUSS", "SGAUSS2", "CKORDER", "PHOTNORM", "REGION00"])
def test_a_missing_keyword(path, name):
    write_table(path, columns(1), ["[1:120,1:90]"])
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus:
            hdu.header.remove(name, ignore_missing=True)
    with pytest.raises(ValueError, match=f"keyword {name}"):
        read_kernel(path)


def test_an_unreadable_region(path):
    write_table(path, columns(1), ["all of it"])
    with pytest.raises(ValueError, match="must read"):
        read_kernel(path)


def test_an_image_with_the_name_of_the_table(path):
    image = fits.ImageHDU(np.ones((3, 3)), name=NAME)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    with pytest.raises(ValueError, match="must be a binary table, got ImageHDU"):
        read_kernel(path)


def convolve_in_blocks(image, kernel, half, block):
    """HOTPANTS' convolution of all but a border: each block has the kernel of its start + half.

    The second result is the sum of the absolute values of all terms.
    """
    height, width = (size - 2 * half for size in image.shape)
    y, x = np.meshgrid(
        2.0 * half + np.arange(0, height, block), 2.0 * half + np.arange(0, width, block),
        indexing="ij",
    )  # fmt: skip
    stamps = kernel.evaluate(x.ravel(), y.ravel()).reshape(*x.shape, *kernel.shape)
    result, terms = np.zeros((height, width)), np.zeros((height, width))
    for v, u in np.ndindex(kernel.shape):
        weights = stamps[:, :, v, u].repeat(block, 0).repeat(block, 1)[:height, :width]
        dy, dx = 2 * half - v, 2 * half - u
        term = weights * image[dy : dy + height, dx : dx + width]
        result += term
        terms += np.abs(term)
    return result, terms


def test_kernel_of_a_real_run_makes_its_convolved_image(data_path):
    goto = data_path("goto")
    matching = read_kernel(goto / "kernel.fits")
    assert matching.convolved == "template"
    # KSUM00 = 0.9989, and -n t divides by it.
    assert matching.scale == pytest.approx(1 / 0.9989, rel=1e-4)
    template = fits.getdata(goto / "template.fits").astype(float)
    science = fits.getdata(goto / "science.fits").astype(float)
    difference = fits.getdata(goto / "difference.fits", 0).astype(float)
    convolved = fits.getdata(goto / "difference.fits", 1).astype(float)
    matched, terms = convolve_in_blocks(template, matching.kernel, half=10, block=21)
    y, x = np.indices(matched.shape)
    matched += matching.background(x + 10, y + 10)
    inner = np.s_[10:-10, 10:-10]
    convolved, difference = convolved[inner], difference[inner]
    # The image is stored in float32 and summed from the terms |K| * |T| in that precision.
    error = np.abs(matched * matching.scale - convolved)
    assert (error <= 1e-6 * terms).all()
    # Relative to the image itself, but for the troughs beside bright stars.
    bright = np.abs(convolved) > 300
    assert bright.mean() > 0.9
    assert (error[bright] <= 1e-5 * np.abs(convolved[bright])).all()
    # And so the difference image, where it is valid: the rounding of sums of some 6e4.
    valid = difference != np.float32(1e-30)
    rebuilt = (science[inner] - matched) * matching.scale
    assert np.abs(rebuilt - difference)[valid].max() < 0.02


def test_real_table_of_zeros(data_path):
    """HOTPANTS fills the table of -hki with zeros if -oki is given too."""
    with pytest.raises(ValueError, match=r"difference\.fits: .*zeros"):
        read_kernel(data_path("goto/difference.fits"))


@pytest.mark.parametrize(
    ("keyword", "value", "limits"),
    [
        ("DGAUSS1", 10**6, "from 0 to 20"),
        ("DGAUSS2", -1, "from 0 to 20"),
        ("CKORDER", 10**6, "from 0 to 20"),
        ("CKORDER", 1.5, "from 0 to 20"),
        ("BGORDER", 10**6, "from 0 to 20"),
        ("FWKERN", 10**6, "from 1 to 1001"),
        ("FWKERN", 0, "from 1 to 1001"),
        ("NGAUSS", 10**6, "from 1 to 20"),
        ("NGAUSS", 0, "from 1 to 20"),
        ("SGAUSS1", 0.0, "from 0.01 to 1000.0"),
        ("SGAUSS1", 1e6, "from 0.01 to 1000.0"),
        ("SGAUSS2", "wide", "from 0.01 to 1000.0"),
    ],
)
def test_numbers_beyond_reason(path, keyword, value, limits):
    write_table(path, columns(1), ["[1:120,1:90]"])
    with fits.open(path, mode="update") as hdus:
        hdus[NAME].header[keyword] = value
    with pytest.raises(ValueError, match=rf"kernel\.fits: {keyword} must be .* {limits}, got"):
        read_kernel(path)


def test_a_basis_that_is_too_large(path):
    write_table(path, columns(1), ["[1:120,1:90]"])
    with fits.open(path, mode="update") as hdus:
        hdus[NAME].header.update({"FWKERN": 1001, "DGAUSS1": 20})
    # 231 functions of the first Gaussian, 3 of the second.
    message = r"kernel basis must hold at most 67108864 values, got 234 images of 1001 x 1001"
    with pytest.raises(ValueError, match=message):
        read_kernel(path)


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("PHOTNORM", 17, "PHOTNORM must be text, got 17"),
        ("PHOTNORM", "x", "PHOTNORM must be one of .*, got 'x'"),
        ("CONVOL00", 12, "CONVOL00 must be text, got 12"),
        ("REGION00", 5, "REGION00 must be text, got 5"),
    ],
)
def test_words_that_are_none(path, keyword, value, message):
    write_table(path, columns(1), ["[1:120,1:90]"])
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus:
            hdu.header[keyword] = value
    with pytest.raises(ValueError, match=rf"kernel\.fits: {message}"):
        read_kernel(path)
