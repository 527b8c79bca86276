import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.graph import GraphDegreeLinkage, nearest_neighbors
from raycluster.graph.settings import GraphSettings


@pytest.mark.parametrize(
    "setting",
    [
        {"n_neighbors": 0},
        {"affinity": "both"},
        {"sigma_scale": 0},
        {"n_neighbor_clusters": 0},
        {"local_structure": -1},
        {"local_structure": float("nan")},
    ],
)
def test_settings_that_make_no_sense_are_named(setting):
    with pytest.raises(UserError, match=f"--{next(iter(setting)).replace('_', '-')} "):
        GraphSettings(**setting)


def test_the_tree_is_that_of_the_estimator_with_the_same_settings():
    points = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    chosen = {"affinity": "global", "sigma_scale": 2.0, "n_neighbor_clusters": 3, "local_structure": 0.5}
    tree, weights, _ = GraphSettings(**chosen).build_tree(*nearest_neighbors(points, 10), points)
    assert weights.shape == (200, 10)
    assert (tree.children == GraphDegreeLinkage(n_neighbors=10, **chosen).fit(points).children_).all()
    assert GraphSettings().neighbors_of(200) == 10
    assert GraphSettings(n_neighbors=7).neighbors_of(200) == 7
