import pytest


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
        ("--unroll-rate 2", "--unroll-rate 2.0: choose a share above 0"),
        ("--workers 64", "choose at most 4"),
        ("--gpus-per-worker 1", "there is no GPU here"),
        ("--out OTHER", "holds files but no run"),
        ("--config /no/such/file", "cannot be read as JSON or YAML: No such file"),
    ],
)
def test_bad_calls_end_with_a_sentence_and_an_exit_code(flags, sentence, call, ray_session, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    places = {"EMPTY": str(tmp_path / "empty"), "OTHER": str(tmp_path / "other")}
    words = ["train", *(places.get(word, word) for word in flags.split())]
    if "--out" not in words:
        words += ["--out", str(tmp_path / "out")]
    code, _, error = call(words)
    assert code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert sentence in error


def test_the_examples_of_a_method_are_those_that_it_can_do(call):
    assert "--clusters auto\n" in call("train jule --help")[1]
    shown = call("train dccm --help")[1]
    assert "--clusters auto\n" not in shown
    assert "raycluster train dccm --data photos/ --clusters 20 --preset cpu\n" in shown
