"""The choice of K: how many clusters there are, judged by the merge tree and the k-NN graph alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.errors import UserError
from raycluster.graph.counting.silhouette import peaks, silhouettes
from raycluster.graph.counting.votes import Suggestion, Vote, highest, suggestions
from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.stages.small_components import smallest_cluster
from raycluster.graph.stages.small_groups import SmallGroups
from raycluster.graph.tree import MergeTree

PRICE = 0.6  # t in the score: how much cut one unit of separation may cost; benchmarks/auto_k.py says why
WINDOW = 2.0  # the ranked numbers are the best at a price up to this factor away from PRICE
LIFE = 10.0  # a number lives as long as it is the best at a price up to this factor away from PRICE
MAX_RANKED = 8
MAX_SUGGESTIONS = 5
REACH = 4, 40  # numbers are suggested up to 4 times the chosen one, or up to 40
CLEAR = 0.5  # lower clearness is that of noise
SURE_RATIO = 4.0  # of the gaps around small groups to those inside, at which few rows are enough
SILHOUETTE_WEIGHT = 0.5  # alone, it is right half as often as the gap; benchmarks/auto_k.py
FEW_LISTS = 4  # with fewer rows than fit into this many neighbor lists, hardly any number stands out

REASON = "best balance of separation and links cut"
LIFETIME = "longest-lived cut of the tree", "long-lived cut of the tree"
GAP = "largest gap in affinity", "large gap in affinity"
SILHOUETTE = "highest silhouette on a sample", "peak of the silhouette on a sample"
MODULARITY = "highest modularity"
USUAL_GRAPH = "best number on the usual graph, without small groups"


class Candidate(NamedTuple):
    """A number of clusters that is the best at some price.

    Attributes
    ----------
    n_clusters : int
    score : float
        At the price :data:`PRICE`.
    clearness : float
        Share of the affordable cut that was not needed. 1: no edge runs between the clusters. 0: no better than one
        cluster, or worse. Below about 0.5 (:data:`CLEAR`), the graph shows no clear clusters.
    lowest_price, highest_price : float
        The number is the best at prices between these. They are far apart if the clusters are the same at every
        resolution.
    """

    n_clusters: int
    score: float
    clearness: float
    lowest_price: float
    highest_price: float


class NClusters(NamedTuple):
    """The result of :func:`rank_n_clusters`.

    Attributes
    ----------
    chosen : int
        K.
    ranked : tuple of Candidate
        The chosen number, then those that would be chosen at another price, from half to twice :data:`PRICE`, starting
        with the one for which the price has to change least. Few or none if the structure is clear.
    tried : ndarray of int64, shape (m,)
        All numbers of clusters that were compared, ascending: those at which the tree separates two clusters that are
        large enough.
    scores : ndarray of float64, shape (m,)
        The scores of these numbers.
    cuts : ndarray of float64, shape (m,)
        The shares of edge weight that run between their clusters.
    votes : tuple of Vote
        What each rule says, besides the score.
    remarks : tuple of str
        Sentences about what the answer is worth: that there are no clear clusters, or too few rows to tell. Empty if
        there is nothing to add.
    suggestions : tuple of Suggestion
        The chosen number, then up to four others that several rules suggest, each with its reasons.
    """

    chosen: int
    ranked: tuple[Candidate, ...]
    tried: np.ndarray
    scores: np.ndarray
    cuts: np.ndarray
    votes: tuple[Vote, ...] = ()
    remarks: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()

    @property
    def alternatives(self) -> list[int]:
        """The suggested numbers except the chosen one, best first."""
        return [suggestion.n_clusters for suggestion in self.suggestions[1:]]

    @property
    def clearness(self) -> float:
        """The clearness of the chosen number; see :class:`Candidate`."""
        return self.ranked[0].clearness


def rank_n_clusters(
    tree: MergeTree,
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    min_clusters: int = 2,
    max_clusters: int | None = None,
    groups: SmallGroups | None = None,
    features: np.ndarray | None = None,
) -> NClusters:
    """Choose the number of clusters at which to cut a merge tree, and suggest others.

    Parameters
    ----------
    tree : MergeTree
        From :func:`raycluster.graph.linkage.link`.
    neighbor_ids : ndarray of int32, shape (n, k)
        The graph that the tree was made from, preferably with the default number of neighbors
        (:func:`raycluster.graph.neighbors.nearest.default_n_neighbors`).
    weights : ndarray of float32, shape (n, k)
    min_clusters, max_clusters : int
        The smallest and the largest number to choose from, by default 2 and n/k: a cluster of fewer than k rows cannot
        fill its own neighbor lists. If rows have different numbers of neighbors, k is the mean. Each of ``groups``
        counts besides.
    groups : SmallGroups, optional
        Those that the tree was made with.
    features : ndarray of float32, shape (n, d), optional
        The rows that the graph was made from. Without them, silhouettes suggest nothing.

    Returns
    -------
    NClusters

    Notes
    -----
    The chosen K has the highest score(K) = t · separation - cut, where separation = 1 - Σ_c p_c^(3/2). p_c is the share
    of edge weight that ends in cluster c, cut the share that runs between clusters, and t = :data:`PRICE`.

    With p² and t = 1, the score would be modularity: then halving a cluster pays if less than p/2 of its weight is cut,
    so that small clusters are never separated and large ones fall apart. With the entropy of p in place of 1 - Σp², the
    same share may be cut at any size, and noise and chains fall apart into hundreds of clusters. The power 3/2 is
    between the two: the share is 0.176 √p.

    As t grows, better and better connected clusters are split. The numbers that are the best for some t are the corners
    of the convex hull of (separation, cut); these, and only these, are ranked.

    A few stray rows are cheap to separate from the rest, which would turn ten clusters into K = 11. A number above the
    lowest is therefore tried only if the next merge in the tree joins two clusters that are each at least as large as
    :func:`raycluster.graph.stages.small_components.smallest_cluster`, or contain one of ``groups``.

    With ``groups``, the edges between them and other rows do not count, because their lists hold these edges only for
    want of rows of their own. What the whole graph says is added to the ranked and to the suggested numbers.

    Other numbers are suggested by four rules, up to three by each: the corners that are the best over the widest range
    of prices, up to ten times lower or higher (:data:`LIFE`); the largest gaps between the heights of the tree
    (:attr:`raycluster.graph.tree.MergeTree.heights`, logarithms of affinity); the peaks of the silhouette
    (:func:`raycluster.graph.counting.silhouette.silhouettes`); and the highest modularity. Those that most rules
    suggest come first (:func:`raycluster.graph.counting.votes.suggestions`). benchmarks/auto_k.py says how often the
    true number is among them.

    Raises
    ------
    UserError
        If the graph is not that of the tree or has no weight, or ``min_clusters`` and ``max_clusters`` leave nothing to
        choose from.
    """
    n = tree.n_leaves
    if neighbor_ids.shape != weights.shape or len(neighbor_ids) != n:
        raise UserError(
            f"The tree has {n} rows, but the graph has ids of shape {neighbor_ids.shape} and weights of shape "
            f"{weights.shape}: pass the graph that the tree was made from."
        )
    neighbor_ids, weights = np.asarray(neighbor_ids, np.int32), np.asarray(weights, np.float32)
    k = max(np.count_nonzero(weights) / n, 1)
    lowest = max(min_clusters, tree.n_roots)
    highest = max(int(n / k), lowest) if max_clusters is None else max_clusters
    if not 1 <= lowest <= highest <= n:
        raise UserError(
            f"min_clusters={min_clusters} and max_clusters={max_clusters} for a tree of {n} rows and {tree.n_roots} "
            f"roots: choose {tree.n_roots} to {n}, the smaller one first."
        )
    numbers = np.arange(lowest, highest + 1)
    size = np.append(np.ones(n, np.int32), tree.size)
    coarse = _rank(tree, neighbor_ids, weights, _separating(tree, numbers, size >= smallest_cluster(k)), features)
    if groups is None:
        return _with_words(coarse, _remarks(coarse, n, k, None))
    if max_clusters is None:
        highest = max(groups.n_groups + int(np.count_nonzero(~groups.is_member) / k), highest)
    is_cluster = (size >= smallest_cluster(k)) | _holds_member(tree.left, tree.right, groups.is_member)
    tried = _separating(tree, np.arange(lowest, highest + 1), is_cluster)
    fine = _rank(tree, neighbor_ids, groups.isolate(neighbor_ids, weights), tried, features)
    known = [candidate.n_clusters for candidate in fine.ranked]
    others = [
        candidate._replace(score=float(fine.scores[tried == candidate.n_clusters][0]))
        for candidate in coarse.ranked
        if candidate.n_clusters not in known
    ]
    usual = Vote(USUAL_GRAPH, USUAL_GRAPH, np.array([coarse.chosen]), np.ones(1))
    fine = fine._replace(ranked=(*fine.ranked, *others)[:MAX_RANKED], votes=(*fine.votes, usual))
    return _with_words(fine, _remarks(fine, n, k, groups))


def clearness_of(score: float, cut: float) -> float:
    """Return the share of the affordable cut, ``score + cut``, that was not needed; 0 where more was cut than that."""
    return max(score, 0.0) / (score + cut) if score + cut > 0 else 0.0


def _with_words(answer: NClusters, remarks: tuple[str, ...]) -> NClusters:
    chosen = Suggestion(answer.chosen, (REASON,))
    return answer._replace(remarks=remarks, suggestions=suggestions(chosen, answer.votes, MAX_SUGGESTIONS))


def _remarks(answer: NClusters, n: int, k: float, groups: SmallGroups | None) -> tuple[str, ...]:
    """Return what there is to say about an answer for n rows with k neighbors each."""
    remarks = []
    if answer.clearness < CLEAR:
        remarks.append(
            f"no clear clusters: the graph of these {n} rows looks much like that of a single cluster (clearness "
            f"{answer.clearness:.2f}, where 1 is clear and below {CLEAR} is not); {answer.chosen} is only the best of "
            "the numbers compared"
        )
    if n < FEW_LISTS * k and (groups is None or groups.ratio < SURE_RATIO):
        remarks.append(
            f"{n} rows with {k:.0f} neighbors each are too few to tell how many clusters there are: compare "
            "fewer neighbors, or give the number of clusters"
        )
    return tuple(remarks)


def _rank(
    tree: MergeTree, neighbor_ids: np.ndarray, weights: np.ndarray, tried: np.ndarray, features: np.ndarray | None
) -> NClusters:
    """Choose from the numbers of clusters that are ``tried``, int64 [m], ascending, and let all rules vote."""
    separation, cut, modularity = (
        curve[tried - tree.n_roots] for curve in _curves(tree, neighbor_ids, weights, int(tried[-1]))
    )
    scores = PRICE * separation - cut
    corners = _hull(separation, cut)
    between = np.diff(cut[corners]) / np.diff(separation[corners])
    low, high = np.append(0.0, between), np.append(between, np.inf)
    with np.errstate(divide="ignore"):
        change = np.maximum(np.maximum(np.log(low / PRICE), np.log(PRICE / high)), 0)
    near = np.argsort(change, kind="stable")[:MAX_RANKED]
    ranked = []
    for i in near[change[near] <= np.log(WINDOW)]:
        corner = corners[i]
        score = float(scores[corner])
        clearness = clearness_of(score, float(cut[corner]))
        ranked.append(Candidate(int(tried[corner]), score, clearness, float(low[i]), float(high[i])))
    answer = NClusters(ranked[0].n_clusters, tuple(ranked), tried, scores, cut)
    numbers = tried[_in_reach(tried, answer.chosen)]
    life = np.log(np.minimum(high, PRICE * LIFE) / np.maximum(low, PRICE / LIFE))
    near = _in_reach(tried[corners], answer.chosen)
    votes = [
        highest(*LIFETIME, tried[corners[near]], life[near]),
        highest(MODULARITY, MODULARITY, numbers, modularity[: len(numbers)], most=1),  # flat: its next are beside it
    ]
    numbers = numbers[(numbers > max(tree.n_roots, 1)) & (numbers < tree.n_leaves)]
    if len(numbers):
        heights, last = tree.heights, tree.n_leaves - numbers - 1  # the merge that makes the number
        votes.append(highest(*GAP, numbers, heights[last + 1] - heights[last]))
    if features is not None:
        values = silhouettes(tree, features, numbers)
        at = peaks(values)
        votes.append(highest(*SILHOUETTE, numbers[at], values[at], weight=SILHOUETTE_WEIGHT))
    return answer._replace(votes=tuple(votes))


def _in_reach(n_clusters: np.ndarray, chosen: int) -> np.ndarray:
    """Return which numbers are low enough to be suggested beside the chosen one."""
    times, least = REACH
    return n_clusters <= max(times * chosen, least)


def _separating(tree: MergeTree, n_clusters: np.ndarray, is_cluster: np.ndarray) -> np.ndarray:
    """Return the first number, and those after whose moment in the tree two nodes merge that both are clusters."""
    merge = tree.n_leaves - n_clusters[1:]
    joins_clusters = is_cluster[tree.left[merge]] & is_cluster[tree.right[merge]]
    return n_clusters[np.append(True, joins_clusters)]


@compiled
def _holds_member(left: np.ndarray, right: np.ndarray, is_member: np.ndarray) -> np.ndarray:
    """Return which nodes of a tree contain a row of a small group, bool [n + merges]."""
    n = len(is_member)
    holds = np.empty(n + len(left), np.bool_)
    holds[:n] = is_member
    for i in range(len(left)):
        holds[n + i] = holds[left[i]] or holds[right[i]]
    return holds


def _curves(
    tree: MergeTree, neighbor_ids: np.ndarray, weights: np.ndarray, highest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return separation, cut and modularity of n_roots to ``highest`` clusters, float64 [highest - n_roots + 1]."""
    labels = tree.cut(highest)
    volume, between = _volumes(neighbor_ids, weights, labels, highest)
    total = volume.sum() / 2
    if total <= 0:
        raise UserError("No edge of the graph has a weight above 0: it does not show how many clusters there are.")
    left, right = _top_merges(tree.n_leaves, tree.left, tree.right, labels, tree.n_leaves - highest)
    parent, when, power, square = _merge_forest(left, right, volume / (2 * total))
    joined = _joined_weight(neighbor_ids, weights, labels, parent, when, len(left))
    cut = between - np.append(0.0, np.cumsum(joined))
    share = np.maximum(cut, 0.0) / total
    return (1 - power)[::-1], share[::-1], (1 - square - share)[::-1]


