"""Where the theory commands draw their pictures."""

from __future__ import annotations

from pathlib import Path

from conv4rec.errors import DataError, SettingError


def check_picture(out: str | None) -> None:
    """Asked before the work, not after."""
    if out is None:
        return
    if not out.lower().endswith(".svg"):
        raise SettingError(f"--out draws .svg; got {Path(out).name!r}")
    if not Path(out).absolute().parent.is_dir():
        raise DataError(f"there is no folder {Path(out).parent} to draw {Path(out).name} in")


def draw(out: str | None, text: str) -> None:
    """Write the picture, if one is wanted."""
    if out is not None:
        Path(out).write_text(text, encoding="utf-8")
