"""``whitediff decorrelate`` through the decorrelation task."""

import json
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from command_line import SHAPE, fail, options, run_command, succeed, write_plain
from white_noise import gaussian
from whitediff import Exposure, Polynomial2D, SpatialKernel
from whitediff.io import MatchingKernel, read_exposure, write_exposure, write_kernel
from whitediff.psf import KernelPsf

pytest.importorskip("lsst.pex.config", reason="no lsst.pex.config: pip install 'whitediff[tasks]'")

# One cell of the configured grid is as wide as this, in pixels.
GRID = ["scaleByFwhm=False", "cellSizeX=160", "cellSizeY=160", "gridStepX=150", "gridStepY=150"]
MAP_REDUCE, MAPPER = "decorrelateMapReduceConfig", "decorrelateMapReduceConfig.mapper"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("inputs")
    assert run_command("simulate", directory, "--shape", *SHAPE, "--overwrite") == 0
    return directory


@pytest.fixture
def run(inputs, tmp_path, capsys):
    """Run ``whitediff decorrelate`` and read what it wrote."""

    def result(name, *extra, directory=inputs):
        output = tmp_path / name
        # What tasks do unless they are told.
        covariance = [] if "--covariance" in extra else ["--covariance", "none"]
        succeed(capsys, "decorrelate", *options(directory), "-o", output, *extra, *covariance)
        return read_exposure(output)

    return result


@pytest.fixture
def failing(inputs, tmp_path, capsys):
    """Run ``whitediff decorrelate`` with bad options; its message."""

    def message(*extra, directory=inputs, **arguments):
        output = tmp_path / "none.fits"
        found = fail(capsys, "decorrelate", *options(directory), "-o", output, *extra, **arguments)
        assert not output.exists()
        return found

    return message


def overrides(*assignments):
    return [part for assignment in assignments for part in ("-c", assignment)]


def assert_same(found, expected):
    np.testing.assert_array_equal(found.image.array, expected.image.array)
    np.testing.assert_array_equal(found.variance.array, expected.variance.array)
    np.testing.assert_array_equal(found.mask.array, expected.mask.array)
    assert found.mask.getMaskPlaneDict() == expected.mask.getMaskPlaneDict()
    # With one filter the task has the PSF of the middle of the frame, the function one that varies.
    constant = isinstance(found.psf, KernelPsf)
    assert constant or type(found.psf) is type(expected.psf)
    for name in ("image", "images", "boxes", "positions"):
        if hasattr(expected.psf, name) and not constant:
            # A PSF that is normalised twice is the same to float64 rounding.
            np.testing.assert_allclose(
                getattr(found.psf, name), getattr(expected.psf, name), rtol=0, atol=1e-15
            )
    assert found.getXY0() == expected.getXY0()
    differing = fits.HeaderDiff(found.metadata, expected.metadata)
    assert differing.identical, differing.report()


SCORE = ["--mode", "score", "--preconvolved", "--variance", "estimate"]


@pytest.mark.parametrize(
    "extra",
    [
        [],
        ["--constant"],
        ["--variance", "full", "--threads", "1"],
        [*SCORE],
        [*SCORE, "--constant"],
        ["--ignore-plane", "SAT"],
        ["--covariance", "auto"],
        ["--covariance", "measured"],
    ],
    ids=" ".join,
)
def test_result_is_the_same_as_without_the_task(inputs, run, tmp_path, extra):
    metadata = tmp_path / "metadata.json"
    found = run("task.fits", *extra, "--save-metadata", metadata)
    assert_same(found, run("function.fits", *extra))
    assert metadata.exists()


def test_variance_as_a_number_is_the_same(run, tmp_path):
    extra = ["--science-variance", "90"]
    found = run("task.fits", *extra, "--save-metadata", tmp_path / "metadata.json")
    expected = run("function.fits", *extra)
    # The task makes a plane of it: a product of float32 is rounded twice.
    np.testing.assert_allclose(found.variance.array, expected.variance.array, rtol=2e-7)
    found.variance.array[...] = expected.variance.array
    assert_same(found, expected)


