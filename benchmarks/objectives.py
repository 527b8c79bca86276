"""Which score without labels ranks the trials of a sweep as known classes do?

    python benchmarks/objectives.py measure sweeps/digits-jule sweeps/usps-jule ...
    python benchmarks/objectives.py table

Measures sweeps on data with known classes, such as those of benchmarks/objectives_sweeps.py, and adds a line for each
to the results file, in the place of an earlier one. Known classes serve for the table and for nothing else.

`pooled_rank`, `pooled_silhouette` and `agreement` are those of raycluster.sweeps.pooling. Beside them:

- `paired`: the silhouette of a trial's clusters in its own embedding; `pixels`, in the images themselves;
- `plain mean`: the mean silhouette over the embeddings of all trials, each of which counts as much as the others;
- `ACE` (arXiv 2403.14830): embeddings that are not multimodal by a dip test (pip install diptest) are left out, the
  others grouped by what they say, those of a group weighted by PageRank, and the highest-scoring group believed;
- `CH`: the same with the index of Calinski and Harabasz in the place of silhouettes;
- `agreement, NMI`, `AMI`: by normalized or adjusted mutual information instead of the adjusted Rand index;
- `stability`: how well graph degree linkage finds the clusters again on random 70% subsets of the trial's embedding;
- `pixel agreement`: how often nearest neighbors in pixels share a cluster, beyond chance.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from records import Table, machine, machines_of, read_records, replace_records
from scipy.stats import kendalltau, rankdata, spearmanr
from sklearn.cluster import HDBSCAN
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    calinski_harabasz_score,
    normalized_mutual_info_score,
)

from raycluster.graph.estimator import GraphDegreeLinkage
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.graph.settings import GraphSettings
from raycluster.methods.jule.clustering import pixel_rows, recluster
from raycluster.metrics.health import neighbor_agreement
from raycluster.metrics.label_free import sample_rows
from raycluster.metrics.pooled import cosine_silhouette, mean_agreements, mean_ranks, pooled_silhouettes
from raycluster.metrics.quality import clustering_quality
from raycluster.runtime.run_dir import RunDir
from raycluster.sweeps.counting import suggest_n_clusters
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.objective import BY_TRIALS, POOLED
from raycluster.sweeps.pooling import read_clustered_embeddings
from raycluster.sweeps.verdict import ranks_by_pixels, verdict_of

RESULTS = Path(__file__).with_name("objectives.jsonl")
DRAWS = 1000  # of trials, for the intervals
SIGNIFICANT = 0.1  # level of the correlations that PageRank follows
UNIMODAL = 0.05  # level of the dip test, over all embeddings
PAIRS = 5_000  # of rows, whose distances the dip test sees
DAMPING = 0.85
NEIGHBORS = 10
SHOWN = (*BY_TRIALS, "stability", "ACE")
RESAMPLES, RESAMPLED_SHARE = 3, 0.7  # of stability


@dataclass
class Measure:
    """Compute every score of every finished trial."""

    sweeps: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of sweeps."""


def main(command: Measure | Table) -> None:
    if isinstance(command, Table):
        print_table(read_records(RESULTS))
        return
    for folder in command.sweeps:
        line = {"sweep": folder.name} | measured(folder) | machine()
        replace_records(RESULTS, {"sweep": folder.name}, [line])
        print(
            f"{folder.name}: {len(line['nmi'])} trials, {line['cpu_seconds']:.1f} CPU seconds for all scores",
            flush=True,
        )


