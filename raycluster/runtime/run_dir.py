"""The run folder: the files that a run leaves behind, each of them complete or absent."""

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
import pyarrow.compute as pc
import pyarrow.parquet as pq

from raycluster.errors import UserError
from raycluster.graph.settings import ADDED, RENAMED
from raycluster.runtime.files import atomic_write, damaged, read_json, read_parquet, write_json, write_parquet
from raycluster.runtime.identity import differing
from raycluster.runtime.summary import RunSummary

if TYPE_CHECKING:
    from torch import nn

LOCK = ".lock"
STAGED, REJECTED = "prepared-images", "rejected.parquet"
# What to do about a damaged file.
NEW_FOLDER = "remove the folder, or choose another --out"
WRITE_AGAIN = "remove it and summary.json, then run the command that wrote them again"
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
        self.staged = self.path / STAGED
        self.kept = self.checkpoints / "kept"

    def state(self, identity: dict[str, Any]) -> Literal["new", "begun", "finished"]:
        """Return how far the run with this ``identity`` (all settings that affect the result) has come in this folder.

        Raises
        ------
        UserError
            If the folder holds something else: another run, or files that are not a run.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path} is a file: choose a folder for --out.")
        if self.path.exists() and not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise UserError(f"{self.path} is not readable and writable for this user: choose another --out.")
        if not (self.path / "config.json").exists():
            if self.path.exists() and not all(_is_left_by_a_kill(entry.name) for entry in self.path.iterdir()):
                raise UserError(f"{self.path} holds files but no run of raycluster: choose an empty or new --out.")
            return "new"
        before = {name: value for name, value in ADDED.items() if name in identity} | self.config()["identity"]
        differences = [
            f"{_flag(key)} was {_shown(before.get(key))} and is now {_shown(identity.get(key))}"
            for key in differing(before, identity)
        ]
        if differences:
            raise UserError(
                f"{self.path} holds another run: {'; '.join(differences)}. Choose another --out, or continue that run "
                "with its own settings."
            )
        return "finished" if (self.path / "summary.json").exists() else "begun"

    def check_writable(self) -> None:
        """Raise :class:`UserError` unless the folder can be created and written to. Nothing is left behind."""
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
        """Keep other jobs out of the folder until this one has ended."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / LOCK, "w") as file:
            _lock_file(file, self.path)
            yield
        (self.path / LOCK).unlink(missing_ok=True)

    def config(self) -> dict[str, Any]:
        """Return the content of ``config.json``.

        Raises
        ------
        UserError
            If it cannot be read, or does not describe a run.
        """
        path = self.path / "config.json"
        config = read_json(path, NEW_FOLDER)
        identity = config.get("identity")
        if not isinstance(identity, dict) or "method" not in identity:
            raise damaged(path, "it does not describe a run", NEW_FOLDER)
        return config | {"identity": {RENAMED.get(name, name): value for name, value in identity.items()}}

    def write_config(self, config: dict[str, Any]) -> None:
        """Write ``config.json``."""
        write_json(self.path / "config.json", config)

    def write_model(self, model: nn.Module, architecture: dict[str, Any]) -> None:
        """Write ``model/``: the weights, and the architecture to rebuild the network from."""
        from raycluster.runtime.tensor_file import save_tensors

        folder = self.path / "model"
        folder.mkdir(exist_ok=True)
        with atomic_write(folder / "model.safetensors") as partial:
            save_tensors(partial, model.state_dict())
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

    def read_embeddings(self, world_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return ids, int64 [m], and embeddings, float32 [m, d], by id; remove parts that an interrupted run left."""
        expected = {f"part-{rank:05d}-of-{world_size:05d}.parquet" for rank in range(world_size)}
        for part in (self.path / "embeddings").iterdir():
            if part.name not in expected:
                part.unlink()
        columns = ["id", "embedding"]
        parts = [pq.read_table(self.path / "embeddings" / name, columns=columns) for name in sorted(expected)]
        table = pa.concat_tables(parts).combine_chunks()
        ids, size = table["id"].to_numpy(), table.schema.field("embedding").type.list_size
        values = pc.list_flatten(table["embedding"]).to_numpy()
        order = np.argsort(ids)
        return ids[order], values.reshape(len(ids), size)[order]

    def write_assignments(
        self,
        ids: np.ndarray,
        paths: list[str],
        clusters: np.ndarray,
        confidence: np.ndarray,
        labels: np.ndarray | None,
    ) -> None:
        """Write ``assignments.parquet``, in which an unknown label (-1) is null, and ids are integers or text."""
        columns = {
            "id": pa.array(ids),
            "path": pa.array(paths, pa.string()),
            "cluster": pa.array(clusters, pa.int32()),
            "confidence": pa.array(confidence, pa.float32()),
        }
        if labels is not None:
            columns["label"] = pa.array(labels, pa.int64(), mask=labels < 0)
        write_parquet(self.path / "assignments.parquet", pa.table(columns))

    def write_merges(self, merges: dict[str, np.ndarray]) -> None:
        """Write ``merges.parquet``: merge i joins nodes ``left`` and ``right`` into node n + i."""
        types = {"left": pa.int32(), "right": pa.int32(), "affinity": pa.float64(), "size": pa.int32()}
        table = pa.table({name: pa.array(merges[name], kind) for name, kind in types.items()})
        write_parquet(self.path / "merges.parquet", table)

    def write_rejected(self, rejected: Sequence[tuple[str, str]]) -> None:
        """Write ``rejected.parquet``, even if it is empty."""
        paths, reasons = [path for path, _ in rejected], [reason for _, reason in rejected]
        table = pa.table({"path": pa.array(paths, pa.string()), "reason": pa.array(reasons, pa.string())})
        write_parquet(self.path / REJECTED, table)

    def rows(self) -> list[dict[str, Any]]:
        """Return the lines of ``metrics.jsonl``, which only training writes."""
        if not self.metrics.exists():
            return []
        try:
            return [json.loads(line) for line in self.metrics.read_text().splitlines()]
        except ValueError as error:
            raise damaged(self.metrics, error, "remove it, then run the same command again") from None

    def read_table(self, name: str, columns: Sequence[str]) -> pa.Table:
        """Return a table of results, ``name.parquet``, which has at least these columns.

        Raises
        ------
        UserError
            If it cannot be read, or is damaged.
        """
        return read_parquet(self.path / f"{name}.parquet", columns, WRITE_AGAIN)

    def health(self) -> dict[str, Any]:
        """Return the figures of the last epoch and the last clustering, and their warnings."""
        last: dict[str, dict[str, Any]] = {}
        for row in self.rows():
            last[row.get("kind", "")] = row
        rows = [last[kind] for kind in ("epoch", "period") if kind in last]
        figures = {name: value for row in rows for name, value in row.items() if name not in PLACE}
        return figures | {"warnings": [warning for row in rows for warning in row.get("warnings", [])]}

    def write_summary(self, summary: RunSummary) -> None:
        """Write ``summary.json``, the last file: a folder that has it holds a complete run."""
        write_json(self.path / "summary.json", asdict(summary))

    def summary(self) -> RunSummary:
        """Return the summary of a finished run.

        Raises
        ------
        UserError
            If it cannot be read, or is damaged.
        """
        path, remedy = self.path / "summary.json", "remove it, then run the command that wrote it again"
        content = read_json(path, remedy)
        try:
            return RunSummary(**content)
        except TypeError as error:
            raise damaged(path, error, remedy) from None


def _is_left_by_a_kill(name: str) -> bool:
    """Return whether a killed job leaves this before ``config.json``: its lock, or what it was writing."""
    return name.startswith(LOCK) or name.endswith(".partial") or name in (STAGED, REJECTED)


def _lock_file(file: Any, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows has no such locks
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"Another job is working in {folder}: wait for it, or choose another --out.") from None
    except OSError:  # the file system has no locks
        return


def _flag(key: str) -> str:
    return "the method" if key == "method" else "--" + key.replace("_", "-")


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