@pytest.mark.parametrize("score", [[], SCORE])
def test_psf_from_a_file_is_the_same(run, tmp_path, score):
    parts = [gaussian(sigma, radius=9) for sigma in (1.5, 2.1)]
    psf = SpatialKernel(parts, [Polynomial2D([1.0, -1e-3, 0.0]), Polynomial2D([0.0, 1e-3, 0.0])])
    write_kernel(MatchingKernel(psf), tmp_path / "psf.fits")
    extra = ["--psf", tmp_path / "psf.fits", *score]
    found = run("task.fits", *extra, "--save-metadata", tmp_path / "metadata.json")
    assert_same(found, run("function.fits", *extra))


def test_science_convolved_and_moved(inputs, run, tmp_path):
    for name in ("science", "template", "difference"):
        exposure = read_exposure(inputs / f"{name}.fits")
        xy0 = (1000, 300) if name == "difference" else (0, 0)
        variance = exposure.variance.array if exposure.variance else None
        moved = Exposure(image=exposure.image, variance=variance, psf=exposure.psf, xy0=xy0)
        write_exposure(moved, tmp_path / f"{name}.fits")
    write_plain(tmp_path / "kernel.fits", 1.2 * gaussian(1.3, radius=6))
    extra = ["--convolved", "science"]
    metadata = ["--save-metadata", tmp_path / "metadata.json"]
    found = run("task.fits", *extra, *metadata, directory=tmp_path)
    assert_same(found, run("function.fits", *extra, directory=tmp_path))


def test_configuration_file_and_overrides_of_it(run, tmp_path):
    file = tmp_path / "config.py"
    file.write_text(
        f"config.{MAPPER}.completeVarPlanePropagation = True\nconfig.{MAPPER}.nThreads = 2\n"
    )
    found = run("task.fits", "--config", file, *overrides(f"{MAPPER}.nThreads=1"))
    assert_same(found, run("function.fits", "--variance", "full", "--threads", "1"))
    found = run("one.fits", *overrides("decorrelateConfig.nThreads=1"), "--constant")
    assert_same(found, run("other.fits", "--constant", "--threads", "1"))


def test_statistics_leave_out_what_the_configuration_says(run):
    found = run("task.fits", *overrides(f'{MAPPER}.ignoreMaskPlanes=["SAT", "BAD"]'))
    assert_same(found, run("function.fits", "--ignore-plane", "SAT", "--ignore-plane", "BAD"))


@pytest.mark.parametrize("operation", ["average", "copy"])
def test_configured_grid(run, tmp_path, operation):
    automatic = run("automatic.fits")
    metadata = tmp_path / "metadata.json"
    grid = [f"{MAP_REDUCE}.{field}" for field in GRID]
    grid += [f"{MAP_REDUCE}.borderSizeX=40", f"{MAP_REDUCE}.borderSizeY=40"]
    grid += [f"{MAP_REDUCE}.reducer.reduceOperation={operation}"]
    found = run("grid.fits", *overrides(*grid), "--save-metadata", metadata)
    assert found.metadata["WDCELLS"] > automatic.metadata["WDCELLS"]
    assert "configured" in metadata.read_text()
    # Smaller cells follow the kernel more closely: equal to a part of the noise.
    noise = np.sqrt(automatic.variance.array)
    departure = (found.image.array - automatic.image.array) / noise
    assert np.sqrt(np.nanmean(departure**2)) < 0.05


def test_metadata_tells_of_the_run(run, tmp_path):
    from whitediff.tasks import TaskMetadata

    path = tmp_path / "metadata.json"
    found = run("task.fits", "--save-metadata", path, "--threads", "1")
    metadata = TaskMetadata.model_validate_json(path.read_bytes())
    assert json.loads(path.read_text())
    worker = next(name for name in metadata.names() if name.endswith("nThreads"))
    worker = worker.removesuffix("nThreads")
    for name, keyword in (("nCells", "WDCELLS"), ("border", "WDBORDER"), ("nThreads", "WDTHREAD")):
        assert metadata[worker + name] == found.metadata[keyword]
    assert metadata[worker + "scienceVariance"] == pytest.approx(found.metadata["WDSVAR"])
    assert metadata[worker + "filterSeconds"] > 0


