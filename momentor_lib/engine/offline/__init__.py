"""The offline backend: detection, names, captions and texts without a model to download. It is made for the toy world.

On other videos it finds what stands out from the backdrop and names it by colour and size: a simple backend, and it says so.
"""
