"""What is known of a whitened image, by all its names."""

from dataclasses import asdict, fields, replace

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
    covariance_applied=True,
    covariance_variance=0.75,
    covariance_largest=0.125,
    covariance_power=1.25,
    covariance_psf_scale=1.125,
    covariance_psf_scale_error=0.0031,
    covariance_variation=0.0625,
    covariance_scatter=0.125,
    covariance_pixels=70_000,
    verdict="suspect",
    cause="it seems to be something that takes many words, more than a header card has room for",
    agreement=0.002,
)
COMBINED = Facts(unknown_inputs=8)
BLIND = Facts(difference_variance=3.5, unknown_difference=6)


def test_comments_fit_their_cards():
    # A number takes the first 30 characters of 80, and " / " three more.
    assert [c for v, c in FACTS.cards.values() if not isinstance(v, str) and len(c) > 47] == []


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
        ("WDCAPPL", True),
        ("WDCVAR", 0.75),
        ("WDCLARG", 0.125),
        ("WDCPOW", 1.25),
        ("WDCPSF", 1.125),
        ("WDCPSFE", 0.0031),
        ("WDCVARY", 0.0625),
        ("WDCSCAT", 0.125),
        ("WDCPIX", 70_000),
        ("WDVERDCT", "suspect"),
        ("WDCAUSE", "it seems to be something that takes many words, more than a header "),
        ("WDAGREE", 0.002),
    ]
    assert {keyword: value for keyword, (value, _) in BLIND.cards.items()} == {
        "WDDVAR": 3.5,
        "WDDUNKN": 6,
    }
    assert Facts(filters=1).cards == {"WDVARY": (False, "filter varies over the frame")}
    assert COMBINED.cards["WDIUNKN"][0] == 8
    everything = FACTS.cards.keys() | BLIND.cards.keys() | COMBINED.cards.keys()
    assert Facts.to_come().cards.keys() == everything


def test_columns_of_results():
    assert [column.name for column in FACT_COLUMNS] == list(FACTS.row)
    measured = [True, 0.75, 0.125, 1.25, 1.125, 0.0031, 0.0625, 0.125, 70_000]
    judged = ["suspect", FACTS.cause, 0.002]
    assert list(FACTS.row.values()) == [1.5, 2.5, None, 4, 10, *measured, *judged]
    assert BLIND.row["difference_variance_mean"] == 3.5
    for column in FACT_COLUMNS:
        value = BLIND.row[column.name] if FACTS.row[column.name] is None else FACTS.row[column.name]
        assert isinstance(value, column.kind)


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
        "covarianceApplied": True,
        "covarianceVariance": 0.75,
        "covarianceLargest": 0.125,
        "covariancePower": 1.25,
        "covariancePsfScale": 1.125,
        "covariancePsfScaleError": 0.0031,
        "covarianceVariation": 0.0625,
        "covarianceScatter": 0.125,
        "covariancePixels": 70_000,
        "truncation": 1e-6,
    }
    # What is thought of it is not the task's to say.
    assert Facts.of_task(metadata) == replace(FACTS, verdict=None, cause=None, agreement=None)
    unknown = Facts.of_task({"nCells": 4})
    assert unknown.cells == 4
    assert {fact.name for fact in fields(Facts)} == set(asdict(unknown))
    assert sum(value is None for value in asdict(unknown).values()) == 27


def test_notices():
    assert FACTS.notices == [
        "pixels without a value: 5 marked by the mask, 1 larger than any pixel can be",
        "science variances that are not known: 11, the mean stands in",
    ]
    assert Facts(masked_means=True, not_finite=2).notices == [
        "pixels without a value: 2 not finite",
        "no variance is known but under the mask: its mean may be wrong",
    ]
    assert COMBINED.notices == ["input variances that are not known: 8, the mean stands in"]
    assert BLIND.notices == ["difference variances that are not known: 6, the mean stands in"]
    assert Facts().notices == Facts.to_come().notices == []


def test_colour_in_words():
    assert FACTS.colour == (
        "noise covariance: power 1.1250 on the scale of the PSF, 1.2500 at k = 0, varies by up to "
        "6.2 %, lags differ by 0.12 from part to part besides, +- 0.0031 from 70000 pixels: applied"
    )
    doubtful = replace(FACTS, covariance_applied=False)
    assert doubtful.colour.endswith("70000 pixels: not beyond doubt, not applied")
    given = replace(FACTS, covariance_pixels=None, covariance_variation=0.0, covariance_scatter=0.0)
    assert given.colour == (
        "noise covariance: power 1.1250 on the scale of the PSF, 1.2500 at k = 0, as given: applied"
    )
    assert Facts().colour == ""
