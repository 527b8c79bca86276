import platform

import numpy as np

from raycluster.runtime import versions
from raycluster.runtime.versions import installed_versions


def test_versions_are_those_of_the_installed_packages(monkeypatch):
    monkeypatch.setattr(versions, "PACKAGES", ("numpy", "no-such-package"))
    assert installed_versions() == {"python": platform.python_version(), "numpy": np.__version__}
