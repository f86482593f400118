"""The metadata of tasks."""

from __future__ import annotations

import enum
import json
import math
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from whitediff.tasks import TaskMetadata


@pytest.fixture
def metadata() -> TaskMetadata:
    return TaskMetadata.from_dict(
        {"i": 1, "ok": True, "array": [1, 2, 3], "sub": {"x": 1.5, "deep": {"s": "text"}}}
    )


def test_kinds_are_stored_apart(metadata: TaskMetadata) -> None:
    assert metadata.scalars == {"i": 1, "ok": True}
    assert metadata.arrays == {"array": [1, 2, 3]}
    assert list(metadata.metadata) == ["sub"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("i", 1), ("ok", True), ("array", 3), ("sub.x", 1.5), ("sub.deep.s", "text")],
)
def test_getting_an_item(metadata: TaskMetadata, key: str, value: Any) -> None:
    assert metadata[key] == metadata.getScalar(key) == metadata.get(key) == value
    assert type(metadata[key]) is type(value)
    assert key in metadata


def test_getting_nested_metadata(metadata: TaskMetadata) -> None:
    assert metadata["sub"] is metadata.metadata["sub"]
    assert metadata["sub"]["deep.s"] == "text"
    assert metadata.getArray("sub") == [metadata["sub"]]


def test_getting_arrays(metadata: TaskMetadata) -> None:
    assert metadata.getArray("array") == [1, 2, 3]
    assert metadata.getArray("i") == [1]
    metadata.getArray("array").append(4)
    assert metadata.getArray("array") == [1, 2, 3]


@pytest.mark.parametrize(
    "key", ["missing", "sub.missing", "missing.x", "i.x", "array.x", "", "sub."]
)
def test_missing_keys(metadata: TaskMetadata, key: str) -> None:
    assert key not in metadata
    assert metadata.get(key) is None
    assert metadata.get(key, 5) == 5
    for operation in (
        metadata.__getitem__,
        metadata.getScalar,
        metadata.getArray,
        metadata.__delitem__,
    ):
        with pytest.raises(KeyError, match=f"{key!r} not found"):
            operation(key)


def test_an_empty_array_has_no_last_element() -> None:
    metadata = TaskMetadata()
    metadata["empty"] = []
    assert "empty" in metadata
    assert metadata.getArray("empty") == []
    assert metadata.get("empty", 5) == 5
    with pytest.raises(KeyError, match="empty"):
        _ = metadata["empty"]


def test_keys_must_be_strings(metadata: TaskMetadata) -> None:
    for operation in (
        lambda: metadata[1],  # type: ignore[index]
        lambda: metadata.__setitem__(1, 2),  # type: ignore[index]
        lambda: metadata.add(1, 2),  # type: ignore[arg-type]
        lambda: 1 in metadata,
        lambda: TaskMetadata.from_dict({1: 2}),  # type: ignore[dict-item]
    ):
        with pytest.raises(KeyError, match="must be a string, got 1"):
            operation()


def test_names_of_all_levels(metadata: TaskMetadata) -> None:
    assert metadata.keys() == ("i", "ok", "array", "sub")
    assert list(metadata) == list(metadata.keys())
    assert len(metadata) == 4
    assert dict(metadata.items()) == {
        "i": 1,
        "ok": True,
        "array": [1, 2, 3],
        "sub": metadata["sub"],
    }
    assert metadata.names() == {"i", "ok", "array", "sub", "sub.x", "sub.deep", "sub.deep.s"}
    assert metadata.paramNames(topLevelOnly=False) == {"i", "ok", "array", "sub.x", "sub.deep.s"}
    assert metadata.paramNames(topLevelOnly=True) == {"i", "ok", "array"}


def test_setting_replaces_a_value_of_any_kind(metadata: TaskMetadata) -> None:
    for value in (7, [1.0, 2.0], {"y": 1}, "text"):
        metadata["i"] = value
        assert metadata.to_dict()["i"] == value
        assert list(metadata).count("i") == 1
    metadata["array.new.key"] = 2
    assert metadata.to_dict()["array"] == {"new": {"key": 2}}


def test_values_given_are_copied() -> None:
    metadata = TaskMetadata()
    values = [1, 2]
    metadata["array"] = values
    values.append(3)
    assert metadata.getArray("array") == [1, 2]


