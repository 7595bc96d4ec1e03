"""The videos of a packed file, by yt-dlp: at 360p, each to ``<id>.mp4``."""

from __future__ import annotations

import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from momentor_lib.files import sha256_of
from momentor_lib.jobs import Entry, GiveUp, Outcome, run_jobs

YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
LEDGER = "ledger.jsonl"
HALF = ".half"  # the folder of what is not whole yet

# The model looks at frames only: a file without sound will do, so that ffmpeg has nothing to join. H.264, since decord 0.6 reads no AV1.
FORMAT = "b[ext=mp4][height<=?360]/bv*[ext=mp4][height<=?360]/b[ext=mp4]/bv*[ext=mp4]"
PREFERENCE = ["res:360", "proto:https", "vcodec:h264"]
GONE = (404, 410)
NOTHING_LEFT = 416  # the half file is as long as the whole one: yt-dlp was killed before it could rename it, and cannot get on from there


def watch_address(id: str) -> str:
    """The address of a YouTube video."""
    return f"https://www.youtube.com/watch?v={id}"


def packed_ids(path: str | Path) -> Iterator[str]:
    """The video ids of a packed Moment-10M file, one after the other.

    Raises:
        OSError, ValueError: as :func:`momentor_lib.data.moment10m.read_packed`.
    """
    from momentor_lib.data.moment10m import read_packed

    for id, _ in read_packed(path):
        yield id


def download_videos(
    ids: Iterable[str],
    folder: str | Path,
    *,
    workers: int = 4,
    retries: int = 4,
    backoff: float = 2.0,
    address_of: Callable[[str], str] = watch_address,
    sleep: Callable[[float], object] = time.sleep,
    progress: bool = True,
) -> Outcome:
    """Downloads the videos that are not in the folder yet.

    A video is fetched into a hidden folder and moved to ``<id>.mp4`` when it is whole; the next try or run goes on with a half one.
    ``ledger.jsonl`` in the folder has of every id how it ended, the reason where it failed, and the file's ``bytes`` and ``sha256``. A
    file whose size is not the ledger's is fetched again; one that the ledger does not know, and that is not empty, is taken as whole
    (``found``).

    Args:
        ids: YouTube ids. Any that has not their form fails before anything is done with it.
        folder: made where it is missing.
        workers: videos at a time.
        retries, backoff, sleep, progress: as in :func:`momentor_lib.jobs.run_jobs`. A video that is gone is not tried again.
        address_of: id -> the address to fetch.

    Raises:
        ValueError: yt-dlp is missing, or a wrong number of workers.
        OSError: the folder cannot be written.
    """
    try:
        import yt_dlp  # noqa: F401
    except ImportError:
        raise ValueError('downloading videos needs yt-dlp: pip install "momentor[download]"') from None
    downloads = _Downloads(Path(folder).resolve(), address_of)
    outcome = run_jobs(
        downloads.fetch,
        dict.fromkeys(ids),
        downloads.folder / LEDGER,
        workers=workers,
        threads=True,
        retries=retries,
        backoff=backoff,
        is_done=downloads.is_whole,
        description="videos",
        progress=progress,
        sleep=sleep,
        on_interrupt=downloads.stop.set,
    )
    remove_empty(downloads.half)
    return outcome


