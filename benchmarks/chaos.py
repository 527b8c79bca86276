"""Random kills: does every command end with the result of an undisturbed one, whatever is killed, and whenever?

    python benchmarks/chaos.py --kills 50 --seed 0
    python benchmarks/chaos.py --kills 5 --commands train-jule

In turn, each command is started, and at a random moment one of its processes is killed, chosen at random among its
kinds: the command itself, Ray's raylet or control service, a worker, the driver. If the command ends without a result,
it is run again, and harmed again. After a few kills it is left alone, and its files are compared with those of an
undisturbed run, bit for bit except for times. A command that was not killed itself must not end without a sentence, or
with a traceback. Nothing may be left over: all runs on a machine of its own (see machines.py), whose processes, shared
memory, sockets, open files, and files of Ray are counted before and after.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray  # noqa: F401
import tyro
from machines import go_apart
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from raycluster.runtime.private_ray import LOCK, PREFIX

import psutil  # isort: skip  # Ray brings it, so Ray is imported first

N = 300
KILLS_IN_A_ROW = 4
LIMIT_S = 300.0  # for one run of a command
LAST_WORDS_S = 2.0  # if Ray has ended a command, another process says why
GONE_S = 120.0  # after the end of a command, for its processes
SHARED_MEMORY = Path("/dev/shm")
SHORT = {
    "jule": "--epochs-per-period 20 --rounds 1 --epochs-per-round 10",
    "dccm": "--epochs 3 --large-batch 64 --small-batch 16 --repeats 1 --mi-places 4",
    "concurl": "--preset cpu --epochs 3 --evaluate-every 2",
}
# {data} are images, {run} is the folder of a finished training, {vectors} a table.
COMMANDS = {
    "train-jule": f"train jule --data {{data}} --clusters 10 {SHORT['jule']}",
    "train-jule-2": f"train jule --data {{data}} --clusters 10 --workers 2 {SHORT['jule']}",
    "train-dccm-2": f"train dccm --data {{data}} --clusters 10 --workers 2 {SHORT['dccm']}",
    "train-concurl": f"train concurl --data {{data}} --clusters 10 {SHORT['concurl']}",
    "embed": "embed --model {run} --data {data} --workers 2",
    "cluster": "cluster --embeddings {vectors} --clusters 10",
    "assign": "assign --model {run} --data {data}",
    "sweep": "sweep --data {data} --clusters 10 --trials 3 --fixed epochs_per_period=5 rounds=0",
}
# Times, and what is said of the last call only.
PASSING = (
    *("seconds", "stages", "work", "images_per_second", "updates_per_second", "graph_seconds", "merge_seconds"),
    *("spilled_bytes", "embedded_now", "blank_now", "blank_paths", "folder"),
)


@dataclass
class Score:
    """What the kills did."""

    killed: Counter[str] = field(default_factory=Counter)
    survived: int = 0
    compared: int = 0
    problems: list[str] = field(default_factory=list)


class Chaos:
    """Runs commands in a folder, and harms them.

    Parameters
    ----------
    folder : Path
    seed : int
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random, self.score = folder, random.Random(seed), Score()
        self.seed = seed
        data, vectors = folder / "digits.npz", folder / "vectors.npy"
        if not vectors.exists():
            digits = load_digits()
            np.savez(data, images=(digits.images[:N] * 15).astype(np.uint8), labels=digits.target[:N])
            np.save(vectors, np.random.default_rng(0).normal(size=(4_000, 16)).astype(np.float32))
        self.names = {"data": data, "vectors": vectors, "run": folder / "train-jule-calm"}
        self._n = 0

    def start(self, name: str, out: Path) -> tuple[psutil.Popen, Path]:
        """Start a command, and return its process and its log."""
        self._n += 1
        log = self.folder / f"{self.seed}-{self._n:03d}-{out.name}.log"
        words = COMMANDS[name].format(**self.names).split()
        target = out / "assigned.parquet" if name == "assign" else out
        out.mkdir(exist_ok=True)
        with open(log, "wb") as file:
            command = [sys.executable, "-m", "raycluster", *words, "--out", str(target)]
            return psutil.Popen(command, stdout=file, stderr=file), log

    def calm(self, name: str, which: str = "calm") -> tuple[Path, float]:
        """Return the results of an undisturbed run, and the seconds that it took."""
        out, took = self.folder / f"{name}-{which}", self.folder / f"{name}-{which}.seconds"
        if not took.exists():
            began = time.monotonic()
            process, log = self.start(name, out)
            if process.wait(LIMIT_S):
                raise RuntimeError(f"{name} fails undisturbed: {log.read_text()}")
            took.write_text(str(time.monotonic() - began))
        return out, float(took.read_text())

    def kill_one(self, process: psutil.Popen) -> str | None:
        """Kill one process of a command, and return which, or None if it has ended."""
        kinds: dict[str, list[psutil.Process]] = {"command": [process]}
        try:
            for child in process.children(recursive=True):
                kinds.setdefault(child.name().split("(")[0].split(".")[0].strip(), []).append(child)
            kind = self.random.choice(sorted(kinds))
            self.random.choice(kinds[kind]).kill()
        except psutil.NoSuchProcess:
            return None
        return kind

    def harm(self, name: str, out: Path, seconds: float) -> bool:
        """Run a command, kill one of its processes on the way, and return whether it has come to its result."""
        process, log = self.start(name, out)
        delay, began = self.random.uniform(0.0, seconds), time.monotonic()
        while process.poll() is None and time.monotonic() - began < delay:
            time.sleep(0.02)
        kind = self.kill_one(process) if process.poll() is None else None
        killed_at = time.monotonic()
        try:
            code = process.wait(LIMIT_S)
        except psutil.TimeoutExpired:
            process.kill()
            self.problem(log, f"hangs after the death of {kind} after {delay:.0f} s")
            return False
        if kind:
            self.score.killed[kind] += 1
            self.score.survived += code == 0
            took = time.monotonic() - killed_at
            print(f"{log.name}: {kind} killed after {delay:.1f} s, exit code {code} {took:.0f} s later", flush=True)
        if code not in (0, -9):
            time.sleep(LAST_WORDS_S)
        said = log.read_text()
        if "Traceback" in said:
            self.problem(log, f"a traceback after the death of {kind}")
        if code not in (0, -9) and "error: " not in said:
            self.problem(log, f"exit code {code} without a sentence after the death of {kind}")
        return code == 0

    def problem(self, log: Path, what: str) -> None:
        """Note and print what must not be."""
        self.score.problems.append(f"{log.name}: {what}")
        print(f"PROBLEM {log}: {what}", flush=True)

    def check_leftovers(self, log: Path) -> None:
        """Note processes that a command has left over."""
        began = time.monotonic()
        while left := others():
            if time.monotonic() - began > GONE_S:
                self.problem(log, f"left over: {', '.join(map(described, left))}")
                for one in left:
                    one.kill()
                return
            time.sleep(0.2)

    def turn(self, name: str, calm: Path, seconds: float, kills: int) -> None:
        """Kill a command some times, let it end, and compare."""
        out = self.folder / f"{name}-harmed-{self.seed}-{self._n}"
        is_done = False
        for _ in range(kills):
            is_done = self.harm(name, out, seconds)
            if is_done:
                break
        if not is_done:
            process, log = self.start(name, out)
            if process.wait(LIMIT_S):
                self.problem(log, "does not continue")
                return
        self.check_leftovers(out)
        self.score.compared += 1
        for difference in differences(out, calm):
            self.problem(out, f"another result: {difference}")


