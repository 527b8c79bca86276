"""Several rules for the number of clusters, and the numbers that they suggest together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

MOST_OF_A_RULE = 3
WEAKEST = 0.5  # of what a rule finds best; weaker numbers are not suggested


class Suggestion(NamedTuple):
    """A number of clusters, and what speaks for it.

    Attributes
    ----------
    n_clusters : int
    reasons : tuple of str
        One for each rule that suggests the number, the strongest first.
    """

    n_clusters: int
    reasons: tuple[str, ...]


class Vote(NamedTuple):
    """What one rule suggests.

    Attributes
    ----------
    best, good : str
        The reason for the number that it finds best, and that for its other numbers.
    n_clusters : ndarray of int64, shape (m,)
        The best first.
    strengths : ndarray of float64, shape (m,)
        Positive, in any unit; descending.
    weight : float
        How much the rule counts among numbers that equally many rules suggest.
    """

    best: str
    good: str
    n_clusters: np.ndarray
    strengths: np.ndarray
    weight: float = 1.0


def highest(
    best: str, good: str, n_clusters: np.ndarray, values: np.ndarray, most: int = MOST_OF_A_RULE, weight: float = 1.0
) -> Vote:
    """Return the vote of a rule for the numbers with its highest values, as far as they are above 0."""
    order = np.argsort(-values, kind="stable")[:most]
    order = order[values[order] > 0]
    return Vote(best, good, n_clusters[order], values[order], weight)


def suggestions(chosen: Suggestion, votes: Iterable[Vote], most: int) -> tuple[Suggestion, ...]:
    """Return the chosen number, and then those that most rules suggest.

    Of each rule, the numbers count that are at least half as strong as its best (:data:`WEAKEST`). Among numbers that
    equally many rules suggest, the sum of these shares decides, each times the weight of its rule.

    Parameters
    ----------
    chosen : Suggestion
    votes : iterable of Vote
    most : int
        How many numbers to return at most.
    """
    found: dict[int, list[tuple[float, str]]] = {chosen.n_clusters: []}
    for vote in votes:
        for number, strength in zip(vote.n_clusters.tolist(), vote.strengths.tolist(), strict=True):
            share = strength / vote.strengths[0]
            if share >= WEAKEST:
                found.setdefault(number, []).append((share * vote.weight, vote.best if share == 1 else vote.good))
    ordered = sorted(
        found, key=lambda k: (k != chosen.n_clusters, -len(found[k]), -sum(strength for strength, _ in found[k]))
    )
    listed = []
    for number in ordered[:most]:
        reasons = [reason for _, reason in sorted(found[number], key=lambda reason: -reason[0])]
        before = chosen.reasons if number == chosen.n_clusters else ()
        listed.append(Suggestion(number, (*before, *reasons)))
    return tuple(listed)
