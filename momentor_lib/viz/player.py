"""How a page comes by a video: inside it, as a link to the file beside it, or not at all and why."""

from __future__ import annotations

import base64
import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from momentor_lib.viz.text import clean

_WEBM_CODECS = ("vp8", "vp9", "av1")


@dataclass(frozen=True)
class Source:
    """What a page's player plays.

    Attributes:
        address: a data or relative address; empty where there is no player.
        note: why there is none, a sentence; or empty.
    """

    address: str = ""
    note: str = ""


def find_source(path: str | Path | None, limit: int, folder: Path | None) -> Source:
    """The address of a video for a page that will lie in ``folder`` (None: somewhere unknown, as a notebook's output).

    Args:
        path: the video file.
        limit: bytes up to which the page holds the video itself.
        folder: a larger video that lies in it, or below it, is linked to.
    """
    if path is None:
        return Source()
    path = Path(path)
    name = clean(path.name)
    try:
        size = path.stat().st_size
        kind = _media_type(path)
        if kind is None:
            note = f"Browsers do not play the format of {name} (they do play H.264 in an MP4 file), so frames stand in for a player."
            return Source(note=note)
        if size <= limit:
            return Source(f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}")
    except (OSError, ValueError):  # a name that no file can have is a ValueError
        return Source(note=f"{name} could not be read, so there is no player.")
    if folder is not None and path.resolve().is_relative_to(folder.resolve()):
        return Source(quote(path.resolve().relative_to(folder.resolve()).as_posix()))
    return Source(
        note=f"{name} ({size / 1e6:.1f} MB) is too large to be inside this page (limit {limit / 1e6:.1f} MB), so frames stand in for "
        "a player. A page saved in the video's folder plays it."
    )


def _media_type(path: Path) -> str | None:
    """The type under which browsers play the file, by what is in it and not by its name; None where they do not."""
    from momentor_lib.video import VideoError, probe

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as for the thumbnails
            codec = probe(path).codec
    except VideoError:
        return None
    with path.open("rb") as file:
        head = file.read(12)
    # QuickTime files have the same boxes as MP4 files, and browsers play them under that name only.
    if head[4:8] == b"ftyp" and codec in ("h264", "av1", "vp9"):
        return "video/mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3" and codec in _WEBM_CODECS:
        return "video/webm"
    return None