def others() -> list[psutil.Process]:
    """Return all processes of this machine but this one and its parents."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [one for one in living() if one.pid not in mine]


def described(one: psutil.Process) -> str:
    """Return the name of a process, its age, and its parent."""
    parent = one.parent()
    return f"{one.name()}, {time.time() - one.create_time():.0f} s old, of {parent.name() if parent else 'nobody'}"


def living() -> list[psutil.Process]:
    """Return all processes of this machine that are not zombies."""
    return [one for one in psutil.process_iter(["status"]) if one.info["status"] != psutil.STATUS_ZOMBIE]


def furnish(temporary: Path) -> None:
    """Give this machine a folder of temporary files, shared memory, and a loopback interface of its own."""
    temporary.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(temporary)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", SHARED_MEMORY], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def counts(temporary: Path) -> dict[str, int]:
    """Return how much there is of everything that could leak."""
    running = living()
    return {
        "processes": len(running),
        "sockets": sum(one.status != psutil.CONN_TIME_WAIT for one in psutil.net_connections("all")),
        "open files": sum(one.num_fds() for one in running),
        "files in shared memory": sum(path.is_file() for path in SHARED_MEMORY.rglob("*")),
        "temporary files": sum(path.is_file() for path in temporary.rglob("*") if PREFIX not in str(path)),
        "folders of Ray": len(list(temporary.glob(f"{PREFIX}*"))),
        "MB of temporary files": sum(path.stat().st_size for path in temporary.rglob("*") if path.is_file()) // 10**6,
    }


def age(temporary: Path) -> None:
    """Let two days go by for the folders of Ray that killed commands have left."""
    for lock in temporary.glob(f"{PREFIX}*/{LOCK}"):
        os.utime(lock, (0, 0))


def differences(out: Path, calm: Path) -> list[str]:
    """Return the names of files that are not the same in two folders, but for times."""
    names = {path.relative_to(calm) for path in calm.rglob("*") if path.suffix in (".parquet", ".safetensors", ".json")}
    names = {name for name in names if not {"checkpoints", "tensorboard", "graphs"} & set(name.parts)}
    return [str(name) for name in sorted(names) if not (out / name).exists() or not same(out / name, calm / name)]


def same(path: Path, other: Path) -> bool:
    """Return whether two files hold the same, but for times."""
    if path.suffix == ".parquet":
        ours, theirs = (_lasting_columns(pq.read_table(one)) for one in (path, other))
        return bool(ours.equals(theirs))
    if path.suffix == ".safetensors":
        tensors, others = load_file(path), load_file(other)
        return tensors.keys() == others.keys() and all(np.array_equal(tensors[name], others[name]) for name in tensors)
    ours, theirs = (json.loads(one.read_text()) for one in (path, other))
    return _lasting(ours) == _lasting(theirs)


def _lasting_columns(table: pa.Table) -> pa.Table:
    return table.drop_columns([name for name in table.column_names if name in PASSING])


def _lasting(value: object) -> object:
    if isinstance(value, dict):
        return {name: _lasting(inner) for name, inner in value.items() if name not in PASSING}
    if isinstance(value, list):
        return [_lasting(inner) for inner in value]
    return value


def main(
    kills: int = 50,
    seed: int = 0,
    minutes: float = 120.0,
    commands: tuple[str, ...] = tuple(COMMANDS),
    keep: Path | None = None,
) -> int:
    """Kill processes of commands at random.

    Parameters
    ----------
    kills
        How many.
    seed
        Of what is killed, and when.
    minutes
        Begin nothing new after this time.
    commands
        Which, in turn.
    keep
        Keep all results and logs in this folder, and use the undisturbed ones that are there.
    """
    go_apart()
    began, folder = time.monotonic(), keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "tmp"
    furnish(temporary)
    chaos = Chaos(folder, seed)
    needed = ["train-jule", *(name for name in commands if name != "train-jule")]
    calm = {name: chaos.calm(name) for name in needed}
    print({name: round(seconds, 1) for name, (_, seconds) in calm.items()}, flush=True)
    score, turn, before = chaos.score, 0, counts(temporary)
    while score.killed.total() < kills and time.monotonic() - began < 60 * minutes:
        name = commands[turn % len(commands)]
        left = kills - score.killed.total()
        chaos.turn(name, *calm[name], min(left, chaos.random.randint(1, KILLS_IN_A_ROW)))
        turn += 1
    after = counts(temporary)
    age(temporary)
    chaos.check_leftovers(chaos.calm(commands[0], f"again-{seed}")[0])
    print(
        "\n".join(
            f"{name}: {before[name]} before, {after[name]} after, {left} then"
            for name, left in counts(temporary).items()
        )
    )
    print(f"{score.killed.total()} kills, seed {seed}, {', '.join(commands)}: {dict(score.killed.most_common())}")
    print(
        f"{score.survived} survived by the command; {score.compared} results compared; {len(score.problems)} problems"
    )
    print("\n".join(score.problems))
    if not keep:
        shutil.rmtree(folder)
    return bool(score.problems)


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
