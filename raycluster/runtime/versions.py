"""Which versions produced a result."""

from __future__ import annotations

import importlib.metadata
import platform

PACKAGES = ("torch", "torchvision", "timm", "ray", "faiss-gpu", "faiss-cpu", "numba", "numpy", "pyarrow", "raycluster")


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that affect results."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"python": platform.python_version()} | found
