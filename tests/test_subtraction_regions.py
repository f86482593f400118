"""Differences whose scale, or convolved image, changes from region to region."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import whitediff
from command_line import fail
from test_io_hotpants import HALF, NAME, columns, write_table
from whitediff import read_exposure, read_kernel
from whitediff.options import WhitenOptions
from whitediff.subtraction import Job, JobError, whiten_files
from whitediff.tasks import DecorrelateALKernelSpatialTask
from whitediff.whiteness import whiteness

SHAPE, EDGE = (230, 420), 210
VARIANCES = {"science": 4.0, "template": 9.0}


def smooth_columns():
    """Solutions of two regions: PSFs that widen, with little more, and sums of 0.8 and 1.2."""
    values = columns(2) * 0.002
    values[:, 1] = 0.8, 1.2
    # The constant terms of the wide Gaussian, the seventh basis function.
    values[:, 2 + 5 * 6] = 0.6, 0.9
    return values


def made(kernel, image, beyond):
    """An image convolved with the kernel in the middle of each half."""
    result = np.zeros(SHAPE)
    for part, x in ((np.s_[:, :EDGE], 100.0), (np.s_[:, EDGE:], 315.0)):
        (pixels,) = kernel.evaluate(np.array([x]), np.array([115.0]))
        matched = np.zeros(SHAPE)
        for v, u in np.ndindex(pixels.shape):
            y0, x0 = beyond + HALF - v, beyond + HALF - u
            matched += pixels[v, u] * image[y0 : y0 + SHAPE[0], x0 : x0 + SHAPE[1]]
        result[part] = matched[part]
    return result


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Noise, and its difference: on the left the template is convolved, and all is divided by 0.8;
    on the right the science image is.
    """  # noqa: D205
    folder = tmp_path_factory.mktemp("regions")
    rng = np.random.default_rng(12)
    beyond = 20
    raw = {
        name: rng.normal(scale=variance**0.5, size=[size + 2 * beyond for size in SHAPE])
        for name, variance in VARIANCES.items()
    }
    table = folder / "kernel.fits"
    regions = [f"[1:{EDGE},1:{SHAPE[0]}]", f"[{EDGE + 1}:{SHAPE[1]},1:{SHAPE[0]}]"]
    header = {"DIFFCMD": "hotpants -nrx 2 -nsx 3 -nsy 3 -rss 5", "REGION00": regions[0]}
    write_table(table, smooth_columns(), regions, convolved=["TEMPLATE", "IMAGE"], photnorm="t")
    fits.PrimaryHDU(np.zeros(SHAPE), fits.Header(header)).writeto(folder / "difference.fits")
    matching = read_kernel(table, difference=folder / "difference.fits")
    inner = np.s_[beyond:-beyond, beyond:-beyond]
    difference = made(matching.science_kernel, raw["science"], beyond)
    difference -= made(matching.kernel, raw["template"], beyond)
    for name, image in raw.items():
        fits.writeto(folder / f"{name}.fits", image[inner])
    fits.writeto(folder / "difference.fits", difference, fits.Header(header), overwrite=True)
    return folder


def job_of(files, output, **changed):
    names = ("science", "template", "difference", "kernel")
    given = {name: files / f"{name}.fits" for name in names}
    variances = {f"{name}_variance": value for name, value in VARIANCES.items()}
    return Job(**given | variances | changed, output=output)


def test_each_region_is_white_with_its_own_variance(files, tmp_path):
    whitened = whiten_files(
        job_of(files, tmp_path / "white.fits", options=WhitenOptions(covariance="auto"))
    )
    result = read_exposure(tmp_path / "white.fits")
    # P(0) of each region by its kernel sums: both are divided by 0.8, or one multiplied by 1.2.
    expected = 4 / 0.8**2 + 9, 4 * 1.2**2 + 9
    for part, variance in zip(
        (np.s_[:, : EDGE - 15], np.s_[:, EDGE + 15 :]), expected, strict=True
    ):
        # Kernel polynomials change the sum by nothing, and variances follow from it.
        np.testing.assert_allclose(result.variance.array[part][20:-20, 20:-20], variance, rtol=1e-3)
        noise = whiteness(result.image.array[part], result.variance.array[part])
        # Some 40 000 pixels: 0.7 per cent, at four sigma.
        assert noise.variance == pytest.approx(1, abs=0.03)
        # The first lags in x and y; five times their sampling error.
        middle = noise.max_lag
        nearest = (
            noise.autocorrelation[middle, middle + 1],
            noise.autocorrelation[middle + 1, middle],
        )
        assert max(map(abs, nearest)) < 0.025
    assert (result.metadata["WDCONV"], whitened.verdict.status) == ("both", "white")
    assert whitened.verdict.agreement < 0.05
    # No cell lies in both regions.
    boxes = whitened.whitening.cells.boxes
    assert ((boxes[:, 2] <= EDGE) | (boxes[:, 0] >= EDGE)).all()