def remove_empty(folder: Path) -> None:
    """Removes a folder that is there and holds nothing."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


class _Downloads:
    """The folder, and what its threads share."""

    def __init__(self, folder: Path, address_of: Callable[[str], str]) -> None:
        self.folder, self.half = folder, folder / HALF
        self.address_of = address_of
        self.stop = threading.Event()
        self._broken: set[str] = set()

    def is_whole(self, id: str, entry: Entry) -> bool:
        """Whether the file is as the ledger has it."""
        if not YOUTUBE_ID.fullmatch(id):
            return False
        path = self.folder / f"{id}.mp4"
        whole = path.is_file() and path.stat().st_size == entry.facts.get("bytes")
        if not whole:
            self._broken.add(id)
        return whole

    def fetch(self, id: str, _: None) -> dict[str, Any]:
        """One video; the facts of its file."""
        if not YOUTUBE_ID.fullmatch(id):
            raise GiveUp("not the id of a YouTube video, which is 11 letters, digits, - or _")
        target = self.folder / f"{id}.mp4"
        if id not in self._broken and target.is_file() and target.stat().st_size:
            return {"bytes": target.stat().st_size, "sha256": sha256_of(target), "found": True}
        if self.stop.is_set():
            raise GiveUp("stopped")
        self.half.mkdir(exist_ok=True)
        path = self._fetch_half(id)
        facts = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        os.replace(path, target)
        self._clear(id)  # of another format, begun by an earlier run
        return facts

    def _clear(self, id: str) -> None:
        for rest in self.half.glob(f"{id}.*"):
            rest.unlink()

    def _fetch_half(self, id: str) -> Path:
        from yt_dlp import DownloadError, YoutubeDL
        from yt_dlp.utils import DownloadCancelled

        try:
            with YoutubeDL(self._options(id)) as downloader:
                info = downloader.extract_info(self.address_of(id))
        except DownloadCancelled:
            raise GiveUp("stopped") from None
        except DownloadError as error:
            if _status(error) == NOTHING_LEFT:
                self._clear(id)
            raise _judge(error) from error
        files = (info or {}).get("requested_downloads")
        if not files:
            raise GiveUp("nothing to download: a live stream or a list")
        return Path(files[0]["filepath"])

    def _options(self, id: str) -> dict[str, Any]:
        # The format is in the half file's name: going on with a file of another format would break it.
        name = f"{self.half}/{id}.".replace("%", "%%") + "%(format_id)s.%(ext)s"
        return {
            "outtmpl": name,
            "format": FORMAT,
            "format_sort": PREFERENCE,
            "continuedl": True,
            "noplaylist": True,
            "match_filter": lambda info, *, incomplete=False: "live" if info.get("is_live") else None,
            "fixup": "never",
            "retries": 0,  # the runner tries again
            "extractor_retries": 0,
            "socket_timeout": 30,
            "progress_hooks": [self._look_up],
            "logger": _Logger(id),
            "color": "no_color",
            "quiet": True,
            "noprogress": True,
        }

    def _look_up(self, _: dict[str, Any]) -> None:
        from yt_dlp.utils import DownloadCancelled

        if self.stop.is_set():
            raise DownloadCancelled


def _judge(error: Any) -> Exception:
    """yt-dlp's error -> one that is tried again, or one that is not: a video that is gone, private or no video."""
    from yt_dlp.networking.exceptions import HTTPError, TransportError
    from yt_dlp.utils import ExtractorError

    cause, source = _causes(error)
    reason = str(getattr(cause, "orig_msg", None) or cause or error).removeprefix("ERROR: ")
    refused = isinstance(cause, ExtractorError) and cause.expected and not isinstance(source, (HTTPError, TransportError))
    return GiveUp(reason) if refused or _status(error) in GONE else OSError(reason)


def _status(error: Any) -> int | None:
    """What the server answered, where that is why it failed."""
    return getattr(_causes(error)[1], "status", None)


def _causes(error: Any) -> tuple[BaseException | None, BaseException | None]:
    """What yt-dlp wraps: the error that it met, and what was under that."""
    cause = error.exc_info[1] if error.exc_info else None
    return cause, getattr(cause, "cause", None) or cause


class _Logger:
    """yt-dlp's words: its warnings are ours, once for all videos; its errors are raised anyway."""

    def __init__(self, id: str) -> None:
        self._id = id

    def debug(self, message: str) -> None:
        pass

    def warning(self, message: str) -> None:
        warnings.warn(f"yt-dlp: {message.replace(self._id, 'a video')}", UserWarning, stacklevel=1)

    def error(self, message: str) -> None:
        pass
