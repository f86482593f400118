"""Kernels and PSFs in the files of lsst-images and lsst.afw."""

import json

import numpy as np
import pytest
from astropy.io import fits

from whitediff.geometry import Point2D
from whitediff.io import read_exposure, read_kernel
from whitediff.kernel import Chebyshev2D, Polynomial2D


def chebyshev_field(table, x=(0, 100), y=(10, 60)):
    return {
        "bounds": {
            "x": {"start": x[0], "stop": x[1]},
            "y": {"start": y[0], "stop": y[1]},
        },
        "coefficients": {"data": table, "datatype": "float64"},
        "field_type": "CHEBYSHEV",
    }


BASIS = np.random.default_rng(9).normal(size=(2, 4, 5))
FIELDS = [chebyshev_field([[1.0, 0.5], [0.25, 0.0]]), chebyshev_field([[0.5, 2.0], [3.0, 4.0]])]


def kernel_tree(basis, fields=FIELDS):
    return {
        "basis": basis, "spatial": fields, "center_y": 1, "center_x": 3,
        "kernel_type": "IMAGE_BASIS",
    }  # fmt: skip


def expected_image(x, y):
    """The kernel at a position, turned round, from the definition of its Chebyshev fields."""
    tx, ty = (x + 0.5) / 50 - 1, (y - 10 + 0.5) / 25 - 1
    weights = [1 + 0.5 * tx + 0.25 * ty, 0.5 + 2 * tx + 3 * ty + 4 * tx * ty]
    return (weights[0] * BASIS[0] + weights[1] * BASIS[1])[::-1, ::-1]


def check_kernel(kernel):
    x, y = np.array([0.0, 99.0, 12.5]), np.array([10.0, 59.0, 33.0])
    for image, position in zip(kernel.evaluate(x, y), zip(x, y, strict=True), strict=True):
        # A sum of eight products of numbers of order one.
        np.testing.assert_allclose(image, expected_image(*position), atol=1e-14)
    # The centre (1, 3) of 4 x 5 pixels, turned round.
    assert tuple(kernel.center) == (2, 1)


@pytest.mark.parametrize(("whole_image", "convolved"), [(True, "template"), (False, None)])
def test_kernel_in_json(tmp_path, whole_image, convolved):
    tree = kernel_tree({"data": BASIS.tolist(), "datatype": "float64"})
    path = tmp_path / "kernel.json"
    path.write_text("\n " + json.dumps({"kernel": tree} if whole_image else tree))
    matching = read_kernel(path)
    check_kernel(matching.kernel)
    assert (matching.convolved, matching.scale, matching.background) == (convolved, None, None)


@pytest.mark.parametrize("version", [1, 2])
def test_kernel_in_fits(tmp_path, version):
    reference = "fits:KERNEL/BASIS" + (",2" if version == 2 else "")
    tree = kernel_tree({"source": reference, "shape": [2, 4, 5], "datatype": "float64"})
    text = np.frombuffer(json.dumps({"kernel": tree}).encode(), np.uint8)
    hdus = fits.HDUList([fits.PrimaryHDU()])
    for number in range(1, version + 1):
        values = BASIS if number == version else np.zeros((2, 4, 5))
        hdus.append(fits.ImageHDU(values, name="KERNEL/BASIS", ver=number))
    rows = np.empty(1, dtype=object)
    rows[0] = text
    column = fits.Column("JSON", "PB()", array=rows)
    hdus.append(fits.BinTableHDU.from_columns([column], name="JSON"))
    path = tmp_path / "image.fits"
    hdus.writeto(path)
    check_kernel(read_kernel(path).kernel)


def test_real_difference_image(data_path):
    path = data_path("rubin/difference_image_dp2.json")
    tree = json.loads(path.read_text())["kernel"]
    matching = read_kernel(path)
    assert matching.convolved == "template"
    x, y = 1234.0, 987.0
    (image,) = matching.kernel.evaluate(np.array([x]), np.array([y]))
    expected = np.zeros((3, 3))
    for basis, field in zip(tree["basis"]["data"], tree["spatial"], strict=True):
        tx, ty = (x - 0 - 4096 / 2 + 0.5) * 2 / 4096, (y - 0 - 4004 / 2 + 0.5) * 2 / 4004
        c = np.array(field["coefficients"]["data"])
        weight = c[0, 0] + c[0, 1] * tx + c[1, 0] * ty + c[1, 1] * tx * ty
        expected += weight * np.array(basis)[::-1, ::-1]
    np.testing.assert_allclose(image, expected, atol=1e-14)


