"""What the command line says and does when something is wrong."""

import os
import pty
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
from astropy.io import fits

from command_line import SHAPE, fail, options, run_command, succeed, write_plain
from whitediff import read_exposure

COMMAND = [sys.executable, "-m", "whitediff"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("inputs")
    assert run_command("simulate", directory, "--shape", *SHAPE, "--overwrite") == 0
    return directory


@pytest.fixture
def no_files(tmp_path):
    """A directory for outputs, which must be empty in the end."""
    directory = tmp_path / "outputs"
    directory.mkdir()
    yield directory
    assert list(directory.iterdir()) == []


def truncated(path, source):
    path.write_bytes(source.read_bytes()[: source.stat().st_size // 2])


def no_table(path, source):
    column = fits.Column("a", "D", array=[1.0])
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([column])]).writeto(path)


def image(value, shape=SHAPE):
    return lambda path, source: write_plain(path, np.full(shape, value, np.float32))


# The option whose file is damaged, how, and what the message must say.
BAD_FILES = [
    ("science", truncated, "is truncated"),
    ("template", lambda path, source: path.write_text("hello " * 1000), "not a FITS file"),
    ("difference", lambda path, source: path.touch(), "not a FITS file"),
    ("science", no_table, "two-dimensional image"),
    ("science", image(1, (30, 40)), "difference.fits has 900 x 310 pixels, "),
    ("template", image(1, (30, 40)), "on one pixel grid"),
    ("kernel", truncated, "is truncated"),
    ("kernel", no_table, "no matching kernel in it"),
    ("kernel", image(np.nan, (21, 21)), "must be finite"),
    ("kernel", image(0.1, (21, 430)), "no matching kernel in it"),
    ("kernel", image(0.1, (255, 255)), "larger than the image"),
    ("psf", image(0.1, (21, 430)), "no PSF in it: one is taken from files of STPSF"),
    ("psf", image(0, (21, 21)), "psf must have a finite, positive sum"),
    ("science-variance", image(-1), "variance must have a known value"),
    ("science-variance", image(np.nan), "variance"),
    ("template-variance", image(1, (30, 40)), "template_variance must have shape"),
]


@pytest.mark.parametrize(("option", "damage", "message"), BAD_FILES)
def test_bad_file(inputs, tmp_path, no_files, capsys, option, damage, message):
    path = tmp_path / "bad.fits"
    damage(path, inputs / f"{option}.fits")
    if "larger" in message:
        inputs = small_images(tmp_path)
    arguments = options(inputs, **{option: path})
    found = fail(capsys, "decorrelate", *arguments, "-o", no_files / "o.fits")
    assert message in found and str(path) in found


NAMED_FILES = {
    "difference": lambda path, rng: write_plain(path, np.full((60, 70), np.nan)),
    "difference-mask": lambda path, rng: damaged_tiles(path, rng),
    "kernel": lambda path, rng: path.write_bytes(b"BZh91AY&SY" + rng.bytes(300)),
}


def damaged_tiles(path, rng):
    mask = (rng.random(SHAPE) > 0.9).astype(np.int32)
    fits.CompImageHDU(mask, compression_type="GZIP_1").writeto(path)
    content = bytearray(path.read_bytes())
    middle = len(content) - 2880 * 2
    content[middle : middle + 400] = rng.bytes(400)
    path.write_bytes(content)


@pytest.mark.parametrize("option", NAMED_FILES)
def test_the_file_that_is_wrong_is_named(inputs, tmp_path, no_files, capsys, rng, option):
    path = tmp_path / "bad.fits"
    NAMED_FILES[option](path, rng)
    arguments = options(inputs, **{option: path})
    if option == "difference":
        arguments = ["--difference", path]
    assert f"whitediff: {path}" in fail(
        capsys, "decorrelate", *arguments, "-o", no_files / "o.fits"
    )


def small_images(directory):
    for name in ("science", "template", "difference"):
        noise = np.random.default_rng(1).normal(size=(100, 120)).astype(np.float32)
        write_plain(directory / f"{name}.fits", noise)
    return directory


BAD_OPTIONS = [
    (["--science", "missing.fits"], "'missing.fits' does not exist"),
    (["--science", "."], "is a directory"),
    (["--mode", "best"], "'best' is not one of 'difference', 'score'"),
    (["--convolved", "both"], "is not one of 'template', 'science'"),
    (["--convolved", "science"], "--convolved science contradicts"),
    (["--scale", "2"], "--scale 2.0 contradicts"),
    (["--variance", "exact"], "is not one of 'estimate', 'full'"),
    (["--science-variance", "-3"], "'--science-variance': expected a finite number >= 0, got -3"),
    (["--template-variance", "inf"], "'--template-variance': expected a finite number >= 0"),
    (["--template-variance", "12x"], "expected a number or a FITS file, got '12x'"),
    (["--science-variance", "0", "--template-variance", "0"], "variance"),
    (["--ignore-plane", "NOT_THERE"], "unknown mask plane 'NOT_THERE', expected one of BAD, "),
    (["--threads", "-1"], "-1 is not in the range"),
    (["--threads", "99999"], "got 99999"),
    (["--plot", "plot.gif"], "*.png, *.pdf, *.svg, got 'plot.gif'"),
    (["--plot", "nowhere/plot.png"], "directory 'nowhere' of 'nowhere/plot.png' does not exist"),
    (["-o", "nowhere/o.fits"], "does not exist"),
    (["--nonsense"], "No such option"),
]


@pytest.mark.parametrize(("extra", "message"), BAD_OPTIONS)
def test_bad_option(inputs, no_files, capsys, monkeypatch, extra, message):
    monkeypatch.chdir(no_files)
    assert message in fail(capsys, "decorrelate", *options(inputs), "-o", "o.fits", *extra)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["decorrelate"], "Missing option '--difference'"),
        (["check"], "Missing argument 'FILE...'"),
        (["check", "missing.fits"], "does not exist"),
        (["simulate", "nowhere/inputs"], "directory 'nowhere' does not exist"),
        (["simulate", "inputs", "--shape", "63", "100"], "63 is not in the range x>=64"),
        (["simulate", "inputs", "--seed", "-1"], "-1 is not in the range"),
    ],
)
def test_bad_command(no_files, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(no_files)
    assert message in fail(capsys, *arguments)


def test_files_are_not_overwritten_unasked(inputs, tmp_path, capsys):
    output, plot = tmp_path / "o.fits", tmp_path / "o.png"
    for existing in (output, plot):
        existing.write_text("precious")
        arguments = [*options(inputs), "-o", output, "--plot", plot]
        message = fail(capsys, "decorrelate", *arguments)
        assert f"'{existing}' exists: give --overwrite" in message
        assert existing.read_text() == "precious"
        assert [path for path in (output, plot) if path.exists()] == [existing]
        existing.unlink()


@pytest.mark.parametrize("option", ["kernel", "psf", "science-variance"])
def test_inputs_are_never_overwritten(inputs, tmp_path, capsys, option):
    before = (inputs / "kernel.fits").read_bytes()
    link = tmp_path / "link.fits"
    link.symlink_to(inputs / "kernel.fits")
    arguments = options(inputs, **{option: inputs / "kernel.fits"})
    message = fail(capsys, "decorrelate", *arguments, "-o", link, "--overwrite")
    assert "over another file of this run" in message
    assert (inputs / "kernel.fits").read_bytes() == before


@pytest.mark.parametrize("name", ["o.fits.bz2", "o.fits.xz"])
def test_outputs_are_not_compressed_in_other_ways(inputs, no_files, capsys, name):
    message = fail(capsys, "decorrelate", *options(inputs), "-o", no_files / name)
    assert "output must not end with .bz2, .xz, .z, .zip: what is written is FITS" in message


def test_devices_are_not_replaced(inputs, tmp_path, capsys):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/null"):
        arguments = [*options(inputs), "-o", path, "--overwrite"]
        assert f"'{path}' is not a regular file" in fail(capsys, "decorrelate", *arguments)
    assert pipe.is_fifo()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_nothing(inputs, tmp_path, no_files, number):
    """Also where a file that has no name yet cannot be had."""
    begun = tmp_path / "begun"
    code = (
        "import sys, time; from pathlib import Path; from whitediff.io import atomic; "
        "from whitediff.subtraction import run; atomic._open_nameless = lambda directory: None\n"
        f"def begin(*arguments, **keywords): Path({str(begun)!r}).touch(); time.sleep(60)\n"
        "run.decorrelate_bands = begin; from whitediff.cli import main; main()"
    )
    arguments = ["decorrelate", *options(inputs), "-o", no_files / "o.fits"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stderr=subprocess.PIPE,
        # Who runs the tests may have it ignored.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    while not begun.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    assert len(list(no_files.iterdir())) == 1
    process.send_signal(number)
    _, message = process.communicate(timeout=60)
    assert (process.returncode, message) == (130, b"\nwhitediff: interrupted\n")


def test_a_killed_run_leaves_nothing_where_files_need_no_name(inputs, tmp_path, no_files):
    begun = tmp_path / "begun"
    code = (
        "import sys, time; from pathlib import Path; from whitediff.subtraction import run\n"
        f"def begin(*arguments, **keywords): Path({str(begun)!r}).touch(); time.sleep(60)\n"
        "run.decorrelate_bands = begin; from whitediff.cli import main; main()"
    )
    try:
        os.close(os.open(no_files, os.O_TMPFILE | os.O_WRONLY))
    except (AttributeError, OSError):
        pytest.skip("the file system has no such files")
    arguments = ["decorrelate", *options(inputs), "-o", no_files / "o.fits"]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments])
    while not begun.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()


