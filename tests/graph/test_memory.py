import pytest

from raycluster.graph.memory import clustering_bytes


@pytest.mark.parametrize(
    ("n", "d", "n_neighbors", "peak"),
    [(1_000, 64, 12, 1.175e9), (8_000, 4_096, 24, 1.974e9)],
)
def test_the_estimate_exceeds_what_was_measured_but_not_by_much(n, d, n_neighbors, peak):
    assert peak < clustering_bytes(n, n * d, n_neighbors) < 1.25 * peak


def test_rows_numbers_dimensions_and_edges_count():
    least = clustering_bytes(0, 0, 0)
    assert clustering_bytes(100, 0, 0) - least == 100 * 700
    assert clustering_bytes(100, 300, 0) - least == 100 * 700 + 300 * 20 + 3 * 120_000
    assert clustering_bytes(100, 0, 50) - least == 100 * 700 + 100 * 50 * 40
