def test_a_bad_call_ends_with_one_sentence(call, tmp_path):
    code, _, error = call(["evaluate", "--run", tmp_path])
    assert code == 2
    assert error == f"error: {tmp_path} holds no finished run: name the folder of one, or finish it first.\n"
