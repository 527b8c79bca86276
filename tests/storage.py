"""A cluster whose machines do not share storage, on one machine."""

import contextlib
from dataclasses import replace

import pytest

from raycluster.remote import shared_folder
from raycluster.remote.shared_folder import share


def unseen(folder):
    """Return a shared folder as a machine knows it that does not see it."""
    return replace(folder, sign=".lock.of-another-folder")


@contextlib.contextmanager
def without_shared_storage():
    """Let the processes of all commands work as on machines that do not see the folder for results."""
    shared = []

    @contextlib.contextmanager
    def share_unseen(path, cluster):
        with share(path, replace(cluster, is_private=False)) as folder:
            shared.append(path)
            yield unseen(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_folder, "share", share_unseen)
        yield
        assert shared  # by every command inside of this, or it has tried nothing
