"""Damaged files, odd calls, signals and killed batches: right results, or one clear line.

Run as ``python tests/faults.py --mutants 2000 --streams 2000 --calls 5000 --signals 100 --rows 1000
--places``, which prints a table of counts and leaves with 1 if anything else came of a trial. The
tests run small numbers.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Table

import sound_files as formats
import whitediff.cli
from whitediff import io, subtraction  # noqa: F401  # forks need not load them
from whitediff.cli.app import run as command
from whitediff.cli.batch import pool
from whitediff.cli.batch.row import Finished, whiten_row
from whitediff.cli.batch.row_job import RowJob

COMMAND = [sys.executable, "-m", "whitediff"]
SHAPE = (96, 128)
# A trial may not take more memory than this, nor more time.
MEMORY, SECONDS = 4 << 30, 30
NAMES = ("science", "template", "difference", "kernel")


def run(*arguments: object) -> tuple[int, str]:
    """Exit status and standard error of the command, in a fork with limits.

    A fork costs less than to start Python anew. A status below 0 is that of a signal: SIGXCPU if it
    takes too long, however busy the machine is, SIGALRM if it waits for what never comes.
    """
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            status: object = 70
            try:
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
                resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
                signal.alarm(10 * SECONDS)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.dup2(said.fileno(), 2)
                # Whoever runs the tests may have put something else in their place.
                sys.stdout, sys.stderr = (os.fdopen(number, "w") for number in (1, 2))
                sys.argv[1:] = map(str, arguments)
                # Processes of a batch take seconds to begin.
                pool.finished_in_pool = in_turn
                whitediff.cli.main()
            except SystemExit as end:
                status = end.code
                sys.stderr.flush()
            except BaseException as error:
                os.write(2, f"{type(error).__name__}\nout of the command".encode())
            finally:
                os._exit(status if isinstance(status, int) else 70)
        _, how = os.waitpid(child, 0)
        said.seek(0)
        return os.waitstatus_to_exitcode(how), said.read().decode(errors="replace")


def in_turn(rows: dict[int, RowJob], jobs: int) -> Iterator[list[Finished]]:
    """Do the rows of a batch in this process."""
    for number, job in rows.items():
        yield [whiten_row(number, job)]


def simulate(directory: Path) -> dict[str, Path]:
    """Input files of one subtraction."""
    assert command(["simulate", str(directory), "--shape", *map(str, SHAPE)]) == 0
    return {name: directory / f"{name}.fits" for name in NAMES}


def options(files: dict[str, Path]) -> list[object]:
    return [part for name, path in files.items() for part in (f"--{name}", path)]


# Mutants -----------------------------------------------------------------------------------------


class Sound(NamedTuple):
    """A sound file of a format, and what part it takes in a command."""

    format: str
    part: str
    path: Path
    # As in ``FILE[EXT]``.
    extension: str = ""


def sound_files(directory: Path) -> list[Sound]:
    """Files of every format that is read."""
    files = simulate(directory / "plain")
    found = [Sound(f"simulated {name}", name, files[name]) for name in NAMES]

    def add(what: str, part: str, paths: Iterable[Path]) -> None:
        found.extend(Sound(f"{what} {path.name}", part, path) for path in paths)

    def folder(name: str) -> Path:
        (directory / name).mkdir()
        return directory / name

    pixels = fits.getdata(files["difference"], 1)
    add("difference", "difference", formats.compressed_files(folder("tiles"), pixels))
    packed = directory / "difference.fits.gz"
    packed.write_bytes(gzip.compress(files["difference"].read_bytes()))
    add("simulated", "difference", [packed])
    add("kernel", "kernel", formats.kernel_files(folder("kernels")))
    add("exposure", "image", formats.exposure_files(folder("exposures")))
    for name, image in formats.convention_files(folder("conventions")).items():
        path, bracket, extension = image.partition("[")
        found.append(Sound(f"convention {name}", "image", Path(path), bracket + extension))
    add("PSF", "psf", formats.psf_files(folder("psfs")))
    covariances = formats.covariance_files(folder("covariances"))
    add("covariance", "covariance", covariances)
    add("covariance of the science image", "science-covariance", covariances)
    noises, masks = formats.plane_files(folder("planes"), SHAPE)
    add("noise", "science-variance", noises)
    add("mask", "difference-mask", masks)
    score = directory / "score.fits"
    assert run("decorrelate", *options(files), "--mode", "score", "-o", score) == (0, "")
    add("score", "score", [score])
    row = {
        **{name: [str(path)] for name, path in files.items()},
        "output": ["out.fits"], "scale": ["1.0"], "convolved": ["template"],
    }  # fmt: skip
    add("manifest", "manifest", write_tables(folder("manifests"), row))
    night = write_tables(folder("night"), row)[0]
    run("batch", night, "--jobs", 1)
    add("results", "results", [night.with_name("table.results.ecsv")])
    add("inputs", "inputs", write_tables(folder("inputs"), {
        "file": [str(files["science"]), str(files["template"])], "weight": ["1.0", "-1.0"],
        "kernels": ["", str(files["kernel"])], "sign": ["+", "+"],
    }))  # fmt: skip
    add("positions", "positions", write_tables(folder("positions"), {
        "x": [30.0, 64.25, 100.5], "y": [20.5, 40.0, 77.0], "name": ["a", "b", "c"],
    }, "fits"))  # fmt: skip
    shared = Path(__file__).parents[1] / "../shared/data"
    for path in sorted((shared / "damaged").glob("*.fits")):
        part = "kernel" if "kernel" in path.name or "hotpants" in path.name else "difference"
        add("shared", part, [path])
    return found


def write_tables(directory: Path, columns: dict[str, Any], *more: str) -> list[Path]:
    """Write a table as CSV, as ECSV and in more formats."""
    paths = [directory / f"table.{suffix}" for suffix in ("csv", "ecsv", *more)]
    for path in paths:
        Table(columns).write(path)
    return paths


def arguments(sound: Sound, mutant: Path, n: int, files: dict[str, Path]) -> list[object]:
    """The command of the n-th trial, in which a mutant takes part."""
    given, output = f"{mutant}{sound.extension}", ["-o", mutant.with_name("out.fits")]
    others = {name: path for name, path in files.items() if name in NAMES}
    match sound.part:
        case "manifest":
            return ["batch", given, "--jobs", 1, "--threads", 1]
        case "results":
            return ["batch", files["night"], "--results", given, "--jobs", 1, "--threads", 1]
        case "inputs":
            return ["whiten", files["difference"], "--inputs", given, *output]
        case "positions":
            return ["detect", files["score"], "--positions", given, *output]
        case "score":
            return ["detect", given, *output]
        case "image" if n % 2:
            return ["decorrelate", "--difference", given, *output]
        case "image":
            return ["check", given]
        case "psf" | "covariance" | "difference-mask" as part:
            # All that is known besides is the difference.
            found = {"difference": files["difference"], part: given}
            return ["decorrelate", *options(found), *output]
        case part:
            # Filters of the kernels of such files are long.
            return ["decorrelate", "--constant", *options(others | {part: given}), *output]


def mutate(content: bytes, rng: random.Random) -> bytes:
    """A file with a few changes, most of them in its headers."""
    data = bytearray(content)
    # Where headers are.
    cards = [place for place in range(0, len(data) - 80, 80) if data[place + 8 : place + 9] == b"="]
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if len(data) < 2:
            break
        kind = rng.randrange(7)
        if kind == 0 and cards:
            place = rng.choice(cards)
            value = rng.choice(
                ["-3", "0", "1000000000", "99999999999999999999", "NaN", "'text'", "T", "1.5", "-1",
                 "'1PE(2147483647)'", "2147483647", "", "'\0\t'", "1E999"]
            )  # fmt: skip
            data[place + 10 : place + 40] = value.rjust(30)[:30].encode()
        elif kind == 1 and cards:
            place, other = rng.choice(cards), rng.choice(cards)
            data[place : place + 80] = data[other : other + 80]
        elif kind == 2:
            data = data[: rng.randrange(1, len(data))]
            cards = [place for place in cards if place + 80 <= len(data)]
        elif kind == 3:
            place = rng.randrange(len(data))
            count = rng.choice([1, 4, 80, 2880])
            data[place : place + count] = rng.randbytes(len(data[place : place + count]))
        elif kind == 4 and cards:
            place = rng.choice(cards)
            data[place + rng.randrange(80)] = rng.randrange(256)
        elif kind == 5:
            for _ in range(20):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        else:
            place = rng.randrange(len(data))
            data[place : place + 2880] = b""
            cards = [place for place in cards if place + 80 <= len(data)]
    return bytes(data)


def mutate_stream(content: bytes, rng: random.Random) -> bytes:
    """A compressed image with a few changes within its tiles."""
    data = bytearray(content)
    with fits.open(BytesIO(content), disable_image_compression=True) as hdus:
        begin, cards = hdus[1].fileinfo()["datLoc"], hdus[1].header
        begin += cards["NAXIS1"] * cards["NAXIS2"]
        end = begin + cards["PCOUNT"]
    for _ in range(rng.choice([1, 1, 2, 8])):
        place = rng.randrange(begin, end)
        # Most decoders read on over zeros.
        count = min(rng.choice([1, 1, 2, 4, 16, 256, 100_000]), end - place)
        data[place : place + count] = rng.choice([bytes(count), b"\xff" * count,
                                                  rng.randbytes(count)])  # fmt: skip
    return bytes(data)


def mutate_text(content: bytes, rng: random.Random) -> bytes:
    """A text with a few changes, most of them in its numbers and words."""
    data = bytearray(content)
    odd = [b"-1", b"0", b"1e999", b"nan", b"99999999999999999999", b"null", b"true", b'""', b"",
           b"[]", b"{}", b"[" * 5000, b"\0", b"\xff", "é".encode(), b"1.5", b"'", b";", b"../x",
           b"lanczos3:0.5,0.5", b"\n", b","]  # fmt: skip
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        tokens = list(re.finditer(rb"[\w.+-]+|[^\w\s]", bytes(data))) or [None]
        token, other = rng.choice(tokens), rng.choice(tokens)
        if token is None or other is None:
            break
        kind = rng.randrange(4)
        if kind == 0:
            data[token.start() : token.end()] = rng.choice(odd)
        elif kind == 1:
            data[token.start() : token.end()] = other[0]
        elif kind == 2:
            data[token.start() : token.end()] = b""
        else:
            lines = data.splitlines(keepends=True)
            lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
            data = bytearray(b"".join(lines))
    return bytes(data)


def mutate_any(content: bytes, rng: random.Random) -> bytes:
    """A file of any format with a few changes."""
    is_text = content.startswith(b"#ASDF") or (
        not content.startswith(b"SIMPLE") and content.isascii()
    )
    return (mutate_text if is_text and rng.random() < 0.8 else mutate)(content, rng)


def mutants(number: int, directory: Path, seed: int) -> Counter[str]:
    """What becomes of files that were damaged at random, `number` of each format."""
    return damaged(sound_files(directory), mutate_any, number, directory, seed)


def streams(number: int, directory: Path, seed: int) -> Counter[str]:
    """What becomes of compressed images whose tiles were damaged, `number` of each compression."""
    pixels = np.random.default_rng(seed).normal(300.0, 20.0, (36, 44)).astype(np.float32)
    sound = [
        Sound(path.stem, "image", path) for path in formats.compressed_files(directory, pixels)
    ]
    return damaged(sound, mutate_stream, number, directory, seed)


def damaged(
    sounds: Sequence[Sound],
    change: Callable[[bytes, random.Random], bytes],
    number: int,
    directory: Path,
    seed: int,
) -> Counter[str]:
    """What becomes of changed files; `plain` in the directory has what goes with them."""
    files = {name: directory / "plain" / f"{name}.fits" for name in NAMES}
    files |= {"score": directory / "score.fits", "night": directory / "night/table.csv"}
    before = {path: path.read_bytes() for path in files.values() if path.exists()}
    # Forks load no modules then.
    for sound in {sound.part: sound for sound in sounds}.values():
        with tempfile.TemporaryDirectory() as name, redirect_stdout(StringIO()):
            path = Path(shutil.copy(sound.path, name))
            command([str(argument) for argument in arguments(sound, path, 0, files)])
    # A fork has pages of its own of what is written to; the collector writes everywhere.
    gc.collect()
    gc.freeze()

    def trial(n: int, sound: Sound) -> str:
        rng = random.Random(f"{seed} {n} {sound.format}")
        place = directory / f"mutant{n}"
        place.mkdir()
        mutant, output = place / sound.path.name, place / "out.fits"
        content = change(sound.path.read_bytes(), rng)
        mutant.write_bytes(content)
        status, said = run(*arguments(sound, mutant, n, files))
        kind = verdict(status, said, mutant)
        expected = {mutant.name, "out.fits"}
        if sound.part == "manifest":
            # It may name another output.
            expected |= {path.name for path in place.iterdir() if not path.name.startswith(".")}
        left = {path.name for path in place.iterdir()} - expected
        is_kept = mutant.read_bytes() == content or sound.part == "results"
        if not is_kept or left or (status not in (0, 1) and output.exists()):
            kind = f"BAD: files left or changed: {left}"
        elif output.exists() and sound.part in NAMES and not is_whole(output):
            kind = "BAD: half a result"
        if kind.startswith("BAD"):
            kept = Path(tempfile.gettempdir()) / f"faults-{seed}-{n}-{sound.part}-{mutant.name}"
            shutil.copy(mutant, kept)
            print(f"{kept} as {sound.format}: {kind}", file=sys.stderr, flush=True)
        shutil.rmtree(place)
        return f"{sound.format}: {kind.partition(' [')[0]}"

    counts = Counter(trial(n, sound) for n in range(number) for sound in sounds)
    if any(path.read_bytes() != content for path, content in before.items()):
        counts["BAD: an input was changed"] += 1
    return counts


def verdict(status: int, said: str, path: Path) -> str:
    lines = said.strip().splitlines()
    if status == 0 and not lines:
        return "a result"
    if status == 0 and not any(".py:" in line or "Traceback" in line for line in lines):
        return "a result, with a notice"
    if status == 2 and len(lines) == 1 and lines[0].startswith("whitediff: "):
        named = str(path) in lines[0]
        return "one line, status 2" + (" with the file" if named else " without the file")
    if status == 1 and "not enough memory" in said:
        return "not enough memory, status 1"
    if status == 1 and lines and all(line.startswith("row 1 failed: ") for line in lines):
        return "a row of a batch failed, status 1"
    return f"BAD: status {status} [{said[-300:]!r}]"


# Calls -------------------------------------------------------------------------------------------


def calls(number: int, seed: int) -> Counter[str]:
    """What becomes of calls with arguments at random."""
    counts: Counter[str] = Counter()
    for n in range(number):
        rng = np.random.default_rng([seed, n])
        image, arguments = random_arguments(rng)
        before = image.copy()
        try:
            result = whitediff.decorrelate(image, **arguments, n_threads=1)
            again = whitediff.decorrelate(image, **arguments, n_threads=3)
        except (TypeError, ValueError) as error:
            message = str(error)
            kind = "refused in one line"
            if not message or "\n" in message:
                kind = f"BAD: message {message[:200]!r}"
        except MemoryError:
            kind = "not enough memory"
        except BaseException as error:
            kind = f"BAD: {type(error).__name__}: {str(error)[:200]}"
        else:
            same = all(
                np.array_equal(getattr(result, name), getattr(again, name), equal_nan=True)
                for name in ("image", "variance", "filter_edge")
            )
            # A pixel that is infinite is a gap, and stays as it is.
            new = np.isinf(result.image) & ~np.isinf(image)
            right = result.image.shape == image.shape and not new.any()
            kind = "the same bits" if same and right else "BAD: other bits, or infinities"
        if not np.array_equal(image, before, equal_nan=image.dtype.kind == "f"):
            kind = "BAD: an input was changed"
        if kind.startswith("BAD"):
            print(f"call {n} of seed {seed}: {kind}", file=sys.stderr, flush=True)
        counts[kind] += 1
    return counts


def random_arguments(rng: np.random.Generator) -> tuple[np.ndarray, dict[str, object]]:
    height, width = rng.integers(1, 60, 2)
    dtype = rng.choice(["f4", "f8", ">f4", ">f8", "i2", "u4", "f2"])
    with np.errstate(all="ignore"):
        image = np.abs(rng.normal(0, 30, (height, width))).astype(dtype)
    odd = [np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0]

    def plane() -> object:
        if rng.random() < 0.4:
            return float(rng.choice([1.0, 2.0, 0.0, -1.0, np.nan, 1e-300, 1e300]))
        values = rng.uniform(0.5, 2, (height, width))
        if rng.random() < 0.4:
            values.flat[rng.integers(0, values.size, 5)] = rng.choice(odd, 5)
        values = values.astype(rng.choice(["f4", "f8", ">f8"]))
        return values.T.copy().T if rng.random() < 0.3 else values

    if image.dtype.kind == "f" and rng.random() < 0.5:
        with np.errstate(all="ignore"):
            image.flat[rng.integers(0, image.size, 5)] = rng.choice(odd, 5)
    side = rng.integers(1, 9, 2)
    kernel = np.abs(rng.normal(size=side))
    kernel /= kernel.sum()
    if rng.random() < 0.1:
        kernel.flat[0] = rng.choice(odd)
    mask = rng.integers(0, 4, (height, width)).astype(rng.choice(["i4", "u1", "i8", "?"]))
    arguments: dict[str, object] = {
        "science_variance": plane(),
        "template_variance": plane(),
        "kernel": kernel,
        "mask": mask if rng.random() < 0.6 else None,
        "ignore_mask": int(rng.integers(1, 4)),
        "no_value_mask": int(rng.integers(0, 2)),
        "convolved": str(rng.choice(["template", "science"])),
        "variance": str(rng.choice(["estimate", "full"])),
        "mode": str(rng.choice(["difference", "difference", "score"])),
        "spatially_varying": bool(rng.integers(0, 2)),
        "psf": kernel if rng.random() < 0.5 else None,
    }
    return image, arguments


# Signals -----------------------------------------------------------------------------------------


def signals(number: int, directory: Path, seed: int) -> Counter[str]:
    """What is left of a command that gets a signal at any time."""
    files = simulate(directory / "inputs")
    sizes = {path: path.read_bytes() for path in files.values()}
    counts: Counter[str] = Counter()
    rng = random.Random(seed)
    for n in range(number):
        place = directory / f"signal{n}"
        place.mkdir()
        how = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL][n % 4]
        process = subprocess.Popen(
            [*COMMAND, "decorrelate", *map(str, options(files)), "-o", str(place / "out.fits")],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            # A shell in the background has it ignored, and children inherit that.
            preexec_fn=lambda: [signal.signal(s, signal.SIG_DFL)
                                for s in (signal.SIGHUP, signal.SIGTERM)]
            and signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        time.sleep(rng.uniform(0.0, 1.6))
        process.send_signal(how)
        try:
            _, said = process.communicate(timeout=10 * SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            said = "it does not end"
        left = {path.name for path in place.iterdir()}
        kind = f"{how.name}: "
        if process.returncode == 0:
            kind += "had ended" if left == {"out.fits"} else f"BAD: left {left}"
        elif left - {"out.fits"} or ("out.fits" in left and not is_whole(place / "out.fits")):
            kind += f"BAD: left {left}"
        elif process.returncode == 130 and said == "\nwhitediff: interrupted\n":
            kind += "one line, status 130"
        elif process.returncode == -how:
            kind += "ended by it, nothing left"
        elif how == signal.SIGINT and any(words in said for words in WORDS_OF_IMPORTS):
            kind += "while Python started: its own words"
        else:
            kind += f"BAD: status {process.returncode}, {said[-200:]!r}"
        if any(path.read_bytes() != content for path, content in sizes.items()):
            kind += ", BAD: an input was changed"
        counts[kind] += 1
        shutil.rmtree(place)
    return counts


# Of Python, and of numpy, which makes an ImportError of whatever stops it.
WORDS_OF_IMPORTS = ("KeyboardInterrupt", "Original error was")


def is_whole(path: Path) -> bool:
    try:
        whitediff.read_exposure(path)
    except (OSError, ValueError):
        return False
    return True


# Batch -------------------------------------------------------------------------------------------


def batch(n_rows: int, directory: Path, seed: int) -> Counter[str]:
    """What becomes of a batch whose workers and whose command are killed, and that goes on."""
    files = simulate(directory / "inputs")
    manifest = directory / "night.csv"
    rows = [",".join([*(str(files[name]) for name in NAMES), f"out/{n}.fits"])
            for n in range(n_rows)]  # fmt: skip
    manifest.write_text("\n".join([",".join([*NAMES, "output"]), *rows, ""]))
    (directory / "out").mkdir()
    counts: Counter[str] = Counter()
    rng = random.Random(seed)
    line = [*COMMAND, "batch", str(manifest), "--jobs", "2", "--threads", "1"]
    for how in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(line, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + min(60.0, 0.05 * n_rows + 6)
        while time.monotonic() < end and process.poll() is None:
            time.sleep(rng.uniform(0.5, 2.0))
            servers = children(process.pid)
            for child in [*servers, *(worker for server in servers for worker in children(server))]:
                # Without the server one does not see what it has forked.
                if rng.random() < (0.05 if child in servers else 0.3):
                    try:
                        os.kill(child, signal.SIGKILL)
                        counts["processes killed"] += 1
                    except ProcessLookupError:
                        pass
        if process.poll() is None:
            process.send_signal(how)
            counts[f"command ended by {how.name}"] += 1
        process.wait(10 * SECONDS)
        time.sleep(1.0)
        for path in (directory / "out").iterdir():
            if not is_whole(path):
                counts["BAD: half a file"] += 1
    done = subprocess.run(line, capture_output=True, text=True)
    counts["rows"] = n_rows
    if done.returncode != 0 or f"{n_rows} of {n_rows} rows done" not in done.stdout:
        counts[f"BAD: status {done.returncode}, {done.stdout[-200:]!r}"] += 1
    expected = None
    for n in range(n_rows):
        with fits.open(directory / f"out/{n}.fits") as hdus:
            content = [hdu.data.tobytes() for hdu in hdus[1:4]]
        expected = expected or content
        counts["rows with the same bits" if content == expected else "BAD: other bits"] += 1
    left = [path.name for path in (directory / "out").iterdir() if path.name.startswith(".")]
    left += [path.name for path in directory.iterdir() if path.name.startswith(".")]
    if left:
        counts[f"BAD: left {left[:3]}"] += 1
    return counts


def children(pid: int) -> list[int]:
    """The server that processes are forked from, or those; not what tracks resources."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            status = (entry / "stat").read_text().rpartition(")")[2].split()
            line = (entry / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if entry.name.isdigit() and int(status[1]) == pid and b"forkserver" in line:
            found.append(int(entry.name))
    return found


# Places ------------------------------------------------------------------------------------------


# What is done to the directories `out` and `tmp` before the command is run.
PLACES = {
    "limit of sizes": "ulimit -f 40",
    "removed directory": "rmdir out",
    "directory removed meanwhile": "(sleep 0.8; exec rm -rf out) &",
    "directory without rights": "chmod 555 out",
    "full disk": "mount -t tmpfs -o size=64k none out",
    "no more files": "mount -t tmpfs -o nr_inodes=1 none out",
    "read-only file system": "mount -t tmpfs -o ro none out",
    "full temporary directory": "mount -t tmpfs -o size=64k none tmp",
}
# Whoever may not mount does so in a namespace of their own, where the system has those.
NAMESPACE = ["unshare", "--map-root-user", "--mount"]


def places(directory: Path) -> Counter[str]:
    """What becomes of outputs that cannot be written."""
    files = simulate(directory / "inputs")
    # It is read from a copy among temporary files.
    packed = directory / "difference.fits.gz"
    packed.write_bytes(gzip.compress(files["difference"].read_bytes()))
    can_mount = subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    counts: Counter[str] = Counter()
    for name, action in PLACES.items():
        mounts = action.startswith("mount")
        if mounts and not can_mount:
            counts[f"{name}: not tried, there are no namespaces"] += 1
            continue
        place = directory / name
        for part in ("out", "tmp"):
            (place / part).mkdir(parents=True)
        given = files | ({"difference": packed} if "temporary" in name else {})
        inner = " ".join(f"'{part}'" for part in options(given))
        line = f"{action}\n export TMPDIR=tmp; trap '' XFSZ\n"
        line += f"exec '{sys.executable}' -m whitediff decorrelate {inner} -o out/o.fits"
        done = subprocess.run(
            [*(NAMESPACE if mounts else ()), "bash", "-c", line],
            cwd=place, capture_output=True, text=True,
        )  # fmt: skip
        lines = done.stderr.strip().splitlines()
        # Root needs no rights.
        may_end_well = {"directory removed meanwhile"}
        if os.geteuid() == 0:
            may_end_well.add("directory without rights")
        if name in may_end_well and done.returncode == 0 and not lines:
            counts[f"{name}: a result"] += 1
        elif done.returncode in (1, 2) and len(lines) == 1 and lines[0].startswith("whitediff: "):
            counts[f"{name}: one line, status {done.returncode}"] += 1
        else:
            counts[f"{name}: BAD: status {done.returncode} {done.stderr[-200:]!r}"] += 1
        left = list(place.glob("tmp/*")) + (list(place.glob("out/*")) if done.returncode else [])
        if left:
            counts[f"{name}: BAD: left {left}"] += 1
    return counts


def print_counts(kind: str, counts: Counter[str]) -> None:
    """A line of a table for each way that trials ended, those of formats one beside the other."""
    rows: dict[str, dict[str, int]] = {}
    for what, number in sorted(counts.items()):
        name, separator, end = what.rpartition(": ")
        rows.setdefault(f"{kind} | {name if separator else what}", {})[end] = number
    for row, ends in rows.items():
        shown = "; ".join(f"{number} {end}" for end, number in ends.items())
        print(f"| {row} | {sum(ends.values())} | {shown} |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("mutants", "streams", "calls", "signals", "rows"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--places", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    is_bad = False
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        directory = Path(name)
        kinds = (("mutants", given.mutants, lambda d: mutants(given.mutants, d, given.seed)),
                 ("streams", given.streams, lambda d: streams(given.streams, d, given.seed)),
                 ("calls", given.calls, lambda d: calls(given.calls, given.seed)),
                 ("signals", given.signals, lambda d: signals(given.signals, d, given.seed)),
                 ("batch", given.rows, lambda d: batch(given.rows, d, given.seed)),
                 ("places", given.places, places))  # fmt: skip
        for kind, wanted, trial in kinds:
            if not wanted:
                continue
            (directory / kind).mkdir()
            counts = trial(directory / kind)
            print_counts(kind, counts)
            is_bad |= any("BAD" in what for what in counts)
    return int(is_bad)


if __name__ == "__main__":
    sys.exit(main())
