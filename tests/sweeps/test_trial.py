import pytest

from raycluster.errors import UserError
from raycluster.methods import find_method
from raycluster.methods.jule.settings import JuleSettings
from raycluster.sweeps.trial import TrialJob, run_trial
from raycluster.training.trainer import TrainingRun


def test_a_trial_on_a_machine_without_the_folder_of_the_sweep_trains_nothing(tmp_path):
    run = TrainingRun(find_method("jule"), JuleSettings(), "digits", 10, "")
    job = TrialJob(str(tmp_path / "sweep"), run, "nmi", "none", 1, 1)
    with pytest.raises(UserError, match=r"does not exist on machine .* storage that all machines of the cluster share"):
        run_trial({"number": 0}, job, None)
    assert not (tmp_path / "sweep").exists()