def test_whitened_image_is_not_whitened_again(inputs, tmp_path, no_files, capsys):
    once = tmp_path / "once.fits"
    succeed(capsys, "decorrelate", *options(inputs), "-o", once)
    arguments = [*options(inputs, difference=once), "-o", no_files / "twice.fits"]
    said = fail(capsys, "decorrelate", *arguments)
    assert f"{once} has been whitened already" in said and said.endswith("same: --again\n")
    succeed(capsys, "decorrelate", *arguments[:-2], "-o", tmp_path / "twice.fits", "--again")


SCORE = ["--mode", "score", "--preconvolved"]


def test_score_needs_a_psf(inputs, tmp_path, no_files, capsys):
    science = write_plain(tmp_path / "s.fits", read_exposure(inputs / "science.fits").image.array)
    arguments = [*options(inputs, science=science), "-o", no_files / "o.fits"]
    assert "give --psf FILE" in fail(capsys, "decorrelate", *arguments, *SCORE)


def test_image_without_a_pixel_of_sky(inputs, tmp_path, no_files, capsys):
    blank = write_plain(tmp_path / "blank.fits", np.full(SHAPE, np.nan, np.float32))
    arguments = [*options(inputs, science=blank), "-o", no_files / "o.fits"]
    message = fail(capsys, "decorrelate", *arguments)
    assert f"{blank}: the sky variance cannot be measured" in message
    assert f"{blank}: " in fail(capsys, "check", blank)


