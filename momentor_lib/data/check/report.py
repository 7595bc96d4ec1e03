"""Report: the findings of one file, counted, with the first places of each kind."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from momentor_lib.data.check.entry import Place

FIRST = 5  # places told of each kind
LONGEST = 200  # letters of a detail; a file may hold texts of any length
KINDS = {
    "malformed": "malformed records",
    "duplicate-id": "duplicate ids",
    "unknown-type": "unknown data types",
    "missing-variable": "placeholders without a variable",
    "bad-duration": "durations that are not above 0 s",
    "not-a-number": "times that are NaN or infinite",
    "negative-time": "negative times",
    "reversed-span": "reversed spans",
    "empty-span": "empty spans",
    "past-end": "spans or times past the end of the video",
    "empty-text": "empty texts",
}


@dataclass
class Finding:
    """One kind of thing that is wrong.

    Attributes:
        kind: a key of :data:`KINDS`.
        count: how often.
        places: the first of them, each with what is wrong there.
    """

    kind: str
    count: int = 0
    places: list[tuple[Place, str]] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """For ``--json``."""
        places = [asdict(place) | {"detail": detail} for place, detail in self.places]
        return {"kind": self.kind, "meaning": KINDS[self.kind], "count": self.count, "places": places}


@dataclass
class Report:
    """What a file holds, and what is wrong in it.

    Attributes:
        path, format: the file, and as what it was read.
        videos, texts, spans: how many were read.
        timed: how many of the spans belong to a video whose duration is known: the others cannot be past an end.
        findings: kind -> finding; only kinds that were found.
    """

    path: str
    format: str
    videos: int = 0
    texts: int = 0
    spans: int = 0
    timed: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not self.findings

    @property
    def count(self) -> int:
        """How many things are wrong, of all kinds."""
        return sum(finding.count for finding in self.findings.values())

    @property
    def in_order(self) -> list[Finding]:
        """The findings in the order of :data:`KINDS`."""
        return [self.findings[kind] for kind in KINDS if kind in self.findings]

    def add(self, kind: str, place: Place, detail: str) -> None:
        """Count one finding, and keep its place if it is among the first."""
        finding = self.findings.setdefault(kind, Finding(kind))
        finding.count += 1
        if len(finding.places) < FIRST:
            finding.places.append((place, detail if len(detail) <= LONGEST else detail[:LONGEST] + "..."))

    def record(self) -> dict[str, Any]:
        """For ``--json``."""
        numbers = {name: getattr(self, name) for name in ("videos", "texts", "spans")} | {"spans_with_known_duration": self.timed}
        findings = [finding.record() for finding in self.in_order]
        return {"file": self.path, "format": self.format, "clean": self.clean, "count": self.count, **numbers, "findings": findings}