def test_json_that_holds_no_kernel(data_path, tmp_path):
    with pytest.raises(ValueError, match=r"visit_image_dp2\.json: no kernel table"):
        read_kernel(data_path("rubin/visit_image_dp2.json"))
    path = tmp_path / "kernel.json"
    for tree in ({"kernel": None}, {"kernel": {"kernel_type": "OTHER"}}, {}):
        path.write_text(json.dumps(tree))
        with pytest.raises(ValueError, match=r"kernel\.json: no kernel table"):
            read_kernel(path)


def test_json_that_is_damaged(tmp_path):
    path = tmp_path / "kernel.json"
    tree = kernel_tree({"data": BASIS.tolist(), "datatype": "float64"})
    path.write_text(json.dumps(tree)[:-20])
    with pytest.raises(OSError, match=r"kernel\.json is not JSON, or is truncated"):
        read_kernel(path)
    path.write_text(json.dumps(tree | {"spatial": [{"field_type": "SPLINE"}] * 2}))
    with pytest.raises(ValueError, match="must vary as CHEBYSHEV functions, got SPLINE"):
        read_kernel(path)
    del tree["center_x"]
    path.write_text(json.dumps(tree))
    with pytest.raises(ValueError, match=r"kernel\.json is incomplete: it has no 'center_x'"):
        read_kernel(path)


