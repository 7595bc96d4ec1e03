"""Annotation files of the data sets that Momentor is trained and measured on: where they are, and fetching them."""

from __future__ import annotations

import shutil
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from momentor_lib.data.download import HALF, LEDGER, remove_empty
from momentor_lib.files import atomic_path, sha256_of
from momentor_lib.jobs import Entry, GiveUp, Outcome, run_jobs

DRIVE = "https://drive.google.com/uc?id="
QVHIGHLIGHTS = "https://raw.githubusercontent.com/jayleicn/moment_detr/main/data"
REFUSED = (401, 403, 404, 410)


@dataclass(frozen=True)
class DataSet:
    """Where a data set's annotations are.

    Attributes:
        files: name -> public address. An archive is unpacked, and its own files are what is kept.
        where: the page that names the addresses; where to look when one has changed.
    """

    files: Mapping[str, str]
    where: str


DATA_SETS = {
    "moment10m": DataSet(
        {
            "Moment-10M_0.json": f"{DRIVE}1wLfRLmQNsq7_ckLdoAgwVFCqn-nwWdqF",
            "Moment-10M_1.json": f"{DRIVE}1c_SN9nm6acVD47rGJh6qal117QC346fV",
        },
        "https://github.com/DCDmllm/Momentor",
    ),
    "gesm": DataSet({"GESM_data.json": f"{DRIVE}180S871yisgAoXx6n0CoPMydBUiWAc0Pc"}, "https://github.com/DCDmllm/Momentor"),
    "charades-sta": DataSet(
        {
            "charades_sta_train.txt": f"{DRIVE}1ZjG7wJpPSMIBYnW7BAG2u9VVEoNvFm5c",
            "charades_sta_test.txt": f"{DRIVE}1QG4MXFkoj6JFU0YK5olTY75xTARKSW5e",
        },
        "https://github.com/jiyanggao/TALL",
    ),
    "activitynet-captions": DataSet(
        {"captions.zip": "https://cs.stanford.edu/people/ranjaykrishna/densevid/captions.zip"},
        "https://cs.stanford.edu/people/ranjaykrishna/densevid/",
    ),
    "qvhighlights": DataSet(
        {f"highlight_{split}_release.jsonl": f"{QVHIGHLIGHTS}/highlight_{split}_release.jsonl" for split in ("train", "val", "test")},
        "https://github.com/jayleicn/moment_detr/tree/main/data",
    ),
}


def download_annotations(
    data_set: DataSet,
    folder: str | Path,
    *,
    retries: int = 4,
    backoff: float = 2.0,
    sleep: Callable[[float], object] = time.sleep,
    progress: bool = True,
) -> Outcome:
    """Fetches a data set's annotation files into a folder, whole or not at all; what is there already is left, half files are gone on with.

    ``ledger.jsonl`` in the folder has of every file how it ended, and as ``files`` what was kept of it: ``file``, ``bytes``, ``sha256``;
    ``found`` where it was there, and not known to the ledger.

    Args:
        data_set: one of :data:`DATA_SETS`.
        folder: made where it is missing.
        retries, backoff, sleep, progress: as in :func:`momentor_lib.jobs.run_jobs`; the bar is a file's bytes.

    Raises:
        ValueError: gdown is missing.
        OSError: the folder cannot be written.
    """
    try:
        import gdown  # noqa: F401
    except ImportError:
        raise ValueError('downloading annotations needs gdown: pip install "momentor[download]"') from None
    fetching = _Fetching(Path(folder).resolve(), progress)
    outcome = run_jobs(
        fetching.fetch,
        data_set.files,
        fetching.folder / LEDGER,
        retries=retries,
        backoff=backoff,
        is_done=fetching.is_whole,
        progress=False,
        sleep=sleep,
    )
    remove_empty(fetching.half)
    return outcome


class _Fetching:
    """Files that come into a folder."""

    def __init__(self, folder: Path, progress: bool) -> None:
        self.folder, self.half = folder, folder / HALF
        self._progress = progress
        self._broken: set[str] = set()

    def is_whole(self, name: str, entry: Entry) -> bool:
        """Whether every file is as the ledger has it."""
        kept = [(self.folder / PurePosixPath(fact["file"]).name, fact["bytes"]) for fact in entry.facts["files"]]
        whole = all(path.is_file() and path.stat().st_size == size for path, size in kept)
        if not whole:
            self._broken.add(name)
        return whole

    def fetch(self, name: str, address: str) -> dict[str, Any]:
        """One file; the facts of what was kept of it."""
        target = self.folder / name
        if name not in self._broken and target.is_file() and target.stat().st_size:
            return _facts([target]) | {"found": True}
        self.half.mkdir(exist_ok=True)
        half = self.half / name
        self._fetch_half(address, half)
        if _is_web_page(half):
            half.unlink()
            raise GiveUp("a web page came instead of the file")
        if zipfile.is_zipfile(half) or tarfile.is_tarfile(half):
            try:
                return _facts(unpack(half, self.folder))
            finally:
                half.unlink()
        half.replace(target)
        return _facts([target])

    def _fetch_half(self, address: str, half: Path) -> None:
        import gdown
        import requests
        from tqdm import tqdm

        if half.exists():  # whole, and stopped before it was moved
            return
        shown = None if self._progress else True
        with tqdm(desc=half.name, unit="B", unit_scale=True, file=sys.stderr, disable=shown) as bar:

            def tell(done: int, total: int | None) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                gdown.download(address, str(half), quiet=True, resume=True, progress=tell, timeout=60)
            except gdown.exceptions.FileURLRetrievalError as error:
                raise GiveUp(str(error)) from error
            except requests.HTTPError as error:
                if error.response is not None and error.response.status_code in REFUSED:
                    raise GiveUp(str(error)) from error
                raise


def unpack(archive: str | Path, folder: str | Path) -> list[Path]:
    """A zip or tar archive's annotation files (JSON, JSONL, text, CSV), all directly into the folder whatever folders they name.

    Raises:
        GiveUp: it is damaged, or holds none.
    """
    kept = []
    try:
        for inside, file in _members(Path(archive)):
            path = PurePosixPath(inside.replace("\\", "/"))
            if path.suffix.lower() not in (".json", ".jsonl", ".txt", ".csv") or path.name == LEDGER or "__MACOSX" in path.parts:
                continue
            with atomic_path(Path(folder) / path.name) as temporary, open(temporary, "wb") as out:
                shutil.copyfileobj(file, out)
            kept.append(Path(folder) / path.name)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError) as error:
        raise GiveUp(f"the archive {Path(archive).name} is damaged: {error}") from error
    if not kept:
        raise GiveUp(f"the archive {Path(archive).name} holds no annotation file")
    return kept


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The name and content of every plain file in an archive."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for name in zipped.namelist():
                with zipped.open(name) as file:
                    yield name, file
        return
    with tarfile.open(archive) as tarred:
        for member in tarred:
            if member.isfile():
                with closing(tarred.extractfile(member)) as file:
                    yield member.name, file


def _is_web_page(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _facts(paths: list[Path]) -> dict[str, Any]:
    return {"files": [{"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in paths]}
