import numpy as np

from raycluster.graph.counting.votes import Suggestion, Vote, highest, suggestions

CHOSEN = Suggestion(10, ("balance",))


def vote(name, **strengths):
    numbers = np.array([int(number[1:]) for number in strengths])
    return Vote(f"best {name}", f"good {name}", numbers, np.array(list(strengths.values())))


def test_the_chosen_number_comes_first_whatever_the_rules_say():
    found = suggestions(CHOSEN, [vote("a", k3=2.0), vote("b", k3=2.0, k10=1.0)], most=5)
    assert found == (Suggestion(10, ("balance", "good b")), Suggestion(3, ("best a", "best b")))


def test_more_rules_count_more_than_strength_and_strength_decides_among_equals():
    votes = [vote("a", k3=10.0, k4=6.0), vote("b", k5=1.0, k4=0.7), vote("c", k6=3.0, k5=1.6)]
    found = suggestions(CHOSEN, votes, most=5)
    assert [one.n_clusters for one in found] == [10, 5, 4, 3, 6]
    assert found[1].reasons == ("best b", "good c")
    assert suggestions(CHOSEN, votes, most=2) == found[:2]


def test_a_rule_of_less_weight_comes_later_among_equals_but_counts_as_one():
    votes = [vote("a", k3=1.0)._replace(weight=0.5), vote("b", k4=1.0, k5=0.6), vote("c", k5=1.0)]
    assert [one.n_clusters for one in suggestions(CHOSEN, votes, most=5)] == [10, 5, 4, 3]
    votes[2] = vote("c", k3=1.0)
    assert [one.n_clusters for one in suggestions(CHOSEN, votes, most=5)] == [10, 3, 4, 5]


def test_numbers_that_are_weak_beside_the_best_of_their_rule_are_not_suggested():
    found = suggestions(CHOSEN, [vote("a", k3=10.0, k4=5.0, k5=4.9)], most=5)
    assert [one.n_clusters for one in found] == [10, 3, 4]


def test_a_rule_without_numbers_suggests_none():
    assert suggestions(CHOSEN, [highest("a", "b", np.array([2, 3]), np.array([0.0, -1.0]))], most=5) == (CHOSEN,)


def test_a_rule_votes_for_its_highest_values():
    found = highest("best", "good", np.array([2, 3, 4, 5]), np.array([0.1, 0.4, -0.2, 0.3]), most=2)
    assert found.n_clusters.tolist() == [3, 5]
    assert found.strengths.tolist() == [0.4, 0.3]
