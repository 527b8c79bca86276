"""A sweep: many training runs with different settings, on all available cores, and which of them did best."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import time
import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import resolve_source
from raycluster.errors import TrainingFailed, UserError, check_setting
from raycluster.methods import find_method
from raycluster.methods.base import Method
from raycluster.methods.pretrained import is_pretrained
from raycluster.options import SweepOptions
from raycluster.remote.destination import results_in
from raycluster.results.run_page import write_run_page
from raycluster.runtime.background import run_beside
from raycluster.runtime.console import Console
from raycluster.runtime.files import remove_tree
from raycluster.runtime.machine import available_cores
from raycluster.runtime.object_store import memory_for_images
from raycluster.runtime.run_dir import LOCK, RunDir
from raycluster.runtime.session import private_node, ray_session
from raycluster.runtime.stand_in import deliver, shown
from raycluster.runtime.units import count, duration
from raycluster.runtime.versions import installed_versions
from raycluster.sweeps.allocation import Allocation, allocate
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.objective import check_objective
from raycluster.sweeps.pooling import pool_scores
from raycluster.sweeps.results import best_row, header, line, notes, page_of, rank_agreement, write_results
from raycluster.sweeps.search_space import (
    CLUSTERS,
    Range,
    Space,
    draw_settings,
    grid,
    most_clusters,
    parse_fixed,
    parse_space,
)
from raycluster.training.trainer import TrainingRun, check_asked, check_early, load_source, open_source

if TYPE_CHECKING:
    from raycluster.data.loaded_images import LoadedImages
    from raycluster.remote.shared_folder import SharedFolder

DEFAULT_TRIALS = 20
MOST_SHOWN = 5


def sweep(
    options: SweepOptions,
    method: str,
    preset: str = "default",
    console: Console | None = None,
) -> dict[str, Any]:
    """Run a sweep, or continue it, and write its folder.

    Parameters
    ----------
    options : SweepOptions
    method, preset : str
    console : Console, optional
        Shows trials as they end, and the best in the end; by default on the standard output.

    Returns
    -------
    best : dict
        The row of the best trial: ``trial``, ``settings``, ``objective``, ``scores``, ``seconds``, ``folder``.

    Raises
    ------
    UserError
        If the input or the settings do not allow it; a sentence says why.
    TrainingFailed
        If no trial finished.
    """
    with console or Console() as shown, results_in(options.out, shown, options.data) as out:
        return _sweep(options, method, preset, Ledger(out), shown)


def _sweep(options: SweepOptions, method: str, preset: str, ledger: Ledger, console: Console) -> dict[str, Any]:
    run, space = _what(options, method, preset)
    identity = _identity(options, run, preset, space)
    ledger.run_dir.state(identity)
    trials = _number_of_trials(options, space)
    check_early(run)
    ledger.run_dir.check_writable()
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # no tables of Tune's own
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # which would take Ctrl-C for a normal end
    os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")  # a trial alone has no pooled score to report
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # it logs tracebacks, and the ledger has the reasons
    cores = available_cores() if private_node() else None
    began = time.monotonic()
    with ray_session(console) as cluster:
        from raycluster.data.pipeline import check_seen
        from raycluster.remote.shared_folder import share

        shares = allocate(cluster.nodes, options, trials, cores)
        with ledger.run_dir.lock():
            if options.scheduler == "pbt":
                lock = str(ledger.path / LOCK)
                remedy = "choose as --out a folder that all machines share, or another --scheduler"
                check_seen(lock, f"--out {ledger.path}, by which --scheduler pbt passes checkpoints on,", remedy)
            images = _open(run, options, ledger, console)
            _begin(ledger, identity, images.fingerprint)
            _plan(ledger, options, run, space, trials)
            left = ledger.left(trials)
            pool_scores(ledger, options.objective)
            write_results(ledger, run, options.objective)
            if left:
                each = f"{shares.cpus:g} {'core' if shares.cpus == 1 else 'cores'} each"
                sentence = f"{count(trials, 'trial')}, {shares.at_a_time} at a time, {each}"
                done = f"; {trials - left} are done already" if left < trials else ""
                console.say(f"{sentence}{done}. Results go to {ledger.path}")
                with share(ledger.path, cluster) as folder:
                    _run_trials(ledger, folder, options, run, space, trials, shares, images, console)
            _write_best_page(ledger, console)
            write_results(ledger, run, options.objective)
    return _show_outcome(ledger, options, trials, time.monotonic() - began, console)


def _what(options: SweepOptions, method: str, preset: str) -> tuple[TrainingRun, Space]:
    """Check the options, and return the run that all trials are variants of, and what is varied."""
    chosen = find_method(method)
    if preset not in chosen.presets:
        raise UserError(f"There is no preset {preset!r}: choose one of {', '.join(chosen.presets)}.")
    for name in ("trials", "max_concurrent", "workers"):
        value = getattr(options, name)
        check_setting(name, value, value is None or value >= 1, "at least 1")
    budget = options.time_budget
    check_setting("time_budget", budget, budget is None or budget > 0, "a number of minutes above 0")
    check_objective(options.objective)
    base = chosen.presets[preset]
    fixed = parse_fixed(options.fixed, base)
    base = replace(base, **fixed)
    if is_pretrained(base):
        raise UserError("A sweep trains from random weights only: leave backbone out, or train with raycluster train.")
    space = parse_space(options.space or [w for w in chosen.search_space if w.partition("=")[0] not in fixed], base)
    both = sorted(set(space) & set(fixed))
    if both:
        raise UserError(f"{both[0]} is in --space and in --fixed: leave it out of one of them.")
    clusters = _clusters(options, chosen, space)
    if options.search == "optuna" and importlib.util.find_spec("optuna") is None:
        raise UserError("--search optuna needs Optuna: pip install optuna, or search by random.")
    if options.scheduler == "pbt":
        _check_population(options, space)
    data = resolve_source(options.data)
    names = ("reading", "seed", "image_size", "color", "fit", "value_range", "workers")
    given = {name: getattr(options, name) for name in names}
    run = TrainingRun(chosen, base, data, clusters, "", **given)
    check_asked(run)
    return run, space


def _clusters(options: SweepOptions, method: Method, space: Space) -> int | Literal["auto"]:
    """Return the number of clusters of every trial or, where it is varied, the largest one."""
    most = most_clusters(space)
    if most and options.clusters is not None:
        raise UserError("clusters is in --space, and --clusters is given: leave out one of them.")
    clusters = most or (10 if options.clusters is None and options.data == "digits" else options.clusters)
    if clusters is None:
        raise UserError(
            f"How many clusters are there in {public_name(options.data)}? Give their number, --clusters K, or try "
            "several, --space clusters=LOW:HIGH."
        )
    if clusters == "auto" and not method.finds_k:
        raise UserError(
            f"{method.name} cannot choose the number of clusters: give --clusters K, or --space clusters=LOW:HIGH."
        )
    if options.scheduler != "none" and (clusters == "auto" or options.workers):
        raise UserError(
            f"--scheduler {options.scheduler} looks at trials on their way, in their own process and with a certain "
            "number of clusters: leave out --workers, and give --clusters K."
        )
    return clusters


def _check_population(options: SweepOptions, space: Space) -> None:
    """Raise :class:`UserError` unless population-based training is possible with these options."""
    if options.search == "optuna":
        raise UserError("--scheduler pbt begins with settings that are drawn: leave out --search optuna.")
    if not isinstance(space.get("learning_rate"), Range):
        raise UserError(
            "--scheduler pbt changes learning rates while it trains: give --space learning_rate=log:LOW:HIGH."
        )


def _identity(options: SweepOptions, run: TrainingRun, preset: str, space: Space) -> dict[str, Any]:
    """Return everything that affects a trial; a sweep is continued only if this is the same."""
    ranges = {name: dimension.__dict__ for name, dimension in space.items()}
    known = run.identity | {"method": f"a sweep of {run.method.name}", "preset": preset, "space": ranges}
    known |= {CLUSTERS: None} if CLUSTERS in space else {}
    return known | {name: getattr(options, name) for name in ("search", "scheduler", "objective")}


def _number_of_trials(options: SweepOptions, space: Space) -> int:
    if options.search != "grid":
        return options.trials or DEFAULT_TRIALS
    whole = len(grid(space))
    if options.trials and options.trials > whole:
        raise UserError(
            f"--trials {options.trials}, but the grid has only {whole} combinations: choose at most {whole}."
        )
    return options.trials or whole


def _open(run: TrainingRun, options: SweepOptions, ledger: Ledger, console: Console) -> LoadedImages:
    images = open_source(run, ledger.path, console)
    check_objective(options.objective, images.labels, images.source)
    if images.n_bytes > memory_for_images():
        raise UserError(
            f"The images take {images.n_bytes / 1e9:.1f} GB, more than may be kept in memory: sweep on a part of them."
        )
    return load_source(run, images, console)


def _begin(ledger: Ledger, identity: dict[str, Any], fingerprint: str) -> None:
    """Write the config of a new sweep, or check that the images of a continued one are the same."""
    if ledger.run_dir.state(identity) == "new":
        ledger.run_dir.write_config(
            {"identity": identity, "fingerprint": fingerprint, "versions": installed_versions()}
        )
    elif ledger.run_dir.config()["fingerprint"] != fingerprint:
        raise UserError(f"The images have changed since the sweep in {ledger.path} began: choose another --out.")


def _plan(ledger: Ledger, options: SweepOptions, run: TrainingRun, space: Space, trials: int) -> None:
    """Plan the trials that are not planned yet; Optuna plans its own, except the first."""
    planned = ledger.plan()
    if options.search == "grid":
        planned += grid(space)[len(planned) : trials]
    if options.search != "grid" and not planned:
        drawn = draw_settings(space, options.seed, 0)
        planned.append({name: getattr(run.settings, name, drawn[name]) for name in space})
    if options.search == "random":
        planned += [draw_settings(space, options.seed, number) for number in range(len(planned), trials)]
    ledger.write_plan(planned)


def _run_trials(
    ledger: Ledger,
    folder: SharedFolder,
    options: SweepOptions,
    run: TrainingRun,
    space: Space,
    trials: int,
    shares: Allocation,
    images: LoadedImages,
    console: Console,
) -> None:
    """Let Ray Tune run all trials that are not done."""
    from ray import tune

    from raycluster.sweeps.progress_callback import ProgressCallback
    from raycluster.sweeps.schedulers import make_scheduler
    from raycluster.sweeps.search import PlannedSearch, optuna_suggestion, population
    from raycluster.sweeps.trial import TrialJob, run_trial

    interval = run.method.epochs_between_checks(run.settings)
    run = replace(run, gpus_per_worker=shares.gpus, cpus_per_worker=shares.cpus if run.workers else None)
    job = TrialJob(folder, run, options.objective, options.scheduler, interval, int(max(1, shares.cpus)))
    # A trial that starts a trainer takes next to nothing itself, or its workers would wait for the core that it holds.
    resources = {"cpu": 0.01} if run.workers else {"cpu": shares.cpus, "gpu": shares.gpus}
    think = partial(optuna_suggestion, space, options.seed, ledger) if options.search == "optuna" else None
    to_do, is_population = ledger.to_do(trials), options.scheduler == "pbt"
    deadline = None if options.time_budget is None else time.monotonic() + 60 * options.time_budget
    progress = ProgressCallback(ledger, run, options.objective, options.scheduler, trials, deadline)
    console.say(header(list(space), options.objective))
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(run_trial, job=job, images=images), resources),
        param_space=dict.fromkeys(["number", *space]) if is_population else None,
        tune_config=tune.TuneConfig(
            search_alg=population(ledger, to_do) if is_population else PlannedSearch(ledger, to_do, trials, think),
            scheduler=make_scheduler(options.scheduler, options.objective, ledger.path, interval, space),
            num_samples=ledger.left(trials),
            # More would fit if trials take next to nothing, or if cores do not divide evenly. Population-based training
            # has no limit, because trials that it has paused count too.
            max_concurrent_trials=None if is_population else shares.at_a_time,
            reuse_actors=True,  # a process takes several seconds to import torch and Ray
            time_budget_s=None if options.time_budget is None else 60 * options.time_budget,
            trial_name_creator=_number,
            trial_dirname_creator=_number,
        ),
        run_config=tune.RunConfig(
            name=uuid.uuid4().hex,
            storage_path=str(ledger.path / "tune"),
            failure_config=tune.FailureConfig(max_failures=1),
            callbacks=[progress],
            verbose=0,
        ),
    )

    try:
        run_beside(tuner.fit, lambda: progress.show(console))
    finally:
        progress.show(console)
    remove_tree(ledger.path / "tune")
    if not ledger.left(trials):
        remove_tree(ledger.path / "running")


def _write_best_page(ledger: Ledger, console: Console) -> None:
    """Write the page of the best trial, unless it has one; those of the others are written by ``raycluster show``."""
    best = best_row(ledger.rows())
    if best and page_of(ledger, best) is None:
        write_run_page(RunDir(ledger.trial_dir(best["trial"])), console)


def _number(trial: Any) -> str:
    return f"{trial.config['number']:04d}"


def _show_outcome(
    ledger: Ledger, options: SweepOptions, trials: int, seconds: float, console: Console
) -> dict[str, Any]:
    """Show how the sweep ended, and return the row of the best trial."""
    deliver(ledger.path)
    rows = ledger.rows()
    best = best_row(rows)
    states = [row["state"] for row in rows[:trials]]
    counts = {state: states.count(state) for state in ("finished", "stopped", "failed")}
    if best is None:
        reasons = "; ".join(dict.fromkeys(row["error"] for row in rows if row["error"]))
        raise TrainingFailed(
            f"No trial finished{f' ({reasons})' if reasons else ''}. Run the same command again to continue."
        )
    parts = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    left = trials - sum(counts.values())
    remaining = f", {left} left" if left > 0 else ""
    console.say(f"{parts}{remaining} in {duration(seconds)}. The best by {options.objective}:")
    names = list(best["settings"])
    console.say(header(names, options.objective))
    finished = [row for row in rows if row["state"] == "finished" and row["objective"] is not None]
    for row in sorted(finished, key=lambda row: -row["objective"])[:MOST_SHOWN]:
        console.say(line(row, names))
    for sentence in notes(rows, options.objective):
        console.say(sentence)
    for row in rank_agreement(rows):
        if row["score"] == options.objective and row["nmi"] is not None:
            correlation = f"Spearman's correlation with NMI over {row['trials']} trials: {row['nmi']:.2f}"
            console.say(f"{correlation} (labels are used for this figure only)")
    if counts["failed"]:
        failed = count(counts["failed"], "trial")
        console.warn(f"{failed} failed, for reasons in trials.parquet. Run the same command again to retry.")
    if left > 0 and options.time_budget is not None:
        console.say("Time is up. Run the same command with a larger --time-budget to continue.")
    config = str(ledger.path / "best.json")
    if shown(config) != config:
        console.say(f"All results are in {ledger.path}; sweep.html shows them, and best.json holds the best settings.")
        return best
    console.say(
        f"All results are in {ledger.path}; sweep.html shows them. To train with the best settings on other data:"
    )
    console.say(f"  raycluster train --config {config} --data OTHER --clusters K")
    return best
