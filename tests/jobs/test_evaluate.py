from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "jobs" / "evaluate.py"


def test_a_bad_call_ends_with_one_sentence(job, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert job.main(["--run", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error == f"error: {tmp_path} holds no finished run: name the folder of one, or finish it first.\n"
