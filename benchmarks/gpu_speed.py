"""How fast steps are, plain and captured, and how much of the time the device works."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from gpu_data import cifar_jpegs
from gpu_steps import STEPS, Steps, concurl_steps, dccm_steps, fast_steps, jule_steps
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from raycluster.data.canvas import Canvas
from raycluster.data.image.decode_on_device import load_jpegs
from raycluster.data.image.device_jpeg import device_jpeg
from raycluster.nn.captured_step import WARM_UP, CapturedStep
from raycluster.nn.precision import mixed_precision

if TYPE_CHECKING:
    from gpu import Options


def jule_speed(options: Options) -> Iterator[dict[str, Any]]:
    """Time JULE's step and its epochs, feed included, on images of USPS's and MNIST's size."""
    yield from plain_and_captured(options, "batch 100, 28 x 28", lambda: jule_steps(options))
    yield from plain_and_captured(options, "batch 100, 28 x 28, float32", lambda: jule_steps(options, half=False))
    for side, n in ((16, 9_298), (28, 70_000)):
        for half in (True, False):
            steps = jule_steps(options, side, n, half)
            labels = torch.from_numpy(steps.method.labels).long().to(options.device)
            steps.method.train_epoch(labels, 0)
            started = time.perf_counter()
            steps.method.train_epoch(labels, 1)
            seconds = time.perf_counter() - started
            trained = steps.method.feed.steps(100) * min(100, steps.method.feed.n)
            precision = "mixed" if half else "float32"
            yield {"what": f"epoch, {side} x {side}, {precision}", "images_per_second": trained / seconds}


def concurl_speed(options: Options) -> Iterator[dict[str, Any]]:
    """Time ConCURL's step, and the trunk alone: forward and backward for both views, captured likewise."""
    rows = list(plain_and_captured(options, "whole step", lambda: concurl_steps(options)))
    yield from rows
    steps = concurl_steps(options)
    batch = steps.inputs[0]
    method = steps.method
    views = method.draw_views(next(iter(method.feed.train_batches(len(batch[0]), 0))), method.generator)
    method.net.head.requires_grad_(False)
    method.net.nce_head.requires_grad_(False)

    def trunk_alone(view1: torch.Tensor, view2: torch.Tensor) -> torch.Tensor:
        with method.context.autocast():
            first, second = (
                method.net.trunk(view.contiguous(memory_format=torch.channels_last)).float().mean()
                for view in (view1, view2)
            )
        for parameter in method.net.parameters():
            parameter.grad = None
        loss = first + second
        loss.backward()
        return loss.detach()

    trunk = CapturedStep(trunk_alone, torch.device(options.device))
    seconds = timed(options, lambda: trunk(*views))
    images = steps.batch_size / seconds
    whole = rows[1]["milliseconds"] / 1000
    yield {
        "what": "trunk alone, captured",
        "milliseconds": 1000 * seconds,
        "images_per_second": images,
        "whole_step_to_trunk": seconds / whole,
        "remarks": trunk.remarks,
    }
    for name, part in (
        ("drawing both views, plain", lambda: method.draw_views(_Batch(*batch), method.generator)),
        ("optimizer, plain", method.optimizer.step),
    ):
        with contextlib.suppress(RuntimeError):
            yield {"what": name, "milliseconds": 1000 * timed(options, part)}


class _Batch:
    def __init__(self, images: torch.Tensor, ids: torch.Tensor) -> None:
        self.images, self.ids = images, ids


def dccm_speed(options: Options) -> Iterator[dict[str, Any]]:
    """Time DCCM's updates, and those of a whole large batch, targets and augmentation included."""
    yield from plain_and_captured(options, "update, b 32", lambda: dccm_steps(options))
    yield from plain_and_captured(options, "update, b 32, no information", lambda: dccm_steps(options, beta=0.0))
    if not options.tiny:
        yield from plain_and_captured(options, "update, b 128", lambda: dccm_steps(options, small_batch=128))
    steps = dccm_steps(options, repeats=1 if options.tiny else 5)
    steps.method.describe_epoch = lambda predictions: {}
    steps.method.train_epoch(0)
    started = time.perf_counter()
    steps.method.train_epoch(1)
    synchronize(options)
    seconds = time.perf_counter() - started
    yield {"what": "epoch, b 32", "updates_per_second": steps.method.updates / seconds}


def fast_speed(options: Options) -> Iterator[dict[str, Any]]:
    """Time the step of the preset fast."""
    yield from plain_and_captured(options, "whole step", lambda: fast_steps(options))


def plain_and_captured(options: Options, what: str, build: Callable[[], Steps]) -> Iterator[dict[str, Any]]:
    """Yield a row for plain steps and one for captured steps, each with the share of the time that the device works."""
    for kind in ("plain", "captured"):
        steps = build() if kind == "captured" else build().without_capture()
        steps.take(1 if options.tiny else WARM_UP + 2)
        seconds = timed(options, lambda: steps.take(1))  # noqa: B023
        row = {
            "what": f"{what}, {kind}",
            "milliseconds": 1000 * seconds,
            "per_second": 1 / seconds,
            "images_per_second": steps.batch_size / seconds,
            "remarks": steps.step().remarks,
        }
        yield row | device_work(options, lambda: steps.take(5), 5, seconds)  # noqa: B023


