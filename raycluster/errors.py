"""Exceptions whose messages are meant for the user."""


class UserError(ValueError):
    """A sentence that says what is wrong and how to fix it; commands print it alone, without a traceback.

    It is a ValueError because scikit-learn expects its estimators to raise those.
    """


def check_setting(name: str, value: object, is_good: bool, wanted: str) -> None:
    """Raise a :class:`UserError` that names the setting, unless its value is good."""
    if not is_good:
        raise UserError(f"--{name.replace('_', '-')} {value}: choose {wanted}.")


class TrainingFailed(Exception):
    """Training broke down for a reason other than the user's input; the message says what it was and where to look."""
