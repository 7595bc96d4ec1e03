"""Parts by name: from by hand, from the hub's cache, from a hub that runs on loopback, and from none."""

from __future__ import annotations

import hashlib
import http.server
import json
import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from pretrained_folders import random_llama, write_clip, write_llama, write_llama_bin

from momentor_lib.model import hub, presets
from momentor_lib.model.hub import PartNotFound, find_part, needed_files

COMMIT = "0123456789" * 4
CLOSED = "http://127.0.0.1:9"  # nothing listens there


class Hub(http.server.ThreadingHTTPServer):
    """As much of the hub as a download asks for: a model's listing, its tree, and its files.

    Attributes:
        models: name -> folder with its files.
        fetched: the files that were asked for, in order.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.models: dict[str, Path] = {}
        self.fetched: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def listing(self, name: str) -> list[dict]:
        files = sorted(self.models[name].iterdir())
        return [{"rfilename": file.name, "size": file.stat().st_size, "blobId": _etag(file)} for file in files]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0].strip("/").split("/")
        name = "/".join(path[2:4] if path[0] == "api" else path[:2])
        if name not in self.server.models:
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if path[0] != "api":
            file = self.server.models[name] / path[-1]
            if self.command == "GET":
                self.server.fetched.append(file.name)
            return self._send(200, file.read_bytes(), {"ETag": f'"{_etag(file)}"', "X-Repo-Commit": COMMIT})
        siblings = self.server.listing(name)
        if "tree" in path:
            tree = [{"type": "file", "path": file["rfilename"], "size": file["size"], "oid": file["blobId"]} for file in siblings]
            return self._send(200, json.dumps(tree).encode())
        return self._send(200, json.dumps({"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings}).encode())

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


def ask(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Lets the hub's client ask an address, which the tests' environment otherwise forbids it."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch) -> Path:
    """Folders of this test's own for what is put by hand and for the hub's cache."""
    monkeypatch.setenv("MOMENTOR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def server(monkeypatch) -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    ask(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


# what is needed

VICUNA = ["config.json", "generation_config.json", "pytorch_model.bin.index.json", "special_tokens_map.json", "tokenizer.model"]
VICUNA += ["tokenizer_config.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "README.md", ".gitattributes"]
CLIP = ["config.json", "preprocessor_config.json", "tokenizer.json", "merges.txt", "vocab.json", "README.md"]
CLIP += ["model.safetensors", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack"]


def test_only_what_is_needed_is_listed():
    both = dict.fromkeys(["config.json", "model.safetensors.index.json", "model-00001-of-00001.safetensors", "pytorch_model.bin"])
    assert needed_files(dict.fromkeys(CLIP)) == ["config.json", "preprocessor_config.json", "model.safetensors"]
    assert set(needed_files(dict.fromkeys(VICUNA), tokenizer=True)) == set(VICUNA[:-2])
    assert needed_files(both) == ["config.json", "model.safetensors.index.json", "model-00001-of-00001.safetensors"]
    assert set(needed_files(dict.fromkeys(VICUNA), weights=False, tokenizer=True)) == set(VICUNA[:-4]) - {"pytorch_model.bin.index.json"}
    with pytest.raises(ValueError, match="it has no weights to read"):
        needed_files(dict.fromkeys(["config.json", "flax_model.msgpack"]))


# with a hub


def test_a_download_tells_its_size_and_takes_only_what_is_needed(server, folders, caplog, monkeypatch):
    write_clip(folders / "clip")
    for unused in ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "README.md"):
        (folders / "clip" / unused).write_bytes(b"0" * 1000)
    write_llama_bin(folders / "llama", *random_llama())
    server.models = {"openai/clip": folders / "clip", "lmsys/vicuna": folders / "llama"}
    with caplog.at_level(logging.WARNING, "momentor"):
        model, _ = presets.load("openai/clip+lmsys/vicuna")
    needed = {name: [*(folders / name).iterdir()] for name in ("clip", "llama")}
    needed["clip"] = [folders / "clip" / name for name in ("config.json", "preprocessor_config.json", "model.safetensors")]
    assert sorted(server.fetched) == sorted(file.name for files in needed.values() for file in files)
    sizes = [sum(file.stat().st_size for file in files) for files in needed.values()]
    told = [record.getMessage() for record in caplog.records if record.name == "momentor"]
    assert told == [
        f"{name}: downloading {size / 1e9:.2f} GB from the Hugging Face hub to {folders / 'cache'}"
        for name, size in zip(server.models, sizes, strict=True)
    ]
    # What was fetched is found again, without asking anyone.
    server.fetched.clear()
    ask(monkeypatch, CLOSED)
    again, _ = presets.load("openai/clip+lmsys/vicuna")
    assert server.fetched == [] and again.num_parameters() == model.num_parameters()


def test_a_frame_encoder_needs_no_language_models_weights(server, folders):
    write_clip(folders / "clip")
    write_llama(folders / "llama", *random_llama())
    server.models = {"openai/clip": folders / "clip", "lmsys/vicuna": folders / "llama"}
    model, _ = presets.load_frame_encoder("openai/clip+lmsys/vicuna")
    assert server.fetched.count("model.safetensors") == 1 and model.language_model.device.type == "meta"


def test_a_model_that_the_hub_has_not(server):
    with pytest.raises(PartNotFound, match=r"nobody/nothing could not be had \(there is no such model on the Hugging Face hub"):
        find_part("nobody/nothing")


# without one


@pytest.mark.parametrize("network", ["offline", "no answer"])
def test_without_a_network_both_folders_are_named_and_then_used(network, folders, monkeypatch):
    if network == "no answer":
        ask(monkeypatch, CLOSED)
    with pytest.raises(ValueError, match="preset 'colab' needs openai/clip-vit-base-patch32 and HuggingFaceTB/SmolLM2-135M-Inst") as error:
        presets.load("colab")
    text = str(error.value)
    assert "\n" not in text and ("HF_HUB_OFFLINE is set" in text) == (network == "offline")
    clip, language = (folders / "home" / "models" / name.replace("/", "--") for name in presets.BACKBONES["colab"])
    assert f"its files can be put by hand into {clip};" in text and text.endswith(f"its files can be put by hand into {language}")
    assert presets.lacking("colab") == list(presets.BACKBONES["colab"])
    write_clip(clip)
    assert presets.lacking("colab") == [presets.BACKBONES["colab"][1]]
    write_llama(language, *random_llama())
    assert presets.lacking("colab") == presets.lacking("tiny") == []
    with pytest.raises(ValueError, match="unknown preset 'colap'"):
        presets.lacking("colap")
    model, processor = presets.load("colab")
    assert model.config.num_temporal_tokens == processor.num_frames == 300
    assert presets.load_frame_encoder("colab")[0].vision_model.num_parameters() == model.vision_model.num_parameters()
    shutil.rmtree(language)
    with pytest.raises(ValueError, match="HuggingFaceTB/SmolLM2-135M-Instruct could not be had"):
        presets.load("colab")


def test_half_of_what_is_needed_is_told(folders):
    folder = hub.folder_by_hand("lmsys/vicuna")
    folder.parent.mkdir(parents=True)
    write_llama_bin(folder.parent / "whole", *random_llama())
    shutil.copytree(folder.parent / "whole", folder, ignore=shutil.ignore_patterns("*-00002-of-*", "tokenizer*"))
    for name, needs in (("lmsys/vicuna", "put by hand into"), (folder, "is no folder of a pretrained model")):
        with pytest.raises(PartNotFound, match=needs) as error:
            find_part(name, tokenizer=True)
        assert str(error.value).endswith(
            "lacks pytorch_model-00002-of-00002.bin, a tokenizer (tokenizer.json or tokenizer.model or vocab.json)"
        )
    assert find_part(folder.parent / "whole", tokenizer=True) == folder.parent / "whole"


def test_a_folder_that_is_not_there_is_no_name():
    with pytest.raises(PartNotFound, match="/data/my llama: no such folder, and no name of a model on the Hugging Face hub"):
        find_part("/data/my llama")
    assert presets.backbones_of("/no/such+/folder/here") is None
    with pytest.raises(ValueError, match="there is no such folder; name a preset"):
        presets.load("/no/such+/folder/here")


def test_a_broken_index_is_named(folders):
    (folders / "part").mkdir()
    for name, content in (("config.json", "{}"), ("model.safetensors.index.json", "[1]")):
        (folders / "part" / name).write_text(content)
    with pytest.raises(ValueError, match="not an index of weights"):
        find_part(folders / "part")
