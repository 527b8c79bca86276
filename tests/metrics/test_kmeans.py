import numpy as np

from raycluster.metrics import kmeans as module
from raycluster.metrics.kmeans import kmeans, plain_kmeans

RNG = np.random.default_rng(0)
BLOBS = np.concatenate([RNG.normal(center, 0.1, (20, 3)) for center in ((0, 0, 0), (4, 0, 0), (0, 4, 0))])


def test_clear_groups_are_found_with_their_means():
    found = kmeans(BLOBS, 3)
    assert found.labels.dtype == np.int32
    for group in range(3):
        labels = found.labels[20 * group : 20 * (group + 1)]
        assert len(set(labels)) == 1
        np.testing.assert_allclose(
            found.centroids[labels[0]], BLOBS[20 * group : 20 * (group + 1)].mean(0), rtol=1e-3, atol=1e-3
        )


def test_every_row_has_its_nearest_centroid_and_a_seed_gives_the_same_labels():
    found, again = kmeans(BLOBS, 5, seed=3), kmeans(BLOBS, 5, seed=3)
    distances = ((BLOBS[:, None] - found.centroids[None]) ** 2).sum(2)
    np.testing.assert_array_equal(found.labels, distances.argmin(1))
    np.testing.assert_array_equal(found.labels, again.labels)


def test_with_as_many_clusters_as_rows_every_row_is_a_cluster():
    assert sorted(kmeans(BLOBS[:4], 4).labels) == [0, 1, 2, 3]


def test_a_comparison_takes_fewer_starts_and_then_fewer_rows_and_is_left_out_if_it_takes_too_long(monkeypatch):
    tried = []

    def noting(features, n_clusters, seed, starts, most_per_cluster):
        tried.append((starts, most_per_cluster))
        return kmeans(features, n_clusters, seed, starts, most_per_cluster)

    monkeypatch.setattr(module, "kmeans", noting)
    np.testing.assert_array_equal(plain_kmeans(BLOBS, 3), kmeans(BLOBS, 3).labels)
    once = 60 * 3 * 3 * module.ITERATIONS  # rows, dimensions, clusters
    assert len(plain_kmeans(BLOBS, 3, budget=once * 7)) == 60
    assert plain_kmeans(BLOBS, 3, budget=once - 1) is None  # on fewer rows than 39 per cluster
    many = np.repeat(BLOBS, 10, axis=0)
    assert len(plain_kmeans(many, 3, budget=once * 5)) == 600
    assert tried == [(20, 20_000), (7, 140), (1, 100)]
