import io

import pytest

from raycluster.runtime.console import Console
from raycluster.training.progress import TrainingProgress

START = {"kind": "start", "continued": False, "seconds": 0.0, "workers": 1, "device": "cpu", "threads": 1}
PERIOD = {"kind": "period", "clustering": "merged", "clusters": 10, "warnings": []}


@pytest.fixture
def shown():
    """The progress of a training, and what the console has shown of it."""
    out, errors = io.StringIO(), io.StringIO()
    return TrainingProgress(Console(stream=out, errors=errors)), out, errors


def epoch(number, warnings=(), epochs=5):
    return {"kind": "epoch", "epoch": number, "epochs": epochs, "loss": 1 / number, "warnings": list(warnings)}


def test_epochs_are_a_state_and_clusterings_last(shown):
    progress, out, _ = shown
    assert not progress.begun
    progress.show(START)
    assert progress.begun
    for period in range(1, 3):
        for number in range(1, 6):
            progress.show(epoch(number))
        progress.show(PERIOD | {"period": period})
    assert out.getvalue().splitlines() == [
        "Training on 1 worker on cpu with 1 thread each",
        "epoch 1/5  loss 1.0000",
        "period 1 done (merged)  loss 0.2000  10 clusters",
        "period 2 done (merged)  loss 0.2000  10 clusters",
    ]


def test_a_clustering_without_epochs_before_it_has_no_loss(shown):
    progress, out, _ = shown
    progress.show(epoch(1))
    progress.show(PERIOD | {"period": 1})
    progress.show(PERIOD | {"period": 2})
    assert out.getvalue().splitlines()[-1] == "period 2 done (merged)  10 clusters"


def test_a_warning_that_goes_on_is_not_repeated_for_every_epoch(shown):
    progress, _, errors = shown
    first, second = "only 3 of 10 clusters are in use", "the loss is not finite"
    progress.show(epoch(1, [first]))
    progress.show(epoch(2, ["only 4 of 10 clusters are in use", second]))
    progress.show(PERIOD | {"period": 1, "warnings": [first]})
    progress.show(epoch(1, [second]))
    progress.show(epoch(2, []))
    progress.show(epoch(3, [second]))
    assert errors.getvalue().splitlines() == [f"warning: {text}" for text in (first, second, first, second)]
