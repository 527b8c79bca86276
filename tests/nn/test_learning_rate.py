import pytest
import torch

from raycluster.nn.learning_rate import initial_rate, set_learning_rate


def optimizer(*rates):
    return torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in rates])


def test_on_a_cpu_a_rate_is_a_number():
    assert initial_rate(0.1, torch.device("cpu")) == 0.1
    sgd = optimizer(0.1, 0.1)
    set_learning_rate(sgd, 0.01)
    assert [group["lr"] for group in sgd.param_groups] == [0.01, 0.01]


def test_a_tensor_keeps_its_place_so_that_a_captured_step_reads_the_new_rate():
    rate = torch.tensor(0.1)
    sgd = optimizer(rate)
    set_learning_rate(sgd, 0.01)
    assert sgd.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.01)


def test_groups_may_have_rates_of_their_own():
    sgd = optimizer(0.1, torch.tensor(0.1))
    set_learning_rate(sgd, 0.5, 0.0)
    assert [float(group["lr"]) for group in sgd.param_groups] == [0.5, 0.0]
