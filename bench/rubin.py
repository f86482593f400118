"""Seconds and memory of whitening one detector in a Rubin pipeline, by stage.

python bench/rubin.py FOLDER [THREADS]: keeps its images in the folder.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHAPE = (4000, 4072)
REPEATS = 3
NAMES = ("visit_image", "template_detector", "difference_image_predetection")


def prepare(folder: Path) -> None:
    from whitediff.pipeline.simulated import visit_images
    from whitediff.simulate import simulate

    images = visit_images(simulate(SHAPE, seed=1), 1, 0, (0,))
    for name in NAMES:
        getattr(images, name).write(str(folder / f"{name}.fits"))


def memory() -> float:
    """Peak of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def measured(name: str, work: Callable[[], Any], repeats: int = REPEATS) -> Any:
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
    print(f"{name:<40}{min(seconds):8.2f} s{memory():8.2f} GB")
    return result


def main(folder: Path, threads: int) -> None:
    if not all((folder / f"{name}.fits").exists() for name in NAMES):
        folder.mkdir(exist_ok=True)
        code = f"import rubin, pathlib; rubin.prepare(pathlib.Path({str(folder)!r}))"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
    begin = time.perf_counter()
    from lsst.images.serialization import read_archive

    from whitediff.io.lsst_exposure import exposure_of
    from whitediff.pipeline import WhitenDifferenceTask

    print(f"{'import':<40}{time.perf_counter() - begin:8.2f} s{memory():8.2f} GB")
    science, template, difference = measured(
        "read three images", lambda: [read_archive(folder / f"{name}.fits") for name in NAMES], 1
    )
    measured("adapt them", lambda: [exposure_of(i) for i in (science, template, difference)])
    task = WhitenDifferenceTask()
    result = measured(
        "whole task", lambda: task.run(science, template, difference, nThreads=threads)
    )
    for stage, path in (
        ("adapt", "whitenDifference.adapt"),
        ("compare with the images", "whitenDifference._is_white_already"),
        ("whiten", "whitenDifference:decorrelate:mapReduce:mapper.whiten"),
        ("statistics", "whitenDifference:decorrelate:mapReduce:mapper.statistics"),
        ("verdict", "whitenDifference:decorrelate:mapReduce:mapper.verdict"),
        ("PSF", "whitenDifference.whitePsf"),
        ("make the image", "whitenDifference.whiteImage"),
    ):
        times = [task.getFullMetadata().getArray(f"{path}{end}CpuTime") for end in ("Start", "End")]
        cpu = min(b - a for a, b in zip(*times, strict=True))
        print(f"    of it {stage:<30}{cpu:8.2f} s of CPU")
    output = folder / "white.fits"

    def write() -> None:
        output.unlink(missing_ok=True)
        result.white.write(str(output))

    measured("write the white image", write, 1)
    metadata = result.white.metadata
    print(f"PSF to {metadata['WDPSFERR']:.1e} of its peak, {metadata['WDCELLS']} cells")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
