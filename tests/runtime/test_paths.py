from pathlib import Path

from raycluster.runtime.paths import absolute_out, under_job_submit


def test_a_relative_path_is_taken_from_the_working_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert not under_job_submit()
    assert absolute_out("runs/../a") == tmp_path / "a"
    assert absolute_out("~/a") == Path.home() / "a"
    assert absolute_out("/x/a") == Path("/x/a")


def test_in_a_submitted_job_it_is_taken_from_a_folder_that_lasts(monkeypatch):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert under_job_submit()
    assert absolute_out("a") == Path.home() / "raycluster-runs" / "a"
    assert absolute_out("/x/a") == Path("/x/a")