class Archive:
    """Writes objects as lsst.afw does, with column names of its old or its new versions."""

    def __init__(self, separator):
        self.separator = separator
        self.index, self.tables = [], []

    def add(self, identifier, name, **fields):
        self.tables.append(self.table(1 + len(self.tables), [fields]))
        self.index.append(
            {
                "id": identifier, f"cat{self.separator}archive": len(self.tables),
                f"cat{self.separator}persistable": 0, "row0": 0, "nrows": 1, "name": name,
                "module": "lsst.afw.math",
            }
        )  # fmt: skip

    def point(self, name, x, y):
        """Fields of a point: one column in old versions, two in new ones."""
        return {name: [x, y]} if self.separator == "." else {f"{name}_x": x, f"{name}_y": y}

    def table(self, number, rows):
        columns = []
        for name in rows[0]:
            values = np.array([row[name] for row in rows])
            if values.dtype.kind == "U":
                form = "64A"
            else:
                letter = "J" if values.dtype.kind == "i" else "D"
                form = f"{values[0].size}{letter}"
            columns.append(fits.Column(name, form, array=values))
        hdu = fits.BinTableHDU.from_columns(columns)
        hdu.header["EXTTYPE"] = "ARCHIVE_DATA" if number else "ARCHIVE_INDEX"
        hdu.header["AR_CATN"] = number
        return hdu

    def hdus(self):
        return [self.table(0, self.index), *self.tables]

    def fixed_kernel(self, identifier, image, center=None):
        height, width = image.shape
        cy, cx = center or ((height - 1) // 2, (width - 1) // 2)
        self.add(
            identifier, "FixedKernel", **self.point("dimensions", width, height),
            **self.point("center", cx, cy), image=image.ravel(),
        )  # fmt: skip


@pytest.fixture(params=["_", "."])
def archive(request):
    return Archive(request.param)


def write_afw_exposure(path, archive, keyword="PSF_ID"):
    planes = [fits.ImageHDU(np.ones((6, 8), dtype)) for dtype in ("f4", "i4", "f4")]
    for hdu, kind in zip(planes, ("IMAGE", "MASK", "VARIANCE"), strict=True):
        hdu.header["EXTTYPE"] = kind
    planes[1].header["MP_BAD"] = 0
    primary = fits.PrimaryHDU()
    primary.header["AR_HDU"] = 5
    primary.header[f"HIERARCH {keyword}"] = 3
    fits.HDUList([primary, *planes, *archive.hdus()]).writeto(path)


@pytest.mark.parametrize("keyword", ["PSF_ID", "ARCHIVE_ID_PSF"])
def test_psf_of_an_afw_exposure(tmp_path, archive, keyword):
    image = np.random.default_rng(2).uniform(size=(5, 7))
    archive.fixed_kernel(2, image)
    archive.add(3, "KernelPsf", kernel=2, **archive.point("averagePosition", 3.5, 4.25))
    write_afw_exposure(tmp_path / "exposure.fits", archive, keyword)
    exposure = read_exposure(tmp_path / "exposure.fits")
    # Rounding of the sum.
    np.testing.assert_allclose(exposure.psf.image, image / image.sum(), rtol=1e-14)
    assert exposure.psf.getAveragePosition() == Point2D(3.5, 4.25)
    assert set(exposure.metadata) == set()


def test_other_psfs_of_an_afw_exposure_are_left_out(tmp_path, archive):
    archive.fixed_kernel(2, np.ones((5, 7)), center=(0, 0))
    archive.add(3, "KernelPsf", kernel=2, **archive.point("averagePosition", 3.5, 4.25))
    write_afw_exposure(tmp_path / "off_centre.fits", archive)
    assert read_exposure(tmp_path / "off_centre.fits").psf is None
    other = Archive("_")
    other.add(3, "CoaddPsf", ignored=1.0)
    write_afw_exposure(tmp_path / "other.fits", other)
    assert read_exposure(tmp_path / "other.fits").psf is None
    analytic = Archive("_")
    analytic.add(2, "AnalyticKernel", ignored=1.0)
    analytic.add(3, "KernelPsf", kernel=2, **analytic.point("averagePosition", 3.5, 4.25))
    write_afw_exposure(tmp_path / "analytic.fits", analytic)
    assert read_exposure(tmp_path / "analytic.fits").psf is None


def write_archive(path, archive):
    fits.HDUList([fits.PrimaryHDU(), *archive.hdus()]).writeto(path)


def test_fixed_kernel_of_afw(tmp_path, archive):
    archive.fixed_kernel(1, BASIS[0], center=(1, 3))
    write_archive(tmp_path / "kernel.fits", archive)
    kernel = read_kernel(tmp_path / "kernel.fits").kernel
    assert np.array_equal(kernel.basis, BASIS[:1, ::-1, ::-1]) and tuple(kernel.center) == (2, 1)


def test_linear_combination_of_afw(tmp_path, archive):
    archive.fixed_kernel(2, BASIS[0])
    archive.fixed_kernel(3, BASIS[1])
    archive.add(4, "PolynomialFunction2D", coefficients=np.array([1.0, 0.5, -0.25]))
    archive.add(
        5, "Chebyshev1Function2D", coefficients=np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        **archive.point("min", 0.0, 10.0), **archive.point("max", 100.0, 60.0),
    )  # fmt: skip
    archive.add(
        1, "LinearCombinationKernel", **archive.point("dimensions", 5, 4),
        **archive.point("center", 3, 1), components=np.array([2, 3]),
        spatialfunctions=np.array([4, 5]),
    )  # fmt: skip
    write_archive(tmp_path / "kernel.fits", archive)
    kernel = read_kernel(tmp_path / "kernel.fits").kernel
    assert np.array_equal(kernel.basis, BASIS[:, ::-1, ::-1]) and tuple(kernel.center) == (2, 1)
    polynomial, chebyshev = kernel.functions
    assert isinstance(polynomial, Polynomial2D) and isinstance(chebyshev, Chebyshev2D)
    assert list(polynomial.coefficients) == [1.0, 0.5, -0.25]
    assert list(chebyshev.coefficients) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert tuple(chebyshev.bbox) == (0.0, 100.0, 10.0, 60.0)


def test_constant_linear_combination_of_afw(tmp_path, archive):
    archive.fixed_kernel(2, BASIS[0])
    archive.add(
        1, "LinearCombinationKernel", **archive.point("dimensions", 5, 4),
        **archive.point("center", 2, 1), components=np.array([2, 2]),
        amplitudes=np.array([0.5, 0.25]),
    )  # fmt: skip
    write_archive(tmp_path / "kernel.fits", archive)
    kernel = read_kernel(tmp_path / "kernel.fits").kernel
    (image,) = kernel.evaluate(np.array([3.0]), np.array([4.0]))
    np.testing.assert_allclose(image, 0.75 * BASIS[0, ::-1, ::-1], rtol=1e-14)


def test_archives_without_a_kernel(tmp_path, archive, data_path):
    with pytest.raises(ValueError, match="no kernel table: .*got TanWcs"):
        read_kernel(data_path("rubin/hsc_exposure_afw.fits"))
    archive.add(7, "FixedKernel", ignored=1.0)
    write_archive(tmp_path / "other.fits", archive)
    with pytest.raises(ValueError, match="the archive has no object 1"):
        read_kernel(tmp_path / "other.fits")


def test_a_kernel_function_of_another_kind(tmp_path, archive):
    archive.fixed_kernel(2, BASIS[0])
    archive.add(4, "SplineFunction", coefficients=np.array([1.0, 0.5]))
    archive.add(
        1, "LinearCombinationKernel", **archive.point("dimensions", 5, 4),
        **archive.point("center", 2, 1), components=np.array([2, 2]),
        spatialfunctions=np.array([4, 4]),
    )  # fmt: skip
    write_archive(tmp_path / "kernel.fits", archive)
    with pytest.raises(
        ValueError, match="functions must be polynomials or Chebyshev, got SplineFunction"
    ):
        read_kernel(tmp_path / "kernel.fits")


def test_an_archive_of_unknown_columns(tmp_path, archive):
    archive.add(1, "FixedKernel", image=np.ones(4))
    write_archive(tmp_path / "kernel.fits", archive)
    with pytest.raises(ValueError, match="no field dimensions"):
        read_kernel(tmp_path / "kernel.fits")


def test_kernels_of_lsst_images_beyond_reason(tmp_path):
    path = tmp_path / "kernel.json"
    basis = {"data": np.zeros((2, 3, 1003)).tolist(), "datatype": "float64"}
    path.write_text(json.dumps(kernel_tree(basis)))
    message = r"kernel\.json: width of basis must be a whole number from 1 to 1001, got 1003"
    with pytest.raises(ValueError, match=message):
        read_kernel(path)
    basis["data"] = np.zeros((2, 3, 3)).tolist()
    # As square tables of all orders these would take terabytes.
    fields = [chebyshev_field([[1.0] * 10**6]), chebyshev_field([[1.0]])]
    path.write_text(json.dumps(kernel_tree(basis, fields)))
    message = r"kernel\.json: order of CHEBYSHEV functions must be .* 0 to 20, got 999999"
    with pytest.raises(ValueError, match=message):
        read_kernel(path)


def test_kernels_of_afw_beyond_reason(tmp_path, archive):
    archive.fixed_kernel(1, np.ones((2, 1003)))
    write_archive(tmp_path / "kernel.fits", archive)
    message = r"kernel\.fits: width of FixedKernel must be a whole .* from 1 to 1001, got 1003"
    with pytest.raises(ValueError, match=message):
        read_kernel(tmp_path / "kernel.fits")


def test_a_kernel_function_of_afw_beyond_reason(tmp_path, archive):
    archive.fixed_kernel(2, np.ones((3, 5)))
    archive.add(3, "PolynomialFunction2D", coefficients=np.ones(253))
    archive.add(
        1, "LinearCombinationKernel", **archive.point("dimensions", 5, 3),
        **archive.point("center", 2, 1), components=[2], spatialfunctions=[3],
    )  # fmt: skip
    write_archive(tmp_path / "kernel.fits", archive)
    message = r"kernel\.fits: number of coefficients must be .* from 1 to 231, got 253"
    with pytest.raises(ValueError, match=message):
        read_kernel(tmp_path / "kernel.fits")


def test_a_kernel_of_one_image_and_a_constant_function(tmp_path, archive):
    image = np.random.default_rng(3).normal(size=(3, 5))
    archive.fixed_kernel(2, image)
    archive.add(3, "PolynomialFunction2D", coefficients=np.array([2.0]))
    archive.add(
        1, "LinearCombinationKernel", **archive.point("dimensions", 5, 3),
        **archive.point("center", 2, 1), components=[2], spatialfunctions=[3],
    )  # fmt: skip
    write_archive(tmp_path / "kernel.fits", archive)
    (found,) = read_kernel(tmp_path / "kernel.fits").kernel.evaluate(np.zeros(1), np.zeros(1))
    np.testing.assert_array_equal(found, 2 * image[::-1, ::-1])
