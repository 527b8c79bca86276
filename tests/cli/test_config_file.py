import json

import pytest

from raycluster.cli.config_file import as_flags, read_config, renamed, take
from raycluster.errors import UserError
from raycluster.methods.jule.settings import JuleSettings
from raycluster.options import TrainOptions

KINDS = (TrainOptions, JuleSettings)


def test_a_flag_is_taken_out_of_the_words():
    assert take("--config", ["--seed", "1", "--config", "best.json", "--rounds", "0"]) == (
        "best.json",
        ["--seed", "1", "--rounds", "0"],
    )
    assert take("--config", ["--seed", "1"]) == (None, ["--seed", "1"])


def test_json_and_yaml_say_the_same(tmp_path):
    settings = {"method": "jule", "unroll_rate": 0.5, "n_neighbors": None}
    (tmp_path / "best.json").write_text(json.dumps(settings))
    (tmp_path / "best.yaml").write_text("method: jule\nunroll_rate: 0.5\nn_neighbors: null\n")
    for name in ("best.json", "best.yaml"):
        assert read_config(str(tmp_path / name), "jule") == settings


def test_values_become_flags_of_the_command_line():
    config = {"method": "jule", "preset": "paper", "rounds": 0, "join_small_components": False, "grouped_batches": True}
    flags = ["--preset", "paper", "--rounds", "0", "--no-join-small-components", "--grouped-batches"]
    assert as_flags(config, KINDS) == flags
    assert as_flags({"n_neighbors": None, "image_size": [4, 5]}, KINDS) == [
        "--n-neighbors",
        "None",
        "--image-size",
        "4",
        "5",
    ]


def test_a_former_name_of_a_setting_is_read_as_the_present_one():
    assert renamed(["cluster", "--no-join-pieces", "--join-pieces", "join-pieces"]) == [
        "cluster",
        "--no-join-small-components",
        "--join-small-components",
        "join-pieces",
    ]
    assert as_flags({"join_pieces": False, "join-pieces": True}, KINDS) == [
        "--no-join-small-components",
        "--join-small-components",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "cannot be read as JSON or YAML"),
        ("just words", "holds no options by name"),
        ("method: dccm", "holds settings of dccm, not of jule"),
    ],
)
def test_files_that_are_no_options_of_the_method_are_errors(text, sentence, tmp_path):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_config(str(tmp_path / "bad.yaml"), "jule")


def test_a_missing_file_and_an_unknown_name_end_with_a_sentence(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_config(str(tmp_path / "none.json"))
    with pytest.raises(
        UserError,
        match="has 'unrol_rate', which is not an option: choose among affinity, array, backbone, batch_size, ",
    ):
        as_flags({"unrol_rate": 0.5}, KINDS)
