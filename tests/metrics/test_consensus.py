import numpy as np
import pytest

from raycluster.metrics import consensus
from raycluster.metrics.consensus import agreements, consensus_score, support

A = np.array([0, 0, 1, 1, 2, 2])
RENUMBERED = np.array([2, 2, 0, 0, 1, 1])
B = np.array([0, 1, 0, 1, 0, 1])


def blobs(spread, n=150):
    rng = np.random.default_rng(0)
    centers = 4 * rng.normal(size=(3, 10))
    return (centers[np.arange(n) % 3] + spread * rng.normal(size=(n, 10))).astype(np.float32)


def test_renumbered_clusters_agree_fully_and_others_as_computed_by_hand():
    found = agreements([A, RENUMBERED, B])
    # Of 15 pairs, 3 are together in A, 6 in B, and 0 in both, where 3 * 6 / 15 are expected.
    expected = (0 - 1.2) / (4.5 - 1.2)
    np.testing.assert_allclose(found, [[1, 1, expected], [1, 1, expected], [expected, expected, 1]])


def test_clusterings_from_the_same_space_have_one_vote_together():
    clusterings = {"nce": A, "head": RENUMBERED, "outcode": B, "q_code": B}
    spaces = {"nce": "nce", "head": "head", "outcode": "prototypes", "q_code": "prototypes"}
    ari = (0 - 1.2) / (4.5 - 1.2)
    found = support(clusterings, spaces)
    assert found["nce"] == found["head"] == pytest.approx((1 + ari) / 2)
    assert found["outcode"] == found["q_code"] == pytest.approx(ari)  # they do not support each other


def test_clear_clusters_score_high_and_noise_scores_low():
    clear, noise = consensus_score(blobs(0.2), 3), consensus_score(blobs(30), 3)
    assert clear["consensus"] > 0.95
    assert noise["consensus"] < 0.6
    assert clear["consensus"] == pytest.approx(
        np.mean([clear[name] for name in ("seeds", "projections", "algorithms")])
    )


def test_large_sets_are_sampled_and_a_seed_gives_the_same_score(monkeypatch):
    monkeypatch.setattr(consensus, "SAMPLE", 60)
    sizes = []
    kmeans = consensus.kmeans
    monkeypatch.setattr(consensus, "kmeans", lambda rows, *a, **k: sizes.append(len(rows)) or kmeans(rows, *a, **k))
    assert consensus_score(blobs(2.0), 3, seed=1) == consensus_score(blobs(2.0), 3, seed=1)
    assert set(sizes) == {60}
