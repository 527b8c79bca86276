import numpy as np
import pyarrow.parquet as pq
import torch

from raycluster.data.canvas import Canvas
from raycluster.data.feed import ResidentFeed
from raycluster.methods.base import Outcome
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.saved_network import load_network
from raycluster.runtime.run_dir import RunDir
from raycluster.training.run_context import RunContext
from raycluster.training.worker_results import write_worker_results


def test_workers_write_their_rows_under_the_ids_of_the_images_and_the_first_one_the_network(tmp_path):
    run_dir, found = RunDir(tmp_path), []
    feed = ResidentFeed(np.zeros((4, 1, 8, 8), np.uint8))
    for rank, rows in enumerate(([3, 0], [1, 2])):
        context = RunContext(feed, run_dir, torch.device("cpu"), rank=rank, world_size=2)
        embeddings = np.float32(rows)[:, None]
        outcome = Outcome(JuleCNN((1, 8, 8)), {"rc": np.zeros(4, np.int32)}, "rc", np.array(rows), embeddings)
        canvas = Canvas(1, 8, 8, "crop")
        found.append(write_worker_results(outcome, run_dir, context, np.array([0, 1, 3, 4]), list("abde"), canvas))
        context.close()
    assert found[1] is None
    assert found[0].reported == "rc"
    table = pq.read_table(tmp_path / "embeddings").sort_by("id").to_pydict()
    assert (table["id"], table["path"]) == ([0, 1, 3, 4], ["a", "b", "d", "e"])
    assert [row[0] for row in table["embedding"]] == [0, 1, 2, 3]
    assert load_network(tmp_path / "model").fit == "crop"
