import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.metrics.effect import Effect, effect_of_training

PIXELS, LABELS = load_digits(return_X_y=True)
PIXELS = PIXELS[:600].astype(np.float32)
LABELS = LABELS[:600]
# As good an embedding as there can be: the classes themselves, and some noise.
EMBEDDINGS = (np.eye(10)[LABELS] + np.random.default_rng(0).normal(scale=0.2, size=(600, 10))).astype(np.float32)


@pytest.mark.parametrize(
    ("scores", "helped"),
    [
        ((0.5, 0.6, 0.9, 0.95), True),
        ((0.5, 0.49, 0.9, 0.88), True),  # losses as small as these say nothing
        ((0.5, 0.47, 0.9, 0.95), False),
        ((0.5, 0.6, 0.9, 0.8), False),
        ((0.1, 0.6, 0.6, 0.2), True),  # what was not clear at the start is no reason
        ((0.5, 0.4, 0.6, 0.6), False),
    ],
)
def test_training_helped_unless_one_of_the_scores_is_clearly_lower(scores, helped):
    effect = Effect(*scores)
    assert effect.helped == helped
    assert ("did not help" in effect.sentence("pixels")) != helped


def test_the_sentence_claims_no_more_than_the_gain_shows():
    assert Effect(0.5, 0.7, 0.9, 0.9).sentence("pixels") == (
        "training helped: clusters in the embedding, silhouette 0.50 before, 0.70 after it"
    )
    assert Effect(0.5, 0.55, 0.9, 0.9).sentence("pixels").startswith("training may have helped a little: ")


def test_where_the_start_shows_nothing_no_claim_is_made():
    assert Effect(0.1, 0.6, 0.55, 0.2).sentence("pixels") == (
        "it is unclear whether training helped: the pixels show no clear clusters to compare with (predictability 0.55)"
    )


def test_the_sentence_says_which_score_is_lower():
    assert "the clusters of the pixels are more compact (silhouette 0.50 before, 0.40 after it)" in Effect(
        0.5, 0.4, 0.9, 0.9
    ).sentence("pixels")
    assert "can hardly be predicted from the features (predictability 0.90 before, 0.60 after it)" in Effect(
        0.5, 0.6, 0.9, 0.6
    ).sentence("features")


def test_clusters_that_are_the_classes_are_better_than_those_that_merge_two_and_the_other_way_around():
    merged = np.where(LABELS == 3, 8, LABELS)
    merged[(LABELS == 0) & (np.arange(600) % 2 == 0)] = 3  # ten clusters again: one class is split in their place
    assert effect_of_training(PIXELS, EMBEDDINGS, merged, LABELS).helped
    assert not effect_of_training(PIXELS, EMBEDDINGS, LABELS, merged).helped


def test_clusters_of_the_network_alone_do_not_help_even_if_its_embedding_is_made_of_them():
    random = np.random.default_rng(1).integers(0, 10, 600)
    effect = effect_of_training(PIXELS, np.eye(10, dtype=np.float32)[random], LABELS, random)
    assert effect.silhouette_after == 1
    assert effect.predictability_after < 0.1 < 0.8 < effect.predictability_before
    assert not effect.helped


def test_a_single_cluster_after_training_is_a_collapse_and_did_not_help():
    assert not effect_of_training(PIXELS, EMBEDDINGS, LABELS, np.zeros(600, int)).helped
