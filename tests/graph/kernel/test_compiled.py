import os
from pathlib import Path

import numpy as np

from raycluster.graph.kernel import compiled
from raycluster.graph.kernel.clusters import CLUSTER
from raycluster.graph.kernel.pairs import HALF


def test_a_change_in_one_file_changes_the_time_of_all(tmp_path):
    files = [tmp_path / name for name in "abc"]
    for second, file in enumerate(files):
        file.write_text("")
        os.utime(file, (second, second))
    compiled.give_one_time(files)
    assert [file.stat().st_mtime for file in files] == [2, 2, 2]


def test_every_file_with_functions_of_the_merging_is_known():
    folder = Path(compiled.__file__).parent
    users = {file.name for file in folder.glob("*.py") if "graph.compiled import" in file.read_text()}
    callers = {file.name for file in folder.glob("*.py") if "graph.disjoint_set import" in file.read_text()}
    assert (users | callers) <= set(compiled.KERNEL)
    times = {(folder / name).stat().st_mtime_ns for name in compiled.KERNEL}
    assert len(times) == 1


def test_no_record_straddles_two_cache_lines():
    for n in (1, 7, 100_000):
        assert compiled.table(n, CLUSTER).ctypes.data % 64 == 0
    assert compiled.table(5, HALF).shape == (5,)
    assert 64 % (2 * HALF.itemsize) == 0
    assert CLUSTER.itemsize == 64
    assert np.dtype(HALF).isalignedstruct
