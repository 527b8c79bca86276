"""How a source of images is read: where known classes are found, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

LabelSource = Literal["auto", "folders", "last-folders"]
Frames = Literal["first", "all"]


@dataclass(frozen=True)
class Reading:
    """How a source is read.

    Attributes
    ----------
    labels : {"auto", "folders", "last-folders"}
        Where known classes come from: what the files contain (a ``label`` column, NPZ ``labels``, the IDX labels file
        that belongs to the images, ``.cls`` in tar), the names of the first folders below the source, or the names of
        the folders that the files are in.
    exclude : tuple of str
        Patterns of files and folders to leave out.
    frames : {"first", "all"}
        Which frames of animations, and which pages of TIFF files, are images of their own.
    array : str, optional
        The array of an NPZ file with the images.
    """

    labels: LabelSource = "auto"
    exclude: tuple[str, ...] = ()
    frames: Frames = "first"
    array: str | None = None

    @classmethod
    def of(cls, identity: Mapping[str, Any]) -> Reading:
        """Return how the source of a run was read, from the identity in its ``config.json``."""
        known = {field.name: identity[field.name] for field in fields(cls) if field.name in identity}
        return cls(**known | {"exclude": tuple(known.get("exclude", ()))})

    def unusual(self) -> dict[str, Any]:
        """Return what differs from the defaults, without the labels."""
        usual = Reading(self.labels)
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value != getattr(usual, name)}


USUAL = Reading()
