"""Images with mask, variance, PSF and WCS, as lsst.afw.image has them.

All positions (boxes, origin, PSF, WCS) are pixel coordinates of the parent image: pixel [0, 0] of
an array is at ``xy0``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .adapters.images import as_pixels, as_variance
from .adapters.nddata import as_ccd_data
from .arrays import plain
from .geometry import Box2I
from .html import shown
from .image import (
    DEFAULT_MASK_PLANES,
    IGNORED_MASK_PLANES,
    LOCAL,
    PARENT,
    Framed,
    Image,
    ImageOrigin,
    Mask,
    MaskedImage,
    own_names,
)
from .psf import KernelPsf
from .wcs_cards import WcsCards, made_wcs

# Astropy takes long to import: not for the names of mask planes alone.
if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS

__all__ = [
    "DEFAULT_MASK_PLANES",
    "IGNORED_MASK_PLANES",
    "LOCAL",
    "PARENT",
    "Exposure",
    "Image",
    "ImageOrigin",
    "Mask",
    "MaskedImage",
    "own_names",
]


class Exposure(Framed):
    """Image with mask, variance, PSF, WCS, origin and metadata.

    Arrays of the right type are shared, not copied.

    Parameters
    ----------
    image : array_like or Image
        Pixels [y, x].
    mask : array_like of int, or Mask, optional
        Bits [y, x]; all zero, with the default planes, if not given.
    variance : array_like or Image, optional
        Variance [y, x], in squared units of the image; None where it is not known.
    psf : object, optional
        Anything with the methods of `whitediff.psf.KernelPsf`.
    wcs : astropy.wcs.WCS or WcsCards, optional
        Celestial coordinates as a function of parent pixel coordinates (counted from 0).
    xy0 : Point2I or (int, int), optional
        Pixel coordinates (x, y) of pixel [0, 0]; those of an `Image`, or (0, 0), if not given.
    metadata : astropy.io.fits.Header or mapping, optional
        Anything else to keep. ``BUNIT`` is the unit of the image.

    Raises
    ------
    ValueError
        If a plane is not two-dimensional, or has not the shape of the image.
    TypeError
        If an argument is of the wrong type.
    """

    def __init__(
        self,
        *,
        image: ArrayLike | Image,
        mask: ArrayLike | Mask | None = None,
        variance: ArrayLike | Image | None = None,
        psf: Any = None,
        wcs: WCS | WcsCards | None = None,
        xy0: Any = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        if xy0 is None:
            xy0 = image.getXY0() if isinstance(image, Image) else (0, 0)
        image = Image(image.array if isinstance(image, Image) else image, xy0=xy0)
        if mask is None:
            mask = Mask(image.getBBox())
        elif isinstance(mask, Mask):
            mask = mask._at(xy0)
            _like(image, "mask", mask.array)
        else:
            mask = Mask(_like(image, "mask", mask), xy0=xy0)
        if variance is not None:
            array = variance.array if isinstance(variance, Image) else variance
            variance = Image(_like(image, "variance", array), xy0=xy0)
        self._masked_image = MaskedImage(image, mask, variance)
        self.setPsf(psf)
        self.setWcs(wcs)
        self.setMetadata({} if metadata is None else metadata)

    @classmethod
    def _of(cls, masked_image: MaskedImage, other: Exposure, metadata: fits.Header) -> Self:
        exposure = cls.__new__(cls)
        exposure._masked_image = masked_image
        exposure._psf, exposure._wcs, exposure._metadata = other._psf, other._wcs, metadata
        return exposure

    @property
    def maskedImage(self) -> MaskedImage:
        return self._masked_image

    @property
    def image(self) -> Image:
        return self._masked_image.image

    @property
    def mask(self) -> Mask:
        return self._masked_image.mask

    @property
    def variance(self) -> Image | None:
        """Variance plane, or None where it is not known."""
        return self._masked_image.variance

    def getMaskedImage(self) -> MaskedImage:
        return self._masked_image

    def getImage(self) -> Image:
        return self.image

    def getMask(self) -> Mask:
        return self.mask

    def getVariance(self) -> Image | None:
        return self.variance

    def getBBox(self, origin: ImageOrigin = PARENT) -> Box2I:
        return self._masked_image.getBBox(origin)

    def getPsf(self) -> Any:
        """PSF, or None."""
        return self._psf

    def setPsf(self, psf: Any) -> None:
        if psf is not None and not hasattr(psf, "computeKernelImage"):
            raise TypeError(
                f"a PSF must have the method computeKernelImage, got {type(psf).__name__}"
            )
        self._psf = psf

    def hasPsf(self) -> bool:
        return self._psf is not None

    psf = property(getPsf, setPsf)

    def getWcs(self) -> WCS | None:
        """WCS in parent pixel coordinates (counted from 0), or None."""
        return made_wcs(self._wcs)

    def setWcs(self, wcs: WCS | WcsCards | None) -> None:
        if not (wcs is None or isinstance(wcs, WcsCards)):
            from astropy.wcs import WCS

            if not isinstance(wcs, WCS):
                raise TypeError(f"a WCS must be an astropy.wcs.WCS, got {type(wcs).__name__}")
        self._wcs = wcs

    def hasWcs(self) -> bool:
        return self._wcs is not None

    wcs = property(getWcs, setWcs)

    @property
    def wcs_or_cards(self) -> WCS | WcsCards | None:
        """The WCS, or the header cards of which it is made once it is asked for."""
        return self._wcs

    def getMetadata(self) -> fits.Header:
        return self._metadata

    def setMetadata(self, metadata: Mapping[str, Any]) -> None:
        from astropy.io import fits

        if not isinstance(metadata, (fits.Header, Mapping)):
            raise TypeError(f"metadata must be a FITS header, got {type(metadata).__name__}")
        self._metadata = metadata if isinstance(metadata, fits.Header) else fits.Header(metadata)

    metadata = property(getMetadata, setMetadata)

    def clone(self) -> Self:
        """Deep copy of pixels and metadata; PSF and WCS are shared."""
        return self._of(self._masked_image.clone(), self, copy.deepcopy(self._metadata))

    def subset(self, box: Box2I, origin: ImageOrigin = PARENT) -> Self:
        """Part of the exposure, sharing everything with it."""
        return self._of(self._masked_image.subset(box, origin), self, self._metadata)

    def __getitem__(self, box: Box2I) -> Self:
        return self.subset(box)

    @classmethod
    def from_ccddata(cls, ccd: Any) -> Self:
        """Make an exposure from CCDData or NDData of astropy.

        Parameters
        ----------
        ccd : astropy.nddata.NDData
            Its uncertainty becomes the variance, a mask the plane NO_DATA, the PSF a `KernelPsf`,
            the unit the keyword BUNIT. LTV1 and LTV2 in the header tell the origin of the pixels,
            if they are whole.

        Raises
        ------
        TypeError
            If it is something else.
        ValueError
            If the uncertainty is of no known kind.
        """
        pixels = as_pixels(ccd, "ccd")
        if not pixels.is_nddata:
            raise TypeError(f"ccd must be a CCDData or an NDData, got {type(ccd).__name__}")
        metadata = copy.deepcopy(ccd.meta)
        if pixels.unit is not None and str(pixels.unit):
            metadata["BUNIT"] = str(pixels.unit)
        offsets = [metadata.get(f"LTV{axis}", 0) for axis in (1, 2)]
        scales = [metadata.get(f"LTM{axis}_{axis}", 1) for axis in (1, 2)]
        is_whole = scales == [1, 1] and all(offset == int(offset) for offset in offsets)
        xy0 = [-int(offset) if is_whole else 0 for offset in offsets]
        image = Image(np.array(pixels.values), xy0=xy0)
        mask = Mask(image.getBBox())
        if pixels.hidden is not None:
            mask.array[np.broadcast_to(pixels.hidden, mask.array.shape) != 0] = (
                mask.getPlaneBitMask("NO_DATA")
            )
        variance = None
        if ccd.uncertainty is not None:
            variance = np.array(as_variance(ccd.uncertainty, "ccd", pixels), image.dtype)
        wcs = None if ccd.wcs is None else _shifted(ccd.wcs, *xy0)
        psf = None if ccd.psf is None else KernelPsf(ccd.psf)
        return cls(image=image, mask=mask, variance=variance, psf=psf, wcs=wcs, metadata=metadata)

    def to_ccddata(self) -> Any:
        """Give the exposure as CCDData of astropy, in coordinates of the array.

        Returns
        -------
        astropy.nddata.CCDData
            Its ``mask`` is True where a pixel has no value to be used: where it is not finite, has
            no finite variance, or the mask says BAD, SAT, CR, EDGE or NO_DATA. The keywords LTV1
            and LTV2 tell the origin, ``psf`` is the PSF at the average position.

        Raises
        ------
        ValueError
            If the keyword BUNIT names no unit that astropy knows.
        """
        planes = own_names(("BAD", "SAT", "CR", "EDGE", "NO_DATA"), self.mask.getMaskPlaneDict())
        x0, y0 = self.getXY0()
        wcs = None if self.wcs is None else _shifted(self.wcs, -x0, -y0)
        metadata = copy.deepcopy(self.metadata)
        metadata["LTV1"], metadata["LTV2"] = -x0, -y0
        return as_ccd_data(
            self.image.array,
            None if self.variance is None else self.variance.array,
            unit=_unit_of(metadata),
            mask=self.mask.array & self.mask.getPlaneBitMask(planes) != 0,
            wcs=wcs,
            meta=metadata,
            psf=None if self.psf is None else self.psf.computeKernelImage().array,
        )

    def __repr__(self) -> str:
        has = [name for name in ("variance", "psf", "wcs") if getattr(self, name) is not None]
        return (
            f"Exposure({self.getHeight()} x {self.getWidth()} {self.image.dtype} at "
            f"({self.getX0()}, {self.getY0()}), {_bunit(self.metadata) or 'unit unknown'}, "
            f"with {', '.join(has) or 'neither variance, PSF nor WCS'})"
        )

    def _repr_html_(self) -> str:
        set_planes = [
            f"{name} {count}"
            for name, bit in self.mask.getMaskPlaneDict().items()
            if (count := np.count_nonzero(self.mask.array & (1 << bit)))
        ]
        facts = {
            "pixels": f"{self.getHeight()} x {self.getWidth()} {self.image.dtype}",
            "origin": f"({self.getX0()}, {self.getY0()})",
            "unit": _bunit(self.metadata) or "unknown",
            "variance": "unknown" if self.variance is None else "plane",
            "masked pixels": ", ".join(set_planes) or "none",
            "PSF": "unknown" if self.psf is None else type(self.psf).__name__,
            "WCS": "unknown" if self.wcs is None else ", ".join(self.wcs.wcs.ctype),
        }
        return shown("Exposure", facts, self.image.array)

    def Factory(
        self,
        source: Exposure | Box2I,
        bbox: Box2I | None = None,
        origin: ImageOrigin = PARENT,
        deep: bool = False,
    ) -> Exposure:
        """Make an exposure as the constructors of lsst.afw.image.Exposure do.

        Parameters
        ----------
        source : Exposure or Box2I
            What to make it from. A box gives zeros, of the pixel type of this exposure.
        bbox : Box2I, optional
            Part of the source to take; all of it if not given.
        origin : ImageOrigin
            Whether the box is in parent or in array coordinates.
        deep : bool
            Whether to copy the pixels and metadata (or else share them).

        Raises
        ------
        ValueError
            If the box does not lie inside of the source.
        TypeError
            If an argument is of the wrong type.
        """
        if isinstance(source, Box2I):
            return Exposure(
                image=Image(source, dtype=self.image.dtype),
                variance=Image(source, dtype=np.float32),
            )
        if not isinstance(source, Exposure):
            raise TypeError(f"source must be an Exposure or a Box2I, got {type(source).__name__}")
        part = source.subset(source.getBBox(origin) if bbox is None else bbox, origin)
        return part.clone() if deep else part


def _bunit(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("BUNIT", "")).strip()


def _shifted(wcs: WCS, x: int, y: int) -> WCS:
    """Give a WCS whose pixels are counted from elsewhere, with all its distortions."""
    shift = np.array([x, y], dtype=float)
    moved = wcs.deepcopy()
    moved.wcs.crpix = moved.wcs.crpix + shift
    if moved.sip is not None:
        from astropy.wcs import Sip

        sip = moved.sip
        moved.sip = Sip(sip.a, sip.b, sip.ap, sip.bp, sip.crpix + shift)
    for name in ("cpdis1", "cpdis2", "det2im1", "det2im2"):
        table = getattr(moved, name)
        if table is not None:
            table.crval = (table.crval[0] + x, table.crval[1] + y)
    return moved


def _unit_of(metadata: Mapping[str, Any]) -> Any:
    """Give the unit that BUNIT names, in the spelling of FITS or in capitals; None for none."""
    from astropy.units import Unit

    text = _bunit(metadata)
    for spelling in (text, text.lower(), text.lower().removesuffix("s")):
        try:
            return Unit(spelling) if text else None
        except ValueError:
            pass
    raise ValueError(f"BUNIT must be a unit that astropy.units knows, got {text!r}")


def _like(image: Image, name: str, plane: ArrayLike) -> NDArray[Any]:
    array = np.asarray(plain(plane, name))
    if array.shape != image.array.shape:
        raise ValueError(
            f"{name} must have shape {image.array.shape}, that of the image, got {array.shape}"
        )
    return array
