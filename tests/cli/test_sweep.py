import pytest


def test_help_teaches_the_command_and_what_is_varied_by_default(call):
    code, shown, _ = call("sweep dccm --help")
    assert code == 0
    for text in ("--space", "--scheduler", "  alpha=log:0.5:10\n", "raycluster sweep dccm --data photos/"):
        assert text in shown


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("jule --trials 0", "--trials 0: choose at least 1"),
        ("jule --space unroll_rate=0.9:0.1", "the range is empty"),
        ("dccm --space unroll_rate=0.1:0.9", "There is no setting 'unroll_rate'"),
        ("--clusters 1", "choose at least 2"),
    ],
)
def test_bad_calls_end_with_a_sentence_and_an_exit_code(flags, sentence, call, tmp_path):
    code, _, error = call(["sweep", *flags.split(), "--data", "digits", "--out", tmp_path / "out"])
    assert code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert sentence in error
