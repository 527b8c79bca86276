from raycluster.graph.memory import A_ROW, AN_EDGE, PROGRAM, clustering_bytes


def test_long_vectors_count_when_they_are_read_and_many_edges_when_they_are_weighed():
    assert clustering_bytes(100, 100 * 1000, 10) == PROGRAM + 100 * A_ROW + 13 * 100_000
    assert clustering_bytes(100, 100 * 2, 50) == PROGRAM + 100 * A_ROW + 4 * 200 + AN_EDGE * 5000
