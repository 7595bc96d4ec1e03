"""The paper backends from names of the hub or folders."""

from __future__ import annotations

from importlib.resources import files

from momentor_lib.data.thresholds import THRESHOLDS
from momentor_lib.engine.paper.captioner import PaperCaptioner
from momentor_lib.engine.paper.parts import BlipDescriber, ChatModel, ClipTagger, DinoDetector, RamTagger
from momentor_lib.engine.paper.writer import ChatWriter
from momentor_lib.engine.pipeline import Backends
from momentor_lib.engine.settings import Settings
from momentor_lib.engine.similarity import ClipSimilarity

MODELS = {
    "detector": "IDEA-Research/grounding-dino-base",
    "captioner": "Salesforce/blip2-opt-2.7b",
    "clip": "openai/clip-vit-large-patch14",
    "writer": "lmsys/vicuna-7b-v1.5",
}
TAGGER = "tagger"  # a file of RAM's weights; without it, CLIP chooses from tags.txt
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
# Two published thresholds are above what a cosine can be (they belong to another score): ours, the middle of the others.
COSINES = sorted(value for value in THRESHOLDS.values() if value < 0.5)
PUBLISHED = {name: value if value < 0.5 else COSINES[len(COSINES) // 2] for name, value in THRESHOLDS.items()}


def tag_list() -> list[str]:
    """The words of ``tags.txt``."""
    return files("momentor_lib.engine.paper").joinpath("tags.txt").read_text(encoding="utf-8").split("\n")[:-1]


def load_paper(settings: Settings, models: dict[str, str]) -> Backends:
    """Loads every part.

    Args:
        settings: of the run.
        models: part -> name of the hub or folder, where it is not the paper's.

    Raises:
        ValueError: no such part, or a model that does not load.
    """
    for part in models:
        if part not in (*MODELS, TAGGER):
            raise ValueError(f"the paper backends have no part {part!r}; there are {', '.join((*MODELS, TAGGER))}")
    names = MODELS | models
    clip = _load("clip", names["clip"], lambda name: ClipSimilarity(name, CLIP_MEAN, CLIP_STD))
    detector = _load("detector", names["detector"], lambda name: DinoDetector(*_dino(name), clip))
    describer = _load("captioner", names["captioner"], lambda name: BlipDescriber(*_blip(name)))
    writer = _load("writer", names["writer"], lambda name: ChatWriter(ChatModel(*_chat(name))))
    tagger = RamTagger.load(models[TAGGER]) if TAGGER in models else ClipTagger(clip, tag_list())
    return Backends("paper", tagger, detector, PaperCaptioner(describer, clip), writer, clip, PUBLISHED)


def _load(part: str, name: str, make):
    try:
        return make(name)
    except (OSError, ImportError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"the {part} {name!r} does not load: {first}; --model {part}=FOLDER names another one") from error


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _dino(name: str):
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    return AutoModelForZeroShotObjectDetection.from_pretrained(name).to(_device()), AutoProcessor.from_pretrained(name)


def _blip(name: str):
    from transformers import Blip2ForConditionalGeneration, Blip2Processor

    return Blip2ForConditionalGeneration.from_pretrained(name).to(_device()), Blip2Processor.from_pretrained(name)


def _chat(name: str):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(name, dtype="auto").to(_device()), AutoTokenizer.from_pretrained(name)
