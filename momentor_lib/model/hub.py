"""Pretrained parts by name: from a folder, from where they were put by hand, from the hub's cache, or from the hub.

The only file that asks the network, and only :mod:`momentor_lib.model.presets` calls it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path

from momentor_lib.paths import home

logger = logging.getLogger("momentor")

SETTINGS = ("config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json")
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json")
TOKENIZER = (*VOCABULARIES, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt", "chat_template.jinja")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # whole, or as shards with an index; the first kind that is there is used
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
SECONDS_TO_ANSWER = 20


class PartNotFound(ValueError):
    """A pretrained part is neither on this machine nor to be had from the hub."""


def is_folder_or_name(part: str) -> bool:
    """Whether a text is a folder, or may be a name on the hub."""
    return Path(part).is_dir() or HUB_NAME.fullmatch(part) is not None


def folder_by_hand(name: str) -> Path:
    """Where the files of a part can be put by hand: ``$MOMENTOR_HOME/models/<owner>--<name>``."""
    return home() / "models" / name.replace("/", "--")


def find_part(name: str | Path, *, weights: bool = True, tokenizer: bool = False) -> Path:
    """The folder of a pretrained part: itself; :func:`folder_by_hand`; the hub's cache; or a download, whose size is logged first.

    Only files that are needed are fetched: safetensors where there are any, else .bin, and nothing of other frameworks.

    Args:
        name: a folder, or a name on the Hugging Face hub.
        weights: the model itself is needed, with its configuration.
        tokenizer: its tokenizer is needed.

    Raises:
        PartNotFound: the folder lacks something; or there is none, and the hub cannot be reached, has no such part or does not give it.
    """
    name = str(name)
    if Path(name).is_dir():
        if lacking := _lacking(Path(name), weights, tokenizer):
            raise PartNotFound(f"{name} is no folder of a pretrained model: it lacks {lacking}")
        return Path(name)
    if not HUB_NAME.fullmatch(name):
        raise PartNotFound(f"{name}: no such folder, and no name of a model on the Hugging Face hub (owner/name)")
    if (folder := on_this_machine(name, weights=weights, tokenizer=tokenizer)) is not None:
        return folder
    by_hand = folder_by_hand(name)
    try:
        return _download(name, weights, tokenizer)
    except Exception as error:  # the client's own errors, those of what it stands on, and the system's
        there = f", which lacks {_lacking(by_hand, weights, tokenizer)}" if by_hand.is_dir() else ""
        raise PartNotFound(f"{name} could not be had ({_reason(error)}); its files can be put by hand into {by_hand}{there}") from error


def on_this_machine(name: str, *, weights: bool = True, tokenizer: bool = False) -> Path | None:
    """Where a part lies already, put there by hand or by a download before; None where it does not. No network is asked.

    Args:
        name: on the Hugging Face hub.
        weights, tokenizer: what is needed of it, as for :func:`find_part`.
    """
    for folder in (folder_by_hand(name), _cached(name)):
        if folder is not None and not _lacking(folder, weights, tokenizer):
            return folder
    return None


def needed_files(names: Mapping[str, object], *, weights: bool = True, tokenizer: bool = False) -> list[str]:
    """Of the files of a model on the hub, those that loading it needs.

    Raises:
        ValueError: weights are needed, and there are none of a kind that can be read.
    """
    files = [name for name in (*SETTINGS, *(TOKENIZER if tokenizer else ())) if name in names]
    if not weights:
        return files
    for whole in WEIGHTS:
        stem, _, suffix = whole.rpartition(".")
        if whole in names:
            return [*files, whole]
        if f"{whole}.index.json" in names:
            shard = re.compile(rf"{stem}-\d+-of-\d+\.{suffix}")
            return [*files, f"{whole}.index.json", *sorted(filter(shard.fullmatch, names))]
    raise ValueError(f"it has no weights to read: neither {' nor '.join(WEIGHTS)}, whole or as shards")


def weight_files(folder: Path) -> list[Path]:
    """The files of weights in a folder, of the kind that is used; shards that the index names are listed also where they are missing.

    Raises:
        ValueError: an index cannot be read.
    """
    for whole in WEIGHTS:
        if (folder / whole).is_file():
            return [folder / whole]
        index = folder / f"{whole}.index.json"
        if index.is_file():
            try:
                shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ValueError(f"{index}: not an index of weights ({_reason(error)})") from error
            return [folder / shard for shard in sorted(shards)]
    return []


def _lacking(folder: Path, weights: bool, tokenizer: bool) -> str:
    """What a folder lacks of what is needed, in words; empty where nothing."""
    lacking = []
    if weights:
        files = weight_files(folder)
        lacking += [] if (folder / "config.json").is_file() else ["config.json"]
        lacking += [] if files else [f"weights ({' or '.join(WEIGHTS)})"]
        lacking += [file.name for file in files if not file.is_file()]
    if tokenizer and not any((folder / name).is_file() for name in VOCABULARIES):
        lacking.append(f"a tokenizer ({' or '.join(VOCABULARIES)})")
    return ", ".join(lacking)


def _cached(name: str) -> Path | None:
    """The folder of the hub's own cache, without asking the network."""
    from huggingface_hub import try_to_load_from_cache

    file = try_to_load_from_cache(name, "config.json")
    return Path(file).parent if isinstance(file, str) else None


def _download(name: str, weights: bool, tokenizer: bool) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download

    listing = HfApi().model_info(name, files_metadata=True, timeout=SECONDS_TO_ANSWER).siblings or []
    sizes = {file.rfilename: file.size or 0 for file in listing}
    files = needed_files(sizes, weights=weights, tokenizer=tokenizer)
    size = sum(sizes[file] for file in files) / 1e9
    # A warning, so that it is seen also where nobody set logging up.
    logger.warning("%s: downloading %.2f GB from the Hugging Face hub to %s", name, size, constants.HF_HUB_CACHE)
    return Path(snapshot_download(name, allow_patterns=files))


def _reason(error: Exception) -> str:
    """An error in a few words."""
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so the hub is not asked"
    if isinstance(error, errors.GatedRepoError):
        return "its owner wants its terms accepted on huggingface.co, and then `hf auth login`"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "there is no such model on the Hugging Face hub, or it is private"
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
