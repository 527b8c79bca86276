"""Finished trials, without any training."""

import numpy as np
import pytest

from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.summary import RunSummary

RIGHT = np.repeat([0, 1, 2], 20)


@pytest.fixture
def finish():
    """Leave what a finished trial of 60 images leaves: embeddings around their true centers, clusters, an outcome."""
    rng = np.random.default_rng(0)

    def leave(ledger, number, clusters=RIGHT, training=None):
        run_dir, ids, order = RunDir(ledger.trial_dir(number)), np.arange(60), rng.permutation(60)
        run_dir.path.mkdir(parents=True)
        embeddings = (np.eye(3)[RIGHT] + 0.3 * rng.standard_normal((60, 3))).astype(np.float32)
        paths = [f"{i}.png" for i in ids]
        run_dir.write_embeddings(0, 1, order, [paths[i] for i in order], embeddings[order])  # in any order
        run_dir.write_assignments(ids, paths, clusters, np.ones(60), None)
        health = {} if training is None else {"training": training}
        run_dir.write_summary(RunSummary("dccm", 60, 0, 3, 1.0, {}, reported="population", health=health))
        outcome = {"objective": 0.5, "scores": {"nmi": 0.5}, "clusters": 3, "seconds": 1.0, "epochs": 3}
        ledger.write_outcome(number, {"state": "finished"} | outcome)
        return embeddings

    return leave
