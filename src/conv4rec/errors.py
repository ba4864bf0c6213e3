"""All errors that conv4rec raises on purpose.

A message says what is wrong, where, and what would be right. The command line prints it as the
last line and exits with code 2.
"""


class Conv4RecError(Exception):
    """The base class of all errors that conv4rec raises on purpose."""

    def __str__(self) -> str:
        """The message. KeyError, a base of some subclasses, would print its repr."""
        return str(self.args[0]) if self.args else ""


class DataError(Conv4RecError, ValueError):
    """A table that cannot be used as it is; the message names the column and the rows."""


class SettingError(Conv4RecError, ValueError):
    """A setting or an argument outside its range."""


class UnknownUserError(Conv4RecError, KeyError):
    """A user id that was not in the training data."""


class UnknownItemError(Conv4RecError, KeyError):
    """An item id that is not in the catalogue."""


class NotFittedError(Conv4RecError, AttributeError):
    """A model was used before `fit`."""


class NoRatingsError(SettingError, AttributeError):
    """A model that was fitted to types alone was asked about ratings."""


class SavedModelError(Conv4RecError, ValueError):
    """A saved model that is missing, damaged, or of another version or program."""


class DatasetError(Conv4RecError, OSError):
    """A named data set that is unknown, or could not be found or fetched."""


class BenchError(Conv4RecError):
    """A benchmark that cannot run, or records that cannot be read."""


class MissingExtraError(Conv4RecError, ImportError):
    """An optional dependency is not installed; the message names the extra."""


class ProcessesError(Conv4RecError, RuntimeError):
    """A fit by several processes that cannot be: one ended, or was given something else."""


class TrainingInterrupted(Conv4RecError):
    """Training was interrupted on request; its state is saved."""
