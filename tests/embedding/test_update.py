import numpy as np
import pytest
from PIL import Image

from raycluster.embedding.part_files import RejectedRow
from raycluster.embedding.state import EmbeddingState
from raycluster.embedding.update import EmbedProgress, check_all_there, embed_missing, embedding_warnings, plan_workers
from raycluster.errors import UserError
from raycluster.methods.jule.network import JuleCNN
from raycluster.options import EmbedOptions
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.resources import Node
from raycluster.runtime.run_dir import RunDir


def test_missing_rows_and_rows_that_are_there_twice_are_noticed():
    aside = [RejectedRow(1, "b", "empty")]
    check_all_there(np.arange(3), np.array([2, 0]), aside)
    with pytest.raises(RuntimeError, match="3 rows became 2: 1 are missing and 0 are there twice"):
        check_all_there(np.arange(3), np.array([2]), aside)
    with pytest.raises(RuntimeError, match="0 are missing and 1 are there twice"):
        check_all_there(np.arange(3), np.array([2, 0, 0]), aside)


def test_workers_get_the_cores_and_on_gpus_leave_them_to_the_decoding():
    options = EmbedOptions(data="", out="")
    assert plan_workers([Node(2)], options).workers == 2
    assert plan_workers([Node(64), Node(4)], options).workers == 12
    many = plan_workers([Node(12)], options)
    assert (many.workers, many.cpus_per_worker) == (6, 2)
    alone = plan_workers([Node(8)], EmbedOptions(data="", out="", workers=1))
    assert (alone.workers, alone.cpus_per_worker) == (1, 8)
    with_gpus = plan_workers([Node(16, 2)], options)
    assert (with_gpus.workers, with_gpus.cpus_per_worker) == (2, 1)
    with pytest.raises(UserError, match="--workers 9, but the cluster has 2 CPU cores"):
        plan_workers([Node(2)], EmbedOptions(data="", out="", workers=9))


def test_a_full_disk_is_noticed_before_ray_starts(tmp_path):
    for name in "abc":
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / f"{name}.png")
    state = EmbeddingState(tmp_path / "out", str(tmp_path))
    assert state.fewest_missing == 3
    net = JuleCNN((1, 8, 8))
    net.embedding_size = 10**15  # which no disk holds
    progress = EmbedProgress(Clock(0.0, "start"))
    options, run_dir = EmbedOptions(data="", out=""), RunDir(tmp_path / "out")
    with pytest.raises(UserError, match=r"The embeddings of 3 images will take .*: make room"):
        embed_missing(str(tmp_path), options, run_dir, state, net, progress, Console(quiet=True))
    assert "ray start" not in progress.clock.stages


def test_blank_images_and_a_full_object_store_are_told():
    assert embedding_warnings(10, 0, [], None) == []
    assert embedding_warnings(10, 2, ["a.png"], 3_000_000) == [
        "2 of the 10 images embedded now are nearly blank: a.png, ...",
        "Ray's object store was full, and 3.0 MB went through the disk: give it more memory, or use fewer --workers.",
    ]
