"""CUDA graphs simulated on the CPU: what a step does is recorded operation by operation, and repeated without Python.

As with CUDA, the recording itself leaves no trace in tensors or generators, tensors keep their places, and a step that
reads a tensor on the host cannot be recorded.
"""

from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from raycluster.nn import captured_step

# Operations that wait for the device, or whose results have a size that depends on values.
ON_THE_HOST = {
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "equal",
    "nonzero",
    "masked_select",
    "unique_dim",
    "_unique2",
}
WRITTEN_UNSAID = {"native_batch_norm": (3, 4)}  # running averages; its schema does not name them


class Call(NamedTuple):
    function: object
    args: tuple
    kwargs: dict
    outputs: list  # tensors to be written again by each repetition


class Recorder(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.calls, self.before = [], []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = function._schema.name.removeprefix("aten::")
        if name in ON_THE_HOST or (name == "index" and any(each.dtype == torch.bool for each in tensors(args[1:]))):
            raise RuntimeError(f"operation not permitted when stream is capturing: {name}")
        self.before += [(each, each.clone()) for each in written(function, args, kwargs)]
        result = function(*args, **kwargs)
        known = {each.untyped_storage().data_ptr() for each in tensors(args, kwargs)}
        new = [each for each in tensors(result) if each.untyped_storage().data_ptr() not in known]
        self.calls.append(Call(function, args, kwargs, new))
        return result

    @torch.no_grad()
    def undo(self):
        for tensor, value in reversed(self.before):
            tensor.copy_(value)


def tensors(*trees):
    return [leaf for leaf in tree_leaves(trees) if isinstance(leaf, torch.Tensor)]


def written(function, args, kwargs):
    """Return the tensors that an operation changes in place."""
    schema = function._schema
    given = [(args[i] if i < len(args) else kwargs.get(each.name)) for i, each in enumerate(schema.arguments)]
    named = [
        value
        for each, value in zip(schema.arguments, given, strict=True)
        if each.alias_info is not None and each.alias_info.is_write
    ]
    return tensors(named, [args[i] for i in WRITTEN_UNSAID.get(schema.name.removeprefix("aten::"), ())])


class Graph:
    def __init__(self):
        self.generators, self.calls = [], []

    def register_generator_state(self, generator):
        self.generators.append(generator)

    def replay(self):
        with torch.no_grad():
            for function, args, kwargs, outputs in self.calls:
                found = tensors(function(*args, **kwargs))
                if outputs:
                    # An operation that returns both new tensors and views of old ones is not among those recorded.
                    assert len(found) == len(outputs), function
                for place, value in zip(outputs, found, strict=bool(outputs)):
                    place.copy_(value)


class capture:
    """What stands for ``torch.cuda.graph``."""

    def __init__(self, graph, stream=None, capture_error_mode="global"):
        self.graph, self.recorder = graph, Recorder()

    def __enter__(self):
        self.states = [generator.get_state() for generator in self.graph.generators]
        self.recorder.__enter__()

    def __exit__(self, *error):
        self.recorder.__exit__(*error)
        self.recorder.undo()
        for generator, state in zip(self.graph.generators, self.states, strict=True):
            generator.set_state(state)
        self.graph.calls = self.recorder.calls


class Stream:
    def __init__(self, device=None):
        pass

    def wait_stream(self, other):
        pass


def simulate(patch):
    """Let ``torch.cuda`` capture on the CPU; a step does so once its ``captures`` is set."""
    patch.setattr(torch.cuda, "CUDAGraph", Graph)
    patch.setattr(torch.cuda, "graph", capture)
    patch.setattr(torch.cuda, "Stream", Stream)
    patch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    patch.setattr(torch.cuda, "current_stream", lambda device=None: Stream())
    patch.setattr(torch.cuda, "set_stream", lambda stream: None)
    patch.setattr(captured_step, "_renew", torch.Generator.set_state)


def let_capture(step):
    """Make a step that was built for the CPU capture."""
    step.captures, step._stream = True, Stream()
    return step
