"""Which HDU of a file is the image, which its mask, and which tells of its noise."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from astropy.io import fits

from .conventions import NOISE_WORDS, PLANE_KEYWORDS, ROLES, NoiseKind, Role
from .file_names import Extension, split_name
from .fits_file import is_image, is_plane, open_fits
from .reading import reading

__all__ = [
    "Planes",
    "chosen",
    "image_header",
    "label_of",
    "mask_plane",
    "noise_plane",
    "planes_of",
    "role_of",
]

_UNCERTAINTIES: dict[str, Role] = {
    "StdDevUncertainty": "sigma",
    "VarianceUncertainty": "variance",
    "InverseVariance": "weight",
}
# What astropy and fpack call an image that has no name but is compressed.
_UNNAMED = "COMPRESSED_IMAGE"


@dataclass(frozen=True)
class Planes:
    """The HDUs of an image, and of what belongs to it.

    Attributes
    ----------
    image : HDU
        The image.
    mask : HDU or None
        Its mask.
    noise : sequence of HDU
        The plane of its noise, or several terms of its variance, or none.
    kind : {"variance", "sigma", "weight"}
        What the noise is.
    left_out : sequence of str
        Other images of the file, by name.
    """

    image: Any
    mask: Any
    noise: Sequence[Any]
    kind: NoiseKind
    left_out: Sequence[str]

    @property
    def summary(self) -> str:
        """What was taken for what, and what was left out; empty where there is one image alone."""
        parts = []
        if self.noise:
            names = " + ".join(map(label_of, self.noise))
            parts.append(f"{NOISE_WORDS[self.kind]} {names}")
        if self.mask is not None:
            parts.append(f"mask {label_of(self.mask)}")
        if self.left_out:
            parts.append(f"left out {', '.join(self.left_out)}")
        return ", ".join([f"image {label_of(self.image)}", *parts]) if parts else ""


def planes_of(hdus: Any, extension: Extension | None = None) -> Planes:
    """Find the image of an open file, and what belongs to it.

    The image is the extension that is asked for; or the one that `conventions.ROLES` knows for an
    image; or the primary HDU; or the only one. What it calls a mask or noise is never the image.

    Parameters
    ----------
    hdus : HDUList
        Open file.
    extension : Extension, optional
        The image.

    Raises
    ------
    ValueError
        If there is none, or there are several.
    """
    planes = [hdu for hdu in hdus if is_image(hdu)]
    image = _image(hdus, planes) if extension is None else chosen(hdus, extension)
    if extension is not None and role_of(image, hdus) not in ("image", None):
        raise ValueError(
            f"an image must be asked for, got {extension}, which is called {role_of(image, hdus)}"
        )
    group = _group(image, hdus)
    own = [hdu for hdu in planes if hdu is not image and _group(hdu, hdus) == group]
    mask = next((hdu for hdu in own if role_of(hdu, hdus) == "mask"), None)
    noise, kind = _noise(own, hdus)
    used = [image, mask, *noise]
    left_out = [
        label_of(hdu)
        for hdu in hdus
        if is_plane(hdu)
        and not any(hdu is other for other in used)
        and role_of(hdu, hdus) != "beside"
    ]
    return Planes(image, mask, noise, kind, list(dict.fromkeys(left_out)))


def noise_plane(
    hdus: Any, extension: Extension | None = None
) -> tuple[Sequence[Any], NoiseKind | None]:
    """Find the plane of noise in a file that is named for it.

    Returns
    -------
    noise : sequence of HDU
        One, or several terms of a variance.
    kind : {"variance", "sigma", "weight"} or None
        What the file says that it is.

    Raises
    ------
    ValueError
        If there is none, or there are several; if what is asked for is called something else.
    """
    if extension is not None:
        hdu = chosen(hdus, extension)
        role = role_of(hdu, hdus)
        if role == "mask":
            raise ValueError(f"a plane of noise must be asked for, got {extension}, a mask")
        return [hdu], _kind(role)
    planes = [hdu for hdu in hdus if is_image(hdu)]
    groups = {_group(hdu, hdus) for hdu in planes if _kind(role_of(hdu, hdus)) is not None}
    if len(groups) > 1:
        noise = [hdu for hdu in planes if _kind(role_of(hdu, hdus)) is not None]
        raise ValueError(f"one plane of noise must be asked for, got {_listed(noise, hdus)}")
    found, kind = _noise(planes, hdus)
    if found:
        return found, kind
    image = _image(hdus, planes)
    mask = next((hdu for hdu in planes if role_of(hdu, hdus) == "mask"), None)
    if mask is not None:
        raise ValueError(
            f"expected a plane of noise, got the image {label_of(image)} and the mask "
            f"{label_of(mask)} alone; if it is one, name it, as in FILE[EXT]"
        )
    return [image], None


def mask_plane(hdus: Any, extension: Extension | None = None) -> Any:
    """Find the mask in a file that is named for it.

    Raises
    ------
    ValueError
        If there is none, or there are several; if what is asked for is called something else.
    """
    if extension is not None:
        hdu = chosen(hdus, extension)
        role = role_of(hdu, hdus)
        if role == "image" or _kind(role) is not None:
            raise ValueError(f"a mask must be asked for, got {extension}, which is called {role}")
        return hdu
    planes = [hdu for hdu in hdus if is_image(hdu)]
    masks = [hdu for hdu in planes if role_of(hdu, hdus) == "mask"]
    if len(masks) > 1:
        raise ValueError(f"one mask must be asked for, got {_listed(masks, hdus)}")
    return masks[0] if masks else _image(hdus, planes)


def image_header(path: str | os.PathLike[str]) -> fits.Header:
    """Header of the image of a file, with the keywords that the primary header adds to it.

    Raises
    ------
    OSError
        If the file is missing, is no FITS file, or is truncated or damaged.
    ValueError
        If it has no image.
    """
    file, extension = split_name(path)
    with open_fits(file) as hdus, reading(path):
        header: fits.Header = planes_of(hdus, extension).image.header.copy()
        header.extend(hdus[0].header, unique=True)
        return header


def chosen(hdus: Any, extension: Extension) -> Any:
    """Find the image that is asked for.

    Raises
    ------
    ValueError
        If there is none of that name, or there are several.
    """
    key = extension.name
    if isinstance(key, str):
        same = [hdu for hdu in hdus if hdu.name == key]
        if extension.version is not None:
            same = [hdu for hdu in same if hdu.ver == extension.version]
    else:
        same = [hdus[key]] if key < len(hdus) else []
    same = [hdu for hdu in same if is_image(hdu)]
    if len(same) != 1:
        listed = _listed([hdu for hdu in hdus if is_image(hdu)], hdus) or "none"
        raise ValueError(f"{extension} must name one image of the file, which has {listed}")
    return same[0]


def role_of(hdu: Any, hdus: Any) -> Role | None:
    """What a plane is by what it is called; None if it is not called anything that is known."""
    for keyword in PLANE_KEYWORDS:
        # A file with one kind of plane in all of its extensions says so in the primary header.
        for header in (hdu.header, hdus[0].header)[: 1 if keyword.startswith("EXT") else 2]:
            name = str(header.get(keyword, "")).strip().upper().rpartition(".")[2]
            if name == "UNCERT":
                utype = hdu.header.get("UTYPE", "StdDevUncertainty")
                if utype not in _UNCERTAINTIES:
                    raise ValueError(
                        f"UTYPE must be one of {', '.join(_UNCERTAINTIES)}, got {utype}"
                    )
                return _UNCERTAINTIES[utype]
            if name in ROLES:
                return ROLES[name]
    return None


def label_of(hdu: Any) -> str:
    """Name of an HDU: as the file calls it, or that of its type of extension."""
    name = str(hdu.name) or str(hdu.header.get("EXTTYPE", "")) or "an unnamed plane"
    return f"{name},{hdu.ver}" if hdu.ver > 1 else name


def _image(hdus: Any, planes: Sequence[Any]) -> Any:
    known = [hdu for hdu in planes if role_of(hdu, hdus) == "image"]
    unknown = [hdu for hdu in planes if role_of(hdu, hdus) is None]
    # The primary HDU is what a file is about, also where it had to move to be compressed.
    primary = [hdu for hdu in unknown if hdu is hdus[0] or hdu.name == _UNNAMED][:1]
    candidates = [*known, *primary] or unknown
    if len(candidates) > 1:
        raise ValueError(
            f"one image must be asked for, as in FILE[EXT], got {_listed(candidates, hdus)}"
        )
    if not candidates:
        found = ", ".join(f"{label_of(hdu)} ({role_of(hdu, hdus)})" for hdu in planes)
        if not found:
            shapes = [f"{label_of(hdu)} of shape {hdu.shape}" for hdu in hdus if hdu.is_image]
            found = ", ".join(shape for shape in shapes if not shape.endswith("()")) or "none"
        raise ValueError(f"expected a FITS file with a two-dimensional image, got {found}")
    return candidates[0]


def _listed(planes: Iterable[Any], hdus: Any) -> str:
    """Names that tell planes from one another, as they are asked for."""
    planes = list(planes)
    names = [hdu.name for hdu in hdus]
    listed = []
    for hdu in planes:
        if not hdu.name or hdu.name == "PRIMARY":
            listed.append(f"[{next(n for n, other in enumerate(hdus) if other is hdu)}]")
        elif names.count(hdu.name) > 1:
            listed.append(f"[{hdu.name},{hdu.ver}]")
        else:
            listed.append(f"[{hdu.name}]")
    return ", ".join(listed)


def _group(hdu: Any, hdus: Any) -> tuple[str, int]:
    """What planes of one image have in common: EXTVER, and what stands before the last point."""
    prefix = str(hdu.name).rpartition(".")[0] if role_of(hdu, hdus) is not None else ""
    return prefix, int(hdu.ver)


def _noise(planes: Sequence[Any], hdus: Any) -> tuple[Sequence[Any], NoiseKind]:
    """The noise among planes: a total before its parts."""
    for hdu in planes:
        kind = _kind(role_of(hdu, hdus))
        if kind is not None and role_of(hdu, hdus) != "part":
            return [hdu], kind
    return [hdu for hdu in planes if role_of(hdu, hdus) == "part"], "variance"


def _kind(role: Role | None) -> NoiseKind | None:
    if role == "part":
        return "variance"
    return role if role in ("variance", "sigma", "weight") else None
