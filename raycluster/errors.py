"""The exceptions that are meant for the person at the keyboard."""


class UserError(ValueError):
    """A sentence that says what is wrong and how to mend it; jobs print it alone, without a traceback.

    A ValueError, as scikit-learn wants it of its estimators.
    """


def check_setting(name: str, value: object, is_good: bool, wanted: str) -> None:
    """Raise a :class:`UserError` that names the setting, unless its value is good."""
    if not is_good:
        raise UserError(f"--{name.replace('_', '-')} {value}: choose {wanted}.")


class TrainingFailed(Exception):
    """The training broke down for a reason that is not the user's input; a sentence says which, and where to look."""
