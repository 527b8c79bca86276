import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.graph.affinity import sample_affinity

DISTANCES = np.array([[1, 2, 3, 4], [2, 4, 6, 8]], np.float32)


def test_global_affinity_has_one_scale_the_mean_squared_distance():
    np.testing.assert_allclose(sample_affinity(DISTANCES), np.exp(-DISTANCES / 3.75), rtol=1e-6)
    np.testing.assert_allclose(sample_affinity(DISTANCES, 2.0), np.exp(-DISTANCES / 7.5), rtol=1e-6)


def test_local_affinity_has_the_scale_of_the_middle_neighbor():
    # s = 2 and 4, the second neighbors; mean of the roots (√2 + 2) / 2.
    mean = (np.sqrt(2) + 2) / 2
    expected = [np.exp(-DISTANCES[0] / 4) * mean / np.sqrt(2), np.exp(-DISTANCES[1] / 8) * mean / 2]
    np.testing.assert_allclose(sample_affinity(DISTANCES, kind="local"), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["global", "local"])
def test_affinity_does_not_depend_on_the_unit_of_the_features(kind):
    weights = sample_affinity(DISTANCES, kind=kind)
    np.testing.assert_allclose(sample_affinity(DISTANCES * 1e-8, kind=kind), weights, rtol=1e-5)


@pytest.mark.parametrize("kind", ["global", "local"])
def test_identical_rows_have_weight_one(kind):
    assert (sample_affinity(np.zeros((3, 2), np.float32), kind=kind) == 1).all()


def test_duplicates_have_a_large_but_finite_local_weight():
    weights = sample_affinity(np.array([[0, 0, 1], [4, 4, 4]], np.float32), kind="local")
    assert np.isfinite(weights).all()
    assert 1 < weights.max() <= 100


@pytest.mark.parametrize("kind", ["global", "local"])
def test_missing_neighbors_have_weight_zero_and_count_nowhere(kind):
    filled = np.pad(DISTANCES, ((0, 1), (0, 2)), constant_values=np.inf)
    weights = sample_affinity(filled, kind=kind)
    assert (weights[:, 4:] == 0).all()
    assert (weights[2] == 0).all()
    if kind == "global":
        np.testing.assert_array_equal(weights[:2, :4], sample_affinity(DISTANCES))
    else:  # a row without neighbors has some scale, which changes a factor common to all rows
        ratio = weights[:2, :4] / sample_affinity(DISTANCES, kind=kind)
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-6)


def test_the_scale_of_a_row_with_fewer_neighbors_is_its_own_middle():
    weights = sample_affinity(np.array([[1, 2, 3, 4], [4, 8, np.inf, np.inf]], np.float32), kind="local")
    mean = (np.sqrt(2) + 2) / 2
    np.testing.assert_allclose(weights[1], [np.exp(-0.5) * mean / 2, np.exp(-1) * mean / 2, 0, 0], rtol=1e-6)


def test_weights_are_float32_also_with_one_neighbor_or_none():
    for kind in ("global", "local"):
        assert sample_affinity(DISTANCES[:, :1], kind=kind).dtype == np.float32
        assert sample_affinity(DISTANCES[:, :0], kind=kind).shape == (2, 0)


def test_wrong_settings_are_named():
    with pytest.raises(UserError, match="sigma_scale=0"):
        sample_affinity(DISTANCES, 0)
    with pytest.raises(UserError, match="affinity='linear'"):
        sample_affinity(DISTANCES, kind="linear")
