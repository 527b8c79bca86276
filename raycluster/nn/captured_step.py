"""A training step that a GPU repeats from one launch, in place of one launch for each of its hundreds of kernels."""

from __future__ import annotations

import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from inspect import ismethod
from typing import Any

import torch

WARM_UP = 3  # steps of a shape before it is captured; libraries and optimizers set themselves up in the first ones
MOST_GRAPHS = 4  # each holds the memory of a step; shapes beyond them are not captured

Step = Callable[..., torch.Tensor]


class CapturedStep:
    """A step of training, captured as a CUDA graph where that is possible, and otherwise called as it is.

    The first steps with inputs of some shapes run as they are, and train like all others. The next one is captured, and
    from then on repeated with new inputs. Each gives the result of the step itself: nothing is computed twice, and the
    generators go on as they would. A shape that is rare, such as that of a last batch, is never captured. On a CPU, and
    with several workers, every step runs as it is.

    The step may read and change any tensor, but only in place, and it must not read one on the host. It runs in Python
    only while it is captured, so that it must not count, or collect anything, in Python, and numbers stay as they were
    (:meth:`renew`).

    Parameters
    ----------
    step : callable
        Takes tensors on the device, and returns one.
    device : torch.device
    world_size : int
        The number of workers.
    generators : sequence of Generator
        All that the step draws from.

    Attributes
    ----------
    captures : bool
        Whether steps are captured; may be set to False.
    remarks : list of str
        A sentence if a capture has failed. From then on, steps run as they are.
    """

    def __init__(
        self, step: Step, device: torch.device, world_size: int = 1, generators: Sequence[torch.Generator] = ()
    ) -> None:
        # Weakly, where it is a method of the training that holds this object: a training that is over is freed at once,
        # with what it has on the device.
        self._named: Callable[[], Step | None] = weakref.WeakMethod(step) if ismethod(step) else lambda: step
        self._generators = generators
        self.captures = device.type == "cuda" and world_size == 1
        self.remarks: list[str] = []
        self._seen: Counter[Any] = Counter()
        self._graphs: dict[Any, _Graph] = {}
        # All steps run on one stream, on which libraries and autograd set themselves up.
        self._stream = torch.cuda.Stream(device) if self.captures else None

    @property
    def _step(self) -> Step:
        step = self._named()
        assert step is not None
        return step

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Take a step, and return what it returns; a later step may overwrite it."""
        if not self.captures:
            return self._step(*inputs)
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in inputs)
        self._seen[shapes] += 1
        if shapes not in self._graphs and (self._seen[shapes] <= WARM_UP or len(self._graphs) == MOST_GRAPHS):
            return self._run(inputs)
        if shapes not in self._graphs:
            try:
                self._graphs[shapes] = self._capture(inputs)
            except RuntimeError as error:
                self.captures = False
                self.remarks.append(f"The training step could not be captured and runs more slowly: {_reason(error)}")
                return self._step(*inputs)
        return self._graphs[shapes].replay(inputs)

    def renew(self) -> None:
        """Capture the step anew: a number that it reads has changed."""
        self._seen.clear()
        self._graphs.clear()

    def _run(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        assert self._stream is not None
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message=".*capturable=True"
            )  # true of an optimizer that is captured later
            output = self._step(*inputs)
        current.wait_stream(self._stream)
        return output

    def _capture(self, inputs: Sequence[torch.Tensor]) -> _Graph:
        current = torch.cuda.current_stream()
        states = [generator.get_state() for generator in self._generators]
        try:
            return _Graph(self._step, inputs, self._stream, self._generators)
        except RuntimeError:
            # A capture that fails leaves its own stream behind, and generators that cannot be drawn from.
            torch.cuda.set_stream(current)
            for generator, state in zip(self._generators, states, strict=True):
                _renew(generator, state)
            raise


class _Graph:
    """A step for inputs of certain shapes, recorded without running it."""

    def __init__(
        self,
        step: Step,
        inputs: Sequence[torch.Tensor],
        stream: torch.cuda.Stream | None,
        generators: Sequence[torch.Generator],
    ) -> None:
        self._inputs = [tensor.clone() for tensor in inputs]
        self._graph = torch.cuda.CUDAGraph()
        for generator in generators:
            self._graph.register_generator_state(generator)
        # Other threads may go on with what the device does for them.
        with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
            self._output = step(*self._inputs)

    def replay(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Run the step on inputs, and return what it returns."""
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given)
        self._graph.replay()
        return self._output


def _reason(error: BaseException) -> str:
    """Return the first line of the error behind an error: the end of a capture that failed is one itself."""
    while error.__context__ is not None:
        error = error.__context__
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _renew(generator: torch.Generator, state: torch.Tensor) -> None:
    """Give a generator of a GPU a state that no capture has touched."""
    fresh = torch.Generator(generator.device).set_state(state)
    generator.graphsafe_set_state(fresh.graphsafe_get_state())