def test_deleting(metadata: TaskMetadata) -> None:
    del metadata["i"], metadata["array"], metadata["sub.deep.s"]
    assert metadata.to_dict() == {"ok": True, "sub": {"x": 1.5, "deep": {}}}
    del metadata["sub"]
    assert metadata.to_dict() == {"ok": True}


class _Level(enum.IntEnum):
    HIGH = 7


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (np.int16(3), 3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float32(2.5), 2.5),
        (np.float64(-0.5), -0.5),
        (np.longdouble(1.5), 1.5),
        (_Level.HIGH, 7),
        (2**80, 2**80),
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        ([np.float32(1.5), np.float32(2.5)], [1.5, 2.5]),
        (["a", "b"], ["a", "b"]),
        ([True, False], [True, False]),
    ],
)
def test_numbers_become_those_of_python(given: Any, stored: Any) -> None:
    metadata = TaskMetadata()
    metadata["key"] = given
    result = metadata.to_dict()["key"]
    assert result == stored
    assert type(result) is type(stored)
    if isinstance(stored, list):
        assert [type(value) for value in result] == [type(value) for value in stored]


@pytest.mark.parametrize(
    "value",
    [
        None,
        1j,
        b"bytes",
        object(),
        {1, 2},
        np.bool_(True),
        np.str_("text"),
        np.array([1, 2]),
        np.array(3.0),
        np.datetime64("2026-01-01"),
        [None],
        [[1]],
        [{"a": 1}],
        [1, "text"],
        [1, 2.0],
        [True, 1],
        {"nested": None},
    ],
)
def test_other_types_are_refused(metadata: TaskMetadata, value: Any) -> None:
    before = metadata.to_dict()
    with pytest.raises(ValueError, match=r"metadata must hold str|must have one type"):
        metadata["key"] = value
    with pytest.raises(ValueError, match=r"metadata must hold str|must have one type"):
        metadata.add("array", value)
    assert metadata.to_dict() == before


def test_add_makes_arrays(metadata: TaskMetadata) -> None:
    metadata.add("i", 2)
    metadata.add("i", [np.int64(3), np.int64(4)])  # type: ignore[list-item]
    metadata.add("new", "text")
    metadata.add("sub.x", np.float32(2.5))  # type: ignore[arg-type]
    metadata.add("array", ())
    assert metadata.arrays == {"array": [1, 2, 3], "i": [1, 2, 3, 4], "new": ["text"]}
    assert metadata.scalars == {"ok": True}
    assert metadata.getArray("sub.x") == [1.5, 2.5]
    assert metadata["i"] == 4


@pytest.mark.parametrize("value", ["text", 1.0, True, ["text"], [1.0]])
@pytest.mark.parametrize("key", ["i", "array"])
def test_add_refuses_a_change_of_type(metadata: TaskMetadata, key: str, value: Any) -> None:
    before = metadata.to_dict()
    with pytest.raises(ValueError, match=f"value must be of type int, as '{key}' is, got"):
        metadata.add(key, value)
    assert metadata.to_dict() == before


def test_add_refuses_nested_metadata(metadata: TaskMetadata) -> None:
    with pytest.raises(ValueError, match="'sub', which is nested"):
        metadata.add("sub", 1)
    with pytest.raises(ValueError, match="got dict"):
        metadata.add("new", {"a": 1})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got TaskMetadata"):
        metadata.add("i", TaskMetadata())  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["missing.x", "i.x", "sub.missing.x"])
def test_add_needs_the_level_to_exist(metadata: TaskMetadata, key: str) -> None:
    before = metadata.to_dict()
    with pytest.raises(KeyError, match="nothing can be added under it"):
        metadata.add(key, 1)
    assert metadata.to_dict() == before


def test_dictionaries(metadata: TaskMetadata) -> None:
    as_dict = metadata.to_dict()
    assert as_dict == {
        "i": 1,
        "ok": True,
        "array": [1, 2, 3],
        "sub": {"x": 1.5, "deep": {"s": "text"}},
    }
    assert TaskMetadata.from_dict(as_dict) == metadata
    as_dict["array"].append(4)
    as_dict["sub"]["x"] = 0.0
    assert TaskMetadata.from_dict(as_dict) != metadata


