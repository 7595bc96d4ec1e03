"""notebooks/build.py on small sources of its own."""

from __future__ import annotations

import nbformat
import pytest

SOURCE = '''\
# %% [markdown]
# # A title
#
# - **Minutes**: {read} to read

# %%
import os

# %% tags=["exercise"]
def double(number):
    """Twice the number."""

# %% tags=["solution"]
def double(number):
    """Twice the number."""
    return 2 * number

# %% tags=["check"]
double(4)

# %%
print(os.getcwd())
'''


@pytest.fixture
def toy_source(tmp_path):
    path = tmp_path / "09_toy.py"
    path.write_text(SOURCE)
    return path


def sources_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_student_gets_the_stub_and_solution_the_answer(build, toy_source):
    student, solution = build.make(toy_source, build.STUDENT), build.make(toy_source, build.SOLUTION)
    assert "2 * number" not in sources_of(student)
    assert "2 * number" in sources_of(solution)
    assert sources_of(solution).count("def double") == sources_of(student).count("def double") == 1
    assert len(student.cells) == len(solution.cells)


def test_header_has_title_badge_of_its_own_path_and_minutes(build, toy_source):
    for kind in (build.STUDENT, build.SOLUTION):
        header = build.make(toy_source, kind).cells[0].source
        assert header.startswith("# A title\n")
        assert f"/github/{build.REPOSITORY}/blob/main/{kind}/09_toy.ipynb" in header
        assert "{read}" not in header
        assert "**Minutes**: 10 to read" in header  # an exercise of five minutes and a little to read, rounded up to five


def test_set_up_cell_is_second(build, toy_source):
    assert build.make(toy_source, build.STUDENT).cells[1].source == build.SETUP.rstrip("\n")


def test_making_twice_gives_the_same_bytes_and_unique_ids(build, toy_source):
    once, twice = (nbformat.writes(build.make(toy_source, build.STUDENT)) for _ in range(2))
    assert once == twice
    ids = [cell.id for cell in build.make(toy_source, build.STUDENT).cells]
    assert len(set(ids)) == len(ids)


def test_equal_cells_have_different_ids(build, tmp_path):
    path = tmp_path / "09_twice.py"
    path.write_text("# %% [markdown]\n# # T\n\n# %%\n1 + 1\n\n# %%\n1 + 1\n")
    ids = [cell.id for cell in build.make(path, build.STUDENT).cells]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('tags=["check"]', 'tags=["chek"]', "unknown tags"),
        ('tags=["solution"]', 'tags=["check"]', "followed by its solution"),
        ('tags=["exercise"]', 'tags=["slow"]', "a solution stands nowhere else"),
        ("# # A title", "# ## A title", "must begin with the title"),
    ],
)
def test_faults_of_a_source_are_named(build, toy_source, old, new, message):
    toy_source.write_text(SOURCE.replace(old, new))
    with pytest.raises(ValueError, match=message):
        build.make(toy_source, build.STUDENT)


def test_unknown_notebook_is_named(build):
    with pytest.raises(FileNotFoundError, match="77"):
        build.find_sources(["77"])


def test_running_leaves_no_folder_of_this_machine(build, toy_source):
    run = build.execute(build.make(toy_source, build.SOLUTION))
    assert run.notebook.cells[-1].outputs[0].text == ".\n"
    assert run.notebook.metadata == build.METADATA  # a kernel adds the versions of this machine
    assert run.notebook.cells[-2].outputs[0].data["text/plain"] == "8"
    assert run.processor_seconds > 0 and 0 < run.slowest_cell < run.seconds


def test_cleaning_drops_widgets_and_joins_text(build):
    cell = nbformat.v4.new_code_cell("x", metadata={"execution": {"iopub.execute_input": "2020"}, "tags": ["check"]})
    cell.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="one "),
        nbformat.v4.new_output("stream", name="stdout", text=f"two {build.ROOT}/momentor_lib\n"),
        nbformat.v4.new_output("display_data", data={build.WIDGET: {"model_id": "1"}, "text/plain": "0%"}),
    ]
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    build.clean(notebook, "nowhere")
    assert [output.text for output in cell.outputs] == ["one two momentor/momentor_lib\n"]
    assert cell.metadata == {"tags": ["check"]} and "widgets" not in notebook.metadata


def test_cleaning_leaves_what_a_widget_shows_without_a_kernel(build):
    cell = nbformat.v4.new_code_cell("x")
    data = {build.WIDGET: {"model_id": "1"}, "text/plain": "timeline", "text/html": "<section>timeline</section>"}
    cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    build.clean(nbformat.v4.new_notebook(cells=[cell]), "nowhere")
    [output] = cell.outputs
    assert output.data == {"text/plain": "timeline", "text/html": "<section>timeline</section>"}


def test_too_large_a_notebook_is_not_written(build, tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("x" * build.MAX_BYTES)])
    with pytest.raises(ValueError, match="smaller pictures"):
        build.write(notebook, tmp_path / "large.ipynb")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_notebook_leaves_both_old_ones(build, toy_source, monkeypatch, tmp_path):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    for kind in (build.STUDENT, build.SOLUTION):
        build.target(toy_source, kind).parent.mkdir(parents=True, exist_ok=True)
        build.target(toy_source, kind).write_text("old")
    toy_source.write_text(SOURCE.replace("return 2 * number", "raise RuntimeError"))
    with pytest.raises(Exception, match="RuntimeError"):
        build.build(toy_source)
    assert [build.target(toy_source, kind).read_text() for kind in (build.STUDENT, build.SOLUTION)] == ["old", "old"]


def test_stale_notebooks_are_found(build, toy_source, monkeypatch, tmp_path):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "execute", lambda notebook: build.Run(as_if_run(notebook), 1.0, 1.0, 1.0))
    assert len(build.differences(toy_source)) == 2  # both missing
    build.build(toy_source)
    assert build.differences(toy_source) == []
    toy_source.write_text(SOURCE.replace("2 * number", "number + number"))
    (stale,) = build.differences(toy_source)
    assert "solutions" in stale


def as_if_run(notebook):
    for number, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.execution_count = number + 1
    return notebook