def test_metadata_is_not_overwritten_unasked(run, failing, tmp_path):
    path = tmp_path / "metadata.json"
    path.write_text("precious")
    assert f"'{path}' exists: give --overwrite" in failing("--save-metadata", path)
    assert path.read_text() == "precious"
    run("task.fits", "--save-metadata", path, "--overwrite")
    assert json.loads(path.read_text())
    assert not list(tmp_path.glob(".*"))


def test_configuration_is_not_overwritten(failing, tmp_path):
    path = tmp_path / "config.py"
    path.write_text("")
    message = failing("--config", path, "--save-metadata", path, "--overwrite")
    assert "over another file of this run" in message
    assert path.read_text() == ""


BAD_FILES = [
    ("config.nonsense = 1", "has no attribute nonsense"),
    (f"config.{MAPPER}.nThreads = 'two'", "nThreads"),
    (f"config.{MAPPER}.nThreads = -1", "nThreads"),
    ("config.automaticCells = ", "SyntaxError: invalid syntax"),
    ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
    ("1 / 0", "ZeroDivisionError"),
    ("\0", "null bytes"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_bad_configuration_file(failing, tmp_path, text, message):
    path = tmp_path / "config.py"
    path.write_text(text)
    found = failing("--config", path)
    assert message in found and found.startswith(f"whitediff: {path}: ")
    assert "Field definition" not in found


BAD_OPTIONS = [
    (["--config", "missing.py"], "'missing.py' does not exist"),
    (["-c", "nonsense=1"], "has no attribute nonsense"),
    (["-c", f"{MAPPER}.nonsense=1"], "has no attribute nonsense"),
    (["-c", "nonsense.nThreads=1"], "has no attribute 'nonsense'"),
    (["-c", f"{MAPPER}.nThreads"], "must be NAME=VALUE, got"),
    (["-c", "=3"], "must be NAME=VALUE, got '=3'"),
    (["-c", f"{MAPPER}.nThreads=two"], "nThreads"),
    (["-c", f"{MAPPER}.nThreads=-2"], "nThreads"),
    (["-c", "automaticCells=maybe"], "automaticCells"),
    (["-c", f"{MAP_REDUCE}.cellSizeX=-3"], "cellSizeX"),
    (["-c", "decorrelateConfig.nThreads=1"], "decorrelateConfig is not used without --constant"),
    (["-c", f"{MAPPER}.nThreads=1", "--constant"], f"{MAP_REDUCE} is not used with --constant"),
    (
        ["-c", f"{MAPPER}.completeVarPlanePropagation=True", "--variance", "estimate"],
        "--variance estimate contradicts the configuration",
    ),
    (["-c", f"{MAPPER}.nThreads=2", "--threads", "1"], "nThreads is 2"),
    (
        ["-c", f"{MAPPER}.ignoreMaskPlanes=['SAT']", "--ignore-plane", "BAD"],
        "--ignore-plane contradicts the configuration",
    ),
    (["-c", "spatiallyVarying=False"], "spatiallyVarying=False: give --constant"),
    (
        ["-c", "spatiallyVarying=True", "--constant"],
        "spatiallyVarying=True: do not give --constant",
    ),
    (["--save-metadata", "nowhere/metadata.json"], "directory 'nowhere'"),
]


@pytest.mark.parametrize(("extra", "message"), BAD_OPTIONS)
def test_bad_option(failing, monkeypatch, tmp_path, extra, message):
    monkeypatch.chdir(tmp_path)
    found = failing(*extra)
    assert message in found and "Field definition" not in found
    assert list(tmp_path.iterdir()) == []


def test_options_and_configuration_may_agree(run):
    extra = ["--threads", "1", "--variance", "full", "--ignore-plane", "SAT"]
    same = overrides(
        f"{MAPPER}.nThreads=1",
        f"{MAPPER}.completeVarPlanePropagation=True",
        f"{MAPPER}.ignoreMaskPlanes=['SAT']",
    )
    assert_same(run("task.fits", *extra, *same), run("function.fits", *extra))


def test_scale_that_tasks_do_not_know(inputs, failing, tmp_path):
    for name in ("science", "template", "difference"):
        (tmp_path / f"{name}.fits").symlink_to(inputs / f"{name}.fits")
    write_plain(tmp_path / "kernel.fits", gaussian(1.3, radius=6))
    extra = ["--scale", "2", "--save-metadata", tmp_path / "metadata.json"]
    message = failing(*extra, directory=tmp_path)
    assert "need a difference of scale 1, got 2" in message


def test_image_of_nan_alone_is_not_whitened(inputs, failing, tmp_path):
    for name in ("template", "difference", "kernel"):
        (tmp_path / f"{name}.fits").symlink_to(inputs / f"{name}.fits")
    write_plain(tmp_path / "science.fits", np.full(SHAPE, np.nan, np.float32))
    extra = ["--science-variance", "100", "--save-metadata", tmp_path / "metadata.json"]
    assert "entirely NaN" in failing(*extra, directory=tmp_path)
    assert not (tmp_path / "metadata.json").exists()


@pytest.mark.parametrize("package", ["lsst", "pydantic"])
def test_missing_package_is_found_before_the_work(inputs, tmp_path, package):
    code = f"import sys; sys.modules[{package!r}] = None; from whitediff.cli import main; main()"
    command = [sys.executable, "-c", code, "decorrelate", *options(inputs)]
    command += ["-o", tmp_path / "o.fits"]
    extra = ["--save-metadata", tmp_path / "metadata.json"]
    done = subprocess.run([*command, *extra], capture_output=True, text=True, timeout=60)
    expected = f"whitediff: the package {package} is missing: pip install 'whitediff[tasks]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)
    assert list(tmp_path.iterdir()) == []
    # Without the task's options its packages are not asked for.
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_tasks_leave_the_colour_unless_they_are_told(inputs, tmp_path, capsys):
    from whitediff.tasks import TaskMetadata

    output, metadata = tmp_path / "white.fits", tmp_path / "run.json"
    arguments = [*options(inputs), "-o", output, "--save-metadata", metadata, "--overwrite"]
    printed = succeed(capsys, "decorrelate", *arguments)
    assert "noise covariance: not measured\n" in printed
    assert read_exposure(output).metadata["WDCOV"] == "none"
    field = "decorrelateMapReduceConfig.mapper.covariance=measured"
    printed = succeed(capsys, "decorrelate", *arguments, "-c", field)
    header = read_exposure(output).metadata
    assert (header["WDCOV"], header["WDCAPPL"]) == ("measured", True)
    assert f"{header['WDCPSF']:.4f} on the scale of the PSF" in printed
    recorded = TaskMetadata.model_validate_json(metadata.read_bytes())
    (name,) = (name for name in recorded.names() if name.endswith("covariancePsfScale"))
    assert recorded[name] == header["WDCPSF"]


def test_what_tasks_do_not_take(inputs, failing, tmp_path):
    write_plain(tmp_path / "c.fits", np.ones((1, 1)))
    metadata = ["--save-metadata", tmp_path / "run.json"]
    found = failing(*metadata, "--covariance", tmp_path / "c.fits")
    assert "a task takes no file for --covariance" in found
    found = failing(*metadata, "--science-covariance", "lanczos3")
    assert "a task takes no --science-covariance" in found
    assert "a task takes no --shared-variance" in failing(*metadata, "--shared-variance", 3)
    found = failing(
        "-c", "decorrelateMapReduceConfig.mapper.covariance=auto", "--covariance", "none"
    )
    assert "--covariance none contradicts the configuration" in found