def test_set_dict_and_get_dict(metadata: TaskMetadata) -> None:
    value = {"a": 1, "b": {"c": [1.0, 2.0]}}
    metadata.set_dict("new", value)
    assert metadata.get_dict("new") == value
    metadata.set_dict("sub", {"only": 1})
    assert metadata.get_dict("sub") == {"only": 1}
    assert metadata.get_dict("missing") == {}
    with pytest.raises(ValueError, match="'i' must be nested metadata, got int"):
        metadata.get_dict("i")
    with pytest.raises(TypeError, match="made of a mapping, got int"):
        metadata.set_dict("new", 3)  # type: ignore[arg-type]


def test_from_metadata_makes_scalars_of_single_elements(metadata: TaskMetadata) -> None:
    metadata["single"] = [4]
    duplicate = TaskMetadata.from_metadata(metadata)
    assert duplicate["single"] == 4
    assert duplicate.scalars == {"i": 1, "ok": True, "single": 4}
    assert duplicate.arrays == {"array": [1, 2, 3]}
    assert duplicate.get_dict("sub") == metadata.get_dict("sub")


class _PropertySet:
    """A property set with two items."""

    def paramNames(self, topLevelOnly: bool) -> list[str]:
        return ["single"] if topLevelOnly else ["single", "sub.several"]

    def getArray(self, key: str) -> list[float]:
        return {"single": [1.0], "sub.several": [2.0, 3.0]}[key]


def test_property_sets() -> None:
    expected = {"single": 1.0, "sub": {"several": [2.0, 3.0]}}
    assert TaskMetadata.from_metadata(_PropertySet()).to_dict() == expected
    metadata = TaskMetadata()
    metadata["all"] = _PropertySet()
    assert metadata.to_dict() == {"all": expected}


def test_is_a_mapping(metadata: TaskMetadata) -> None:
    assert isinstance(metadata, Mapping)
    assert not TaskMetadata()


def test_equality_and_pickle(metadata: TaskMetadata) -> None:
    duplicate = pickle.loads(pickle.dumps(metadata))
    assert duplicate == metadata
    duplicate["sub.x"] = 2.5
    assert duplicate != metadata


def test_json_round_trip_keeps_types_and_special_values(metadata: TaskMetadata) -> None:
    metadata["float"] = 1.0
    metadata["nan"] = math.nan
    metadata["infinities"] = [math.inf, -math.inf, math.nan]
    text = metadata.model_dump_json()
    document = json.loads(text)
    assert set(document) == {"scalars", "arrays", "metadata"}
    assert '"infinities":[Infinity,-Infinity,NaN]' in text
    result = TaskMetadata.model_validate_json(text)
    assert result.model_dump_json() == text
    assert {key: type(value) for key, value in result.scalars.items()} == {
        "i": int,
        "ok": bool,
        "float": float,
        "nan": float,
    }
    assert math.isnan(result["nan"])
    np.testing.assert_array_equal(result.getArray("infinities"), [np.inf, -np.inf, np.nan])


@pytest.mark.parametrize(
    "text",
    [
        '{"scalars": {"a": [1]}}',
        '{"arrays": {"a": 1}}',
        '{"arrays": {"a": [1, "text"]}}',
        '{"arrays": {"a": [true, 1]}}',
        '{"metadata": {"a": 1}}',
        "[]",
    ],
)
def test_json_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TaskMetadata.model_validate_json(text)


@pytest.mark.parametrize("mixed", [[1.5, np.float64(2.5)], [1, np.int64(2)], [np.float32(1), 1.0]])
def test_lists_that_mix_numbers_with_those_of_numpy_are_refused(mixed: list[Any]) -> None:
    with pytest.raises(ValueError, match="elements of an array must have one type, got"):
        TaskMetadata()["key"] = mixed


def test_null_is_read_as_nan() -> None:
    text = '{"scalars": {"a": null, "i": 1}, "arrays": {"b": [1.5, null], "j": [1, 2]}}'
    metadata = TaskMetadata.model_validate_json(text)
    assert np.isnan(metadata["a"])
    np.testing.assert_array_equal(metadata.arrays["b"], [1.5, np.nan])
    assert type(metadata["i"]) is int and metadata.arrays["j"] == [1, 2]
    assert TaskMetadata.model_validate_json(metadata.model_dump_json()).arrays["j"] == [1, 2]
