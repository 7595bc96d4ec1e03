"""Sentences -> words -> stems, as the metrics of captions count them: no Java, no model, no word lists to download."""

from __future__ import annotations

import re
from functools import lru_cache

# As the Penn Treebank splits English: "isn't" -> "is n't", "man's" -> "man 's"; a hyphen and a point inside a word stay.
_SPLIT = re.compile(r"(?<=[a-z])(?:(?=n't\b)|(?='(?:s|re|ve|ll|d|m)\b))")
_CANNOT = re.compile(r"\b(can)(not)\b|\b(gon|wan)(na)\b|\b(got)(ta)\b")
_WORD = re.compile(
    r"(?:[a-z]\.){2,}|n't|'(?:s|re|ve|ll|d|m)\b|\d+(?:[.,:/]\d+)*[a-z]*(?:-\w+)*|\w+(?:[-./&]\w+)*|[$%&#@*+=/<>]", re.UNICODE
)


@lru_cache(maxsize=1 << 16)
def tokenize(sentence: str) -> tuple[str, ...]:
    """Lower-case words of a sentence, punctuation left out, as the captioning metrics' reference tokenizer (Penn Treebank's) has them.

    It departs from that one on a few sentences in a thousand (quotes inside words, dots of abbreviations, brackets, which it keeps).
    """
    text = sentence.lower().replace("’", "'").replace("‘", "'").replace("`", "'")
    text = _CANNOT.sub(lambda found: " ".join(part for part in found.groups() if part), text)
    return tuple(_WORD.findall(_SPLIT.sub(" ", text)))


_VOWELS = "aeiouy"
_DOUBLES = ("bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt")
_EXCEPTIONS = {
    "skis": "ski", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "idly": "idl", "gently": "gentl", "ugly": "ugli",
    "early": "earli", "only": "onli", "singly": "singl", "sky": "sky", "news": "news", "howe": "howe", "atlas": "atlas",
    "cosmos": "cosmos", "bias": "bias", "andes": "andes",
}  # fmt: skip
_AFTER_PLURAL = ("inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed")
_STEP_2 = {
    "ization": "ize", "ational": "ate", "fulness": "ful", "ousness": "ous", "iveness": "ive", "tional": "tion", "biliti": "ble",
    "lessli": "less", "entli": "ent", "ation": "ate", "alism": "al", "aliti": "al", "ousli": "ous", "iviti": "ive", "fulli": "ful",
    "enci": "ence", "anci": "ance", "abli": "able", "izer": "ize", "ator": "ate", "alli": "al", "bli": "ble", "ogi": "og", "li": "",
}  # fmt: skip
_STEP_3 = {
    "ational": "ate",
    "tional": "tion",
    "alize": "al",
    "icate": "ic",
    "iciti": "ic",
    "ative": "",
    "ical": "ic",
    "ness": "",
    "ful": "",
}
_STEP_4 = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "ion", "al", "er", "ic"
)  # fmt: skip


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A lower-case English word's stem. Source: Porter's second stemmer, "English" of the Snowball project."""
    if len(word) <= 2:
        return word
    if word in _EXCEPTIONS:
        return _EXCEPTIONS[word]
    word = _mark_consonants(word.removeprefix("'"))
    first, second = _regions(word)
    word = _plural(_possessive(word))
    if word in _AFTER_PLURAL:
        return word
    word = _past(word, first)
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in _VOWELS:
        word = word[:-1] + "i"
    word = _suffixes(word, _STEP_2, first, second)
    word = _suffixes(word, _STEP_3, first, second)
    return _ending(word, first, second).lower()


def _mark_consonants(word: str) -> str:
    """A ``y`` that sounds as a consonant becomes ``Y``."""
    letters = list(word)
    for place, letter in enumerate(letters):
        if letter == "y" and (place == 0 or letters[place - 1] in _VOWELS):
            letters[place] = "Y"
    return "".join(letters)


def _regions(word: str) -> tuple[int, int]:
    """Where the parts begin in which a suffix may be taken off: behind the first vowel and consonant, and behind the next such two."""
    first = next((len(p) for p in ("gener", "commun", "arsen") if word.startswith(p)), None)
    first = _behind_consonant(word, 0) if first is None else first
    return first, _behind_consonant(word, first)


def _behind_consonant(word: str, begin: int) -> int:
    for place in range(begin + 1, len(word)):
        if word[place] not in _VOWELS and word[place - 1] in _VOWELS:
            return place + 1
    return len(word)


def _has_vowel(part: str) -> bool:
    return any(letter in _VOWELS for letter in part)


def _possessive(word: str) -> str:
    return next((word[: -len(end)] for end in ("'s'", "'s", "'") if word.endswith(end)), word)


def _plural(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and _has_vowel(word[:-2]):
        return word[:-1]
    return word


def _past(word: str, first: int) -> str:
    for end in ("eedly", "eed"):
        if word.endswith(end):
            return word[: -len(end)] + "ee" if len(word) - len(end) >= first else word
    end = next((end for end in ("ingly", "edly", "ing", "ed") if word.endswith(end)), None)
    if end is None or not _has_vowel(word[: -len(end)]):
        return word
    word = word[: -len(end)]
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if word.endswith(_DOUBLES):
        return word[:-1]
    return word + "e" if first >= len(word) and _ends_short(word) else word


def _ends_short(word: str) -> bool:
    if len(word) == 2:
        return word[0] in _VOWELS and word[1] not in _VOWELS
    return len(word) > 2 and word[-1] not in _VOWELS + "wxY" and word[-2] in _VOWELS and word[-3] not in _VOWELS


def _suffixes(word: str, table: dict[str, str], first: int, second: int) -> str:
    """The longest suffix of a table that the word has, replaced where it may be."""
    end = next((end for end in table if word.endswith(end)), None)
    if end is None or len(word) - len(end) < (second if end == "ative" else first):
        return word
    before = word[: -len(end)]
    if (end == "ogi" and before[-1:] != "l") or (end == "li" and before[-1:] not in tuple("cdeghkmnrt")):
        return word
    return before + table[end]


def _ending(word: str, first: int, second: int) -> str:
    end = next((end for end in _STEP_4 if word.endswith(end)), None)
    if end is not None and len(word) - len(end) >= second and (end != "ion" or word[:-3].endswith(("s", "t"))):
        word = word[: -len(end)]
    if word.endswith("e"):
        before = len(word) - 1
        if before >= second or (before >= first and not _ends_short(word[:-1])):
            return word[:-1]
    elif word.endswith("ll") and len(word) - 1 >= second:
        return word[:-1]
    return word
