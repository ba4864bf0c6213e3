"""The models that a worker serves, and how a newer one takes the place of an older one."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conv4rec.data import Ids, load_dataset
from conv4rec.data.titles import read_titles
from conv4rec.errors import Conv4RecError, SavedModelError
from conv4rec.serve.settings import ServeSettings

if TYPE_CHECKING:
    from conv4rec.recommender.answers import Answers
    from conv4rec.serve.precomputed import PrecomputedAnswers

logger = logging.getLogger("conv4rec.serve")

Signature = tuple[Any, ...]
"""Names, sizes and times of the files in a folder: another one is another content."""


@dataclass(frozen=True)
class Served:
    """A model in service. It is never changed: a newer one is another object."""

    name: str
    version: str
    """Twelve digits of the checksum of the whole folder, or of the file of lists."""
    answers: Answers | PrecomputedAnswers
    signature: Signature


class Models:
    """The models in service by name.

    Args:
        settings: which folders, and where their titles are.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self.served: dict[str, Served] = {}
        self._refused: dict[str, Signature] = {}

    def load_all(self) -> None:
        """Load every model.

        Raises:
            SavedModelError: A folder is not a model, or damaged.
            DataError: A file of lists is.
        """
        for name in self.settings.models:
            self.served[name] = self._load(name)

    def newer(self, name: str) -> Served | None:
        """Load the model of a folder that has changed since it was last read, and try it once.

        The old one goes on serving meanwhile. None if nothing changed, or if the new content is
        damaged or not complete: that is said in the log, once for each content of the folder.
        """
        signature = signature_of(self.settings.models[name])
        if signature in (self.served[name].signature, self._refused.get(name)):
            return None
        try:
            found = self._load(name)
        except (Conv4RecError, MemoryError) as error:
            self._refused[name] = signature
            logger.error("model not reloaded, the old one serves on", extra={
                "facts": {"model": name, "why": str(error) or "there is not enough memory"},
            })  # fmt: skip
            return None
        if found.version == self.served[name].version:
            self._refused[name] = signature  # the same model, copied or touched
            return None
        return found

    def _load(self, name: str) -> Served:
        folder = self.settings.models[name]
        signature = signature_of(folder)
        if self.settings.is_precomputed:
            from conv4rec.serve.precomputed import PrecomputedAnswers

            return Served(name, _digest(folder), PrecomputedAnswers.read(folder), signature)
        from conv4rec.recommender import Conv4Rec
        from conv4rec.recommender.answers import Answers
        from conv4rec.recommender.questions import RecommendQuestion

        model = Conv4Rec.load(folder)
        answers = Answers(model, _titles(self.settings.titles, model.interactions_.items))
        answers.recommend(RecommendQuestion(history={}, k=1))
        return Served(name, version_of(folder), answers, signature)


def _titles(source: str | None, items: Ids) -> dict[Any, str]:
    if source is None:
        return {}
    if Path(source).is_file():
        return read_titles(source, items)
    return load_dataset(source).item_titles()


def signature_of(folder: Path) -> Signature:
    """What a folder holds, by the names, sizes and times of its files; () if it is not there.

    Of a file, the same of itself.
    """
    try:
        entries = [folder] if folder.is_file() else folder.iterdir()
        files = [(entry.name, entry.stat()) for entry in entries]
    except OSError:
        return ()
    return tuple(sorted((name, s.st_size, s.st_mtime_ns, s.st_ino) for name, s in files))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def version_of(folder: Path) -> str:
    """The version of a saved model: the head of the checksum in its manifest.

    Raises:
        SavedModelError: The manifest cannot be read.
    """
    try:
        return str(json.loads((folder / "manifest.json").read_bytes())["sha256"])[:12]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SavedModelError(f"{folder} has no manifest that can be read") from error