def timed(options: Options, function: Callable[[], object]) -> float:
    """Return the seconds of a call among many that follow each other: the least of five rounds."""
    calls = 1 if options.tiny else 40
    for _ in range(1 if options.tiny else 5):
        function()
    best = float("inf")
    for _ in range(1 if options.tiny else 5):
        synchronize(options)
        started = time.perf_counter()
        for _ in range(calls):
            function()
        synchronize(options)
        best = min(best, (time.perf_counter() - started) / calls)
    return best


def synchronize(options: Options) -> None:
    """Wait for the device."""
    if options.device == "cuda":
        torch.cuda.synchronize()


def device_work(options: Options, function: Callable[[], object], steps: int, seconds: float) -> dict[str, Any]:
    """Return the kernels of a step, the milliseconds that the device works on them, and their share of ``seconds``."""
    if options.device != "cuda":
        return {}
    try:
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
            function()
            torch.cuda.synchronize()
        events = [event for event in profiler.events() or [] if event.device_type == DeviceType.CUDA]
        work = sum(event.time_range.elapsed_us() for event in events) / 1e6 / steps
    except Exception as error:
        return {"profiler": f"{type(error).__name__}: {error}"[:200]}
    return {"kernels": len(events) / steps, "device_milliseconds": 1000 * work, "busy": work / seconds}


class _Operators(TorchDispatchMode):
    """Counts operators that compute something: no views, and nothing that only allocates."""

    NOTHING = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "detach", "_unsafe_view")

    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        schema = function._schema
        is_view = any(each.alias_info is not None and not each.alias_info.is_write for each in schema.returns)
        space, _, name = schema.name.partition("::")
        self.n += space == "aten" and not is_view and name not in self.NOTHING
        return result


def operators(options: Options) -> Iterator[dict[str, Any]]:
    """Count the operators of a plain step; on a GPU each is a kernel, or some."""
    for name, build in STEPS.items():
        steps = build(options).without_capture()
        steps.take(2)
        with _Operators() as counted:
            steps.take(1)
        yield {"what": name, "operators": counted.n}


def embedding_speed(options: Options) -> Iterator[dict[str, Any]]:
    """Time decoding JPEG files on the device to 224 x 224, and ResNet-50 on the result."""
    encoded = cifar_jpegs(options)
    if encoded is None:
        return
    import torchvision

    device = torch.device(options.device)
    files, side = encoded[0][: 16 if options.tiny else 8192], 32 if options.tiny else 224
    started = time.perf_counter()
    jpegs = [jpeg for data in files if (jpeg := device_jpeg(data, 2**24))]
    headers = time.perf_counter() - started
    load_jpegs(jpegs[:16], Canvas(3, side, side), device)
    started = time.perf_counter()
    images, _ = load_jpegs(jpegs, Canvas(3, side, side), device)
    decoding = time.perf_counter() - started
    yield {"what": "headers read", "images_per_second": len(files) / headers}
    yield {"what": f"decoded and enlarged to {side}", "images_per_second": len(jpegs) / decoding}
    net = torchvision.models.resnet50().to(device, memory_format=torch.channels_last).eval()

    def forward(part: Any) -> None:
        with torch.inference_mode(), mixed_precision(device):
            floats = torch.from_numpy(part).to(device).float() / 255
            net(floats.contiguous(memory_format=torch.channels_last)).cpu()

    size = 8 if options.tiny else 512
    forward(images[:size])
    started = time.perf_counter()
    for start in range(0, len(images), size):
        forward(images[start : start + size])
    yield {"what": "ResNet-50, copies included", "images_per_second": len(images) / (time.perf_counter() - started)}


def start_up(options: Options) -> Iterator[dict[str, Any]]:
    """Time a training through Ray from the command to its first epoch, and to its end."""
    if options.tiny or importlib.util.find_spec("ray") is None:
        return
    out = options.runs / "start-up"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "raycluster", "train", "--data", "digits", "--clusters", "10", "--out", str(out)]
    command += ["--epochs-per-period", "2", "--rounds", "0"]
    started = time.perf_counter()
    log = open(options.runs / "start-up.log", "w")  # noqa: SIM115
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    seen: set[str] = set()
    try:
        while process.poll() is None and time.time() < options.until:
            time.sleep(0.05)
            path = out / "metrics.jsonl"
            kinds = [json.loads(line)["kind"] for line in complete_lines(path)]
            for kind in dict.fromkeys(kinds):
                if kind not in seen:
                    seen.add(kind)
                    yield {"what": f"to the first row: {kind}", "seconds": time.perf_counter() - started}
        yield {"what": "to the end", "seconds": time.perf_counter() - started, "exit_code": process.poll()}
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        log.close()
    summary = out / "summary.json"
    if summary.exists():
        yield {"what": "stages", "seconds": json.loads(summary.read_text()).get("seconds")}


def complete_lines(path: Any) -> list[str]:
    """Return the complete lines of a file that is being written."""
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")] if path.exists() else []
