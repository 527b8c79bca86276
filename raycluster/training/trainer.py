"""A training run from start to end: the images, a single fit by Ray Train, the files and the summary."""

from __future__ import annotations

import contextlib
import functools
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from raycluster.data.canvas import Fit, ImageSize
from raycluster.data.files.location import public_name
from raycluster.data.files.sources import Listing, list_images
from raycluster.data.image_size import check_square
from raycluster.data.reading import USUAL, Reading
from raycluster.errors import UserError, check_setting
from raycluster.methods.base import Method
from raycluster.methods.pretrained import is_pretrained
from raycluster.runtime.background import load_beside
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.machine import available_cores
from raycluster.runtime.object_store import memory_for_images
from raycluster.runtime.private_ray import NAMESPACE
from raycluster.runtime.resources import Plan, Workers, plan_resources
from raycluster.runtime.run_dir import LOCK, RunDir
from raycluster.runtime.session import private_node, ray_session
from raycluster.runtime.summary import RunSummary, repeat_summary, show_summary
from raycluster.runtime.units import count, size
from raycluster.runtime.versions import installed_versions

if TYPE_CHECKING:
    from raycluster.data.images import ImageSet
    from raycluster.data.loaded_images import LoadedImages
    from raycluster.remote.shared_folder import SharedFolder

CLOSE_S = 10.0

Images = TypeVar("Images", bound="ImageSet")


