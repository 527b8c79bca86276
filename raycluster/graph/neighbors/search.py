"""Which search is used: exact up to a certain size, inverted lists of known recall beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The cost of an exact search is n²·(d + SELECTION); the latter is that of comparing and selecting, in dimensions. One
# core takes about 25 s for the limit below: 70,000 rows of 160 numbers are searched exactly, 40,000 of 784 are not.
MAX_EXACT_COST = 1.2e12
MAX_EXACT_COST_PER_GPU = 6e14
SELECTION = 75


@dataclass(frozen=True)
class Search:
    """How neighbors are searched; ``str(search)`` says it in words.

    Attributes
    ----------
    kind : {"exact", "lists"}
        "lists": the rows are in lists, one for each k-means centroid, and only the nearest lists are searched.
    recall : float
        Share of the true neighbors that are found, measured on a sample of rows; 1 for an exact search.
    n_lists, n_probes : int
        The number of lists, and how many of them are searched for each row; 0 for an exact search.
    """

    kind: Literal["exact", "lists"] = "exact"
    recall: float = 1.0
    n_lists: int = 0
    n_probes: int = 0

    def __str__(self) -> str:
        if self.kind == "exact":
            return "exact search"
        return (
            f"approximate search in {self.n_probes} of {self.n_lists:,} lists of rows; it finds {self.recall:.1%} of "
            "the true neighbors"
        )


def can_be_exact(n: int, d: int, n_gpus: int, n_queries: int | None = None) -> bool:
    """Return whether n rows of d numbers are few enough for an exact search, on this many GPUs or on a CPU (0).

    Neighbors are searched for ``n_queries`` rows, by default for all n.
    """
    limit = n_gpus * MAX_EXACT_COST_PER_GPU or MAX_EXACT_COST
    return float(n) * (n if n_queries is None else n_queries) * (d + SELECTION) <= limit
