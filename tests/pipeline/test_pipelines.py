"""Pipelines in YAML, the ingredients on stand-ins for the pipelines and tasks of Rubin."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("lsst.images", reason="lsst-images is not installed")
base: Any = pytest.importorskip("lsst.pipe.base", reason="lsst.pipe.base is not installed")

from lsst.pex.config import Field

from whitediff.pipeline.repository import WHITEN

FOLDER = WHITEN.rpartition("/")[0]
DIMENSIONS = ("instrument", "visit", "detector")
BASES = {
    "drp": ("DRP_PIPE_DIR", "DRP.yaml", "visit_image"),
    "ap": ("AP_PIPE_DIR", "ApPipe.yaml", "preliminary_visit_image"),
}


def connection(kind: str, name: str, storage: str = "DifferenceImage") -> Any:
    cls = getattr(base.connectionTypes, kind)
    return cls(doc=name, name=name, storageClass=storage, dimensions=DIMENSIONS)


class SubtractConnections(base.PipelineTaskConnections, dimensions=DIMENSIONS):
    science = connection("Input", "visit_image", "VisitImage")
    template = connection("Input", "template_detector")
    difference = connection("Output", "difference_image_predetection")
    matchedTemplate = connection("Output", "template_matched")
    psfMatchingKernel = connection("Output", "difference_kernel", "MatchingKernel")


class SubtractConfig(base.PipelineTaskConfig, pipelineConnections=SubtractConnections):
    doDecorrelation = Field[bool](doc="Whiten.", default=True)
    image_type = Field[str](doc="Images of lsst.afw or of lsst.images.", default="legacy")


class AlardLuptonSubtractTask(base.PipelineTask):
    ConfigClass = SubtractConfig
    _DefaultName = "subtract"


class DetectConnections(base.PipelineTaskConnections, dimensions=DIMENSIONS):
    science = connection("Input", "visit_image", "VisitImage")
    matchedTemplate = connection("Input", "template_matched")
    difference = connection("Input", "difference_image_predetection")
    subtractedMeasuredExposure = connection("Output", "difference_image")


class DetectConfig(base.PipelineTaskConfig, pipelineConnections=DetectConnections):
    pass


class DetectAndMeasureTask(base.PipelineTask):
    ConfigClass = DetectConfig
    _DefaultName = "detect"


class ReliabilityConnections(base.PipelineTaskConnections, dimensions=DIMENSIONS):
    difference = connection("Input", "difference_image")
    classifications = connection("Output", "dia_source_reliability", "ArrowAstropy")


class ReliabilityConfig(base.PipelineTaskConfig, pipelineConnections=ReliabilityConnections):
    pass


class RBTransiNetTask(base.PipelineTask):
    ConfigClass = ReliabilityConfig
    _DefaultName = "reliability"


# Which image the scores of sources are made of.
SCORED = {"drp": "difference_image_predetection", "ap": "difference_image"}


@pytest.fixture(params=BASES)
def pipeline(request: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """An ingredient over a pipeline that has the steps around it."""
    for name in ("ip", "ip.diffim", "meas"):
        monkeypatch.setitem(sys.modules, f"lsst.{name}", ModuleType(f"lsst.{name}"))
    for name, task in (
        ("ip.diffim.subtractImages", AlardLuptonSubtractTask),
        ("ip.diffim.detectAndMeasure", DetectAndMeasureTask),
        ("meas.transiNet", RBTransiNetTask),
    ):
        module = ModuleType(f"lsst.{name}")
        setattr(module, task.__name__, task)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    variable, name, science = BASES[request.param]
    monkeypatch.setenv(variable, str(tmp_path))
    folder = tmp_path / "pipelines" / "LSSTCam"
    folder.mkdir(parents=True)
    difference = "connections.difference"
    (folder / name).write_text(
        f"""
        description: Stands in for the pipeline of Rubin, with its names.
        parameters:
          image_type: legacy
        tasks:
          subtractImages:
            class: lsst.ip.diffim.subtractImages.AlardLuptonSubtractTask
            config:
              connections.science: {science}
              image_type: parameters.image_type
          detectAndMeasureDiaSource:
            class: lsst.ip.diffim.detectAndMeasure.DetectAndMeasureTask
            config:
              connections.science: {science}
          computeReliability:
            class: lsst.meas.transiNet.RBTransiNetTask
            config:
              connections.difference: {SCORED[request.param]}
        subsets:
          stage4-measure-variability:
            subset: [subtractImages, detectAndMeasureDiaSource, computeReliability]
        steps:
          - label: stage4-measure-variability
            dimensions: [visit, detector]
        contracts:
          - subtractImages.{difference} == detectAndMeasureDiaSource.{difference}
        """
    )
    return base.Pipeline.from_uri(f"{FOLDER}/{request.param}.yaml")


def test_whiten_alone() -> None:
    graph = base.Pipeline.from_uri(WHITEN).to_graph()
    assert list(graph.tasks) == ["whitenDifference"]
    assert "difference_image_white" in graph.dataset_types


def test_ingredients_whiten_between_subtraction_and_detection(pipeline: Any) -> None:
    graph = pipeline.to_graph()
    graph.sort()
    assert list(graph.tasks)[:2] == ["subtractImages", "whitenDifference"]
    config = graph.tasks["subtractImages"].config
    assert (config.doDecorrelation, config.image_type) == (False, "future")
    assert graph.producer_of("subtractImages_metadata").label == "subtractImages"
    # It scores sources on an image that is white, or on what was made of that.
    scored = graph.tasks["computeReliability"].inputs["difference"].dataset_type_name
    assert scored in ("difference_image_white", "difference_image")
    consumers = {
        name: {task.label for task in graph.consumers_of(name)} - {"computeReliability"}
        for name in (
            "difference_image_predetection",
            "difference_kernel",
            "subtractImages_metadata",
            "template_matched",
            "difference_image_white",
        )
    }
    assert consumers == {
        "difference_image_predetection": {"whitenDifference"},
        "difference_kernel": {"whitenDifference"},
        "subtractImages_metadata": {"whitenDifference"},
        "template_matched": {"detectAndMeasureDiaSource"},
        "difference_image_white": {"detectAndMeasureDiaSource"},
    }


@pytest.mark.parametrize(
    ("label", "field", "value", "message"),
    [
        ("subtractImages", "doDecorrelation", True, "doDecorrelation is True"),
        ("subtractImages", "connections.difference", "other", "subtractImages.difference"),
        ("whitenDifference", "connections.white", "other", "whitenDifference.white"),
        ("whitenDifference", "connections.science", "other", "subtractImages.science"),
        ("whitenDifference", "connections.template", "other", "subtractImages.template"),
        ("whitenDifference", "connections.kernel", "other", "subtractImages.psfMatchingKernel"),
        ("detectAndMeasureDiaSource", "connections.science", "other", "!= detectAndMeasure"),
        ("subtractImages", "connections.matchedTemplate", "other", "matchedTemplate != detect"),
    ],
)
def test_contracts(pipeline: Any, label: str, field: str, value: Any, message: str) -> None:
    pipeline.addConfigOverride(label, field, value)
    with pytest.raises(base.pipelineIR.ContractError, match=message):
        pipeline.to_graph()
