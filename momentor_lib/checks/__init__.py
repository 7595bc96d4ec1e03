"""The exercises' self-checks, one module a notebook. A check gives a hint, never the answer, and never stops a notebook."""
