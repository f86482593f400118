"""What observatories call the planes of their files, and what they mean by the bits of masks.

Everything here is a table: what reads files looks things up in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "FILE_NAMES",
    "MASKS",
    "MASK_BESIDE",
    "NOISE_BESIDE",
    "NOISE_WORDS",
    "PLANE_KEYWORDS",
    "ROLES",
    "MaskBits",
    "NoiseKind",
    "Role",
]

NoiseKind = Literal["variance", "sigma", "weight"]
"""What a plane of noise holds: variances, standard deviations, or inverse variances."""

Role = Literal["image", "mask", "variance", "sigma", "weight", "part", "beside", "other"]
"""What a plane is: a part is one of several terms of the variance; what stands beside an image is
read with it, by name; others are never the image.
"""

NOISE_WORDS: Mapping[str, str] = {
    "variance": "variance plane",
    "sigma": "squared standard deviations",
    "weight": "inverted weights",
}
"""What a plane of noise of each kind gives, in words."""

PLANE_KEYWORDS = ("EXTNAME", "EXTTYPE", "DES_EXT", "IMTYPE", "PRODTYPE")
"""Keywords that say what a plane is, the first that is known counts.

EXTTYPE is that of lsst.afw, DES_EXT that of the Dark Energy Survey, IMTYPE that of the Legacy
Surveys (legacypipe, write_coadd_images), PRODTYPE that of NOIRLab's Community Pipelines.
"""

ROLES: Mapping[str, Role] = {
    # JWST (jwst-pipeline.readthedocs.io, data products), HST (Data Handbooks), Roman simulations
    # in FITS, BANZAI, DRAGONS.
    "SCI": "image",
    "ERR": "sigma",
    "DQ": "mask",
    "VAR": "variance",
    "BPM": "mask",
    "VAR_POISSON": "part",
    "VAR_RNOISE": "part",
    "VAR_FLAT": "part",
    # Drizzled images: what weights count, seconds or inverse variances, the plane does not say.
    "WHT": "other",
    "CTX": "other",
    "CON": "other",
    "AREA": "other",
    "D2IMARR": "beside",
    "WCSDVARR": "beside",
    # lsst.afw, lsst-images (pipelines.lsst.io) and whitediff.
    "IMAGE": "image",
    "MASK": "mask",
    "VARIANCE": "variance",
    "PSFIMAGE": "beside",
    "COVARIANCE": "beside",
    "SIGNIFICANCE": "beside",
    "PSFFLUX": "beside",
    "PSFFLUXERR": "beside",
    # Dark Energy Survey (despyfits).
    "MSK": "mask",
    "WGT": "weight",
    "WEIGHT": "weight",
    # Legacy Surveys and SDSS (legacysurvey.org/dr10/files, data.sdss.org/datamodel).
    "IVAR": "weight",
    "INVVAR": "weight",
    "MASKBITS": "mask",
    # NOIRLab's Community Pipelines, as PRODTYPE.
    "WTMAP": "weight",
    "DQMASK": "mask",
    # MUSE (its pipeline, muse_image.h), and maps of Herschel (PACS Products Explained, section 3.3;
    # SPIRE has the same names). stDev of PACS is the scatter of what fell into a pixel.
    "DATA": "image",
    "STAT": "variance",
    "ERROR": "sigma",
    # Euclid (euclid.esac.esa.int/dr/q1/dpdd).
    "RMS": "sigma",
    "FLG": "mask",
}
"""What the planes of that name are; UNCERT of astropy's CCDData says it with UTYPE."""

FILE_NAMES: Mapping[str, NoiseKind] = {
    # SWarp, MAP_WEIGHT.
    r"[._-]weight\.": "weight",
    # Pan-STARRS: outerspace.stsci.edu/display/PANSTARRS, "'wt' images are the stack variance".
    r"\.wt\.": "variance",
    r"[._-](ivar|invvar)[._-]": "weight",
    # Zwicky Transient Facility, Science Data System explanatory supplement, and WISE: 1-sigma
    # uncertainties.
    r"[._-](ref)?unc[._-]": "sigma",
    r"[._-](rms|err|sigma)\.": "sigma",
    r"[._-]var\.": "variance",
}
"""What a file of noise holds whose planes say nothing of it, by its name."""


NOISE_BESIDE: tuple[tuple[str, str], ...] = (
    *((r"$", word) for word in (".weight", "_weight", ".wt", ".var", "_var", ".rms", "_rms")),
    *((r"$", word) for word in ("_err", "_unc", "_ivar", "_wht")),
    (r"refimg$", "refunc"),
    (r"-image-", "-invvar-"),
    (r"-int-", "-unc-"),
    # HST, drizzled.
    (r"_sci$", "_wht"),
    # NOIRLab's Community Pipelines.
    (r"_o([op])i_", r"_o\1w_"),
)
"""What names of images become, without their endings, in the names of files with their noise."""

