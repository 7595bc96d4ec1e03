"""The offline pack: a folder from which a classroom sets Momentor up without a network."""

from momentor_lib.offline.pack import Pack, make_pack

__all__ = ["Pack", "make_pack"]
