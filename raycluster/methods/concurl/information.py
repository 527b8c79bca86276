"""The classifier's loss: its clusters share as much information with the prototypes as they can.

The idea of IMC-SwAV (Ntelemis, Jin, Thomas: Information Maximization Clustering via Multi-View Self-Labelling,
Knowledge-Based Systems 2022).
"""

from __future__ import annotations

import torch

from raycluster.methods.concurl.agreement import of_the_others

MARGINAL_WEIGHT = 4.0  # of the entropy of clusters, against clusters that stay empty
LARGEST_LOGIT, LOGIT_WEIGHT = 5.0, 0.01  # larger ones are discouraged
SMALLEST = 1e-12  # added before every logarithm


def joint_distribution(clusters: torch.Tensor, prototypes: torch.Tensor) -> torch.Tensor:
    """Return how often a cluster of one crop meets a prototype of another large crop of the same image.

    Parameters
    ----------
    clusters : Tensor of float32, shape (n_crops, B, K)
        Probabilities of clusters.
    prototypes : Tensor of float32, shape (2, B, P)
        Probabilities of prototypes of the large crops, which come first.

    Returns
    -------
    joint : Tensor of float32, shape (K, P)
        Its sum is 1.
    """
    others = of_the_others(prototypes, len(clusters))
    counts = clusters.flatten(0, 1).T @ others.flatten(0, 1)
    return counts / counts.sum()


def information_loss(joint: torch.Tensor) -> torch.Tensor:
    """Return H(clusters | prototypes) - 4 H(clusters), in nats; at its least, clusters are certain and of equal size.

    With a weight of 1 it would be minus the mutual information.

    Parameters
    ----------
    joint : Tensor of float32, shape (K, P)
    """
    of_clusters, of_prototypes = joint.sum(dim=1), joint.sum(dim=0)
    conditional = -(joint * ((joint + SMALLEST).log() - (of_prototypes + SMALLEST).log())).sum()
    return conditional + MARGINAL_WEIGHT * (of_clusters * (of_clusters + SMALLEST).log()).sum()


def large_logits_loss(logits: torch.Tensor) -> torch.Tensor:
    """Return the mean of what logits have beyond ±5, times 0.01."""
    return LOGIT_WEIGHT * (logits.abs() - LARGEST_LOGIT).relu().mean()
