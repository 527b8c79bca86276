"""``raycluster.embed``: images from any source in, their embeddings by a trained network out, each exactly once."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import resolve_source
from raycluster.embedding.pretrained import backbone_name, fingerprint_of, load_pretrained, prepared_by
from raycluster.embedding.state import EmbeddingState
from raycluster.embedding.update import (
    EmbedProgress,
    begin_or_continue,
    embed_missing,
    embedding_warnings,
    find_missing,
    list_if_new,
    none_embedded,
    plan_workers,
    read_back,
)
from raycluster.errors import UserError
from raycluster.methods.saved_network import load_network as load_run_network
from raycluster.nn.network import Network
from raycluster.options import EmbedOptions
from raycluster.remote.destination import results_in
from raycluster.remote.run_copy import copy_of
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.files import write_json
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import private_node
from raycluster.runtime.stand_in import deliver, shown
from raycluster.runtime.summary import reason_lines
from raycluster.runtime.units import count, duration

METHOD = "embed"


@dataclass(frozen=True)
class EmbedSummary:
    """What an export has to say for itself; the content of ``summary.json``.

    Attributes
    ----------
    method : str
        ``embed``.
    files, rows : int
        How many files there are, and how many rows in them; rows = images + rejected.
    images, rejected : int
        How many rows have an embedding, and how many were rejected.
    embedding_size : int
    parts : int
    embedded_now : int
        How many embeddings the last call made.
    seconds : float
        Of the last call.
    stages : dict of str to float
        Its seconds by stage, one after another.
    work : dict of str to float
        Its seconds of work in read, decode, forward and write, over all processes.
    images_per_second : float or None
        In the last call, after the first shard of each worker; None if there were no others.
    spilled_bytes : int or None
        What Ray wrote from its object store to disk in the last call; None if that is unknown.
    rejected_reasons : dict of str to int
    blank_now : int
        In how many of the images of the last call nothing, or hardly anything, can be seen.
    blank_paths : list of str
        The paths of the first of them.
    """

    files: int
    rows: int
    images: int
    rejected: int
    embedding_size: int
    parts: int
    embedded_now: int
    seconds: float
    stages: dict[str, float]
    work: dict[str, float]
    images_per_second: float | None
    spilled_bytes: int | None
    rejected_reasons: dict[str, int] = field(default_factory=dict)
    blank_now: int = 0
    blank_paths: list[str] = field(default_factory=list)
    method: str = METHOD


def embed_source(options: EmbedOptions, console: Console | None = None) -> EmbedSummary:
    """Embed the images of a source that have no embedding in ``options.out`` yet, and check that then all have one.

    Parameters
    ----------
    options : EmbedOptions
    console : Console, optional
        Shows progress and the summary; by default on the standard output.

    Raises
    ------
    UserError
        If the input, the folder or the cluster does not allow it; a sentence says why.
    TrainingFailed
        If Ray broke down; the same command continues.
    """
    with contextlib.ExitStack() as stack:
        console = stack.enter_context(console or Console())
        if options.model:
            model = stack.enter_context(copy_of(options.model, console, only="model/"))
            options = replace(options, model=str(model))
        out = stack.enter_context(results_in(options.out, console, options.data))
        return _embed_source(options, RunDir(out), console)


def _embed_source(options: EmbedOptions, run_dir: RunDir, console: Console) -> EmbedSummary:
    progress = EmbedProgress(Clock(time.perf_counter(), "start"))
    options = absolute(options)
    identity: dict[str, Any] = {"method": METHOD}
    identity |= {"model": shown(options.model)} if options.model else prepared_by(options)
    identity |= {"data": public_name(options.data), "labels": options.labels} | options.reading.unusual()
    listing = list_if_new(run_dir, identity, options.data, options.exclude, console)
    net, fingerprint = load_network(options, console)
    node = private_node()
    if node:
        plan_workers([node], options)  # before Ray starts, which takes seconds
    run_dir.check_writable()
    with run_dir.lock():
        begin_or_continue(run_dir, identity, fingerprint, net, options.model or backbone_name(options))
        state = find_missing(run_dir, options.data, options.reading, listing, console)
        progress.clock.lap("looking")
        if state.has_work:
            (run_dir.path / "summary.json").unlink(missing_ok=True)
            embed_missing(options.data, options, run_dir, state, net, progress, console)
        return finish(run_dir, state, progress, console)


def absolute(options: EmbedOptions) -> EmbedOptions:
    """Return the options with absolute paths, so that the same files always have the same names."""
    model = options.model
    return replace(
        options,
        model=resolve_source(model) if model and Path(model).expanduser().is_dir() else model,
        data=resolve_source(options.data),
        weights=options.weights and resolve_source(options.weights),
    )


def load_network(options: EmbedOptions, console: Console) -> tuple[Network, str]:
    """Return the network of a run or a pretrained one, ready to predict, and a fingerprint of its weights.

    Raises
    ------
    UserError
        If there is no such network.
    """
    if options.model is None:
        return load_pretrained(options, console)
    model = Path(options.model) / "model"
    if not model.parent.is_dir():
        raise UserError(f"--model {options.model}: there is no such folder of a run. --backbone names other networks.")
    return load_run_network(model), fingerprint_of(model / "model.json", model / "model.safetensors")


def finish(run_dir: RunDir, state: EmbeddingState, progress: EmbedProgress, console: Console) -> EmbedSummary:
    """Read back what was written, check that every row is there exactly once, and write the summary last."""
    console.progress("checking embeddings")
    manifest = state.manifest
    written = read_back(run_dir, manifest)
    rejected = written.rejected
    run_dir.write_rejected([(row.path, row.reason) for row in rejected])
    config = run_dir.config()
    progress.clock.lap("checking")
    images = manifest.n - len(rejected)
    summary = EmbedSummary(
        files=len(manifest.names),
        rows=manifest.n,
        images=images,
        rejected=len(rejected),
        embedding_size=config["embedding_size"],
        parts=written.parts,
        embedded_now=progress.embedded,
        **progress.clock.figures(),
        work={stage: round(seconds, 2) for stage, seconds in progress.work.items()},
        images_per_second=progress.rate and round(progress.rate, 1),
        spilled_bytes=progress.spilled,
        rejected_reasons=dict(Counter(row.reason for row in rejected).most_common()),
        blank_now=progress.blank,
        blank_paths=progress.blank_paths,
    )
    if images == 0:
        raise none_embedded(manifest, rejected)
    if (run_dir.path / "summary.json").exists() and not progress.embedded:
        before = None
        with contextlib.suppress(ValueError, TypeError):  # damaged: it is written again
            before = EmbedSummary(**json.loads((run_dir.path / "summary.json").read_text()))
        if before and (before.rows, before.images) == (summary.rows, summary.images):
            console.say(f"{run_dir.path} already holds these embeddings, and nothing has changed.")
            show_embeddings(console, run_dir.path, before)
            return before
    write_json(run_dir.path / "summary.json", asdict(summary))
    show_embeddings(console, run_dir.path, summary)
    return summary


def show_embeddings(console: Console, out: Path, summary: EmbedSummary) -> None:
    """Say how many rows were embedded and rejected, how long it took, and where the embeddings are."""
    deliver(out)
    stages = ", ".join(f"{name} {duration(seconds)}" for name, seconds in summary.stages.items())
    rows = f"{count(summary.rows, 'row')} in {count(summary.files, 'file')}"
    lines = [
        f"embed: {rows} = {count(summary.images, 'embedding')} + {summary.rejected:,} rejected; ids unique, "
        f"{count(summary.parts, 'part')}, checked",
        f"{summary.embedded_now:,} embedded this time, {duration(summary.seconds)} ({stages})",
    ]
    if summary.work:
        work = ", ".join(f"{stage} {duration(seconds)}" for stage, seconds in summary.work.items())
        speed = f"{summary.images_per_second:,.0f} images/s; " if summary.images_per_second else ""
        lines.append(f"{speed}work of all processes: {work}")
    if summary.rejected:
        lines.append(f"{count(summary.rejected, 'input')} rejected (rejected.parquet):")
        lines += reason_lines(summary.rejected_reasons)
    console.say("\n".join(lines))
    for warning in embedding_warnings(
        summary.embedded_now, summary.blank_now, summary.blank_paths, summary.spilled_bytes
    ):
        console.warn(warning)
    console.say(f"All embeddings are in {out / 'embeddings'}.")
