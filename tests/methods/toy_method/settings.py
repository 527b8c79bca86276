from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ToySettings:
    """The settings of the toy."""

    epochs: int = 2
    """Passes over the images."""
    learning_rate: float = 0.01
    """Of Adam."""


PRESETS = {"default": ToySettings()}
