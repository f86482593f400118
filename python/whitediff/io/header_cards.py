"""Header cards as other software writes them, made such that they can be written again."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

from astropy.io import fits

__all__ = ["card_text", "sound_header"]

_MAX_SHOWN = 40

# Cards of which nothing has to be tried: a keyword with a logical value, a number, or text that
# does not go on in the next card and is no "field: value"; or a comment.
_PLAIN = re.compile(
    r"(?!CONTINUE|HIERARCH)(?=[A-Z0-9_-]+ *=)[A-Z0-9_ -]{8}= *"
    r"([TF]|[+-]?(\d+(\.\d*)?|\.\d+)(E[+-]?\d{1,2})?|'([ -%(-9;-~]|'')*(?<!&)')"
    r" *(/[ -~]*)?"
    r"|(COMMENT |HISTORY |        )[ -~]*"
)


def card_text(value: object) -> str:
    """Text in the characters that a header can hold, others as Python escapes them."""
    return "".join(
        letter if " " <= letter <= "~" else letter.encode("unicode_escape").decode()
        for letter in str(value)
    )


def sound_header(header: fits.Header) -> tuple[fits.Header, list[str]]:
    """Give a header whose cards can all be read and written, and what was done to those of others.

    Values without a type, as NaN or text that does not stand in quotes, become text; characters
    that cannot be printed become blanks; what cannot be mended is left out.

    Parameters
    ----------
    header : Header
        As it was read.

    Returns
    -------
    sound : Header
        The same, mended.
    notes : list of str
        One sentence for each card that is another now, or not there.
    """
    cards, notes = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for card in header.cards:
            if _is_sound(card):
                cards.append(card)
                continue
            shown = repr(_printable(_raw(card)).strip()[:_MAX_SHOWN])
            mended = next((other for other in _mended(card) if _is_sound(other)), None)
            if mended is None:
                notes.append(f"Header card that cannot be read was left out: {shown}")
            else:
                cards.append(mended)
                notes.append(f"Header card that could not be read was mended: {shown}")
    return fits.Header(cards), notes


def _is_sound(card: fits.Card) -> bool:
    # Whatever a parser trips over means the same here.
    try:
        raw = _raw(card)
        if _PLAIN.fullmatch(raw):
            return True
        if raw != _printable(raw):
            return False
        card.verify("exception")
        return bool(fits.Card.fromstring(str(card)).value == card.value)
    except Exception:
        return False


def _mended(card: fits.Card) -> Iterator[fits.Card]:
    """Cards that may do in its place, the likeliest first."""
    for text in dict.fromkeys((_raw(card), _printable(_raw(card)))):
        try:
            # To give its text, astropy mends a card as far as it can.
            yield fits.Card.fromstring(str(fits.Card.fromstring(text)))
        except Exception:
            continue


def _raw(card: fits.Card) -> str:
    # As it stands in the file; every public way to it mends the card, or fails.
    return str(card._image or card)


def _printable(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else " " for letter in text)
