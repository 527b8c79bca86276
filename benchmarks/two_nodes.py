"""Drills on two machines, made by machines.py: each command, with and without a loss, against one machine.

    python benchmarks/two_nodes.py                       all drills, a table at the end; about 40 minutes on two cores
    python benchmarks/two_nodes.py train-jule node-lost  these only

Each command must end with the result of one machine up to the order of sums, or stop with a sentence, and continue.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from machines import PORT, Machine, go_apart, make_machines
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from raycluster.runtime.run_dir import RunDir

N = 300
MANY = 30_000  # in several shards
LIMIT_S = 300.0  # for one command
ATOL, RTOL = 1e-4, 1e-3
SWEEP = "sweep --data {} --clusters 10 --trials 2 --fixed epochs_per_period=2 rounds=0"
ENDPOINT = "endpoint_override=127.0.0.1:5000&scheme=http&region=us-east-1&allow_bucket_creation=true"
SERVER = f"""
from moto.server import ThreadedMotoServer
from pyarrow import fs
server = ThreadedMotoServer("127.0.0.1", 5000, verbose=False)
server.start()
fs.FileSystem.from_uri("s3://key:secret@bucket/?{ENDPOINT}")[0].create_dir("bucket")
server._thread.join()
"""
QUICK = {
    "jule": "--epochs-per-period 4 --rounds 0",
    "dccm": "--epochs 2 --large-batch 64 --small-batch 16 --repeats 1 --mi-places 4",
    "concurl": "--preset cpu --epochs 2 --evaluate-every 2",
}
SOME_EPOCHS = 5
LONGER = "--epochs-per-period 1500 --rounds 0"  # and to get it back
LONG = "--epochs-per-period 60 --rounds 0"  # long enough to lose a machine on the way


@dataclass
class Command:
    """A command that has been started; where its output goes, and since when it runs."""

    process: subprocess.Popen[bytes]
    log: Path
    began: float = field(default_factory=time.monotonic)

    @property
    def said(self) -> str:
        """Return its last line."""
        lines = self.log.read_text().strip().splitlines() or [""]
        return next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1])

    def end(self) -> int:
        """Wait for its end, and return the exit code."""
        try:
            return self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"no end after {LIMIT_S:g} s: {self.log.read_text()[-2000:]}") from None


class Bench:
    """Two machines with one core each, the data, and what one machine finds."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.machines = folder, make_machines(1, 1)
        self.digits, self.many, self.vectors = (folder / name for name in ("digits.npz", "many.npz", "vectors.npy"))
        digits = load_digits()
        np.savez(self.digits, images=(digits.images[:N] * 15).astype(np.uint8), labels=digits.target[:N])
        np.savez(self.many, images=np.resize((digits.images * 15).astype(np.uint8), (MANY, 8, 8)))
        np.save(self.vectors, np.random.default_rng(0).normal(size=(20_000, 16)).astype(np.float32))
        self._n = 0

    def run(self, words: str, out: str, on: Machine | None = None, more: str = "") -> Command:
        """Start a command on a machine of the cluster, or without a cluster."""
        self._n += 1
        log = self.folder / f"{self._n:03d}-{Path(out.partition('?')[0]).name}.log"
        place = out if "://" in out else str(self.folder / out)
        command = [sys.executable, "-m", "raycluster", *words.split(), "--out", place, *more.split()]
        if on:
            address = f"{self.machines[0].address}:{PORT}"
            return Command(on.start(command, log, RAY_ADDRESS=address, RAY_AUTH_MODE="disabled"), log)
        with open(log, "wb") as file:
            return Command(subprocess.Popen(command, stdout=file, stderr=file), log)

    def alone(self, words: str, out: str) -> Path:
        """Return the results of one machine."""
        path = self.folder / f"{out}-alone"
        if not (path / "summary.json").exists() and not (path / "trials.parquet").exists():
            command = self.run(words, path.name)
            assert command.end() == 0, command.log.read_text()
        return path

    @contextlib.contextmanager
    def hidden_from(self, machine: Machine) -> Iterator[Path]:
        """Provide a folder in place of which a machine sees another."""
        folder = self.folder / "elsewhere"
        folder.mkdir(exist_ok=True)
        machine.do(f"mount -t tmpfs tmpfs {folder}")
        try:
            yield folder
        finally:
            machine.do(f"umount -l {folder}")

    def both(self) -> None:
        """Start Ray anew on both machines."""
        for machine in self.machines:
            machine.lose()
        for machine in self.machines:
            machine.join(self.machines[0])


