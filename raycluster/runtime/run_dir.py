"""The run folder: what a training run leaves behind, each file complete or not there at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from raycluster.errors import UserError
from raycluster.graph.settings import RENAMED
from raycluster.runtime.files import atomic_write, write_json, write_parquet
from raycluster.runtime.summary import RunSummary

if TYPE_CHECKING:
    from torch import nn

LOCK = ".lock"
# What says where in the run a line of metrics stands, rather than how the run does.
PLACE = (
    "kind",
    "period",
    "epoch",
    "epochs",
    "iteration",
    "round",
    "clustering",
    "clusters",
    "seconds",
    "eta",
    "quality",
)


class RunDir:
    """The files of one run.

    Parameters
    ----------
    path : path-like
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.metrics = self.path / "metrics.jsonl"
        self.tensorboard = self.path / "tensorboard"
        self.checkpoints = self.path / "checkpoints"
        self.error_log = self.path / "error.log"

    def state(self, identity: dict[str, Any]) -> Literal["new", "begun", "finished"]:
        """Tell how far the run with this ``identity`` (all settings that decide the result) has come here.

        Raises
        ------
        UserError
            If something else lies here: another run, or files that are no run at all.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path} is a file: choose a folder for --out.")
        if self.path.exists() and not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise UserError(f"{self.path} may not be read and written by this user: choose another --out.")
        if not (self.path / "config.json").exists():
            if self.path.exists() and not all(_is_left_by_a_kill(entry.name) for entry in self.path.iterdir()):
                raise UserError(f"{self.path} holds files but no run of raycluster: choose an empty or new --out.")
            return "new"
        before = self.config()["identity"]
        differences = [
            f"{_flag(key)} was {_shown(before.get(key))} and is now {_shown(value)}"
            for key, value in json.loads(json.dumps(identity)).items()
            if before.get(key) != value
        ]
        if differences:
            raise UserError(
                f"{self.path} holds another run: {'; '.join(differences)}. Choose another --out, or give the settings "
                "of that run to continue it."
            )
        return "finished" if (self.path / "summary.json").exists() else "begun"

    def check_writable(self) -> None:
        """Find out whether the folder can be made and written to, and leave nothing behind.

        Raises
        ------
        UserError
            If it cannot.
        """
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        probe = self.path / f"{LOCK}.probe"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe.touch()
        except OSError as error:
            raise UserError(f"{self.path} cannot be written to ({error.strerror}): choose another --out.") from None
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)
                for folder in missing:
                    folder.rmdir()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second job out of the folder, for as long as this one lives."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / LOCK, "w") as file:
            _lock_file(file, self.path)
            yield
        (self.path / LOCK).unlink(missing_ok=True)

    def config(self) -> dict[str, Any]:
        """Return what ``config.json`` holds."""
        try:
            config: dict[str, Any] = json.loads((self.path / "config.json").read_text())
        except (ValueError, OSError) as error:
            raise UserError(
                f"{self.path / 'config.json'} cannot be read ({error}): remove the folder, or choose another --out."
            ) from None
        if "identity" in config:
            config["identity"] = {RENAMED.get(name, name): value for name, value in config["identity"].items()}
        return config

    def write_config(self, config: dict[str, Any]) -> None:
        """Write ``config.json``."""
        write_json(self.path / "config.json", config)

    def write_model(self, model: nn.Module, architecture: dict[str, Any]) -> None:
        """Write ``model/``: the weights, and what is needed to build the network again."""
        from safetensors.torch import save_file

        folder = self.path / "model"
        folder.mkdir(exist_ok=True)
        weights = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in model.state_dict().items()}
        with atomic_write(folder / "model.safetensors") as partial:
            save_file(weights, partial)
        write_json(folder / "model.json", architecture)

    def write_embeddings(
        self, rank: int, world_size: int, ids: np.ndarray, paths: list[str], embeddings: np.ndarray
    ) -> None:
        """Write one worker's part of ``embeddings/``: public ids int64 [m], paths, embeddings float32 [m, d]."""
        folder = self.path / "embeddings"
        folder.mkdir(exist_ok=True)
        values = pa.array(np.ascontiguousarray(embeddings, np.float32).reshape(-1))
        table = pa.table(
            {
                "id": pa.array(ids, pa.int64()),
                "path": pa.array(paths, pa.string()),
                "embedding": pa.FixedSizeListArray.from_arrays(values, embeddings.shape[1]),
            }
        )
        write_parquet(folder / f"part-{rank:05d}-of-{world_size:05d}.parquet", table)

    def embedded_ids(self, world_size: int) -> np.ndarray:
        """Return the ids of all embeddings, int64, and drop parts of an earlier, interrupted finish."""
        expected = {f"part-{rank:05d}-of-{world_size:05d}.parquet" for rank in range(world_size)}
        for part in (self.path / "embeddings").iterdir():
            if part.name not in expected:
                part.unlink()
        parts = [pq.read_table(self.path / "embeddings" / name, columns=["id"]) for name in sorted(expected)]
        return pa.concat_tables(parts)["id"].to_numpy()

    def write_assignments(
        self,
        ids: np.ndarray,
        paths: list[str],
        clusters: np.ndarray,
        confidence: np.ndarray,
        labels: np.ndarray | None,
    ) -> None:
        """Write ``assignments.parquet``; an unknown label (-1) is null."""
        columns = {
            "id": pa.array(ids, pa.int64()),
            "path": pa.array(paths, pa.string()),
            "cluster": pa.array(clusters, pa.int32()),
            "confidence": pa.array(confidence, pa.float32()),
        }
        if labels is not None:
            columns["label"] = pa.array(labels, pa.int64(), mask=labels < 0)
        write_parquet(self.path / "assignments.parquet", pa.table(columns))

    def write_merges(self, merges: dict[str, np.ndarray]) -> None:
        """Write ``merges.parquet``: merge i makes node n + i of ``left`` and ``right``."""
        types = {"left": pa.int32(), "right": pa.int32(), "affinity": pa.float64(), "size": pa.int32()}
        table = pa.table({name: pa.array(merges[name], kind) for name, kind in types.items()})
        write_parquet(self.path / "merges.parquet", table)

    def write_rejected(self, rejected: Sequence[tuple[str, str]]) -> None:
        """Write ``rejected.parquet``, also when it is empty."""
        paths, reasons = [path for path, _ in rejected], [reason for _, reason in rejected]
        table = pa.table({"path": pa.array(paths, pa.string()), "reason": pa.array(reasons, pa.string())})
        write_parquet(self.path / "rejected.parquet", table)

    def rows(self) -> list[dict[str, Any]]:
        """Return the lines of ``metrics.jsonl``."""
        return [json.loads(line) for line in self.metrics.read_text().splitlines()]

    def health(self) -> dict[str, Any]:
        """Return the figures of the last epoch and the last clustering, and what they warn of."""
        last: dict[str, dict[str, Any]] = {}
        for row in self.rows():
            last[row.get("kind", "")] = row
        rows = [last[kind] for kind in ("epoch", "period") if kind in last]
        figures = {name: value for row in rows for name, value in row.items() if name not in PLACE}
        return figures | {"warnings": [warning for row in rows for warning in row.get("warnings", [])]}

    def write_report(self, page: str) -> None:
        """Write ``report.html``."""
        with atomic_write(self.path / "report.html") as partial:
            partial.write_text(page)

    def write_summary(self, summary: RunSummary) -> None:
        """Write ``summary.json``, the last file of all: where it lies, the run is complete."""
        write_json(self.path / "summary.json", asdict(summary))

    def summary(self) -> RunSummary:
        """Return the summary of a finished run."""
        return RunSummary(**json.loads((self.path / "summary.json").read_text()))


def _is_left_by_a_kill(name: str) -> bool:
    """Tell whether a file is one that was not finished, or held the lock, when a job was killed."""
    return name.startswith(LOCK) or name.endswith(".partial")


def _lock_file(file: Any, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on Windows; two jobs in one folder are the user's to avoid there
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"Another job is at work in {folder}: wait for it, or choose another --out.") from None
    except OSError:  # a file system without locks
        return


def _flag(key: str) -> str:
    return "the method" if key == "method" else "--" + key.replace("_", "-")


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
