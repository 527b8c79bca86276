"""What the rest of the project knows of a method. Importing this imports no torch, so that help comes up quickly."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from raycluster.methods.base import Context, MethodNetwork, Outcome


@dataclass(frozen=True)
class Later:
    """A function that is imported when it is first called, because its module imports torch.

    Attributes
    ----------
    module, function : str
    """

    module: str
    function: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Import the function and call it."""
        return getattr(importlib.import_module(self.module), self.function)(*args, **kwargs)


@dataclass(frozen=True)
class Method:
    """A method: all that the rest of the project knows of it.

    Attributes
    ----------
    name : str
        As on the command line.
    summary : str
        One line of help.
    settings : type
        The dataclass of its settings.
    presets : dict of str to settings
        Complete settings by name; ``default`` is one of them.
    search_space : tuple of str
        What a sweep tries unless it is told otherwise, as ``raycluster sweep --space`` takes it.
    train : callable
        ``train(settings, clusters, context) -> Outcome``.
    architecture : str
        The ``name`` in ``model.json`` of the networks that it trains.
    build_network : callable
        Takes an architecture and the settings of the run, as far as they are known, and returns the
        :class:`MethodNetwork` without its weights.
    epochs_between_checks : callable
        Takes settings; how many epochs a scheduler lets pass between two looks at a trial.
    square_sizes : tuple of int, optional
        The sides of squares that images have to have; by default any size will do.
    finds_k : bool
        Whether it can choose the number of clusters.
    recluster : callable, optional
        ``recluster(network, pixels, settings, seed)``: clusterings of other images uint8 [n, C, H, W] by name, each
        ``frozen``, as the run has it, or ``refitted``: ``{name: {how: int [n]}}``.
    cluster_pixels : str, optional
        The driver function that begins with the neighbors of the raw pixels, as ``module:function``. It takes them
        ready-made as ``neighbors``, so that the trials of a sweep need not search for them again.
    """

    name: str
    summary: str
    settings: type[Any]
    presets: dict[str, Any]
    search_space: tuple[str, ...]
    train: Callable[[Any, Any, Context], Outcome]
    architecture: str
    build_network: Callable[[Mapping[str, Any], Mapping[str, Any]], MethodNetwork]
    epochs_between_checks: Callable[[Any], int]
    square_sizes: tuple[int, ...] | None = None
    finds_k: bool = False
    recluster: Callable[[Any, np.ndarray, Any, int], dict[str, dict[str, np.ndarray]]] | None = None
    cluster_pixels: str | None = None