@compiled
def _volumes(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, n_clusters: int
) -> tuple[np.ndarray, float]:
    """Return the weight of the edges from and to every cluster, float64 [c], and of those between clusters."""
    volume = np.zeros(n_clusters)
    between = 0.0
    for i in range(len(labels)):
        for t in range(neighbor_ids.shape[1]):
            here, there = labels[i], labels[neighbor_ids[i, t]]
            volume[here] += weights[i, t]
            volume[there] += weights[i, t]
            if here != there:
                between += weights[i, t]
    return volume, between


@compiled
def _top_merges(
    n: int, left: np.ndarray, right: np.ndarray, labels: np.ndarray, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the two sides of merge ``first`` and of all later ones, by the labels of their smallest rows."""
    row = np.arange(n + len(left))
    for i in range(len(left)):
        row[n + i] = row[left[i]]
    return labels[row[left[first:]]], labels[row[right[first:]]]


@compiled
def _merge_forest(
    left: np.ndarray, right: np.ndarray, share: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Make the smaller side of every merge a child of the larger, so that no path is longer than log2 of the clusters.

    Returns
    -------
    parent : ndarray of int32, shape (c,)
    when : ndarray of int32, shape (c,)
        The merge that gave every cluster its parent; increasing along every path.
    power, square : ndarray of float64, shape (merges + 1,)
        Σp^(3/2) and Σp² before the first merge and after each merge.
    """
    c = len(share)
    parent = np.arange(c).astype(np.int32)
    when = np.full(c, len(left), np.int32)
    members = np.ones(c, np.int32)
    share = share.copy()
    power = np.empty(len(left) + 1)
    square = np.empty(len(left) + 1)
    power[0], square[0] = np.sum(share**1.5), np.sum(share**2)
    for i in range(len(left)):
        a, b = left[i], right[i]
        while parent[a] != a:
            a = parent[a]
        while parent[b] != b:
            b = parent[b]
        if members[a] < members[b]:
            a, b = b, a
        parent[b] = a
        when[b] = i
        members[a] += members[b]
        power[i + 1] = power[i] - share[a] ** 1.5 - share[b] ** 1.5 + (share[a] + share[b]) ** 1.5
        square[i + 1] = square[i] + 2 * share[a] * share[b]
        share[a] += share[b]
    return parent, when, power, square


@compiled
def _joined_weight(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, parent: np.ndarray, when: np.ndarray, merges: int
) -> np.ndarray:
    """Return the weight of the edges whose ends each merge brings together, float64 [merges]."""
    joined = np.zeros(merges + 1)  # the last entry is for edges between roots, which no merge brings together
    for i in range(len(labels)):
        for t in range(neighbor_ids.shape[1]):
            a, b = labels[i], labels[neighbor_ids[i, t]]
            merge = -1
            while a != b and merge < merges:
                if when[a] > when[b]:
                    a, b = b, a
                merge = when[a]
                a = parent[a]
            if merge >= 0:
                joined[merge] += weights[i, t]
    return joined[:merges]


def _hull(separation: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """Return the indices that minimize cut - t·separation for some t > 0; both increase with the index."""
    corners: list[int] = []
    for i in range(len(cut)):
        while corners and not cut[corners[-1]] < cut[i]:  # more separation for no more cut
            corners.pop()
        while len(corners) > 1 and _slope(separation, cut, corners[-2], corners[-1]) >= _slope(
            separation, cut, corners[-1], i
        ):
            corners.pop()
        corners.append(i)
    return np.array(corners)


def _slope(separation: np.ndarray, cut: np.ndarray, i: int, j: int) -> float:
    return float((cut[j] - cut[i]) / (separation[j] - separation[i]))
