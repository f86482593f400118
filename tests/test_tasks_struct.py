"""The result container of tasks."""

from __future__ import annotations

import copy
import pickle
from types import SimpleNamespace

import pytest

from whitediff.tasks import Struct


def test_items_are_attributes() -> None:
    struct = Struct(a=1, b="two")
    assert (struct.a, struct.b, len(struct)) == (1, "two", 2)
    struct.a = 3
    struct.c = 4
    assert struct.getDict() == {"a": 3, "b": "two", "c": 4}
    with pytest.raises(AttributeError):
        _ = struct.missing


@pytest.mark.parametrize("name", ["__private", "__init__", "getDict", "mergeItems", "copy"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(RuntimeError, match=name):
        Struct(**{name: 1})


def test_get_dict_is_a_copy_of_the_names_only() -> None:
    values = [1]
    struct = Struct(a=values)
    items = struct.getDict()
    items["b"] = 2
    assert not hasattr(struct, "b")
    assert items["a"] is values


def test_merge_items() -> None:
    struct = Struct(a=1)
    struct.mergeItems(Struct(b=2, c=3, d=4), "b", "d")
    assert struct == Struct(a=1, b=2, d=4)


def test_merge_of_no_names_adds_nothing() -> None:
    struct = Struct(a=1)
    struct.mergeItems(Struct(b=2))
    assert struct == Struct(a=1)


def test_merge_of_an_existing_item_keeps_those_before_it() -> None:
    struct = Struct(a=1)
    with pytest.raises(RuntimeError, match="must be new, got 'a', which exists"):
        struct.mergeItems(Struct(b=2, a=5, c=3), "b", "a", "c")
    assert struct == Struct(a=1, b=2)


def test_merge_of_a_missing_item() -> None:
    with pytest.raises(AttributeError, match="b"):
        Struct(a=1).mergeItems(Struct(c=2), "b")


def test_copy_is_shallow() -> None:
    struct = Struct(a=[1])
    duplicate = struct.copy()
    duplicate.b = 2
    duplicate.a.append(3)
    assert struct == Struct(a=[1, 3])


def test_equality_is_that_of_a_namespace() -> None:
    assert Struct(a=1, b=2) == Struct(b=2, a=1) == SimpleNamespace(a=1, b=2)
    assert Struct(a=1) != Struct(a=2)
    assert Struct(a=1) != Struct(b=1)
    assert Struct(a=1) != {"a": 1}


def test_repr_names_class_and_items() -> None:
    class Result(Struct):
        pass

    assert repr(Struct(a=1, b="two")) == "Struct(a=1; b=two)"
    assert repr(Result()) == "Result()"


def test_pickle_and_deepcopy() -> None:
    struct = Struct(a=[1, 2], b=None)
    assert pickle.loads(pickle.dumps(struct)) == struct
    assert copy.deepcopy(struct) == struct
    assert copy.deepcopy(struct).a is not struct.a
