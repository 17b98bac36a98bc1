"""Real processes for the tests: one command, a server, a follower."""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alimi.cli import main, tokens

API_KEY = "test-api-key-0123456789abcdef0123"
USER_SECRET = "test-user-secret-0123456789abcdef"
#: What a server, and who talks to it, has to know.
SECRETS = {"ALIMI_API_KEYS": API_KEY, "ALIMI_USER_SECRETS": USER_SECRET}
#: Generous: two slow cores, and several people on them.
PATIENCE = 30.0
_COMMAND = [sys.executable, "-m", "alimi.cli"]


class Done(NamedTuple):
    """What a command has left."""

    returncode: int
    stdout: str
    stderr: str


def _here() -> Done:
    """The command of `sys.argv`, without the half second that an interpreter takes to start."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):  # fmt: skip
        main()
    for each in (out, err):
        each.seek(0)
    assert isinstance(ended.value.code, int)
    return Done(ended.value.code, out.read(), err.read())


class Terminal:
    """A folder in which commands are typed, with the variables of its shell."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.variables = dict(variables)
        self._started: list[Background] = []

    def run(self, *arguments: str, **variables: str) -> Done:
        """One command to its end: in this process, but for a server, which takes one for itself."""
        if arguments[:1] != ("serve",):
            with self._typed(arguments, variables):
                return _here()
        background = self.start(*arguments, **variables)
        status = background.wait()
        return Done(status, *("\n".join(each) for each in (background.lines, background.errors)))

    @contextlib.contextmanager
    def _typed(self, arguments: Sequence[str], variables: Mapping[str, str]) -> Iterator[None]:
        """What a process of its own would find, put back afterwards."""
        with pytest.MonkeyPatch.context() as patch, contextlib.chdir(self.folder):
            for name, value in self._environment(variables).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["alimi", *arguments])
            yield

    def ok(self, *arguments: str, **variables: str) -> str:
        """What a command prints that has to succeed."""
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def complaint(self, *arguments: str, **variables: str) -> str:
        """The one line of a command that has to fail."""
        done = self.run(*arguments, **variables)
        assert done.returncode not in {0, -signal.SIGTERM}, done.stdout
        assert "Traceback" not in done.stderr, done.stderr
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("alimi: ")
        return lines[0]

    def start(self, *arguments: str, **variables: str) -> Background:
        """A command that goes on; ended at the end of the test."""
        inherited = {name: each for name, each in os.environ.items() if name[:6] != "ALIMI_"}
        process = subprocess.Popen(
            [*_COMMAND, *arguments],
            cwd=self.folder,
            env={**inherited, **self._environment(variables)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        background = Background(process)
        self._started.append(background)
        return background

    def serve(self, *arguments: str, **variables: str) -> Server:
        """A server that accepts connections."""
        port = () if "--port" in arguments else ("--port", "0")
        background = self.start("serve", *port, *arguments, **variables)
        line = background.wait_for(lambda text: " serves http://" in text)
        return Server(background, line.split(" serves ")[1].split()[0], self.folder)

    def close(self) -> None:
        """End what is still running."""
        for each in self._started:
            each.kill()

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        usual = {"PYTHONFAULTHANDLER": "1", "COLUMNS": "200", "NO_COLOR": "1"}
        return {**usual, **self.variables, **variables}


class Background:
    """A running command whose output is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=each, daemon=True)
            for each in ((process.stdout, self._queue.put), (process.stderr, self.errors.append))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: Any, take: Callable[[str | None], None]) -> None:
        for line in stream:
            take(line.rstrip("\n"))
        if take == self._queue.put:
            take(None)

    def wait_for(self, matches: Callable[[str], bool]) -> str:
        """The first line from now on that matches."""
        deadline = time.monotonic() + PATIENCE
        while True:
            line = self._queue.get(timeout=max(0.01, deadline - time.monotonic()))
            if line is None:
                raise AssertionError(f"ended: {self.lines} {self.errors}")
            self.lines.append(line)
            if matches(line):
                return line

    def event(self, name: str) -> dict[str, Any]:
        """The next line of `tail --json` that tells of `name`."""
        line = self.wait_for(lambda text: json.loads(text)["event"] == name)
        told: dict[str, Any] = json.loads(line)
        return told

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; answers the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; all output is read then."""
        status = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        while not self._queue.empty():
            line = self._queue.get()
            if line is not None:
                self.lines.append(line)
        return status

    def kill(self) -> None:
        """End it for sure."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Server:
    """A running `alimi serve`."""

    def __init__(self, background: Background, url: str, folder: Path) -> None:
        self.background = background
        self.url = url
        self.folder = folder

    @property
    def port(self) -> str:
        """Its port, for starting another one there."""
        return self.url.rpartition(":")[2]

    def steps(self) -> dict[str, list[str]]:
        """The commands that the first start prints, by their name."""
        self.background.wait_for(lambda line: line.startswith("Ctrl-C"))
        lines = [each for each in self.background.lines if "   alimi " in each]
        words = [shlex.split(each.split("alimi ", 1)[1]) for each in lines]
        return {each[0]: each for each in words}

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Status and body."""
        return self._ask(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path: str, body: object, **headers: str) -> tuple[int, bytes]:
        """Status and body."""
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode()
        return self._ask(urllib.request.Request(self.url + path, data, headers))

    def _ask(self, request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def notify(self, recipient: str, text: str) -> None:
        """An event over HTTP, where the command that sends one is not the point."""
        event = {"kind": "note", "category": "general", "to": recipient, "texts": {"en": text}}
        status, body = self.post("/v1/events", event, Authorization=f"Bearer {API_KEY}")
        assert status == 202, body

    def inbox(self, token: str) -> dict[str, Any]:
        """The inbox that a token opens."""
        status, body = self.get("/v1/inbox", Authorization=f"Bearer {token}")
        assert status == 200, body
        page: dict[str, Any] = json.loads(body)
        return page

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; answers the exit status."""
        return self.background.end(number)


def token_of(recipient: str) -> str:
    """What `alimi token` would print, without a process."""
    secret, now = USER_SECRET.encode(), int(time.time())
    return tokens.make(recipient, secret, audience="alimi", now=now, seconds=3_600)


def until(true: Callable[[], Any]) -> Any:
    """Ask until the answer is true: for what another process brings about."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := true()):
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.05)  # between two questions; the answer decides
    return answer
