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
        "truncation": 1e-6,
    }
    assert Facts.of_task(metadata) == FACTS
    unknown = Facts.of_task({"nCells": 4})
    assert unknown.cells == 4
    assert {fact.name for fact in fields(Facts)} == set(asdict(unknown))
    assert sum(value is None for value in asdict(unknown).values()) == 6
