"""What is known of a whitened image, by all its names."""

from dataclasses import asdict, fields

from whitediff.subtraction.facts import FACT_COLUMNS, Facts

FACTS = Facts(
    filters=3,
    science_variance=1.5,
    template_variance=2.5,
    cells=4,
    border=10,
    clipped_modes=7,
    threads=2,
    marked=5,
    not_finite=0,
    too_large=1,
    unknown_science=11,
    unknown_template=0,
    masked_means=False,
)


def test_header_cards():
    values = {keyword: value for keyword, (value, comment) in FACTS.cards.items()}
    assert list(values.items()) == [
        ("WDVARY", True),
        ("WDSVAR", 1.5),
        ("WDTVAR", 2.5),
        ("WDCELLS", 4),
        ("WDBORDER", 10),
        ("WDCLIP", 7),
        ("WDTHREAD", 2),
        ("WDMARKED", 5),
        ("WDNOTFIN", 0),
        ("WDTOOLRG", 1),
        ("WDSUNKN", 11),
        ("WDTUNKN", 0),
        ("WDMMEAN", False),
    ]
    assert Facts(filters=1).cards == {"WDVARY": (False, "filter varies over the frame")}
    assert Facts.to_come().cards.keys() == FACTS.cards.keys()


def test_columns_of_results():
    assert [column.name for column in FACT_COLUMNS] == list(FACTS.row)
    assert list(FACTS.row.values()) == [1.5, 2.5, 4, 10]
    for column in FACT_COLUMNS:
        assert isinstance(FACTS.row[column.name], column.kind)


def test_metadata_of_a_task():
    metadata = {
        "nFilters": 3,
        "scienceVariance": 1.5,
        "templateVariance": 2.5,
        "nCells": 4,
        "border": 10,
        "clippedModes": 7,
        "nThreads": 2,
        "gapsMarked": 5,
        "gapsNotFinite": 0,
        "gapsTooLarge": 1,
        "unknownScienceVariances": 11,
        "unknownTemplateVariances": 0,
        "maskedMeans": False,
        "truncation": 1e-6,
    }
    assert Facts.of_task(metadata) == FACTS
    unknown = Facts.of_task({"nCells": 4})
    assert unknown.cells == 4
    assert {fact.name for fact in fields(Facts)} == set(asdict(unknown))
    assert sum(value is None for value in asdict(unknown).values()) == 12


def test_notices():
    assert FACTS.notices == [
        "pixels without a value: 5 marked by the mask, 1 larger than any pixel can be",
        "science variances that are not known: 11, the mean stands in",
    ]
    assert Facts(masked_means=True, not_finite=2).notices == [
        "pixels without a value: 2 not finite",
        "no variance is known but under the mask: its mean may be wrong",
    ]
    assert Facts().notices == Facts.to_come().notices == []
