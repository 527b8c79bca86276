import gc
import weakref

import pytest
import torch

from raycluster.nn.captured_step import MOST_GRAPHS, WARM_UP, CapturedStep
from raycluster.nn.learning_rate import set_learning_rate
from tests.simulated_capture import let_capture

CPU = torch.device("cpu")


class Training:
    """A linear layer with dropout of its own, trained by SGD with momentum, and a sum of all losses."""

    def __init__(self):
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))
        self.rate = torch.tensor(0.1)
        self.optimizer = torch.optim.SGD(self.net.parameters(), self.rate, momentum=0.9, fused=True)
        self.generator = torch.Generator().manual_seed(1)
        self.total, self.calls = torch.zeros(()), 0

    def step(self, inputs, targets):
        self.calls += 1
        kept = torch.rand(inputs.shape, generator=self.generator) < 0.8
        loss = torch.nn.functional.cross_entropy(self.net(inputs * kept), targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.total += loss.detach()
        return loss.detach()


def batches(n, size=6):
    generator = torch.Generator().manual_seed(2)
    return [
        (torch.randn(size, 4, generator=generator), torch.randint(2, (size,), generator=generator)) for _ in range(n)
    ]


def trained(n=12, captured=True, size=6):
    """A training after n steps, each with another learning rate, and its losses."""
    training = Training()
    step = CapturedStep(training.step, CPU, generators=(training.generator,))
    if captured:
        let_capture(step)
    losses = []
    for number, (inputs, targets) in enumerate(batches(n, size)):
        set_learning_rate(training.optimizer, 0.1 / (1 + number))
        losses.append(step(inputs, targets).item())
    return training, losses, step


def test_captured_steps_give_the_losses_and_weights_of_plain_ones(simulated_capture):
    (captured, losses, step), (plain, expected, _) = trained(), trained(captured=False)
    assert step.remarks == []
    assert captured.calls == WARM_UP + 1  # the last of them only to be recorded
    assert plain.calls == 12
    assert losses == expected
    assert torch.equal(captured.total, plain.total)
    for name, value in captured.net.state_dict().items():
        assert torch.equal(value, plain.net.state_dict()[name]), name
    assert torch.equal(captured.generator.get_state(), plain.generator.get_state())


def test_without_a_gpu_or_with_several_workers_nothing_is_captured():
    training, _, step = trained(captured=False)
    assert training.calls == 12
    assert not step.captures
    assert not CapturedStep(training.step, torch.device("cuda"), world_size=2).captures


def test_every_shape_has_its_own_graph_and_a_rare_one_none(simulated_capture):
    training = Training()
    step = let_capture(CapturedStep(training.step, CPU, generators=(training.generator,)))
    for _ in range(WARM_UP + 2):
        for size in (6, 3):
            step(*batches(1, size)[0])
    assert training.calls == 2 * (WARM_UP + 1)
    for _ in range(WARM_UP):
        step(*batches(1, 5)[0])
    assert training.calls == 2 * (WARM_UP + 1) + WARM_UP
    assert len(step._graphs) == 2


def test_there_are_only_so_many_graphs(simulated_capture):
    training = Training()
    step = let_capture(CapturedStep(training.step, CPU, generators=(training.generator,)))
    for size in range(2, 4 + MOST_GRAPHS):
        for batch in batches(WARM_UP + 1, size):
            step(*batch)
    assert len(step._graphs) == MOST_GRAPHS
    assert step.remarks == []


def test_a_step_that_reads_on_the_host_goes_on_uncaptured_with_the_same_results_and_says_so(simulated_capture):
    def careless(training):
        def step(inputs, targets):
            loss = training.step(inputs, targets)
            assert loss.item() > 0
            return loss

        return step

    training, (plain, expected, _) = Training(), trained(captured=False)
    step = let_capture(CapturedStep(careless(training), CPU, generators=(training.generator,)))
    losses = []
    for number, batch in enumerate(batches(12)):
        set_learning_rate(training.optimizer, 0.1 / (1 + number))
        losses.append(step(*batch).item())
    assert losses == expected
    assert torch.equal(training.net[0].weight, plain.net[0].weight)
    assert len(step.remarks) == 1
    assert "could not be captured and runs more slowly: operation not permitted" in step.remarks[0]


def test_a_renewed_step_reads_numbers_anew(simulated_capture):
    factor, seen = [1.0], []

    def step(inputs):
        return inputs * factor[0]

    captured = let_capture(CapturedStep(step, CPU))
    for number in range(12):
        if number == 6:
            factor[0] = 2.0
            captured.renew()
        seen.append(captured(torch.ones(())).item())
    assert seen == [1.0] * 6 + [2.0] * 6


def test_a_training_that_is_over_is_freed_at_once(simulated_capture):
    training = Training()
    training.captured = let_capture(CapturedStep(training.step, CPU, generators=(training.generator,)))
    for batch in batches(WARM_UP + 2):
        training.captured(*batch)
    gone = weakref.ref(training.net)
    gc.disable()
    try:
        del training
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_captures():
    training = Training()
    device = torch.device("cuda")
    training.net.to(device)
    training.rate = torch.tensor(0.1, device=device)
    training.optimizer = torch.optim.SGD(training.net.parameters(), training.rate, momentum=0.9, fused=True)
    training.generator, training.total = torch.Generator(device).manual_seed(1), torch.zeros((), device=device)

    def step(inputs, targets):
        kept = torch.rand(inputs.shape, generator=training.generator, device=device) < 0.8
        loss = torch.nn.functional.cross_entropy(training.net(inputs * kept), targets)
        training.optimizer.zero_grad()
        loss.backward()
        training.optimizer.step()
        return loss.detach()

    captured = CapturedStep(step, device, generators=(training.generator,))
    losses = [captured(*(each.to(device) for each in batch)).item() for batch in batches(200)]
    assert captured.remarks == []
    assert len(captured._graphs) == 1
    assert all(0 < loss < 10 for loss in losses)