def measured(folder: Path) -> dict[str, Any]:
    """Return the scores of the finished trials of a sweep, and how their clusters agree with the classes."""
    ledger = Ledger(folder)
    finished = {number: outcome for number, outcome in ledger.outcomes().items() if outcome["state"] == "finished"}
    config = RunDir(ledger.trial_dir(min(finished))).config()
    with np.load(config["identity"]["data"], allow_pickle=False) as part:
        images, labels = part["images"], part["labels"]
    pixels = images.reshape(len(labels), -1).astype(np.float32)
    found = [read_clustered_embeddings(RunDir(ledger.trial_dir(number))) for number in finished]
    rows = sample_rows(len(labels))
    spaces, clusterings = [space[rows] for space, _ in found], [clusters[rows] for _, clusters in found]
    quality = [clustering_quality(labels, clusters) for _, clusters in found]
    started = time.process_time()
    scores = judged(spaces, clusterings, pixels[rows])
    seconds = time.process_time() - started
    trials = [row | verdict_of(RunDir(row["folder"]).summary()) for row in ledger.rows() if row["state"] == "finished"]
    by_pixels = ranks_by_pixels(trials)
    if by_pixels is not None:
        scores[POOLED] = by_pixels
    return {
        "method": config["identity"]["method"],
        "images": len(labels),
        "classes": len(np.unique(labels)),
        "clusters": [len(np.unique(clusters)) for _, clusters in found],
        "suggested": suggested(found, scores),
        "auto": auto(found[int(scores[POOLED].argmax())][0]),
        "auto_pixels": auto(pixel_rows(images)),
        "nmi": [row["nmi"] for row in quality],
        "acc": [row["acc"] for row in quality],
        "scores": {name: values.tolist() for name, values in scores.items()},
        "cpu_seconds": seconds,
    }


def suggested(found: list[tuple[np.ndarray, np.ndarray]], scores: dict[str, np.ndarray]) -> list[int]:
    """Return the numbers of clusters that the sweep suggests."""
    rows = [
        {
            "state": "finished",
            "clusters": len(np.unique(clusters)),
            "objective": scores[POOLED][i],
            "scores": {name: scores[name][i] for name in BY_TRIALS},
        }
        for i, (_, clusters) in enumerate(found)
    ]
    return [number for number, _ in suggest_n_clusters(rows, POOLED)]


def auto(rows: np.ndarray) -> list[int]:
    """Return the numbers that --clusters auto finds in the graph of rows, the chosen one first."""
    counted = recluster(rows, "auto", GraphSettings()).counted
    return [suggestion["n_clusters"] for suggestion in counted["suggestions"]]


