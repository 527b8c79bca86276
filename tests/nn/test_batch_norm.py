import torch
from torch import nn

from raycluster.nn.batch_norm import BatchNorm, population_statistics

ROWS = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) * 2 + 5


def test_training_normalizes_by_the_batch_and_keeps_no_averages():
    norm = BatchNorm(3)
    expected = nn.BatchNorm1d(3, track_running_stats=False)(ROWS)
    torch.testing.assert_close(norm(ROWS), expected)
    assert torch.equal(norm.running_mean, torch.zeros(3))


def test_population_statistics_are_the_mean_over_the_batches():
    net = nn.Sequential(BatchNorm(3))
    for factor in (3, 1):  # measured from scratch each time
        with population_statistics(net):
            for rows in ROWS.split(10):
                net(factor * rows)
    means = torch.stack([rows.mean(0) for rows in ROWS.split(10)]).mean(0)
    torch.testing.assert_close(net[0].running_mean, means)
    torch.testing.assert_close(net[0].running_var, torch.stack([rows.var(0) for rows in ROWS.split(10)]).mean(0))
    assert not net.training


def test_a_prediction_does_not_depend_on_the_rest_of_the_batch():
    net = nn.Sequential(nn.Linear(3, 4), BatchNorm(4))
    with population_statistics(net):
        net(ROWS)
    torch.testing.assert_close(net(ROWS)[:1], net(ROWS[:1]))
