"""What is done to each cell, one by one or all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from cell_mappers import IdentityMapper, make_config, make_exposure, make_task, two_boxes
from exposures import snapshot
from whitediff.tasks import (
    ImageMapper,
    ImageMapReduceConfig,
    ImageMapReduceTask,
    ImageReducer,
    Struct,
    Task,
)


def test_mapper_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        ImageMapReduceTask(config=ImageMapReduceConfig())


def test_mapper_gets_cell_border_box_and_arguments() -> None:
    exposure = make_exposure()
    seen = []

    class Spy(IdentityMapper):
        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
            seen.append((subExposure, expandedSubExposure, fullBBox, kw))
            return super().run(subExposure, expandedSubExposure, fullBBox)

    task = make_task(Spy, cellSizeX=20, gridStepX=20)
    task.run(exposure, answer=42)
    assert task.boxes0 is not None and task.boxes1 is not None
    assert len(seen) == len(task.boxes0) == task.metadata["nCells"]
    for box0, box1, (sub, border, full, kwargs) in zip(task.boxes0, task.boxes1, seen, strict=True):
        assert (sub.getBBox(), border.getBBox(), full) == (box0, box1, exposure.getBBox())
        assert kwargs == {"answer": 42}
        np.testing.assert_array_equal(sub.image.array, exposure[box0].image.array)
        np.testing.assert_array_equal(border.mask.array, exposure[box1].mask.array)
        assert sub.metadata["EXPTIME"] == 30.0
        assert sub.getPsf() is exposure.getPsf()


def test_mapper_need_not_be_an_image_mapper() -> None:
    class Plain(Task):
        ConfigClass = ImageMapper.ConfigClass
        _DefaultName = "plain"

        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any) -> Struct:
            subExposure.image.array += 1
            return Struct(subExposure=subExposure)

    exposure = make_exposure()
    result = make_task(Plain, adjustGridOption="size").run(exposure).exposure
    np.testing.assert_array_equal(result.image.array, exposure.image.array + 1)


class WholeGridMapper(IdentityMapper):
    """Negate all cells at once, but single ones not."""

    def runAll(
        self,
        exposure: Any,
        boxes0: Sequence[Any],
        boxes1: Sequence[Any],
        *,
        reduceOperation: str,
        progress: Callable[[int, int], None] | None = None,
        willing: bool = True,
        **kwargs: Any,
    ) -> Struct | None:
        if not willing:
            return None
        self.asked_for = (list(boxes0), list(boxes1), reduceOperation, kwargs)
        result = exposure.clone()
        result.image.array[...] = np.nan
        for box in boxes0:
            result[box].image.array[...] = -exposure[box].image.array
        if progress is not None:
            progress(len(boxes0), len(boxes0))
        return Struct(exposure=result, extra=1)


@pytest.mark.parametrize("operation", ["copy", "sum", "average"])
def test_mapper_does_all_cells_at_once(operation: str) -> None:
    exposure = make_exposure((10, 20))
    before = snapshot(exposure)
    boxes = two_boxes(exposure)
    calls: list[tuple[int, int]] = []
    task = make_task(WholeGridMapper, reduceOperation=operation)
    result = task.run(
        exposure,
        boxes0=boxes,
        boxes1=boxes,
        progress=lambda done, total: calls.append((done, total)),
        answer=42,
    )
    assert task.mapper.asked_for == (boxes, boxes, operation, {"answer": 42})
    assert calls == [(2, 2)]
    assert task.metadata["wholeGrid"] is True and "runAllEndCpuTime" in task.metadata
    assert result.extra == 1
    np.testing.assert_array_equal(result.exposure.image.array[:9], -exposure.image.array[:9])
    invalid = result.exposure.mask.getPlaneBitMask("INVALID_MAPREDUCE")
    assert ((result.exposure.mask.array & invalid != 0).T == (np.arange(10) == 9)).all()
    assert snapshot(exposure) == before


def test_mapper_that_declines_gets_single_cells() -> None:
    exposure = make_exposure()
    task = make_task(WholeGridMapper)
    result = task.run(exposure, willing=False).exposure
    np.testing.assert_allclose(result.image.array, exposure.image.array, rtol=1e-6)
    assert task.metadata["wholeGrid"] is False


@pytest.mark.parametrize(
    "values",
    [
        {"returnSubImages": True},
        {"reduceOperation": "none"},
        {"reduceOperation": "coaddPsf"},
    ],
)
def test_mapper_gets_single_cells_where_their_results_matter(values: dict[str, Any]) -> None:
    task = make_task(WholeGridMapper, **values)
    task.run(make_exposure())
    assert task.metadata["wholeGrid"] is False


def test_reducer_of_another_kind_gets_single_cells() -> None:
    class CountingReducer(ImageReducer):
        def run(self, mapperResults: Sequence[Struct], exposure: Any, **kwargs: Any) -> Struct:
            return Struct(count=len(mapperResults))

    config = make_config(WholeGridMapper)
    config.reducer.retarget(CountingReducer)
    task = ImageMapReduceTask(config=config)
    assert task.run(make_exposure()).count == task.metadata["nCells"]
