"""Where the time goes: samples of perf, sorted into stages by the functions that they fell in.

Builds the package with debug information (the same code otherwise), and runs contestants with one
thread in new processes under ``perf record``: python bench/stages.py [--size 4096] [--output FILE].
Needs perf (Debian: linux-perf) and addr2line (binutils); the kernel's share is seen by root, or
with kernel.perf_event_paranoid at 1 or below.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import builds
import roofline
from machine import describe

_CASES = (
    "decorrelate",
    "decorrelate, variance planes",
    "DecorrelateALKernelSpatialTask",
    "decorrelate, full variance",
)
_FREQUENCY = 1999
_STACK_BYTES = 8192
_COUNTERS = ("cycles", "instructions", "cache-misses", "page-faults")
_DEBUG = {
    "cmake.build-type": "RelWithDebInfo",
    "cmake.define.CMAKE_CXX_FLAGS_RELWITHDEBINFO": "-O3 -g -DNDEBUG",
    "install.strip": "false",
}

# A sample belongs to the first of these that has a name in its chain of calls, inlined ones too.
STAGES = (
    ("fresh memory", r"^(asm_exc_page_fault|__x64_sys_(munmap|mmap|mremap|madvise))\b"),
    ("planning", r"\b(survey|survey_filters|filter_support|plan_cells|change_to|FilterChange)\b"),
    ("statistics", r"\b(mean_variances?|clipped_mean|Statistics|UsablePixels)\b"),
    ("levels", r"\b(level_of|level)\b"),
    ("kernel images", r"\b(NoiseModel::batch|SpatialKernel|TabulatedKernel|Kernel::evaluate)\b"),
    ("filters", r"\b(CellFilter<\w+>::(set|CellFilter)|(Noise|Power)Spectrum|FilterDesign)\b"),
    ("transforms", r"libfftw3f"),
    ("loads", r"\b(load|load_row|load_image|interleave\w*)\b"),
    ("transposes", r"\b(transpose|separate\w*)\b"),
    ("multiply", r"\b(multiply|multiply_add|scale<)"),
    ("variance", r"\b(Completion|GainProfile|filter_variance)\b"),
    ("blending, stores", r"\b(add_row|Blend|give_image|give_variance|zero_image)\b"),
    ("cells, other", r"\b(CellWorker|CellTransform|Filtering|Execution|Whitening)\b"),
)
_OTHER = "Python, numpy"

Chain = tuple[str, ...]


class MissingError(Exception):
    """A program that is needed is not there."""


def check_programs() -> None:
    """Refuse to begin without what is needed at the end."""
    for program, package in (("perf", "linux-perf"), ("addr2line", "binutils")):
        if shutil.which(program) is None:
            raise MissingError(f"expected {program} (Debian: {package}) here, found none")


def watched(
    perf: Sequence[str], target: Path, contestant: str, size: int, seconds: float, folder: Path
) -> Any:
    """Run a contestant under perf, which watches some calls; give what it says of itself."""
    control, acknowledge = folder / "control", folder / "acknowledge"
    for pipe in (control, acknowledge):
        os.mkfifo(pipe)
    arguments = [str(builds.BENCH / "profiled.py"), contestant, "--size", str(size)]
    arguments += ["--seconds", str(seconds)]
    arguments += ["--control", str(control), "--acknowledge", str(acknowledge)]
    command, environment = builds.python(target, arguments)
    pipes = ["--delay=-1", f"--control=fifo:{control},{acknowledge}"]
    run = ["perf", *perf, *pipes, "--", *command]
    done = subprocess.run(run, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def record(target: Path, contestant: str, size: int, seconds: float, folder: Path) -> Any:
    """Run a contestant under perf, its samples going to a file; give what it says of itself."""
    perf = ["record", "--quiet", "--event=cpu-clock", f"--freq={_FREQUENCY}"]
    perf += [f"--call-graph=dwarf,{_STACK_BYTES}", f"--output={folder / 'perf.data'}"]
    return watched(perf, target, contestant, size, seconds, folder)


def counted(target: Path, contestant: str, size: int, seconds: float) -> dict[str, float]:
    """Count events a pixel, those that the machine counts: in virtual machines often none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        perf = ["stat", "--field-separator=;", f"--output={folder / 'counts'}"]
        perf += [f"--event={','.join(_COUNTERS)}"]
        run = watched(perf, target, contestant, size, seconds, folder)
        rows = [line.split(";") for line in (folder / "counts").read_text().splitlines()]
    counts = {row[2].split(":")[0]: row[0] for row in rows if len(row) > 2}
    pixels = run["calls"] * size**2
    # Others are "<not supported>", or not there.
    return {
        event: float(counts[event]) / pixels
        for event in _COUNTERS
        if re.fullmatch(r"[\d.]+", counts.get(event, ""))
    }


def samples(data: Path) -> list[list[tuple[str, str, str]]]:
    """Read samples: chains of (address, name, file), innermost first."""
    script = subprocess.run(
        ["perf", "script", f"--input={data}", "--no-inline", "--fields=ip,sym,dso"],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ).stdout
    frame = re.compile(r"^\s+([0-9a-f]+) (.*) \((.*)\)$", re.MULTILINE)
    return [frame.findall(block) for block in re.split(r"\n\s*\n", script) if block.strip()]


