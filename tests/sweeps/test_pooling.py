import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from raycluster.metrics.pooled import cosine_silhouette, pooled_silhouettes
from raycluster.runtime.run_dir import RunDir
from raycluster.sweeps import pooling as module
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.objective import POOLED
from raycluster.sweeps.pooling import pool_scores, read_clustered_embeddings

RIGHT = np.repeat([0, 1, 2], 20)
ALMOST = np.where(np.arange(60) == 20, 0, RIGHT)
WRONG = np.repeat([0, 1, 0, 2], 15)


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write_plan([{"margin": margin} for margin in (0.1, 0.2, 0.3, 0.4)])
    return ledger


def test_the_clusters_of_a_trial_are_compared_with_the_embeddings_and_the_clusters_of_all(ledger, finish):
    clusterings = {0: RIGHT, 1: WRONG, 3: ALMOST}
    spaces = [finish(ledger, number, clusters) for number, clusters in clusterings.items()]
    ledger.write_outcome(2, {"state": "failed", "error": "no"})
    pool_scores(ledger, POOLED)
    table = np.array([[cosine_silhouette(space, one) for space in spaces] for one in clusterings.values()])
    for i, (number, clusters) in enumerate(clusterings.items()):
        outcome = ledger.outcome(number)
        agreements = [adjusted_rand_score(clusters, other) for k, other in clusterings.items() if k != number]
        assert outcome["scores"]["pooled_silhouette"] == pytest.approx(pooled_silhouettes(table)[i])
        assert outcome["scores"]["agreement"] == pytest.approx(np.mean(agreements))
        assert outcome["scores"]["nmi"] == 0.5
        assert (outcome["state"], outcome["epochs"]) == ("finished", 3)
    assert [ledger.outcome(number)["objective"] for number in clusterings] == pytest.approx([1, 1 / 3, 2 / 3])
    assert ledger.outcome(2) == {"state": "failed", "error": "no"}


def test_another_objective_stays(ledger, finish):
    finish(ledger, 0, RIGHT)
    pool_scores(ledger, "nmi")
    assert ledger.outcome(0)["objective"] == 0.5
    assert ledger.outcome(0)["scores"][POOLED] == 1.0


def test_trials_that_are_compared_already_are_not_compared_again(ledger, finish, monkeypatch):
    finish(ledger, 0, RIGHT)
    finish(ledger, 1, WRONG)
    pool_scores(ledger, POOLED)
    finish(ledger, 2, RIGHT)
    compared = []

    def silhouette(embeddings, clusters):
        compared.append(1)
        return cosine_silhouette(embeddings, clusters)

    monkeypatch.setattr(module, "cosine_silhouette", silhouette)
    pool_scores(ledger, POOLED)
    assert len(compared) == 2 + 2 + 1  # the others in its embedding, it in theirs, and in its own
    before = [ledger.outcome(number) for number in range(3)]
    pool_scores(ledger, POOLED)
    assert len(compared) == 5
    assert [ledger.outcome(number) for number in range(3)] == before


def test_the_embeddings_of_a_trial_are_read_once(ledger, finish, monkeypatch):
    read = []

    def counted(run_dir):
        read.append(run_dir.path.name)
        return read_clustered_embeddings(run_dir)

    monkeypatch.setattr(module, "read_clustered_embeddings", counted)
    for number in range(3):
        finish(ledger, number, WRONG)
        pool_scores(ledger, POOLED)
    assert read == ["0000", "0001", "0002"]


def test_without_a_finished_trial_there_is_nothing_to_do(ledger):
    pool_scores(ledger, POOLED)
    assert ledger.outcomes() == {}


def test_embeddings_and_clusters_are_read_in_order_of_id(ledger, finish):
    embeddings = finish(ledger, 0, WRONG)
    found, clusters = read_clustered_embeddings(RunDir(ledger.trial_dir(0)))
    np.testing.assert_array_equal(found, embeddings)
    np.testing.assert_array_equal(clusters, WRONG)


def test_trials_that_have_all_learned_too_little_are_ranked_by_what_the_pixels_say(ledger, finish):
    training = {"helped": False, "predictability_before": 0.9}
    for number, (clusters, seen) in enumerate([(RIGHT, 0.3), (WRONG, 0.6), (ALMOST, 0.5)]):
        finish(ledger, number, clusters, training | {"predictability_after": seen})
    pool_scores(ledger, POOLED)
    assert [ledger.outcome(number)["objective"] for number in range(3)] == pytest.approx([1 / 3, 1, 2 / 3])
    assert [ledger.outcome(number)["predictability"] for number in range(3)] == [0.3, 0.6, 0.5]
    ledger.write_outcome(0, ledger.outcome(0) | {"helped": True})
    pool_scores(ledger, POOLED)
    assert [ledger.outcome(number)["objective"] for number in range(3)] == pytest.approx([1, 1 / 3, 2 / 3])
