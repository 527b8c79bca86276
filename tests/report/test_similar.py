import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor

from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.report.similar import near_duplicates, outlier_factors


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 20)).astype(np.float32)
    points[199] = 9
    return points


def test_the_factors_are_those_of_scikit_learn(points):
    ids, squared = nearest_neighbors(points, 10)
    factors = outlier_factors(ids, np.sqrt(squared))
    reference = LocalOutlierFactor(n_neighbors=10).fit(points)
    np.testing.assert_allclose(factors, -reference.negative_outlier_factor_, rtol=1e-4)
    assert factors.argmax() == 199


def test_copies_are_grouped_the_closest_first(points):
    points[[3, 50]] = points[17] + np.float32(1e-3)
    points[120] = points[121]
    ids, squared = nearest_neighbors(points, 10)
    groups = near_duplicates(ids, np.sqrt(squared))
    assert {tuple(rows.tolist()) for rows in groups} == {(3, 17, 50), (120, 121)}
    points[50] = points[17] + np.float32(0.1)
    ids, squared = nearest_neighbors(points, 10)
    groups = near_duplicates(ids, np.sqrt(squared))
    assert groups[0].tolist() == [120, 121]


def test_where_most_rows_are_copies_only_copies_are_duplicates():
    points = np.repeat(np.arange(4.0, dtype=np.float32)[:, None], 3, axis=0)
    points = np.vstack([points, [[9.0]], [[9.001]]]).astype(np.float32)
    ids, squared = nearest_neighbors(points, 2)
    assert [len(rows) for rows in near_duplicates(ids, np.sqrt(squared))] == [3, 3, 3, 3]


def test_a_single_row_has_no_neighbors():
    nothing = np.empty((1, 0))
    assert near_duplicates(nothing.astype(int), nothing) == []
    assert outlier_factors(nothing.astype(int), nothing).tolist() == [1]
