from pathlib import Path

import numpy as np
import pytest

from raycluster.sweeps.pooling import Opinion, opinion_of, pooled_scores
from raycluster.sweeps.sample import Sample, save_sample
from raycluster.sweeps.standings import Standings, comparison_folder, is_rung

RIGHT = np.repeat([0, 1, 2], 20)
CLUSTERS = {
    0: RIGHT,
    1: np.repeat([0, 1, 0, 2], 15),
    3: np.where(np.arange(60) == 20, 0, RIGHT),
}


@pytest.fixture
def samples(tmp_path):
    rng = np.random.default_rng(0)
    found = {}
    for number, clusters in CLUSTERS.items():
        embeddings = (np.eye(3)[RIGHT] + 0.3 * rng.standard_normal((60, 3))).astype(np.float32)
        found[number] = Sample(embeddings, clusters)
        save_sample(tmp_path / f"{number:04d}.npz", found[number])
    return found


def expected(samples):
    table = np.array([[opinion_of(one, other) for other in samples.values()] for one in samples.values()])
    ranks = pooled_scores(table[:, :, 0], table[:, :, 1])["pooled_rank"]
    return dict(zip(samples, ranks, strict=True))


def test_an_opinion_is_of_the_clusters_of_another(samples):
    assert opinion_of(samples[1], samples[0]).silhouette < opinion_of(samples[0], samples[1]).silhouette
    assert opinion_of(samples[0], samples[0]) == Opinion(opinion_of(samples[0], samples[0]).silhouette, 1.0)


def test_trials_are_ranked_as_in_the_end_and_all_anew_with_each_that_comes(tmp_path, samples):
    standings = Standings("pooled_rank", tmp_path / "empty")
    standings._folder = tmp_path
    assert standings.update(1, None) == {1: 1.0}
    two = standings.update(3, None)
    assert two == pytest.approx(expected({number: samples[number] for number in (1, 3)}))
    three = standings.update(0, None)
    assert three == pytest.approx(expected(samples))
    assert three[0] == 1.0
    assert three[1] == pytest.approx(1 / 3)


def test_what_an_interrupted_sweep_has_left_counts(tmp_path, samples):
    assert Standings("pooled_rank", tmp_path).update(3, None) == pytest.approx(expected(samples))


def test_a_trial_that_reports_again_is_compared_by_its_new_sample(tmp_path, samples):
    standings = Standings("pooled_rank", tmp_path)
    samples[1] = Sample(samples[0].embeddings, RIGHT)
    save_sample(tmp_path / "0001.npz", samples[1])
    assert standings.update(1, None) == pytest.approx(expected(samples))


def test_a_trial_that_has_diverged_comes_last_until_it_has_a_sample_again(tmp_path, samples):
    standings = Standings("pooled_rank", tmp_path)
    scores = standings.update(0, -1.0)
    assert scores[0] == min(scores.values()) == -1.0
    assert sorted(scores) == [0, 1, 3]
    assert standings.update(0, None) == pytest.approx(expected(samples))


def test_scores_of_their_own_are_taken_as_they_are(tmp_path, samples):
    standings = Standings("nmi", tmp_path)
    assert standings.update(0, 0.5) == {0: 0.5}
    assert standings.update(1, 0.7) == {0: 0.5, 1: 0.7}
    assert standings.update(0, 0.9) == {0: 0.9, 1: 0.7}


def test_trials_of_the_same_age_are_compared_by_halving_and_the_present_ones_of_a_population():
    assert [epochs for epochs in range(100) if is_rung(epochs, 2)] == [2, 6, 18, 54]
    folders = [comparison_folder(Path("sweep"), "asha", 2, epochs) for epochs in (1, 2, 4, 6)]
    assert folders == [None, Path("sweep/running/000002"), None, Path("sweep/running/000006")]
    folders = [comparison_folder(Path("sweep"), "pbt", 2, epochs) for epochs in (1, 2, 4)]
    assert folders == [None, Path("sweep/running/latest"), Path("sweep/running/latest")]
