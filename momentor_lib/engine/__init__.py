"""The data generation engine: videos -> instructions of Moment-10M's ten data types and GESM sequences. Paper: section 4.1.

Five steps, each in its own module: ``boundaries``, ``tracks``, ``matrix``, ``instructions``, ``filtering``; ``pipeline`` runs them on a
video and ``run`` on many. What looks, names and writes is behind the four protocols of ``backends``.
"""
