"""Slides from the notebooks, pages that need no network: ``python -m notebooks.tools.slides [NN ...]``.

A page is cut from the student notebook as it is in the repository, with its outputs: the title, then each
section on as many slides as it needs. Set-up, imports and checks are left out, and so is code whose output is
a picture. Arrow keys turn the slides; without JavaScript the page is one long text. nbconvert's own slides
load reveal.js and MathJax from a server; here a page holds everything, its formulas drawn by matplotlib.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import re
import struct
import sys
from pathlib import Path

import nbformat
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown import markdown2html_mistune
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from momentor_lib.files import write_whole
from notebooks import build
from notebooks.tools import course
from notebooks.tools.course import Lesson

FOLDER = build.ROOT / "build" / "slides"
TEMPLATE = Path(__file__).with_name("slides.html")
WIDTH, HEIGHT, LARGEST = 1180, 500, 1.5  # pixels that a picture may take, and how much it may be enlarged
POINTS = 12  # size at which a formula is drawn

# What the notebooks write and matplotlib does not know, by what it does know.
TEX = (
    (r"\texttt", r"\mathtt"),
    (r"\bigl", ""),
    (r"\bigr", ""),
    (r"\tfrac12", r"\frac{1}{2}"),
)
CODE_OR_FORMULA = re.compile(r"(```.*?```|`[^`]*`)|\$\$(.+?)\$\$|\$([^$\n]+(?:\n[^$\n]+)?)\$", re.DOTALL)


def write_slides(names: list[str] | None = None, folder: Path = FOLDER) -> list[Path]:
    """The pages of the notebooks whose names begin with one of ``names`` (all without), and an index of all.

    Raises:
        FileNotFoundError: a name fits no notebook, or a notebook was not made yet.
    """
    chosen = {source.stem for source in build.find_sources(names)}
    lessons = course.lessons()
    written = []
    for lesson in lessons:
        if lesson.stem in chosen:
            notebook = nbformat.read(build.ROOT / build.STUDENT / f"{lesson.stem}.ipynb", as_version=4)
            written.append(folder / f"{lesson.stem}.html")
            write_whole(
                written[-1], page(f"{lesson.number} · {plain(lesson.title)}", parts(lesson, notebook))
            )
    entries = "".join(
        f'<li><a href="{one.stem}.html">{one.number} · {plain(one.title)}</a></li>' for one in lessons
    )
    cover = f'<div class="part title"><h1>The course: slides</h1><ul>{entries}</ul></div>'
    write_whole(folder / "index.html", page("The course: slides", cover))
    return written


def page(title: str, body: str) -> str:
    """The template, filled."""
    colours = HtmlFormatter(style="default").get_style_defs(".highlight")
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in (("TITLE", title), ("CODE-COLOURS", colours), ("PARTS", body)):
        text = text.replace(f"<!--{name}-->", value)
    return text


def plain(title: str) -> str:
    return html.escape(re.sub(r"[*`]", "", title))


def parts(lesson: Lesson, notebook: NotebookNode) -> str:
    """Every part of a page: the title, and one part a section, which the page itself cuts into slides."""
    able = "".join(f"<li>{inline(one.strip())}</li>" for one in lesson.able.split(";"))
    found = [
        f'<div class="part title"><h1>{plain(lesson.title)}</h1><h3>You will be able to</h3><ul>{able}</ul>'
        f"<p>{lesson.read} minutes to read and solve</p></div>"
    ]
    for heading, cells in course.split_at_headings(notebook.cells)[1:]:
        blocks = "".join(block(cell) for cell in cells if not left_out(cell))
        number, title = re.match(r"(\d+\. )?(.*)", heading).groups(default="")
        shown = number + inline(title)
        found.append(f'<div class="part" data-heading="{html.escape(shown)}"><h2>{shown}</h2>{blocks}</div>')
    return "\n".join(found)


def inline(text: str) -> str:
    """A line of Markdown, without a paragraph around it."""
    return re.sub(r"</?p>", "", markdown(text)).strip()


def left_out(cell: NotebookNode) -> bool:
    """Checks of exercises, and cells that only import."""
    if cell.cell_type == "markdown":
        return False
    lines = [line for line in cell.source.splitlines() if line.strip()]
    return "check" in build.tags_of(cell) or all(re.match(r"(import|from) ", line) for line in lines)


def block(cell: NotebookNode) -> str:
    """A cell as blocks of a page."""
    if cell.cell_type == "markdown":
        return markdown(cell.source)
    outputs = [shown for output in cell.outputs for shown in (output_block(output),) if shown]
    drawn = any('<img alt="' in shown or 'class="html"' in shown for shown in outputs)
    code = "" if drawn else f'<div class="code">{Highlight2HTML()(cell.source)}</div>'
    return code + "".join(outputs)


def output_block(output: NotebookNode) -> str:
    """One output: a picture, a table or timeline, or text."""
    if output.output_type == "stream":
        return said(output.text)
    data = output.get("data", {})
    if "image/png" in data:
        return picture(data["image/png"], output.metadata.get("image/png", {}).get("alt", ""))
    if "text/html" in data:
        return f'<div class="html">{data["text/html"]}</div>'
    return said(data.get("text/plain", ""))


def said(text: str) -> str:
    return f'<div class="said"><pre>{html.escape(text.rstrip())}</pre></div>' if text.strip() else ""


def picture(data: str, alt: str) -> str:
    """A PNG file in base64, as large as a slide allows."""
    width, height = struct.unpack(">II", base64.b64decode(data[:64])[16:24])
    scale = min(WIDTH / width, HEIGHT / height, LARGEST)
    size = f'width="{width * scale:.0f}" height="{height * scale:.0f}"'
    return f'<img alt="{html.escape(alt)}" {size} src="data:image/png;base64,{"".join(data.split())}">'


def markdown(text: str) -> str:
    """Markdown with formulas -> HTML; links to notebooks lead to their slides."""
    formulas: list[str] = []

    def put_aside(found: re.Match) -> str:
        code, alone, inline = found.groups()
        if code:
            return code
        formulas.append(formula(alone or inline, alone is not None))
        return f"FORMULA{len(formulas) - 1}X"

    shown = markdown2html_mistune(CODE_OR_FORMULA.sub(put_aside, text))
    shown = re.sub(r'href="(\d\d_\w+)\.ipynb"', r'href="\1.html"', shown)
    shown = re.sub(r"<p>(FORMULA\d+X)</p>", r'<p class="formula">\1</p>', shown)
    return re.sub(r"FORMULA(\d+)X", lambda found: formulas[int(found[1])], shown)


def formula(tex: str, alone: bool) -> str:
    """TeX -> an image within the text, drawn by matplotlib; where it cannot, the TeX itself."""
    tex = " ".join(tex.split()).rstrip(".,") if alone else " ".join(tex.split())
    known = tex.replace(r"\frac", r"\dfrac") if alone else tex
    for theirs, ours in TEX:
        known = re.sub(re.escape(theirs) + r"(?![a-z])", lambda _, ours=ours: ours, known)
    drawn, font = io.BytesIO(), FontProperties(size=POINTS, math_fontfamily="dejavusans")
    try:
        depth = math_to_image(f"${known}$", drawn, prop=font, format="svg")
    except ValueError:
        return f"<code>{html.escape(tex)}</code>"
    size = re.search(r'<svg[^>]* height="([\d.]+)pt"', drawn.getvalue().decode())
    height, depth = float(size[1]) / POINTS, depth / POINTS
    style = f"height:{height:.2f}em;vertical-align:-{depth:.2f}em"
    data = base64.b64encode(drawn.getvalue()).decode()
    source = f"data:image/svg+xml;base64,{data}"
    return f'<img class="formula" alt="{html.escape(tex)}" style="{style}" src="{source}">'


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Makes slides from the notebooks, pages that need no network."
    )
    parser.add_argument("names", nargs="*", help="beginnings of file names, such as 01; all without")
    written = write_slides(parser.parse_args().names)
    for path in written:
        print(f"{path.relative_to(build.ROOT)}: {path.stat().st_size / 1000:.0f} KB")
    print(f"Open {(FOLDER / 'index.html').relative_to(build.ROOT)}; arrow keys turn the slides.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
