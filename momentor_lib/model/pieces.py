"""Pieces of a text, each tokenised by itself as it is tokenised in the middle of a text, and back.

A tokenizer of SentencePiece's kind (LLaMA, Vicuna) takes each piece for the beginning of a text: it puts a space before it, and takes the
space before a decoded word away. Behind a line break it does neither.
"""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

ANCHOR = "\n"
CACHED = 50_000


class Pieces:
    """Encodes and decodes pieces of text.

    Args:
        tokenizer: any tokenizer of transformers.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self._kept: dict[str, list[int]] = {}
        self._anchor = self.encode_beginning(ANCHOR) if self._takes_pieces_for_beginnings() else []

    def _takes_pieces_for_beginnings(self) -> bool:
        second = self.encode_beginning("a a")[1:]
        return self.tokenizer.decode(second, clean_up_tokenization_spaces=False) != " a"

    def encode_beginning(self, text: str) -> list[int]:
        """The beginning of a text -> ids, without the token for it. Names of special tokens in it are plain text."""
        return self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)

    def encode(self, piece: str) -> list[int]:
        """A piece in the middle of a text -> ids. Remembered: the same few pieces make up most instructions."""
        if not piece:
            return []
        if piece not in self._kept:
            if len(self._kept) >= CACHED:
                self._kept.clear()
            ids = self.encode_beginning(ANCHOR + piece if self._anchor else piece)
            self._kept[piece] = ids[len(self._anchor) :]
        return self._kept[piece]

    def decode(self, ids: Sequence[int]) -> str:
        """Ids in the middle of a text -> the piece; special tokens are left out."""
        if not ids:
            return ""
        text = self.tokenizer.decode([*self._anchor, *ids], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text.removeprefix(ANCHOR) if self._anchor else text
