"""What an offline pack says and runs: INSTALL.txt and the script that sets up."""

from __future__ import annotations

TEXT = """\
Momentor, offline pack for {platform}

Everything that the course needs lies in this folder, but Python {version} itself. Nothing below uses a network.

Set up:

    {script}

makes the folder "momentor" where you are, with an environment (.venv) and the notebooks, and says how to start them.
A name behind the command is used instead of "momentor". By hand, in an environment of your own:

    pip install --no-index --find-links wheels --constraint constraints.txt {requirement}

wheels/            the packages, and momentor's own wheel, which holds the trained tiny model and the sample videos
notebooks/         the course; notebooks/solutions has every exercise solved
checkpoints/tiny/  the tiny model, to look at
data_samples/      the sample videos and their annotations, to look at
MANIFEST           SHA-256 of every file: sha256sum --check MANIFEST says whether a copy of this folder is whole

Something does not work? "momentor doctor" in the environment says what, and TROUBLESHOOTING.md has the rest.
"""

POSIX = """\
#!/bin/sh
# Sets Momentor up from this folder alone: sh install.sh [FOLDER]. PYTHON=... names another Python {version}.
set -e
here=$(cd "$(dirname "$0")" && pwd)
place=${{1:-momentor}}
python=${{PYTHON:-python3}}
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != {pair})' || {{
    echo "this pack is for {platform}: name that Python, PYTHON=python{version} sh install.sh" >&2; exit 1; }}
"$python" -m venv "$place/.venv"
"$place/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --find-links "$here/wheels" \\
    --constraint "$here/constraints.txt" {requirement}
test -e "$place/notebooks" || cp -R "$here/notebooks" "$place/notebooks"
echo "Ready. Is all well?  $place/.venv/bin/momentor doctor"
echo "The notebooks:       $place/.venv/bin/jupyter lab --notebook-dir $place/notebooks"
"""

WINDOWS = """\
@echo off
rem Sets Momentor up from this folder alone: install.bat [FOLDER]
setlocal
set "here=%~dp0"
set "place=%~1"
if "%place%"=="" set "place=momentor"
py -{version} -m venv "%place%\\.venv" || exit /b 1
"%place%\\.venv\\Scripts\\python" -m pip install --quiet --disable-pip-version-check --no-index --find-links "%here%wheels" ^
    --constraint "%here%constraints.txt" {requirement} || exit /b 1
if not exist "%place%\\notebooks" xcopy /e /i /q "%here%notebooks" "%place%\\notebooks" || exit /b 1
echo Ready. Is all well?  %place%\\.venv\\Scripts\\momentor doctor
echo The notebooks:       %place%\\.venv\\Scripts\\jupyter lab --notebook-dir %place%\\notebooks
"""


def install_files(wheel: str, platform: str, python: tuple[int, int], windows: bool) -> dict[str, str]:
    """File name -> content, for a pack whose own wheel has this file name.

    Args:
        platform: in words.
        python: major and minor version that the wheels are for.
        windows: the script is a batch file.
    """
    distribution, version_of_ours = wheel.split("-")[:2]
    fields = {
        "platform": platform,
        "version": "{}.{}".format(*python),
        "pair": str(tuple(python)),
        "requirement": f"{distribution}=={version_of_ours}",
        "script": "install.bat" if windows else "sh install.sh",
    }
    script = WINDOWS.replace("\n", "\r\n") if windows else POSIX
    return {"INSTALL.txt": TEXT.format(**fields), "install.bat" if windows else "install.sh": script.format(**fields)}
