def test_a_bad_call_ends_with_one_sentence(call, tmp_path):
    code, _, error = call(["embed", "--model", "resnet18", "--data", "digits", "--out", tmp_path / "out"])
    assert code == 2
    assert error.startswith(
        "error: --model resnet18: there is no such folder of a run. --backbone names other networks."
    )
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
