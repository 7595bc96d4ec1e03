"""Converting a packed Moment-10M file to text: processor seconds against a straightforward script, and memory as the file grows.

The file is made on the spot: 160 records a video, of the shapes that the toy world's have, with texts of invented sentences, 350 bytes a
record. Both converters run in processes of their own, one after the other; what counts is the conversion, without the imports.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from momentor_lib.data.thresholds import THRESHOLDS

RECORDS, REPEATS = 100_000, 5
PER_LIST = 16  # records of each data type of a video
MORE_MEMORY = 100  # MB that ten times the records may take
WORDS = """a the man woman dog walks across street holding red umbrella while people watch from cafe window and car turns left at crossing
green sign behind smiling child picks up small ball runs back to table kitchen pan stirs slowly pours water""".split()  # noqa: SIM905

# -- the file ----------------------------------------------------------------------------------------------------------------------------


def write_packed(path: Path, num_records: int, distinct: int = RECORDS) -> Path:
    """A packed file of at least so many records, of which so many differ in more than the video's id."""
    dice = random.Random(0)
    num_videos = -(-num_records // (PER_LIST * len(THRESHOLDS)))
    bodies: list[str] = []
    with path.open("w") as file:
        for number in range(num_videos):
            video_id = f"video{number:06d}"
            if len(bodies) * PER_LIST * len(THRESHOLDS) < distinct:
                bodies.append(json.dumps(make_lists(dice, "@")))
            body = bodies[number % len(bodies)].replace('"@"', f'"{video_id}"')
            file.write(f'{"{" if number == 0 else ", "}"{video_id}": {body}')
        file.write("}")
    return path


def make_lists(dice: random.Random, video_id: str) -> dict[str, list[dict[str, Any]]]:
    """The records of a video of 400 s with 22 segments, a fifth of them below the threshold."""
    starts = [dice.uniform(0, 380) for _ in range(22)]
    segments = [[round(start, 2), round(start + dice.uniform(0.5, 20), 2)] for start in starts]
    return {data_type: [make_record(dice, video_id, data_type, segments) for _ in range(PER_LIST)] for data_type in THRESHOLDS}


def make_record(dice: random.Random, video_id: str, data_type: str, segments: list[list[float]]) -> dict[str, Any]:
    """A record of the shape that the toy world's have."""

    def words(count: int) -> str:
        return " ".join(dice.choice(WORDS) for _ in range(count))

    variables: dict[str, Any] = {"moment": dice.choice(segments)}
    question, answer = f"In {{moment}}, {words(9)}?", words(16)
    if data_type == "appearance_data":
        click = [round(dice.uniform(0, 400), 2), [round(dice.random(), 4), round(dice.random(), 4)]]
        variables, question = {"click_position": click}, f"What is at {{click_position}}, {words(6)}?"
    elif data_type == "instance_caption_data":
        variables, question = {"instance_class": dice.choice(WORDS)}, f"What does the {{instance_class}} do, {words(9)}?"
    elif data_type == "instance_qa_data":
        variables["instance_class"] = dice.choice(WORDS)
        question = f"What about the {{instance_class}} in {{moment}}, {words(6)}?"
    elif data_type == "cross_segment_qa_data" and dice.random() < 0.5:
        variables["moment"] = dice.sample(segments, 2)
    elif data_type == "comp_ret_data":
        variables["SOURCE_CLIP"] = dice.choice(segments)
        question, answer = f"Watch {{SOURCE_CLIP}} and find {words(11)}.", f"You can see it in {{moment}}, {words(5)}."
    elif data_type in ("hypo_scene_data", "segment_locate_data"):
        variables["content"] = words(10)
        question, answer = "When does this happen: {content}?", f"It happens in {{moment}}, {words(4)}."
    kind = "match_score" if THRESHOLDS[data_type] > 0.5 else "clip_similarity"
    score = THRESHOLDS[data_type] * dice.uniform(0.9, 1.4)
    turns = [{"User": question, "Assistant": answer}]
    return {"id": video_id, "data_type": data_type, kind: score, "variables": variables, "conversations": turns}


# -- measuring ---------------------------------------------------------------------------------------------------------------------------

# Imported by the process that runs one: what the other needs would stand in the way of its garbage collector.
CONVERTERS = {"ours": "momentor_lib.data.convert.convert_file", "plain": "benchmarks.plain_converter.convert"}


def measure(name: str, source: Path, target: Path) -> tuple[float, float]:
    """Processor seconds of a conversion, and the greatest memory of its process in MB, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.convert", name, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


def run_here(name: str, source: Path, target: Path) -> None:
    """Prints what :func:`measure` reads."""
    module, _, function = CONVERTERS[name].rpartition(".")
    convert = getattr(import_module(module), function)
    began = time.process_time()
    convert(source, target)
    seconds = time.process_time() - began
    # Linux hands the parent's greatest memory on to a child's ru_maxrss; VmHWM is the process's own.
    status = Path("/proc/self/status")
    own = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")] if status.exists() else []
    most = int(own[0] if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(seconds, most * (1 if sys.platform == "darwin" else 1024) / 1e6)


def rows(num_records: int = RECORDS, repeats: int = REPEATS) -> list[dict]:
    """Processor seconds side by side, and the memory of ten times the records."""
    with tempfile.TemporaryDirectory() as folder:
        source, targets = write_packed(Path(folder) / "packed.json", num_records), {name: Path(folder) / name for name in CONVERTERS}
        size = source.stat().st_size / 1e6
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in CONVERTERS}
        for _ in range(repeats):
            for name, target in targets.items():
                runs[name].append(measure(name, source, target))
        kept = {
            name: [(record["id"], record["data_type"]) for record in json.loads(target.read_bytes())] for name, target in targets.items()
        }
        if kept["ours"] != kept["plain"]:
            raise ValueError("the converters kept other records: the figures cannot be compared")
        _, most = measure("ours", write_packed(Path(folder) / "tenfold.json", 10 * num_records), targets["ours"])
    seconds = {name: median(run[0] for run in several) for name, several in runs.items()}
    usual = median(run[1] for run in runs["ours"])
    return [
        {
            "claim": f"{num_records:,} records, {size:.0f} MB, to text: processor time",
            "ours": f"{seconds['ours']:.2f} s",
            "rival": f"json.load, numpy.random.choice, json.dump {seconds['plain']:.2f} s",
            "ratio": seconds["plain"] / seconds["ours"],
            "target": ">= 10",
        },
        {
            "claim": f"{10 * num_records:,} records to text: peak memory",
            "ours": f"{most:.0f} MB",
            "rival": f"limit {usual:.0f} MB (that of {num_records:,}) + {MORE_MEMORY} MB",
            "ratio": (usual + MORE_MEMORY) / most,
            "target": ">= 1",
        },
    ]


def main() -> None:
    """Prints the rows; with three arguments, runs one converter."""
    if len(sys.argv) == 4:
        run_here(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
        return
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
