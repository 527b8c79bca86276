"""What training did to the clusters, without labels: those after it against those before it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from raycluster.metrics.label_free import predictability, sample_rows, silhouette

# Smaller losses than these say nothing; benchmarks/effect.py says how often the answer is right.
SILHOUETTE_LOSS = 0.02
PREDICTABILITY_LOSS = 0.03
# Predictability of the start's own clusters. Below it, as with the pixels of photographs, they are no judge.
CLEAR_START = 0.7
CLEAR_GAIN = 0.1  # of the silhouette; below it, training made the clusters worse now and then


@dataclass(frozen=True)
class Effect:
    """Two scores of the clusters before and after training; training helped if neither is clearly lower after it.

    The silhouette is that in the embedding that was trained. It favors the clusters that the embedding was trained on,
    and is still lower for them if training merged what it had better kept apart. Predictability is that from what
    training started from, the pixels or frozen features: clusters that cannot be seen there are those of the network
    alone. Where not even the start's own clusters can be, as in the pixels of photographs, that says nothing.

    Attributes
    ----------
    silhouette_before, silhouette_after : float
        From :func:`raycluster.metrics.label_free.silhouette`.
    predictability_before, predictability_after : float
        From :func:`raycluster.metrics.label_free.predictability`.
    """

    silhouette_before: float
    silhouette_after: float
    predictability_before: float
    predictability_after: float

    @property
    def helped(self) -> bool:
        """Whether the clusters after training are to be preferred."""
        return self._is_no_less_compact and self._is_no_less_predictable

    @property
    def _is_no_less_compact(self) -> bool:
        return self.silhouette_after > self.silhouette_before - SILHOUETTE_LOSS

    @property
    def _is_no_less_predictable(self) -> bool:
        no_less = self.predictability_after > self.predictability_before - PREDICTABILITY_LOSS
        return no_less or not self._start_is_clear

    @property
    def _start_is_clear(self) -> bool:
        return self.predictability_before >= CLEAR_START

    def sentence(self, start: str) -> str:
        """Say whether training helped, and why; ``start`` names what it started from, such as "pixels"."""
        compact = f"silhouette {self.silhouette_before:.2f} before, {self.silhouette_after:.2f} after it"
        if self.helped and not self._start_is_clear:
            return (
                f"it is unclear whether training helped: the {start} show no clear clusters to compare with "
                f"(predictability {self.predictability_before:.2f})"
            )
        if self.helped:
            gain = self.silhouette_after - self.silhouette_before
            how = "training helped" if gain >= CLEAR_GAIN else "training may have helped a little"
            return f"{how}: clusters in the embedding, {compact}"
        if not self._is_no_less_compact:
            return f"training did not help: in the embedding, the clusters of the {start} are more compact ({compact})"
        return (
            f"training did not help: its clusters can hardly be predicted from the {start} (predictability "
            f"{self.predictability_before:.2f} before, {self.predictability_after:.2f} after it)"
        )

    def described(self, start: str) -> dict[str, Any]:
        """Return the scores, whether training helped, and the sentence, for a row of metrics."""
        scores = {field.name: getattr(self, field.name) for field in fields(Effect)}
        return scores | {"helped": self.helped, "sentence": self.sentence(start)}


def effect_of_training(rows: np.ndarray, embeddings: np.ndarray, before: np.ndarray, after: np.ndarray) -> Effect:
    """Compare the clusters before and after training, on a sample of at most 3,000 rows.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, p)
        What training started from.
    embeddings : ndarray of float32, shape (n, d)
    before, after : ndarray of int, shape (n,)
    """
    part = sample_rows(len(rows))
    rows, embeddings, before, after = (array[part] for array in (rows, embeddings, before, after))
    return Effect(
        silhouette(embeddings, before),
        silhouette(embeddings, after),
        predictability(rows, before),
        predictability(rows, after),
    )