def test_the_same_as_with_arrays(files, tmp_path):
    whitened = whiten_files(job_of(files, tmp_path / "white.fits"))
    matching = read_kernel(files / "kernel.fits", difference=files / "difference.fits")
    sources = [
        whitediff.NoiseSource(4.0, kernels=[matching.science_kernel]),
        whitediff.NoiseSource(9.0, kernels=[matching.kernel]),
    ]
    expected = whitediff.whiten(
        fits.getdata(files / "difference.fits").astype(float),
        sources,
        grid=whitediff.Grid(whitened.whitening.cells.boxes),
    )
    np.testing.assert_array_equal(
        read_exposure(tmp_path / "white.fits").image.array, expected.image
    )


def test_one_filter_for_all(files, tmp_path):
    job = job_of(files, tmp_path / "white.fits", options=WhitenOptions(spatially_varying=False))
    assert whiten_files(job).facts.filters == 1


def test_a_wrong_table_is_noticed(files, tmp_path):
    table = tmp_path / "kernel.fits"
    table.write_bytes((files / "kernel.fits").read_bytes())
    with fits.open(table, mode="update") as hdus:
        hdus[NAME].data["Region0"][2 + 5 * 6] = -0.4
    whitened = whiten_files(job_of(files, tmp_path / "white.fits", kernel=table))
    assert whitened.verdict.status == "suspect"
    assert whitened.verdict.causes[0].startswith("the difference was multiplied by 0.9")


@pytest.mark.parametrize(
    "changed",
    [
        {"shared_variance": 0.5},
        {"preconvolved": True, "options": WhitenOptions(mode="score"), "psf": Path("kernel.fits")},
    ],
)
def test_what_needs_one_direction_is_refused(files, tmp_path, changed):
    with pytest.raises(JobError, match="needs one convolved image and one scale"):
        whiten_files(job_of(files, tmp_path / "white.fits", **changed))


@pytest.mark.parametrize("varying", [True, False])
def test_a_task_takes_no_pair_of_kernels(files, tmp_path, capsys, varying):
    task = DecorrelateALKernelSpatialTask()
    job = job_of(files, tmp_path / "w.fits", options=WhitenOptions(spatially_varying=varying))
    with pytest.raises(JobError, match="takes one convolved image and one scale, got a kernel of"):
        whiten_files(job, task=task)
    names = ("science", "template", "difference", "kernel")
    given = [part for name in names for part in (f"--{name}", files / f"{name}.fits")]
    more = ["--save-metadata", tmp_path / "run.json", "-o", tmp_path / "w.fits"]
    assert "got a --kernel of both images, " in fail(capsys, "decorrelate", *given, *more)
    assert not list(tmp_path.iterdir())


def test_a_task_takes_regions_where_one_filter_is_for_all(files, tmp_path):
    """Its cells would lie in two regions, and have the filter of one."""
    table = tmp_path / "kernel.fits"
    regions = [f"[1:{EDGE},1:{SHAPE[0]}]", f"[{EDGE + 1}:{SHAPE[1]},1:{SHAPE[0]}]"]
    write_table(table, smooth_columns(), regions, photnorm="i")
    job = job_of(files, tmp_path / "white.fits", kernel=table)
    with pytest.raises(JobError, match="cells of a task do not end where regions of a kernel do"):
        whiten_files(job, task=DecorrelateALKernelSpatialTask())
    job = replace(job, options=WhitenOptions(spatially_varying=False))
    assert whiten_files(job, task=DecorrelateALKernelSpatialTask()).facts.filters == 1


def test_decorrelate_takes_no_pair_of_kernels(files):
    matching = read_kernel(files / "kernel.fits", difference=files / "difference.fits")
    with pytest.raises(TypeError, match="whiten"):
        whitediff.decorrelate(np.zeros((50, 50)), 1.0, 1.0, matching)
