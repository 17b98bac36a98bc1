"""How a peer is looked for and made ready."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".peers"


class Missing(Exception):
    """Why a peer is left out."""


def run(command: Sequence[object], where: Path) -> str:
    """What it said; Missing with its last line when it failed."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=where, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
        raise Missing(f"{Path(words[0]).name} failed: {said[-1]}")
    return done.stdout


def tool(name: str, *elsewhere: str, source: str = "") -> str:
    """Where a program is; Missing, with where it comes from, when it is not on the path."""
    search = os.pathsep.join([os.environ.get("PATH", ""), *elsewhere])
    found = shutil.which(name, path=search)
    if found is None:
        raise Missing(f"{name} is not on the path" + (f"; get it from {source}" if source else ""))
    return found


def is_fresh(stamp: Path, text: str) -> bool:
    """Whether what was installed is what is wanted now."""
    return stamp.is_file() and stamp.read_text() == text
