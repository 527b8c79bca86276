from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "jobs" / "assign.py"


def test_a_bad_call_ends_with_one_sentence(job, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    arguments = ["--model", str(tmp_path), "--data", "digits", "--out", str(tmp_path / "out.parquet")]
    assert job.main(arguments) == 2
    error = capsys.readouterr().err
    assert error == f"error: {tmp_path} holds no finished run: name the folder of one, or finish it first.\n"
