import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "jobs" / "assign.py"


def test_a_bad_call_ends_with_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    spec = importlib.util.spec_from_file_location("assign_job", SCRIPT)
    job = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(job)
    arguments = ["--model", str(tmp_path), "--data", "digits", "--out", str(tmp_path / "out.parquet")]
    assert job.main(arguments) == 2
    assert capsys.readouterr().err == f"error: {tmp_path} holds no finished run: name the folder of one, or finish it first.\n"
    assert job.main([*arguments, "--refuse-above", "-1"]) == 2
    assert "--refuse-above -1.0: choose a number above 0, or inf" in capsys.readouterr().err
