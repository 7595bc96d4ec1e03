"""The inside of :mod:`momentor_lib.video`: opening a file, choosing frames by timestamp, decoding, resizing."""
