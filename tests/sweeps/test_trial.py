from raycluster.methods import find_method
from raycluster.methods.jule.settings import JuleSettings
from raycluster.sweeps.trial import variant
from raycluster.training.trainer import TrainingRun


def test_a_trial_varies_settings_and_the_number_of_clusters():
    run = TrainingRun(find_method("jule"), JuleSettings(unroll_rate=0.5), "digits", 10, "")
    other = variant(run, {"number": 3, "clusters": 7, "learning_rate": 0.02})
    assert (other.clusters, other.settings.learning_rate, other.settings.unroll_rate) == (7, 0.02, 0.5)
    assert variant(run, {"number": 4}) == run
