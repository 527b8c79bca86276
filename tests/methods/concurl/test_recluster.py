import numpy as np
import pytest
import torch

from raycluster.methods.concurl.clustering import CLUSTERINGS
from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.concurl.recluster import recluster
from raycluster.methods.concurl.settings import ConcurlSettings

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = ConcurlNet((3, 32, 32), 3, "resnet18").eval()
    with torch.inference_mode():
        passed = net(net.prepare(torch.from_numpy(IMAGES)))
    for centroids, embeddings in ((net.nce_centroids, passed.nce), (net.head_centroids, passed.head)):
        centroids.copy_(embeddings[[4, 0, 2]])
    return net


def test_frozen_clusters_are_those_of_the_stored_centroids_and_refitted_ones_are_found_anew(net):
    found = recluster(net, IMAGES, ConcurlSettings(), 0)
    assert list(found) == list(CLUSTERINGS)
    for name in ("nce_embeddings", "clust_head"):
        assert found[name]["frozen"][[4, 0, 2]].tolist() == [0, 1, 2]
        assert len(np.unique(found[name]["refitted"])) == 3
    for clusters in found.values():
        assert {labels.shape for labels in clusters.values()} == {(6,)}


def test_fewer_images_than_clusters_cannot_be_clustered(net):
    assert recluster(net, IMAGES[:2], ConcurlSettings(), 0) == {}
