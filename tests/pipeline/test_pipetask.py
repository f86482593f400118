"""The pipeline from the command line: a simulated repository, pipetask and BPS."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

images: Any = pytest.importorskip("lsst.images", reason="lsst-images is not installed")
pytest.importorskip("lsst.ctrl.mpexec", reason="lsst-ctrl-mpexec (pipetask) is not installed")

from lsst.daf.butler import Butler

from whitediff import __version__
from whitediff.io.lsst_exposure import exposure_of
from whitediff.pipeline import WhitenDifferenceConfig
from whitediff.pipeline.repository import WHITEN
from whitediff.whiteness import whiteness

SHAPE = (256, 300)
BIN = Path(sys.executable).parent


def call(*arguments: Any, cwd: Path, status: int = 0) -> str:
    """Run a command of this environment, and give what it says."""
    # BPS takes the folder for its files from PWD.
    environment = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PWD": str(cwd),
    }
    done = subprocess.run(
        [BIN / arguments[0], *map(str, arguments[1:])],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def pipetask(repo: Path, *more: Any, status: int = 0) -> str:
    return call(
        *("pipetask", "run", "-b", repo, "-i", "simulated", "-o", "white", "-p", WHITEN, "-j", 2),
        *("--register-dataset-types", *more),
        cwd=repo.parent,
        status=status,
    )


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pipetask") / "repo"
    said = call("whitediff", "simulate", root, "--butler", "--shape", *SHAPE, cwd=root.parent)
    assert f"pipetask run -b {root}" in said
    return root


@pytest.fixture
def butler(repo: Path) -> Iterator[Any]:
    with Butler.from_config(str(repo), writeable=True) as opened:
        yield opened


def data_id(detector: int) -> dict[str, Any]:
    return {"instrument": "Simulated", "visit": 1, "detector": detector}


def put(butler: Any, image: Any, name: str, detector: int) -> None:
    """Put a dataset in place of the one that is there."""
    ref = butler.find_dataset(name, data_id(detector), collections="simulated")
    butler.pruneDatasets([ref], disassociate=True, unstore=True, purge=True)
    butler.put(image, name, data_id(detector), run="simulated")


def test_a_spoilt_input_fails_alone_and_is_done_again(repo: Path, butler: Any) -> None:
    spoilt = butler.get("visit_image", data_id(1), collections="simulated")
    good = spoilt.copy()
    spoilt.image.array[...] = np.nan
    put(butler, spoilt, "visit_image", 1)
    said = pipetask(repo, status=1)
    assert "science must have pixels, got none" in said
    assert butler.exists("difference_image_white", data_id(0), collections="white")
    assert not butler.exists("difference_image_white", data_id(1), collections="white")
    first = butler.get("difference_image_white", data_id(0), collections="white")

    put(butler, good, "visit_image", 1)
    said = pipetask(
        repo, "--extend-run", "--skip-existing-in", "white", "--clobber-outputs",
    )  # fmt: skip
    assert re.search(r"Executed 1 quanta successfully, 0 failed and 0 remain out of total 1", said)
    assert "Whitened in" in said
    again = butler.get("difference_image_white", data_id(0), collections="white")
    assert again.butler_dataset.id == first.butler_dataset.id

    for detector in (0, 1):
        white = butler.get("difference_image_white", data_id(detector), collections="white")
        check_white(white)
        metadata = butler.get("whitenDifference_metadata", data_id(detector), collections="white")
        worker = metadata["whitenDifference:decorrelate:mapReduce:mapper"]
        assert worker["nCells"] == white.metadata["WDCELLS"]
        assert worker["nThreads"] == 1  # as many as a quantum has cores
        inputs = {ref.datasetType.name for ref in white.butler_provenance.inputs}
        assert {"visit_image", "template_detector", "difference_image_predetection"} <= inputs
    config = butler.get("whitenDifference_config", collections="white")
    assert config.compare(WhitenDifferenceConfig())


def check_white(white: Any) -> None:
    assert white.metadata["WDVERSN"] == __version__
    masked = exposure_of(white).mask.array != 0
    noise = whiteness(white.image.array, white.variance.array, mask=masked)
    # Five sampling errors.
    assert abs(noise.variance - 1) < 5 * noise.variance_error
    assert np.all(np.abs(noise.in_x) < 5 * noise.error_in_x)
    assert np.all(np.abs(noise.in_y) < 5 * noise.error_in_y)


def test_an_empty_template_is_no_failure(repo: Path, butler: Any) -> None:
    template = butler.get("template_detector", data_id(1), collections="simulated")
    empty = template.copy()
    empty.mask.set("NO_DATA")
    put(butler, empty, "template_detector", 1)
    call(
        *("pipetask", "run", "-b", repo, "-i", "simulated", "-o", "empty", "-p", WHITEN),
        *("-d", "detector = 1", "--register-dataset-types"),
        cwd=repo.parent,
    )
    put(butler, template, "template_detector", 1)
    assert not butler.exists("difference_image_white", data_id(1), collections="empty")


def test_a_graph_with_the_psf_of_cells_and_the_kernel_of_a_dataset(repo: Path, butler: Any) -> None:
    graph = repo.parent / "white.qg"
    said = call(
        *("pipetask", "qgraph", "-b", repo, "-i", "simulated", "-o", "cells", "-p", WHITEN),
        *("-c", "whitenDifference:doWriteCellPsf=True", "-d", "detector = 0", "-q", graph),
        *("-c", "whitenDifference:doReadKernel=True"),
        *("-c", "whitenDifference:kernelPackage=lsst.images"),
        cwd=repo.parent,
    )
    assert "QuantumGraph contains 1 quantum" in said
    call(
        *("pipetask", "run", "-b", repo, "-g", graph, "-o", "cells"),
        *("--register-dataset-types",),
        cwd=repo.parent,
    )
    white = butler.get("difference_image_white", data_id(0), collections="cells")
    inputs = {ref.datasetType.name for ref in white.butler_provenance.inputs}
    assert "difference_kernel" in inputs
    psf = butler.get("difference_psf_white", data_id(0), collections="cells")
    x, y = 75, 128  # the middle of the left one of two cells
    # Piff's polynomial goes through nine PSFs a cell, and by them by some thousandths of the peak.
    np.testing.assert_allclose(
        psf.compute_kernel_image(x=x, y=y).array,
        white.psf.compute_kernel_image(x=x, y=y).array,
        atol=1e-2 * psf.compute_kernel_image(x=x, y=y).array.max(),
    )


def test_bps_with_parsl(repo: Path, butler: Any) -> None:
    pytest.importorskip("lsst.ctrl.bps.parsl", reason="lsst-ctrl-bps-parsl is not installed")
    submission = repo.parent / "submission.yaml"
    submission.write_text(
        "includeConfigs: [resource://whitediff/pipeline/bps/parsl.yaml]\n"
        "payload:\n"
        "  payloadName: white\n"
        f"  butlerConfig: {repo}\n"
        "  inCollection: simulated\n"
        "  output: bps\n"
    )
    call("bps", "submit", submission, cwd=repo.parent)
    for detector in (0, 1):
        check_white(butler.get("difference_image_white", data_id(detector), collections="bps"))
    assert (repo.parent / "submit").is_dir()
