from pathlib import Path

import pytest

from raycluster.methods.jule.settings import PRESETS

SCRIPT = Path(__file__).parents[2] / "jobs" / "train.py"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("concurl --clusters 1798", "only 1797 images were readable"),
        ("concurl --clusters auto", "give --clusters K"),
        ("concurl --image-size 40", "squares of 32, 64, 96 or 160 pixels"),
        ("dccm --clusters 1798", "only 1797 images were readable"),
        ("dccm --clusters auto", "give --clusters K"),
        ("jule --data /no/such/folder --clusters 3", "no file or folder /no/such/folder"),
        ("--data EMPTY --clusters 3", "holds no files"),
        ("--data EMPTY", "Give their number, --clusters K"),
        ("--clusters 1", "choose at least 2"),
        ("--clusters 1798", "only 1797 images were readable"),
        ("--workers 64", "choose at most 4"),
        ("--gpus-per-worker 1", "there is no GPU here"),
        ("--out OTHER", "holds files but no run"),
        ("--config /no/such/file", "cannot be read as JSON or YAML: No such file"),
    ],
)
def test_bad_calls_end_with_a_sentence_and_an_exit_code(flags, sentence, job, ray_session, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    places = {"EMPTY": str(tmp_path / "empty"), "OTHER": str(tmp_path / "other")}
    arguments = [places.get(word, word) for word in flags.split()]
    if "--out" not in arguments:
        arguments += ["--out", str(tmp_path / "out")]
    assert job.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert sentence in error


def test_flags_come_before_the_preset(job):
    flags = "--preset paper --unroll-rate 0.2 --clusters 20 --image-size 46 56"
    options, settings = job.parse("jule", flags.split())
    assert settings.unroll_rate == 0.2
    assert settings.affinity == PRESETS["paper"].affinity != PRESETS["default"].affinity
    assert (options.clusters, options.image_size, options.data) == (20, (46, 56), "digits")
    assert job.parse("jule", [])[1] == PRESETS["default"]


def test_flags_come_before_the_config_file_and_that_before_the_preset(job):
    config = {"preset": "paper", "unroll_rate": 0.3, "negatives": None, "learning_rate": "1e-05", "clusters": 7}
    options, settings = job.parse("jule", ["--unroll-rate", "0.4"], config)
    assert (settings.unroll_rate, settings.learning_rate, settings.negatives) == (0.4, 1e-5, None)
    assert settings.affinity == PRESETS["paper"].affinity
    assert options.clusters == 7


def test_the_config_file_names_the_method(job, ray_session, tmp_path, capsys):
    (tmp_path / "best.json").write_text('{"method": "concurl", "clusters": "auto"}')
    assert job.main(["--config", str(tmp_path / "best.json"), "--out", str(tmp_path / "out")]) == 2
    assert "concurl cannot choose the number of clusters" in capsys.readouterr().err


def test_dccm_has_flags_with_the_symbols_of_its_paper_and_a_preset_of_its_own(job):
    _, settings = job.parse("dccm", ["--preset", "cpu", "--alpha", "1", "--mi-places", "4"])
    assert (settings.alpha, settings.beta, settings.mi_places) == (1.0, 0.05, 4)
    assert settings.epochs < job.parse("dccm", [])[1].epochs == 200


def test_concurl_has_flags_with_the_symbols_of_its_paper_and_presets_of_the_released_runs(job):
    _, settings = job.parse("concurl", ["--preset", "cifar20", "--gamma", "0.5", "--milestones", "0.5", "0.75"])
    assert (settings.tau, settings.ensemble, settings.gamma, settings.milestones) == (0.35, 16, 0.5, (0.5, 0.75))
    assert job.parse("concurl", ["--preset", "cpu"])[1].epochs < job.parse("concurl", [])[1].epochs == 2000


def test_help_teaches_the_flags_with_the_symbols_of_the_paper(job, capsys):
    with pytest.raises(SystemExit) as exit_:
        job.parse("jule", ["--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    for text in ("--unroll-rate", "η", "--preset", "--clusters", "python jobs/train.py jule --data photos/"):
        assert text in shown


def test_unknown_flags_are_refused(job, capsys):
    with pytest.raises(SystemExit) as exit_:
        job.parse("jule", ["--unrol-rate", "0.5"])
    assert exit_.value.code == 2
