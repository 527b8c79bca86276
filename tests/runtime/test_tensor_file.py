import errno
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors import SafetensorError

from raycluster.runtime.tensor_file import load_tensors, save_tensors


def test_tensors_are_read_as_they_were_written(tmp_path):
    one = torch.arange(3)
    save_tensors(tmp_path / "t", {"a": one, "same": one, "turned": torch.ones(2, 3).T})
    again = load_tensors(tmp_path / "t")
    assert again["a"].tolist() == again["same"].tolist() == [0, 1, 2]
    assert again["turned"].shape == (3, 2)


def test_a_file_has_the_mode_of_any_other_file(tmp_path):
    (tmp_path / "other").touch()
    save_tensors(tmp_path / "t", {"a": torch.zeros(1)})
    assert (tmp_path / "t").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_file_that_cannot_be_read_is_told_from_a_damaged_one(tmp_path):
    with pytest.raises(IsADirectoryError):
        load_tensors(tmp_path)
    (tmp_path / "t").write_bytes(b"")
    with pytest.raises(SafetensorError):
        load_tensors(tmp_path / "t")


ON_A_FULL_DISK = """
import sys
from pathlib import Path
import torch
from raycluster.runtime.tensor_file import save_tensors
try:
    save_tensors(Path(sys.argv[1]) / "t", {"a": torch.zeros(2**20)})
except OSError as error:
    print(error.errno, error.filename)
"""


@pytest.mark.slow
def test_a_full_disk_is_told_as_such(tmp_path):
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    small = f"mount -t tmpfs -o size=1m tmpfs {tmp_path}"
    if not shutil.which("unshare") or subprocess.run([*mount, small], capture_output=True, check=False).returncode:
        pytest.skip("no small file system can be mounted here")
    write = [*mount, f'{small} && exec "$0" -c "$1" {tmp_path}', sys.executable, ON_A_FULL_DISK]
    done = subprocess.run(write, capture_output=True, text=True, check=True)
    assert done.stdout == f"{errno.ENOSPC} {tmp_path / 't'}\n"
