"""Header cards that other software writes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.io import fits

from whitediff import read_exposure, write_exposure
from whitediff.io.header_cards import sound_header

# A card as it stands in a file, and what becomes of its value.
MENDED = [
    ("AIRMASS =                  NaN / of the middle", "NaN"),
    ("AIRMASS = -Infinity", "-Infinity"),
    ("OBSERVER= Vera Rubin / who", "Vera Rubin"),
    ("DATE-OBS= 2020-01-01T00:00:00", "2020-01-01T00:00:00"),
    ("SEEING  = 1.5 2.5", "1.5 2.5"),
    ("FILTER  = 'r\tband'", "r band"),
    ("FILTER  = 'r\0\0'", "r"),
    ("HIERARCH ESO TEL = nan / of a long keyword", "nan"),
    ("objct   = 'lower'", "lower"),
]
SOUND = [
    ("SEEING  =                  1.5 / arcsec", 1.5),
    ("OBSERVER= 'O''Neill'", "O'Neill"),
    ("FLAG    =                    T", True),
    ("HIERARCH ESO TEL ALT = 45.0", 45.0),
]
ODD = ["COMMENT a\ttab", "HISTORY a\0zero", "G=5", "\0" * 20, "CONTINUE  'alone'", "=", "    = 5",
       "A B C D = = =", "Q\tQ     = 5", "EMPTY   =", "SLASH   = / only", "QUOTE   = 'open",
       "HIERARCH", "LONG    = '" + "x" * 90]  # fmt: skip


def image_with(path, *cards):
    pixels = np.ones((12, 14), np.float32)
    fits.PrimaryHDU(pixels).writeto(path)
    content = path.read_bytes()
    end = content.index(b"END".ljust(80))
    text = b"".join(card.ljust(80)[:80].encode("latin-1") for card in cards)
    head = content[:end] + text + b"END".ljust(80)
    head = head.ljust(-(-len(head) // 2880) * 2880)
    path.write_bytes(head + content[2880:])
    return path


def keyword_of(card):
    name = card.split("=")[0].removeprefix("HIERARCH ").strip()
    return name.upper() if " " not in name else name


@pytest.mark.parametrize(("card", "value"), MENDED)
def test_values_without_a_type_become_text(tmp_path, card, value):
    exposure = read_exposure(image_with(tmp_path / "in.fits", card))
    assert str(exposure.metadata[keyword_of(card)]) == value
    assert "mended" in "".join(exposure.metadata["HISTORY"])
    write_exposure(exposure, tmp_path / "out.fits")
    again = read_exposure(tmp_path / "out.fits")
    assert str(again.metadata[keyword_of(card)]) == value
    # Once is enough.
    assert list(again.metadata["HISTORY"]) == list(exposure.metadata["HISTORY"])


@pytest.mark.parametrize(("card", "value"), SOUND)
def test_sound_cards_are_left_alone(tmp_path, card, value):
    exposure = read_exposure(image_with(tmp_path / "in.fits", card))
    assert exposure.metadata[keyword_of(card)] == value
    assert "HISTORY" not in exposure.metadata


def test_no_card_costs_the_image(tmp_path):
    exposure = read_exposure(image_with(tmp_path / "in.fits", *ODD[:13], "SEEING  = 1.5"))
    assert exposure.metadata["SEEING"] == 1.5
    write_exposure(exposure, tmp_path / "out.fits")
    assert read_exposure(tmp_path / "out.fits").metadata["SEEING"] == 1.5


def test_random_cards(tmp_path):
    """Cards that were changed in some characters are written without a complaint."""
    rng = np.random.default_rng(5)
    for _ in range(300):
        cards = [card for card, _ in (*MENDED, *SOUND)]
        card = bytearray(cards[rng.integers(len(cards))].ljust(80).encode())
        for place in rng.integers(0, 40, 3):
            card[place] = rng.integers(0, 128)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = fits.Header.fromstring(bytes(card).decode())
        header, _ = sound_header(read)
        header.tostring()


def test_what_is_called_sound_is_read_again_as_it_was():
    rng = np.random.default_rng(5)
    letters, marks = list("AZ09_-"), list("AB' :;/&=TFE0123456789.+-\"?~")
    keywords = ["HISTORY ", "COMMENT ", "CONTINUE", "HIERARCH", "DP1     ", " " * 8]

    def some(of, most):
        return "".join(rng.choice(of, rng.integers(0, most)))

    kept = 0
    for _ in range(5000):
        keyword = rng.choice([some(letters, 9).ljust(8), *keywords])
        value = rng.choice([some(marks, 20), f"'{some(marks, 20)}'", some(list("0123.+-E"), 8)])
        text = (
            keyword + rng.choice(["= ", "=", "  "]) + value + rng.choice(["", " / it's"])
        ).ljust(80)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sound, notes = sound_header(fits.Header([fits.Card.fromstring(text)]))
            if notes:
                continue
            for card in sound.cards:
                card.verify("exception")
                assert str(card).ljust(80) == text
                assert fits.Card.fromstring(text).value == card.value
                kept += 1
    assert kept > 1000


def test_places_that_are_no_numbers_are_no_wcs(tmp_path):
    cards = ("CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--TAN'", "CRPIX1  = 'left'", "CRVAL1  = NaN")
    exposure = read_exposure(image_with(tmp_path / "in.fits", *cards))
    assert exposure.wcs is None
    assert exposure.metadata["CRPIX1"] == "left"