def assert_same(out: Path, alone: Path) -> None:
    """Assert that a run has the same clusters, and up to the order of sums the same network and embeddings."""
    for name in ("assignments.parquet", "trials.parquet"):
        if (alone / name).exists():
            ours, theirs = (pq.read_table(path / name) for path in (out, alone))
            for column in ("id", "cluster", "trial", "settings", "state"):
                if column in theirs.column_names:
                    assert ours[column] == theirs[column], f"{name}: {column}"
    if (alone / "model" / "model.safetensors").exists():
        weights = load_file(alone / "model" / "model.safetensors")
        for name, value in load_file(out / "model" / "model.safetensors").items():
            np.testing.assert_allclose(value, weights[name], RTOL, ATOL, err_msg=name)
    if (alone / "embeddings").exists():
        ours, theirs = (pq.read_table(path / "embeddings").sort_by("id") for path in (out, alone))
        assert ours["id"] == theirs["id"]
        found, wanted = (np.array(table["embedding"].to_pylist()) for table in (ours, theirs))
        np.testing.assert_allclose(found, wanted, RTOL, ATOL)


def wait_for(command: Command, sign: Callable[[], bool]) -> None:
    """Wait until a command has come so far."""
    while not sign():
        assert command.process.poll() is None, f"ended too soon: {command.log.read_text()}"
        assert time.monotonic() - command.began < LIMIT_S, f"no sign: {command.log.read_text()}"
        time.sleep(0.1)


def epochs(out: Path) -> int:
    """Return how many epochs a run has reported."""
    metrics = out / "metrics.jsonl"
    return metrics.read_text().count('"kind": "epoch"') if metrics.exists() else 0


def wait_for_epochs(command: Command, out: Path, workers: int) -> None:
    """Wait until a training has gone on with this number of workers for some epochs."""

    def has_gone_on() -> bool:
        kinds = [(row["kind"], row.get("workers")) for row in RunDir(out).rows()]
        starts = [place for place, (kind, _) in enumerate(kinds) if kind == "start"] or [0]
        return ("start", workers) in kinds[starts[-1] :] and len(kinds) > starts[-1] + SOME_EPOCHS

    wait_for(command, has_gone_on)


def plain(bench: Bench, words: str, name: str, out: str = "") -> str:
    """Run a command on both machines."""
    alone = bench.alone(words, name)
    command = bench.run(words, out or name, bench.machines[0])
    assert command.end() == 0, command.log.read_text()
    assert_same(bench.folder / (out or name), alone)
    return "same result"


def train(method: str) -> Callable[[Bench], str]:
    """Return the drill of a training with two workers, one on each machine."""
    return lambda bench: plain(
        bench, f"train {method} --data {bench.digits} --clusters 10 --workers 2 {QUICK[method]}", method
    )


def embed(bench: Bench) -> str:
    """Embed with two workers."""
    model = bench.alone(f"train jule --data {bench.digits} --clusters 10 --workers 2 {QUICK['jule']}", "jule")
    return plain(bench, f"embed --model {model} --data {bench.many} --workers 2", "embed")


def cluster(bench: Bench) -> str:
    """Search for neighbors in blocks on both machines, and cluster."""
    return plain(bench, f"cluster --embeddings {bench.vectors} --clusters 10", "cluster")


