"""A finished run of digits, without training, for the tests of pages."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.data.thumbnails import encode_picture
from raycluster.graph.counting.outcomes import describe
from raycluster.graph.n_clusters import rank_n_clusters
from raycluster.graph.neighbors.nearest import find_neighbors
from raycluster.graph.settings import GraphSettings
from raycluster.metrics.health import neighbor_agreement
from raycluster.report.content import RunContent

N = 400
# Names of files that would do harm if they were taken for markup or code, or could not be written.
NASTY = [
    "<script>document.title = 'harmed'</script>.png",
    '"onerror="document.title=\'harmed\'" x=".png',
    "two\nlines, and a comma.png",
    "not UTF-8: \udcff\udcfe.png",
    "</script><img src=x onerror=document.title='harmed'>.png",
]


@pytest.fixture(scope="session")
def content():
    """400 digits, clustered by their pixels, five of them with nasty names."""
    digits = load_digits()
    images = np.rint(digits.images[:N] * (255 / 16)).astype(np.uint8)
    vectors = digits.data[:N].astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    graph = GraphSettings()
    neighbors, distances, _ = find_neighbors(vectors, graph.neighbors_of(N))
    tree, weights, groups = graph.build_tree(neighbors, distances, vectors)
    ranking = rank_n_clusters(tree, neighbors, weights, groups=groups, features=vectors)
    clusters = tree.cut(10)
    counted = describe(ranking, tree, neighbors, weights)
    return RunContent(
        name="digits <run>",
        summary={
            "method": "pretrained",
            "images": N,
            "rejected": 2,
            "clusters": 10,
            "seconds": 12.0,
            "quality": {"gdl": {"nmi": 0.9, "nmi_geometric": 0.9, "acc": 0.87, "ari": 0.85}},
            "reported": "gdl",
            "rejected_reasons": {"not an <image>": 2},
            "image_warnings": ["3 images are <blank>"],
            "health": counted | {"warnings": []},
            "kmeans_agreement": 0.67,
            "comparison": {},
            "moved": {},
        },
        config={"identity": {"method": "pretrained", "data": "digits", "backbone": "resnet50", "clusters": "auto"}},
        ids=np.arange(N) * 2,
        paths=[*NASTY, *(f"digits/{digits.target[row]}/{row}.png" for row in range(len(NASTY), N))],
        vectors=vectors,
        clusters=clusters,
        confidence=neighbor_agreement(neighbors, clusters),
        labels=digits.target[:N].astype(np.int64),
        tree=tree,
        read_pictures=lambda rows, side: [encode_picture(images[row]) for row in rows],
        neighbors=(neighbors, distances),
    )