@dataclass(frozen=True)
class TrainingRun:
    """What to train, on which images, and where the results go.

    Attributes
    ----------
    method : Method
    settings : dataclass
        The method's settings.
    data, reading
        As in :func:`raycluster.data.images.open_images`.
    image_size, color, fit, value_range
        As in :class:`raycluster.data.images.CanvasSettings`.
    clusters : int or "auto"
    seed : int
    out : str
        The run folder, an absolute path.
    workers, gpus_per_worker
        As in :func:`raycluster.runtime.resources.plan_resources`.
    feed : {"auto", "resident", "streaming"}
    cpus_per_worker : float, optional
        By default all that there are.
    """

    method: Method
    settings: Any
    data: str
    clusters: int | Literal["auto"]
    out: str
    seed: int = 0
    reading: Reading = USUAL
    image_size: ImageSize | None = None
    color: Literal["keep", "gray", "rgb"] = "keep"
    fit: Fit = "pad"
    value_range: tuple[float, float] | None = None
    workers: Workers | None = None
    gpus_per_worker: float | None = None
    feed: Literal["auto", "resident", "streaming"] = "auto"
    cpus_per_worker: float | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that affects the result; a run is continued only if this is the same."""
        known = {name: getattr(self, name) for name in ("clusters", "seed", "image_size", "color")}
        known |= {"method": self.method.name, "data": public_name(self.data), "labels": self.reading.labels}
        known |= self.reading.unusual()
        known |= {"fit": self.fit} if self.fit != "pad" else {}
        known |= {"value_range": list(self.value_range)} if self.value_range else {}
        return known | asdict(self.settings)


def run_training(run: TrainingRun, console: Console | None = None) -> RunSummary:
    """Train, or continue the run in ``run.out``, and write the run folder.

    Parameters
    ----------
    run : TrainingRun
    console : Console, optional
        Shows progress and the summary; by default on the standard output.

    Returns
    -------
    summary : RunSummary

    Raises
    ------
    UserError
        If the input or the cluster does not allow the run.
    TrainingFailed
        If the training broke down; the same call continues it.
    """
    with console or Console() as shown:
        return _run_training(run, shown)


def _run_training(run: TrainingRun, console: Console) -> RunSummary:
    began = time.perf_counter()
    run_dir = RunDir(run.out)
    check_asked(run)
    if run_dir.state(run.identity) == "finished":
        return repeat_summary(console, run_dir, "run")
    listing = check_early(run)
    run_dir.check_writable()
    import ray

    load_beside("torch", "sklearn.decomposition")  # while Ray starts
    with ray_session(console) as cluster:
        from raycluster.data.feed import choose_feed
        from raycluster.remote.shared_folder import share
        from raycluster.training.finish import finish
        from raycluster.training.fit import fit
        from raycluster.training.rehearsal import rehearse
        from raycluster.training.worker import WorkerJob

        plan_resources(cluster.nodes, run.workers, run.gpus_per_worker)
        clock = Clock(began, "ray_start")
        images: ImageSet = open_source(run, Path(run.out), console, listing)
        feed, sentence = choose_feed(images.n_bytes, memory_for_images(), run.feed)
        streaming = feed == "streaming"
        plan = plan_resources(cluster.nodes, run.workers, run.gpus_per_worker, streaming, run.cpus_per_worker)
        with run_dir.lock():
            if run_dir.state(run.identity) == "finished":  # by another job, while this one was starting
                return repeat_summary(console, run_dir, "run")
            console.say(f"{sentence} Results go to {run_dir.path}")
            pixels = None
            if streaming:
                images = stage_source(run, images, run_dir.staged, console)
            else:
                loaded = load_source(run, images, console)
                images, pixels = loaded, ray.put(loaded.pixels)
            threads = begin(run, run_dir, images, max(1, min(int(plan.cpus_per_worker), available_cores())))
            clock.lap("images")
            run_dir.error_log.unlink(missing_ok=True)
            first_step = functools.partial(rehearse, run.method.name, run.settings, run.clusters)
            with share(run_dir.path, cluster) as folder, driver_actor(folder, images.n, plan, first_step) as driver:
                job = WorkerJob(
                    folder=folder,
                    train=run.method.train,
                    settings=run.settings,
                    clusters=run.clusters,
                    seed=run.seed,
                    driver=driver,
                    threads=threads,
                    images=pixels,
                    image_set=images if streaming else None,
                    canvas=images.canvas,
                    ids=ray.put(images.ids),
                    paths=ray.put(images.paths),
                    labels=ray.put(images.labels),
                )
                found = fit(job, plan, run_dir, cluster, console)
            clock.lap("worker_start")
            clock.stages["worker_start"] -= found.seconds
            clock.stages["training"] = found.seconds_in_all
            console.progress("writing results")
            summary = finish(run_dir, run.method.name, images, found, clock, console)
    show_summary(console, run_dir.path, summary)
    return summary


def check_asked(run: TrainingRun) -> None:
    """Raise :class:`UserError` if the settings make no sense, whatever the images are."""
    if run.clusters != "auto" and run.clusters < 2:
        raise UserError(f"clusters={run.clusters}: there is nothing to cluster, choose at least 2.")
    check_setting("seed", run.seed, run.seed >= 0, "0 or more")
    if is_pretrained(run.settings):
        if run.color != "keep":
            raise UserError(f"color={run.color}: the pretrained network takes colors as they are, so leave it out.")
    elif run.method.square_sizes and run.image_size not in (None, "original"):
        check_square(run.image_size, run.method.square_sizes)


def check_early(run: TrainingRun) -> Listing | None:
    """Raise :class:`UserError` for whatever can be found out before Ray starts, which takes seconds.

    Returns the files of the source, if they had to be listed for that.
    """
    listing = None
    path = Path(run.data)
    looks_good = path.is_file() or (path.is_dir() and os.access(path, os.R_OK | os.X_OK) and any(path.iterdir()))
    if run.data != "digits" and "://" not in run.data and not looks_good:
        listing = list_images(run.data, run.reading.exclude)  # a glob, or an error that says what is wrong
    node = private_node()
    if node:
        plan_resources([node], run.workers, run.gpus_per_worker)
    return listing


def open_source(run: TrainingRun, out: Path, console: Console, listing: Listing | None = None) -> ImageSet:
    """Open the images, which must not be where the results go, and say what they are."""
    stage = f"looking at {public_name(run.data)}"
    console.progress(stage)
    from raycluster.data.images import CanvasSettings, open_images

    canvas = run.method.canvas and run.method.canvas(run.settings, run.image_size, run.value_range)
    chosen = CanvasSettings(run.image_size, run.color, run.method.square_sizes, run.fit, run.value_range)
    images = open_images(
        run.data,
        run.reading,
        canvas or chosen,
        out,
        listing,
        lambda done: console.progress(stage, f"{stage}: {count(done, 'header')} read"),
    )
    for note in images.notes:
        console.say(note)
    channels, height, width = images.shape
    rejected = f", {len(images.rejected):,} rejected" if images.rejected else ""
    shape = f"{height} x {width} pixels in {count(channels, 'channel')}"
    console.say(f"{public_name(run.data)}: {count(images.n, 'image')} of {shape}{rejected}")
    check_enough(run, images)
    return images


def load_source(run: TrainingRun, images: ImageSet, console: Console) -> LoadedImages:
    """Read all images into memory, and check that enough of them are readable."""
    from raycluster.data.loaded_images import load_images

    loaded = load_images(images, _show_reading(images, "loading images", console))
    return _checked(run, images, loaded, console)


def stage_source(run: TrainingRun, images: ImageSet, folder: Path, console: Console) -> ImageSet:
    """Write prepared copies of all images to a folder, unless they are in arrays; check that enough are readable."""
    from raycluster.data.pipeline import check_seen
    from raycluster.data.staging import stage_images

    if images.rows.are_arrays:
        return images
    remedy = "choose as --out a folder that all machines share, or a smaller --image-size"
    check_seen(str(folder.with_name(LOCK)), f"{folder}, for images that do not fit into memory,", remedy)
    console.say(f"Each image is decoded once: prepared copies, {size(images.n_bytes)}, stay in {folder} until the end.")
    staged = stage_images(images, folder, _show_reading(images, "preparing images", console))
    return _checked(run, images, staged, console)


def _show_reading(images: ImageSet, stage: str, console: Console) -> Callable[[int], None]:
    console.progress(stage)
    return lambda done: console.progress(stage, f"{stage}: {done:,} of {images.n:,} done")


def _checked(run: TrainingRun, before: ImageSet, images: Images, console: Console) -> Images:
    if images.n < before.n:
        console.say(f"{count(before.n - images.n, 'image')} could not be decoded: {images.n:,} are left.")
        check_enough(run, images)
    for warning in images.warnings:
        console.warn(warning)
    return images


def check_enough(run: TrainingRun, images: ImageSet) -> None:
    """Raise :class:`UserError` if there are fewer images than clusters or workers."""
    if run.clusters != "auto" and run.clusters > images.n:
        see = f" ({len(images.rejected)} were rejected)" if images.rejected else ""
        raise UserError(
            f"clusters={run.clusters}, but only {images.n} images were readable{see}: choose at most {images.n}."
        )
    fewest = max(2, max(run.workers) if isinstance(run.workers, tuple) else run.workers or 1)
    if images.n < fewest:
        raise UserError(
            f"Only {images.n} images were readable, but {fewest} are needed: one for each worker, and at least 2."
        )


def begin(run: TrainingRun, run_dir: RunDir, images: ImageSet, threads: int) -> int:
    """Write the config of a new run, or check that the images of a continued one are the same.

    Returns the number of threads for each worker. A continued run keeps its own, because sums that are split among
    another number of threads are rounded differently.
    """
    if (run_dir.path / "config.json").exists():
        config = run_dir.config()
        if config["fingerprint"] != images.fingerprint:
            raise UserError(
                f"The images in {public_name(run.data)} have changed since the run in {run_dir.path} began, or were "
                "read by another version: choose another --out."
            )
        return int(config["threads"])
    run_dir.write_rejected(images.rejected)
    run_dir.write_config(
        {
            "identity": run.identity,
            "fingerprint": images.fingerprint,
            "images": images.n,
            "canvas": asdict(images.canvas),
            "files": images.files,
            "class_names": images.class_names,
            "workers": run.workers,
            "gpus_per_worker": run.gpus_per_worker,
            "feed": run.feed,
            "threads": threads,
            "versions": installed_versions(),
        }
    )
    return threads


@contextlib.contextmanager
def driver_actor(folder: SharedFolder, n: int, plan: Plan, rehearsal: Callable[[], object]) -> Iterator[str]:
    """Keep a driver actor for ``n`` rows alive, and yield its name. While the workers start, it rehearses."""
    import ray

    from raycluster.training.driver import ClusterDriver

    name = f"driver-{uuid.uuid4().hex[:12]}"
    options = {"name": name, "namespace": NAMESPACE, "max_restarts": -1, "num_cpus": 0, "num_gpus": plan.driver_gpus}
    # By default, in a trial of Ray Tune, it would be confined to the trial's own share of a core.
    driver: Any = (
        ray.remote(ClusterDriver).options(**options, scheduling_strategy="DEFAULT").remote(folder, n, rehearsal)
    )
    try:
        yield name
    except Exception:
        ray.kill(driver)
        raise
    with contextlib.suppress(ray.exceptions.RayError):
        ray.get(driver.close.remote(), timeout=CLOSE_S)
    ray.kill(driver)  # not if the whole command ends, because Ray may have died, and would not answer
