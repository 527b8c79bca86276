import json

from raycluster.runtime.identity import differing

NOW = {"seed": 0, "exclude": ("a", "b"), "image_size": None}


def test_what_was_stored_is_the_same_as_what_is_asked_for_again():
    assert differing(json.loads(json.dumps(NOW)), NOW) == []
    assert differing({"seed": 0, "exclude": ["a", "b"]}, NOW) == []


def test_settings_that_are_new_changed_or_left_out_differ():
    assert differing({"seed": 0, "frames": "all"}, {"seed": 1, "fit": "crop"}) == ["seed", "fit", "frames"]