def judged(spaces: list[np.ndarray], clusterings: list[np.ndarray], pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the scores of each clustering that come from all trials together."""
    silhouettes = np.array([[cosine_silhouette(space, one) for space in spaces] for one in clusterings])
    unit = [space / np.maximum(np.linalg.norm(space, axis=1, keepdims=True), 1e-12) for space in spaces]
    ratios = np.array([[calinski_harabasz(space, one) for space in unit] for one in clusterings])
    is_multimodal = multimodal(unit)
    pooled = pooled_silhouettes(silhouettes)
    agreed = {name: mean_agreements(compared(clusterings, index)) for name, index in INDICES.items()}
    return {
        "pooled_rank": mean_ranks(pooled, agreed["agreement"]),
        "pooled_silhouette": pooled,
        **agreed,
        "pixels": np.array([cosine_silhouette(pixels, one) for one in clusterings]),
        "paired": np.diag(silhouettes),
        "plain mean": silhouettes.mean(axis=1),
        "ACE": ace(silhouettes, is_multimodal),
        "plain mean, CH": ratios.mean(axis=1),
        "ACE, CH": ace(ratios, is_multimodal),
        "stability": np.array([stability(*pair) for pair in zip(spaces, clusterings, strict=True)]),
        "pixel agreement": np.array([agreement_beyond_chance(pixels, one) for one in clusterings]),
    }


INDICES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "agreement": adjusted_rand_score,
    "agreement, NMI": normalized_mutual_info_score,
    "agreement, AMI": adjusted_mutual_info_score,
}


def calinski_harabasz(rows: np.ndarray, clusters: np.ndarray) -> float:
    return float(calinski_harabasz_score(rows, clusters)) if 2 <= len(np.unique(clusters)) < len(rows) else 0.0


def stability(features: np.ndarray, clusters: np.ndarray) -> float:
    """Return how well graph degree linkage on random subsets of the rows finds the same clusters again.

    The score is the mean adjusted Rand index over three random subsets of 70% each; 0 for a single cluster, or one per
    row.
    """
    if not 2 <= len(np.unique(clusters)) < len(clusters):
        return 0.0
    n_clusters, rng = len(np.unique(clusters)), np.random.default_rng(0)
    size = max(n_clusters, round(RESAMPLED_SHARE * len(features)))
    scores = []
    for _ in range(RESAMPLES):
        part = np.sort(rng.choice(len(features), size, replace=False))
        again = GraphDegreeLinkage(n_clusters).fit_predict(np.ascontiguousarray(features[part], np.float32))
        scores.append(adjusted_rand_score(clusters[part], again))
    return float(np.mean(scores))


def agreement_beyond_chance(features: np.ndarray, clusters: np.ndarray) -> float:
    """Return how much more often the nearest neighbors share a cluster than random rows do.

    The score is (a - c) / (1 - c), where a is the share of the 10 nearest neighbors that are in the row's own cluster,
    and c the share of all other rows that are. It is 0 for a single cluster, and for 10 rows or fewer.
    """
    n, sizes = len(clusters), np.unique(clusters, return_counts=True)[1]
    if len(sizes) == 1 or n <= NEIGHBORS:
        return 0.0
    chance = float((sizes * (sizes - 1)).sum() / (n * (n - 1)))
    neighbors, _ = nearest_neighbors(features, NEIGHBORS)
    return (float(neighbor_agreement(neighbors, clusters).mean()) - chance) / (1 - chance)


def compared(clusterings: list[np.ndarray], index: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    return np.array([[index(one, other) for other in clusterings] for one in clusterings])


def multimodal(spaces: list[np.ndarray]) -> np.ndarray:
    """Return which spaces, of rows of length 1, have more than one mode of distances, bool [m]."""
    from diptest import diptest

    first, second = np.random.default_rng(0).integers(len(spaces[0]), size=(2, PAIRS))
    apart = first != second
    chances = [diptest((space[first] * space[second]).sum(axis=1)[apart].astype(float))[1] for space in spaces]
    return np.array(chances) < UNIMODAL / len(spaces)


def ace(table: np.ndarray, is_kept: np.ndarray) -> np.ndarray:
    """Return the score of each clustering, by row, from its scores in the spaces, by column."""
    table = table[:, is_kept] if is_kept.sum() > 2 else table
    correlations, chances = spearmanr(table)
    correlations = np.nan_to_num(correlations)
    groups = HDBSCAN(2, metric="precomputed", copy=True).fit(np.maximum(1 - correlations, 0)).labels_
    groups = groups if (groups >= 0).any() else np.zeros(len(groups), int)
    links = np.where((chances < SIGNIFICANT) & (correlations > 0), correlations, 0)
    np.fill_diagonal(links, 0)
    found = []
    for group in range(groups.max() + 1):
        members = np.flatnonzero(groups == group)
        found.append(table[:, members] @ page_rank(links[np.ix_(members, members)]))
    return max(found, key=lambda scores: float(scores.mean()))


def page_rank(links: np.ndarray) -> np.ndarray:
    n = len(links)
    shares = np.where(links.sum(axis=0) > 0, links / np.maximum(links.sum(axis=0), 1e-12), 1 / n)
    rank = np.full(n, 1 / n)
    for _ in range(100):
        rank = (1 - DAMPING) / n + DAMPING * shares @ rank
    return rank


def is_over_k(row: dict[str, Any]) -> bool:
    """Return whether the number of clusters is varied in a sweep, and nothing else."""
    return bool(row["sweep"].endswith("-k"))


def print_table(rows: list[dict[str, Any]]) -> None:
    over_k = [row for row in rows if is_over_k(row)]
    for title, some in (("given", [row for row in rows if row not in over_k]), ("varied", over_k)):
        print(f"K is {title}, {len(some)} sweeps:\n")
        print_scores(some)
        print()
    print_n_clusters(over_k)
    print()
    print_sweeps(rows)
    print(f"\n{sum(len(row['nmi']) for row in rows)} trials. {machines_of(rows)}")


def print_scores(rows: list[dict[str, Any]]) -> None:
    print("| score | Spearman, NMI | 90% interval | lowest | with ACC | Kendall, NMI | regret, median | mean | worst |")
    print("|---|---|---|---|---|---|---|---|---|")
    lines = []
    for name in [name for name in rows[0]["scores"] if all(name in row["scores"] for row in rows)]:
        pairs = [(np.array(row["scores"][name]), np.array(row["nmi"]), np.array(row["acc"])) for row in rows]
        ranks = [spearman(score, nmi) for score, nmi, _ in pairs]
        low, high = interval([(score, nmi) for score, nmi, _ in pairs])
        lost = [nmi.max() - nmi[score.argmax()] for score, nmi, _ in pairs]
        cells = [short(np.mean(ranks)), f"{short(low)} to {short(high)}", short(min(ranks))]
        cells += [short(np.mean([spearman(score, acc) for score, _, acc in pairs]))]
        cells += [short(np.mean([np.nan_to_num(kendalltau(score, nmi).statistic) for score, nmi, _ in pairs]))]
        cells += [f"{value:.3f}".removeprefix("0") for value in (np.median(lost), np.mean(lost), max(lost))]
        lines.append((-np.mean(ranks), f"| `{name}` | {' | '.join(cells)} |"))
    print("\n".join(line for _, line in sorted(lines)))


def print_n_clusters(rows: list[dict[str, Any]]) -> None:
    """Print the numbers of clusters that sweeps over them suggest, beside those of --clusters auto."""
    print("| sweep | classes | suggested by the sweep | auto, embedding of the best trial | auto, pixels |")
    print("|---|---|---|---|---|")
    hits = {name: np.zeros(2, int) for name in ("suggested", "auto", "auto_pixels")}
    for row in rows:
        cells = []
        for name, count in hits.items():
            three = row[name][:3]
            count += [three[0] == row["classes"], row["classes"] in three]
            cells.append(", ".join(f"**{k}**" if k == row["classes"] else str(k) for k in three))
        print(f"| {row['sweep']} | {row['classes']} | {' | '.join(cells)} |")
    cells = [f"{first} of {len(rows)}, {three} of {len(rows)}" for first, three in hits.values()]
    print(f"| right: the first, one of three | | {' | '.join(cells)} |")


def print_summary(rows: list[dict[str, Any]]) -> None:
    """Print what the scores that a sweep can maximize are worth, and two others."""
    print("| score | Spearman with NMI | lowest | regret, median | highest |")
    print("|---|---|---|---|---|")
    for name in SHOWN:
        pairs = [(np.array(row["scores"][name]), np.array(row["nmi"])) for row in rows]
        ranks = [spearman(score, nmi) for score, nmi in pairs]
        lost = [nmi.max() - nmi[score.argmax()] for score, nmi in pairs]
        cells = [short(np.mean(ranks)), short(min(ranks)), *(f"{x:.3f}"[1:] for x in (np.median(lost), max(lost)))]
        print(f"| {f'`{name}`' if name in BY_TRIALS else name} | {' | '.join(cells)} |")


def print_sweeps(rows: list[dict[str, Any]]) -> None:
    shown = ("pooled_rank", "pooled_silhouette", "agreement", "ACE", "paired", "stability")
    print(f"| sweep | images | trials | NMI from, to | {' | '.join(shown)} | regret, pooled_rank | stability |")
    print("|---|---|---|---|" + "---|" * len(shown) + "---|---|")
    for row in rows:
        nmi = np.array(row["nmi"])
        cells = [row["sweep"], row["images"], len(nmi), f"{short(nmi.min())}, {short(nmi.max())}"]
        cells += [short(spearman(np.array(row["scores"][name]), nmi)) for name in shown]
        chosen = [nmi[np.argmax(row["scores"][name])] for name in ("pooled_rank", "stability")]
        cells += [f"{nmi.max() - value:.3f}".removeprefix("0") for value in chosen]
        print(f"| {' | '.join(map(str, cells))} |")


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of ranks, 0 if one of them is constant."""
    return float(spearmanr(first, second).statistic) if len(set(first)) > 1 and len(set(second)) > 1 else 0.0


def interval(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Return the 5% and 95% quantiles of the mean correlation over sweeps whose trials are drawn with replacement."""
    rng, found = np.random.default_rng(0), []
    for pair in pairs:
        drawn = rng.integers(len(pair[0]), size=(DRAWS, len(pair[0])))
        first, second = (rankdata(values[drawn], axis=1) for values in pair)
        first, second = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (first, second))
        lengths = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
        found.append((first * second).sum(axis=1) / np.maximum(lengths, 1e-12))
    low, high = np.quantile(np.mean(found, axis=0), [0.05, 0.95])
    return float(low), float(high)


def short(number: Any) -> str:
    """Leave out the zero before the point."""
    return f"{number:.2f}".replace("0.", ".", 1)


if __name__ == "__main__":
    command: Any = Annotated[Measure, tyro.conf.subcommand("measure")] | Annotated[Table, tyro.conf.subcommand("table")]
    main(tyro.cli(command, description=__doc__))
