import pytest

from raycluster.graph.neighbors.search import Search, can_be_exact


@pytest.mark.parametrize(
    ("n", "d", "n_gpus", "expected"),
    [
        (70_000, 160, 0, True),
        (70_000, 784, 0, False),
        (100_000, 160, 0, False),
        (1_000_000, 160, 1, True),
        (2_000_000, 160, 1, False),
        (2_000_000, 160, 4, True),
    ],
)
def test_the_search_is_exact_up_to_a_size(n, d, n_gpus, expected):
    assert can_be_exact(n, d, n_gpus) is expected


def test_few_queries_are_answered_exactly_even_among_many_rows():
    assert can_be_exact(1_000_000, 160, 0, n_queries=5000)
    assert not can_be_exact(1_000_000, 160, 0, n_queries=50_000)


def test_the_choice_is_described_in_words():
    assert str(Search()) == "exact search"
    words = "approximate search in 16 of 4,000 lists of rows; it finds 98.3% of the true neighbors"
    assert str(Search("lists", 0.983, 4000, 16)) == words
