import errno
import threading
from types import SimpleNamespace

import pytest
from ray.exceptions import ActorDiedError

from raycluster.errors import TrainingFailed, UserError
from raycluster.runtime.console import Console
from raycluster.runtime.resources import Node, Plan
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import RaySession
from raycluster.training import fit as fit_module
from raycluster.training.fit import StopOnLastingErrors, fit
from raycluster.training.private_trainer import PrivateTrainer
from raycluster.training.start_again import RestartingTrainer

DEATH, COLLATERAL = ActorDiedError(), RuntimeError("Connection closed by peer")
FULL = OSError(errno.ENOSPC, "No space left on device", "checkpoints/000001")


def test_mistakes_and_full_disks_end_the_run_and_deaths_do_not():
    stop = StopOnLastingErrors()
    stop.after_exception(None, {0: DEATH, 1: COLLATERAL, 2: OSError("reset")})
    for mistake in (UserError("no"), ValueError("no"), KeyError("no"), ImportError("no"), FULL):
        with pytest.raises(type(mistake)):
            stop.after_exception(None, {0: COLLATERAL, 1: mistake})


def test_a_cluster_that_loses_a_machine_for_good_ends_the_run_with_a_sentence(tmp_path, monkeypatch, capsys):
    forever = SimpleNamespace(fit=lambda: threading.Event().wait(100))
    monkeypatch.setattr(fit_module, "build_trainer", lambda *arguments: forever)
    monkeypatch.setattr(fit_module, "LOST_AFTER_S", 2.0)
    cluster = RaySession([Node(1), Node(1)], "/ray/logs", lambda: [Node(1)])
    with (
        Console() as console,
        pytest.raises(TrainingFailed, match=r"lost machines.* no room for 2 workers with 1 CPU core each"),
    ):
        fit(None, Plan(2, 1, 0, 0), RunDir(tmp_path), cluster, console)
    assert "the cluster has lost machines: waiting for 2 workers" in capsys.readouterr().out


def test_the_number_of_workers_may_follow_the_machines(tmp_path):
    plans = Plan(2, 1, 0, 0), Plan(1, 8, 0, 0, 4)
    trainers = [fit_module.build_trainer(None, plan, RunDir(tmp_path), is_private=True) for plan in plans]
    assert [trainer.scaling_config.num_workers for trainer in trainers] == [2, (1, 4)]
    assert [type(trainer) for trainer in trainers] == [
        PrivateTrainer,
        RestartingTrainer,
    ]  # the first one's never changes


def test_a_cluster_that_is_shared_has_all_of_ray_train(tmp_path):
    trainer = fit_module.build_trainer(None, Plan(2, 1, 0, 0), RunDir(tmp_path), is_private=False)
    assert type(trainer) is RestartingTrainer