def test_image_of_nan_alone_is_no_error(inputs, tmp_path, capsys):
    blank = write_plain(tmp_path / "blank.fits", np.full(SHAPE, np.nan, np.float32))
    output = tmp_path / "o.fits"
    succeed(capsys, "decorrelate", *options(inputs, difference=blank), "-o", output)
    assert np.isnan(read_exposure(output).image.array).all()


@contextmanager
def file_size_limit(size):
    """Let no file grow beyond a size, in this process; the same to it as a full disk."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_disk_full(inputs, no_files, capsys):
    arguments = [*options(inputs), "-o", no_files / "o.fits"]
    with file_size_limit(200_000):
        message = fail(capsys, "decorrelate", *arguments, status=1)
    assert f"cannot write {no_files / 'o.fits'}: " in message
    with file_size_limit(200_000):
        message = fail(capsys, "simulate", no_files, status=1)
    assert f"cannot write {no_files}: " in message


def test_disk_full_leaves_the_old_file(inputs, tmp_path, capsys):
    output = tmp_path / "o.fits"
    output.write_text("precious")
    with file_size_limit(200_000):
        fail(capsys, "decorrelate", *options(inputs), "-o", output, "--overwrite", status=1)
    assert output.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [output]


def test_interrupt_while_filtering(inputs, no_files, capsys, monkeypatch):
    @contextmanager
    def interrupting(label):
        def progress(done, total):
            raise KeyboardInterrupt

        yield progress

    monkeypatch.setattr("whitediff.cli.decorrelate.progress_bar", interrupting)
    arguments = [*options(inputs), "-o", no_files / "o.fits"]
    assert run_command("decorrelate", *arguments) == 130
    # The empty line ends that of the ^C which a terminal shows.
    assert capsys.readouterr().err == "\nwhitediff: interrupted\n"


def test_interrupt_from_the_keyboard(inputs, tmp_path, no_files):
    config, begun = tmp_path / "waits.py", tmp_path / "begun"
    config.write_text(f"import time; open({str(begun)!r}, 'w').close(); time.sleep(60)")
    arguments = [*options(inputs), "-o", no_files / "o.fits", "--config", config]
    process = subprocess.Popen([*COMMAND, "decorrelate", *arguments], stderr=subprocess.PIPE)
    while not begun.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert (process.returncode, message) == (130, b"\nwhitediff: interrupted\n")


@pytest.mark.parametrize("option", ["science", "kernel", "psf", "config", "science-variance"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_only_regular_files_are_read(inputs, tmp_path, no_files, capsys, option, kind):
    path = "/dev/zero"
    if kind == "pipe":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    arguments = options(inputs, **{option: path})
    assert str(path) in fail(capsys, "decorrelate", *arguments, "-o", no_files / "o.fits")


def test_output_that_cannot_be_printed_is_no_bad_input(inputs):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "check", inputs / "science.fits"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "No space left" in done.stderr


def test_lack_of_memory_is_no_bad_input(inputs, no_files, capsys, monkeypatch):
    def without_memory(*arguments, **keywords):
        raise MemoryError

    monkeypatch.setattr("whitediff.io.fits_file.fits.open", without_memory)
    arguments = [*options(inputs), "-o", no_files / "o.fits"]
    message = fail(capsys, "decorrelate", *arguments, status=1)
    assert message == "whitediff: not enough memory\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(inputs, tmp_path, closed):
    arguments = [*COMMAND, "decorrelate", *options(inputs), "-o", tmp_path / "o.fits"]
    command = ["bash", "-c", f'"$@" {closed}', "bash", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert np.isfinite(read_exposure(tmp_path / "o.fits").image.array).any()


def test_unexpected_error_is_one_line(inputs, no_files, capsys, monkeypatch):
    def broken(*arguments, **keywords):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr("whitediff.subtraction.run.decorrelate_bands", broken)
    arguments = [*options(inputs), "-o", no_files / "o.fits"]
    message = fail(capsys, "decorrelate", *arguments, status=1)
    assert message == "whitediff: RuntimeError: first line second line\n"


@pytest.mark.parametrize(
    ("package", "extra"), [("click", "cli"), ("rich", "cli"), ("astropy", "cli")]
)
def test_missing_package_is_named(inputs, package, extra):
    code = f"import sys; sys.modules[{package!r}] = None; from whitediff.cli import main; main()"
    command = [sys.executable, "-c", code, "check", inputs / "science.fits"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    expected = f"whitediff: the package {package} is missing: pip install 'whitediff[{extra}]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


def test_missing_matplotlib_is_found_before_the_work(inputs, no_files):
    code = "import sys; sys.modules['matplotlib'] = None; from whitediff.cli import main; main()"
    arguments = [*options(inputs), "-o", no_files / "o.fits", "--plot", no_files / "o.png"]
    command = [sys.executable, "-c", code, "decorrelate", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "pip install 'whitediff[plot]'" in done.stderr


def test_command_runs_as_a_process(inputs, tmp_path):
    arguments = [*COMMAND, "decorrelate", *options(inputs), "-o", tmp_path / "o.fits"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_progress_is_shown_on_a_terminal_alone(inputs, tmp_path):
    terminal, other_end = pty.openpty()
    arguments = [*COMMAND, "decorrelate", *options(inputs), "-o", tmp_path / "o.fits"]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=other_end, timeout=60)
    shown = os.read(terminal, 1 << 16)
    os.close(terminal)
    os.close(other_end)
    assert done.returncode == 0
    assert b"whitening" in shown and b"100%" in shown and b"whitening" not in done.stdout


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from whitediff.cli.app import run; status = run(['decorrelate', '--help']); "
        "heavy = {'astropy', 'rich', 'matplotlib', 'lsst', 'scipy'} & set(sys.modules); "
        "print(sorted(heavy), file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert "Make the noise of a difference image white again." in done.stdout


def test_a_run_on_files_loads_what_it_needs(inputs, tmp_path):
    """Astropy's world coordinates and tables take longer to import than a small image to whiten."""
    code = (
        "import sys; from whitediff.cli.app import run; status = run(sys.argv[1:]); "
        "heavy = {'astropy.wcs', 'astropy.coordinates', 'astropy.table', 'astropy.time', 'yaml', "
        "'asdf', 'scipy', 'matplotlib', 'rich', 'multiprocessing'} & set(sys.modules); "
        "print(sorted(heavy), file=sys.stderr); sys.exit(status)"
    )
    placed = tmp_path / "placed.fits"
    placed.write_bytes((inputs / "difference.fits").read_bytes())
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 5.0, "CRPIX2": 7.0,
             "CRVAL1": 10.0, "CRVAL2": 20.0, "CDELT1": -1e-4, "CDELT2": 1e-4}  # fmt: skip
    with fits.open(placed, "update") as hdus:
        hdus["IMAGE"].header.update(cards)
    arguments = ["decorrelate", *options(inputs, difference=placed), "-o", tmp_path / "o.fits"]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert fits.getheader(tmp_path / "o.fits", "IMAGE")["CTYPE2"] == "DEC--TAN"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_the_commands(capsys, arguments):
    shown = succeed(capsys, *arguments)
    assert all(command in shown for command in ("decorrelate", "check", "simulate"))


def test_version(capsys):
    from whitediff import __version__

    assert succeed(capsys, "--version") == f"whitediff {__version__}\n"


@pytest.mark.parametrize(
    "code",
    [
        # Python ends a process by SIGINT if such code was interrupted.
        "exec('import signal; signal.raise_signal(signal.SIGTERM)')",
        # What Python and packages make of an interrupt.
        "import signal\ntry: signal.raise_signal(signal.SIGTERM)\nexcept BaseException as error:\n"
        "    raise RuntimeError('no') from error",
        "import signal\ntry: signal.raise_signal(signal.SIGINT)\nexcept BaseException as error:\n"
        "    raise ImportError('numpy must be installed') from error",
    ],
)
# With the command, and by a command that runs.
@pytest.mark.parametrize("module", ["click", "rich"])
def test_interrupted_while_modules_are_loaded(tmp_path, inputs, code, module):
    (tmp_path / f"{module}.py").write_text(code)
    done = subprocess.run(
        [*COMMAND, "check", str(inputs / "difference.fits")],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    # Not by a signal, which is below 0.
    assert (done.returncode, done.stderr) == (130, "\nwhitediff: interrupted\n")