MASK_BESIDE: tuple[tuple[str, str], ...] = (
    *((r"$", word) for word in (".mask", "_mask", ".flag", "_flag", "_msk", "_dq")),
    (r"sciimg$", "mskimg"),
    (r"-image-", "-maskbits-"),
    (r"-int-", "-msk-"),
    (r"_o[op]i_", "_ood_"),
)
"""The same of files with their masks."""


@dataclass(frozen=True)
class MaskBits:
    """What the bits of the masks of an observatory mean, as far as it matters here.

    Attributes
    ----------
    name : str
        Whose masks they are.
    keywords : mapping of str to str
        A keyword of the mask, the image or the primary header, and how its value begins: any of
        them tells.
    planes : mapping of str to mapping of str to int
        For each plane of ours the bits that it stands for, by their own names. Bits that are not
        named say nothing against a pixel.
    """

    name: str
    keywords: Mapping[str, str]
    planes: Mapping[str, Mapping[str, int]]


def _space(outlier: int) -> Mapping[str, Mapping[str, int]]:
    """The flags that JWST and Roman have in common, with the bit of the one that differs."""
    return {
        "NO_DATA": {"DO_NOT_USE": 0, "NON_SCIENCE": 9},
        "SAT": {"SATURATED": 1},
        "CR": {"OUTLIER": outlier},
    }


MASKS: tuple[MaskBits, ...] = (
    # jwst-pipeline.readthedocs.io, references: data quality flags. Jumps are mended in the ramp.
    MaskBits("JWST", {"TELESCOP": "JWST"}, _space(outlier=4)),
    # roman-pipeline.readthedocs.io, data quality flags: 4 is GW_AFFECTED_DATA.
    MaskBits("Roman", {"TELESCOP": "ROMAN"}, _space(outlier=7)),
    # www.stsci.edu/hst/instrumentation/acs/data-analysis/dq-flag-definitions; those of WFC3 agree
    # in these bits. Warm pixels, 64, are used as others are.
    MaskBits(
        "HST",
        {"TELESCOP": "HST"},
        {
            "NO_DATA": {"LOST": 0, "FILLED": 1},
            "BAD": {"DETECTOR": 2, "APERTURE": 3, "HOT": 4, "UNSTABLE": 5, "BIAS": 7, "REF": 9},
            "SAT": {"FULL_WELL": 8},
            "CR": {"CR_DRIZZLE": 12, "CR": 13},
        },
    ),
    # github.com/DarkEnergySurvey/pixcorrect, include/mask_bits.h.
    MaskBits(
        "DES",
        {"EXTNAME": "MSK", "DES_EXT": "MASK"},
        {
            "BAD": {"BPM": 0, "LOW": 3, "STREAK": 10},
            "SAT": {"SATURATE": 1, "TRAIL": 6, "EDGEBLEED": 7},
            "INTRP": {"INTERP": 2},
            "CR": {"CRAY": 4},
            "EDGE": {"EDGE": 9},
        },
    ),
    # ZTF Science Data System explanatory supplement, section 10.3 (irsa.ipac.caltech.edu).
    MaskBits(
        "ZTF",
        {"INSTRUME": "ZTF"},
        {
            "NO_DATA": {"NAN": 10},
            "BAD": {"TRACK": 0, "LOW": 2, "HIGH": 3, "NOISY": 4, "GHOST": 5, "SPILL": 6, "DEAD": 9},
            "CR": {"SPIKE": 7},
            "SAT": {"SATURATED": 8},
            "DETECTED": {"SEXTRACTOR": 1, "PSF_SOURCE": 11},
        },
    ),
    # outerspace.stsci.edu/display/PANSTARRS/PS1+Pixel+flags+in+Image+Table+Data.
    MaskBits(
        "PS1",
        {"TELESCOP": "PS1", "FPA.TELESCOPE": "PS1"},
        {
            "NO_DATA": {"BLANK": 3},
            "BAD": {
                "DETECTOR": 0, "FLAT": 1, "DARK": 2, "CTE": 4, "LOW": 6, "STREAK": 11,
                "CONV.BAD": 13,
            },
            "SAT": {"SAT": 5, "STARCORE": 12},
            "CR": {"CR": 8},
            "SUSPECT": {"SUSPECT": 7, "CONV.POOR": 14},
        },
    ),
)  # fmt: skip
