import pytest

from raycluster.data.unreadable import message_of


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("image file is truncated (17 bytes not processed)"), "image file is truncated"),
        (ValueError("bad\nheader: \x01\n"), "bad header"),
        (EOFError(), "EOFError"),
    ],
)
def test_the_same_damage_has_the_same_message_in_one_line(error, message):
    assert message_of(error) == message
