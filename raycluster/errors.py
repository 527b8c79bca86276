"""Exceptions whose messages are meant for the user."""

import errno

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
LARGEST = 1e9  # a larger number is a mistake in every setting, and overflows float32 in some


class UserError(ValueError):
    """A sentence that says what is wrong and how to fix it; commands print it alone, without a traceback.

    It is a ValueError because scikit-learn expects its estimators to raise those.
    """


def check_setting(name: str, value: object, is_good: bool, wanted: str, may_be_infinite: bool = False) -> None:
    """Raise a :class:`UserError` that names the setting, unless its value is good.

    A float must be finite, and of a size that makes sense, unless it ``may_be_infinite``.
    """
    if is_good and isinstance(value, float) and not may_be_infinite and not abs(value) <= LARGEST:
        is_good, wanted = False, f"{wanted}, and no larger than {LARGEST:,.0f}"
    if not is_good:
        raise UserError(f"--{name.replace('_', '-')} {value}: choose {wanted}.")


def has_no_room(error: BaseException) -> bool:
    """Return whether an error says that nothing more can be written."""
    return isinstance(error, OSError) and error.errno in NO_ROOM


class TrainingFailed(Exception):
    """Training broke down for a reason other than the user's input; the message says what it was and where to look."""
