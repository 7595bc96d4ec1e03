"""A JupyterLab of a test's own: its folder, its settings, no token, no news."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 120  # seconds for a busy machine; nothing waits so long where it is not needed
PLACES = {
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_RUNTIME_DIR": "run",
    "JUPYTERLAB_WORKSPACES_DIR": "places",
}


def environment(home: Path) -> dict[str, str]:
    """Jupyter's own files in ``home``, so that no user's settings count."""
    return {**os.environ, **{name: str(home / place) for name, place in PLACES.items()}}


@contextmanager
def running_lab(folder: Path, home: Path) -> Iterator[str]:
    """The address of a JupyterLab on the notebooks of ``folder``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    options = [
        f"--port={address.rpartition(':')[2]}",
        f"--ServerApp.root_dir={folder}",
        "--IdentityProvider.token=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]
    with (home / "log").open("w") as log:
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *options]
        process = subprocess.Popen(command, env=environment(home), stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until_up(address, process, home / "log")
            yield address
        finally:
            process.terminate()
            process.wait(PATIENCE)


def wait_until_up(address: str, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def open_notebook(new_page, server: str, name: str, **options: object):
    """The notebook's page; the options are those of ``new_page``."""
    page = new_page(server=server, **options)
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(f"{server}/lab/workspaces/{name}/tree/{name}.ipynb")
    return page
