"""Everything conv4rec raises on purpose.

Each message has three parts: what was wrong, where, and what would have been right. The
command line prints the same sentence as its last line and exits with code 2.
"""


class Conv4RecError(Exception):
    """The base of every error that conv4rec raises on purpose."""

    def __str__(self) -> str:
        """The sentence itself: KeyError, a base of some children, would print its repr."""
        return str(self.args[0]) if self.args else ""


class DataError(Conv4RecError, ValueError):
    """A ratings table that cannot be used as it is: names the column and the rows."""


class SettingError(Conv4RecError, ValueError):
    """A setting or an argument outside its range."""


class UnknownUserError(Conv4RecError, KeyError):
    """A user id that was not in the training data."""


class UnknownItemError(Conv4RecError, KeyError):
    """An item id that is not in the catalogue."""


class NotFittedError(Conv4RecError, AttributeError):
    """A question asked of a model before `fit`."""


class SavedModelError(Conv4RecError, ValueError):
    """A saved model folder that is missing, damaged, foreign or from a newer version."""


class DatasetError(Conv4RecError, OSError):
    """A named data set that is unknown, or could not be found or fetched."""


class BenchError(Conv4RecError):
    """A bench that cannot go on, or records that cannot be read."""


class MissingExtraError(Conv4RecError, ImportError):
    """An optional dependency that is not installed: says which extra brings it."""


class TrainingInterrupted(Conv4RecError):
    """Training stopped on request before its end; what was done so far is saved."""
