import numpy as np
import pytest

from raycluster.report.projection import project


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    return (rng.normal(size=(3, 60)) * 20)[labels] + rng.normal(size=(120, 60)), labels


def test_rows_beyond_the_landmarks_lie_among_their_own(blobs):
    vectors, labels = blobs
    vectors = vectors.astype(np.float32)
    for landmarks in (10_000, 60):
        places = project(vectors, landmarks=landmarks)
        centers = np.stack([places[labels == i].mean(axis=0) for i in range(3)])
        nearest = np.linalg.norm(places[:, None] - centers, axis=2).argmin(axis=1)
        assert (nearest == labels).all()
        np.testing.assert_array_equal(places, project(vectors, landmarks=landmarks))


def test_a_handful_of_rows_has_places_too():
    for n in (1, 2, 3, 5):
        assert np.isfinite(project(np.eye(n, 4, dtype=np.float32))).all()
