"""Where processes do not fork, as on Windows."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import asyncio, os, signal
for name in ("register_at_fork", "fork", "setpgid"):
    delattr(os, name)
for name in ("pthread_sigmask", "SIG_BLOCK"):
    delattr(signal, name)
import alimi, alimi.cli, board
from alimi.model import event_id
print(len({event_id() for _ in range(600)}))
"""


def test_the_library_can_be_imported() -> None:
    """Several workers need forks; ids, and everything else, do without."""
    command = [sys.executable, "-c", _SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "600\n", done.stderr