def sweep(bench: Bench) -> str:
    """Run two trials."""
    return plain(bench, SWEEP.format(bench.digits), "sweep")


def _train_and(bench: Bench, out: str, on: int, harm: Callable[[], None], mend: Callable[[], None]) -> str:
    """Do harm in the middle of a training; if it stops with a sentence, mend, and run the same command again."""
    words = f"train jule --data {bench.digits} --clusters 10 --workers 2 {LONG}"
    alone = bench.alone(words, "long")
    command = bench.run(words, out, bench.machines[on])
    wait_for(command, lambda: epochs(bench.folder / out) >= 5)
    harm()
    harmed = time.monotonic()
    code = command.end()
    took = time.monotonic() - harmed
    said = f"exit code {code} after {took:.0f} s: {command.said}"
    print(said, flush=True)
    if code:
        assert command.said.startswith("error: "), command.log.read_text()
        mend()
        again = bench.run(words, out, bench.machines[0])
        assert again.end() == 0, again.log.read_text()
    assert_same(bench.folder / out, alone)
    return said


def node_back(bench: Bench, out: str = "node-back") -> str:
    """Lose the second machine, and get it back after ten seconds."""

    def harm() -> None:
        bench.machines[1].lose()
        time.sleep(10)
        bench.machines[1].join(bench.machines[0])

    return _train_and(bench, out, 0, harm, bench.both)


def node_lost(bench: Bench) -> str:
    """Lose the second machine, and get it back only when the command has given up."""
    second = bench.machines[1]
    return _train_and(bench, "node-lost", 0, second.lose, lambda: second.join(bench.machines[0]))


def head_lost(bench: Bench) -> str:
    """Lose the head, while the command runs on the other machine."""
    return _train_and(bench, "head-lost", 1, bench.machines[0].lose, bench.both)


def cut(bench: Bench) -> str:
    """Cut the network for 20 seconds."""

    def harm() -> None:
        bench.machines[1].unplug()
        time.sleep(20)
        bench.machines[1].plug()

    return _train_and(bench, "cut", 0, harm, bench.both)


def slow(bench: Bench) -> str:
    """Stop every process of the second machine for 10 seconds, as if it were far too busy."""

    def harm() -> None:
        bench.machines[1].signal(signal.SIGSTOP)
        time.sleep(10)
        bench.machines[1].signal(signal.SIGCONT)

    return _train_and(bench, "slow", 0, harm, bench.both)


def elastic(bench: Bench) -> str:
    """Start on one machine, let the second one join, and lose it again; the training follows."""
    first, second = bench.machines
    for machine in bench.machines:
        machine.lose()
    first.join(first)
    words = f"train jule --data {bench.digits} --clusters 10 --workers 1:2 {LONGER}"
    command = bench.run(words, "elastic", first)
    out = bench.folder / "elastic"
    began = command.began
    log = []
    for change, workers in ((lambda: None, 1), (lambda: second.join(first), 2), (second.lose, 1)):
        change()
        changed = time.monotonic()
        wait_for_epochs(command, out, workers)
        log.append(f"{workers} after {time.monotonic() - changed:.0f} s")
    assert command.end() == 0, command.log.read_text()
    assert len(pq.read_table(out / "assignments.parquet")) == N
    return f"workers: {', '.join(log)}; {epochs(out)} epochs in {time.monotonic() - began:.0f} s"


def embed_lost(bench: Bench) -> str:
    """Lose the second machine for good while it embeds."""
    model = bench.alone(f"train jule --data {bench.digits} --clusters 10 --workers 2 {QUICK['jule']}", "jule")
    words = f"embed --model {model} --data {bench.many} --workers 2"
    alone = bench.alone(words, "embed")
    command = bench.run(words, "embed-lost", bench.machines[0])
    wait_for(command, lambda: "Embeddings go to" in command.log.read_text())
    bench.machines[1].lose()
    assert command.end() == 0, command.log.read_text()
    assert_same(bench.folder / "embed-lost", alone)
    return "same result"


