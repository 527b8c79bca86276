"""The exceptions that are meant for the person at the keyboard."""


class UserError(ValueError):
    """A sentence that says what is wrong and how to mend it; jobs print it alone, without a traceback.

    A ValueError, as scikit-learn wants it of its estimators.
    """


class TrainingFailed(Exception):
    """The training broke down for a reason that is not the user's input; a sentence says which, and where to look."""
