import numpy as np
import pytest

from raycluster.clustering.distributed_neighbors import neighbors_in_blocks
from raycluster.errors import UserError
from raycluster.graph.neighbors import search
from raycluster.graph.neighbors.flat import ALIGNMENT
from raycluster.graph.neighbors.nearest import NeighborIndex

pytestmark = pytest.mark.usefixtures("ray_session")


def clusters(n, d=8):
    rng = np.random.default_rng(0)
    return (rng.normal(size=(40, d))[rng.integers(0, 40, n)] + 0.1 * rng.normal(size=(n, d))).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["exact", "lists"])
def test_blocks_give_what_one_process_finds_bit_for_bit(monkeypatch, kind):
    if kind == "lists":
        monkeypatch.setattr(search, "MAX_EXACT_COST", 0)
    features = clusters(2 * ALIGNMENT + 100)
    alone = NeighborIndex(features, 10, seed=5)
    ids, distances, chosen = neighbors_in_blocks(features, 10, n_tasks=2, seed=5, block_rows=ALIGNMENT - 1)
    assert chosen == alone.search
    assert chosen.kind == kind
    for ours, theirs in zip((ids, distances), alone.rows(), strict=True):
        assert ours.dtype == theirs.dtype
        assert (ours == theirs).all()


def test_a_set_smaller_than_a_block_is_one_block():
    ids, distances, _ = neighbors_in_blocks(np.array([[0.0], [1.0], [3.0]]), 20, n_tasks=2)
    assert ids.tolist() == [[1, 2], [0, 2], [1, 0]]
    assert distances.tolist() == [[1, 9], [1, 4], [4, 9]]


def test_wrong_input_is_told_as_by_one_process():
    with pytest.raises(UserError, match="n_neighbors=0"):
        neighbors_in_blocks(clusters(10), 0, n_tasks=2)
    with pytest.raises(UserError, match="scale them down"):
        neighbors_in_blocks(np.array([[1e30], [-1e30]]), 1, n_tasks=2)