def blind(bench: Bench) -> str:
    """Train where the second machine does not see the data."""
    first, second = bench.machines
    with bench.hidden_from(second) as elsewhere:
        shutil.copy(bench.digits, elsewhere)
        words = f"train jule --data {elsewhere / bench.digits.name} --clusters 10 --workers 2 {QUICK['jule']}"
        command = bench.run(words, "blind", first)
        assert command.end() == 2, command.log.read_text()
    assert f"is not there on machine {second.address}" in command.said, command.said
    return command.said


def apart(bench: Bench) -> str:
    """Train, embed, and sweep where the second machine does not see the results."""
    model = bench.alone(f"train jule --data {bench.digits} --clusters 10 --workers 2 {QUICK['jule']}", "jule")
    commands = {
        "jule": f"train jule --data {bench.digits} --clusters 10 --workers 2 {QUICK['jule']}",
        "embed": f"embed --model {model} --data {bench.many} --workers 2",
        "sweep": SWEEP.format(bench.digits),
    }
    with bench.hidden_from(bench.machines[1]) as elsewhere:
        for name, words in commands.items():
            plain(bench, words, name, f"{elsewhere.name}/{name}")
    return "same results"


def apart_and_lost(bench: Bench) -> str:
    """Lose the second machine, which does not see the results, and get it back after ten seconds."""
    with bench.hidden_from(bench.machines[1]) as elsewhere:
        return node_back(bench, f"{elsewhere.name}/node-back")


def object_storage(bench: Bench) -> str:
    """Train with results behind a URI that only the first machine can reach."""
    first, _ = bench.machines
    words = f"train jule --data {bench.digits} --clusters 10 --workers 2 {QUICK['jule']}"
    alone = bench.alone(words, "jule")
    server = first.start([sys.executable, "-c", SERVER], bench.folder / "server.log")
    command = bench.run(words, f"s3://key:secret@bucket/run?{ENDPOINT}", first)
    assert command.end() == 0, command.log.read_text()
    found = bench.folder / "from-s3"
    found.mkdir()
    fetch = f"from pyarrow import fs; fs.copy_files('s3://key:secret@bucket/run?{ENDPOINT}', '{found}')"
    assert first.start([sys.executable, "-c", fetch], bench.folder / "fetch.log").wait() == 0
    server.kill()
    assert_same(found, alone)
    return "same result"


# Those that leave no cluster behind come last.
DRILLS: dict[str, Callable[[Bench], str]] = {
    "train-jule": train("jule"),
    "train-dccm": train("dccm"),
    "train-concurl": train("concurl"),
    "cluster": cluster,
    "embed": embed,
    "sweep": sweep,
    "blind": blind,
    "apart": apart,
    "object-storage": object_storage,
    "node-back": node_back,
    "apart-and-lost": apart_and_lost,
    "node-lost": node_lost,
    "slow": slow,
    "cut": cut,
    "elastic": elastic,
    "embed-lost": embed_lost,
    "head-lost": head_lost,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drills", nargs="*", help=f"of {', '.join(DRILLS)}")
    parser.add_argument("--keep", type=Path, help="keep all results and logs in this folder")
    arguments = parser.parse_args()
    go_apart()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="two-nodes-"))
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder)
    bench.both()
    failed = []
    for name in arguments.drills or DRILLS:
        began = time.monotonic()
        try:
            said = DRILLS[name](bench)
        except AssertionError as error:
            failed.append(name)
            said = f"FAILED: {error}"
        print(f"| {name} | {time.monotonic() - began:.0f} s | {said} |", flush=True)
        if name in failed or "lost" in name or name in ("slow", "cut", "elastic"):
            bench.both()
    if not arguments.keep:
        shutil.rmtree(folder)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
