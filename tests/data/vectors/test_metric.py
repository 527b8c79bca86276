import numpy as np
import pytest

from raycluster.data.vectors.metric import MetricSpace, placed
from raycluster.data.vectors.vector_set import open_vectors


@pytest.fixture
def found(tmp_path):
    """Five vectors around (10, 0), the last of which is there itself."""
    np.save(tmp_path / "v.npy", np.float32([[10, 3], [10, -3], [14, 0], [6, 0], [10, 0]]))
    return open_vectors(str(tmp_path / "v.npy"))


def test_centered_vectors_have_the_directions_that_they_have_from_their_mean(found):
    centered = placed(found, MetricSpace("centered", found.vectors))
    np.testing.assert_allclose(centered.vectors, [[0, 1], [0, -1], [1, 0], [-1, 0]], atol=1e-7)
    (rejected,) = centered.rejected
    assert (
        rejected.reason
        == "its vector is the mean of all, which has no direction from there (--metric euclidean takes it)"
    )


def test_cosines_compare_directions_from_the_origin_and_euclidean_distances_the_vectors_themselves(found):
    by_distance = placed(found, MetricSpace("euclidean", found.vectors)).vectors.copy()
    np.testing.assert_array_equal(by_distance, [[10, 3], [10, -3], [14, 0], [6, 0], [10, 0]])
    directions = placed(found, MetricSpace("cosine", found.vectors)).vectors
    np.testing.assert_allclose(directions, by_distance / np.linalg.norm(by_distance, axis=1, keepdims=True), rtol=1e-6)


def test_new_vectors_are_placed_by_the_mean_of_those_that_were_clustered(found):
    space = MetricSpace("centered", found.vectors)
    new = np.float32([[10, 7], [0, 0]])
    new.setflags(write=False)
    vectors, has_place = space.place(new)
    np.testing.assert_allclose(vectors, [[0, 1], [-1, 0]], atol=1e-7)
    assert has_place.all()
    assert new[0, 1] == 7
