"""Which versions made a result."""

from __future__ import annotations

import importlib.metadata
import platform

PACKAGES = ("torch", "torchvision", "ray", "faiss-gpu", "faiss-cpu", "numba", "numpy", "pyarrow", "raycluster")


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide results, as far as they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"python": platform.python_version()} | found