def inlined_names(module: str, addresses: Iterable[str]) -> dict[str, Chain]:
    """Find all functions whose code lies at an address: inlined ones first, then their callers."""
    wanted = sorted(set(addresses))
    text = subprocess.run(
        ["addr2line", "--addresses", "--functions", "--inlines", "--demangle", f"--exe={module}"],
        input="\n".join(wanted),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    blocks = re.split(r"^0x[0-9a-f]+\n", text, flags=re.MULTILINE)[1:]
    # Names and places take turns.
    return {
        address: tuple(block.splitlines()[::2])
        for address, block in zip(wanted, blocks, strict=True)
    }


def chains(found: Sequence[Sequence[tuple[str, str, str]]]) -> list[Chain]:
    """Give the names of each sample, inlined functions of the package among them."""
    own = {frame[2] for sample in found for frame in sample if "/whitediff/_core" in frame[2]}
    if len(own) != 1:
        raise RuntimeError(f"expected samples in one compiled module, got {sorted(own)}")
    module = own.pop()

    def place(n: int, address: str) -> str:
        # Beyond the innermost they are where calls return to, behind the call.
        return f"{int(address, 16) - (n > 0):x}"

    names = inlined_names(
        module,
        (
            place(n, address)
            for sample in found
            for n, (address, _, file) in enumerate(sample)
            if file == module
        ),
    )
    return [
        tuple(
            name
            for n, (address, symbol, file) in enumerate(sample)
            for name in (names[place(n, address)] if file == module else (f"{symbol} {file}",))
        )
        for sample in found
    ]


def stage_of(chain: Chain) -> str:
    """Find the stage of a sample."""
    for stage, pattern in STAGES:
        if any(re.search(pattern, name) for name in chain):
            return stage
    return _OTHER


def break_down(target: Path, contestant: str, size: int, seconds: float) -> dict[str, Any]:
    """Measure one contestant: for every stage its share of the time, and ns a pixel."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = record(target, contestant, size, seconds, folder)
        found = chains(samples(folder / "perf.data"))
    if not found:
        raise RuntimeError("expected samples from perf, got none")
    counts = Counter(map(stage_of, found))
    names: dict[str, Counter[str]] = {}
    for chain in found:
        names.setdefault(stage_of(chain), Counter())[chain[0]] += 1
    a_pixel = 1e9 * run["seconds"] / size**2
    return {
        "contestant": contestant,
        "samples": len(found),
        "seconds": run["seconds"],
        "nanoseconds": a_pixel,
        "geometry": run["geometry"],
        "counters": counted(target, contestant, size, seconds),
        "stages": [
            {
                "stage": stage,
                "share": counts[stage] / len(found),
                "nanoseconds": a_pixel * counts[stage] / len(found),
                "names": [
                    (symbol[:100], count / len(found))
                    for symbol, count in names[stage].most_common(5)
                ],
            }
            for stage in [*(stage for stage, _ in STAGES), _OTHER]
            if counts[stage]
        ],
    }


def print_case(case: dict[str, Any], verbose: bool) -> None:
    """Print one breakdown."""
    a_pixel = f"{case['nanoseconds']:.2f} ns a pixel, {case['samples']} samples"
    print(f"\n{case['contestant']}: {a_pixel}")
    counters = case["counters"]
    counts = [f"{counters[n]:.3g} {n}" if n in counters else f"no {n}" for n in _COUNTERS]
    print(f"  counted a pixel: {', '.join(counts)}")
    for row in case["stages"]:
        line = f"  {row['stage']:18} {100 * row['share']:5.1f} %  {row['nanoseconds']:6.2f} ns"
        if "limit" in row:
            line += (
                f"  {row['flops']:6.1f} flops {row['bytes']:5.1f} bytes"
                f"  limit {row['limit']:5.2f} ns  {100 * row['limit'] / row['nanoseconds']:3.0f} %"
            )
        print(line)
        if verbose:
            for symbol, share in row["names"]:
                print(f"      {100 * share:5.1f} %  {symbol}")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=4.0, help="of counting, a contestant")
    parser.add_argument("--case", dest="cases", nargs="+", default=_CASES, metavar="NAME")
    parser.add_argument(
        "--package", type=Path, help="folder with a build with debug information, made if missing"
    )
    parser.add_argument("--output", type=Path, help="JSON file for machine, limits and stages")
    parser.add_argument("--verbose", action="store_true", help="with the names of functions")
    options = parser.parse_args()
    try:
        check_programs()
    except MissingError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        target = options.package or Path(folder, "package")
        if not (target / "whitediff").is_dir():
            builds.install(target, _DEBUG)
        cases = [break_down(target, name, options.size, options.seconds) for name in options.cases]
    limits = roofline.measure()
    for name, value in limits.items():
        print(f"{name:44} {value:8.2f}")
    for case in cases:
        roofline.add_limits(case, limits)
        print_case(case, options.verbose)
    if options.output:
        record_ = {"machine": describe(), "size": options.size, "limits": limits, "cases": cases}
        options.output.write_text(json.dumps(record_, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
