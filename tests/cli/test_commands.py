"""The small commands, and what a person reads when something is wrong."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jwt
import pytest
import typer

from alimi import __version__
from alimi.cli import app, main
from tests.cli.harness import API_KEY, USER_SECRET, Terminal

DB = "alimi.db"


def test_alimi_itself_imports_nothing_of_the_command_line() -> None:
    """An application that embeds Alimi pays for no typer, rich, uvicorn or JWT."""
    code = "import sys, alimi; print({'typer', 'rich', 'uvicorn', 'jwt'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("missing", ["typer", "rich", "jwt", "uvicorn"])
def test_a_missing_extra_is_one_line_that_says_what_to_install(
    terminal: Terminal, missing: str
) -> None:
    """Who installed only the library is told the name of the extra."""
    code = f"import sys; sys.modules[{missing!r}] = None; import alimi.cli; alimi.cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=terminal.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"alimi: {missing} is not installed; the command needs the extra alimi[server]: "
        'pip install "path/to/the/clone[server]"\n'
    )


def test_the_version_is_said(bare: Terminal) -> None:
    """`alimi --version` is the package's."""
    assert bare.ok("--version") == f"alimi {__version__}\n"


def test_without_a_command_the_help_is_shown(bare: Terminal) -> None:
    """The first thing a person types explains what can be typed."""
    shown = bare.ok()
    assert [name for name in app.COMMANDS if name not in shown] == []
    assert "alimi init" in shown


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("name", ["", *app.COMMANDS])
def test_help_is_readable_however_narrow_the_terminal(
    bare: Terminal, name: str, width: int
) -> None:
    """No name of an option, default or variable is cut, and no line is longer than the terminal."""
    group: Any = typer.main.get_command(app.program())
    command = group.commands[name] if name else group
    shown = bare.ok(*([name] if name else []), "--help", COLUMNS=str(width))
    lines, words = shown.splitlines(), " ".join(shown.split())
    for each in command.params:
        whole = " ".join((each.help or "").split())
        assert whole in words
        if each.param_type_name == "option":
            heads = [line for line in lines if line.startswith("  -")]
            names = {*each.opts, *each.secondary_opts}
            assert any(names <= set(head.replace(",", " ").split()) for head in heads), names
    told, _, _ = shown.partition("Examples:\n")
    long = [line for line in told.splitlines() if len(line) > width and len(line.split()) > 1]
    assert [line for line in long if not line.startswith("  -")] == []
    assert [line for line in command.epilog.splitlines() if line not in lines] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sevre"], "sevre"),
        (["serve", "--prot", "1"], "--prot"),
        (["serve", "--port", "x"], "--port"),
        (["token"], "RECIPIENT"),
        (["token", "2", "--ttl", "soon"], "--ttl"),
        (["token", "2", "--ttl", "0"], "--ttl"),
        (["token", "2", "--ttl", "36501d"], "36500d"),
        (["notify", "2", "--text", "x", "--expires", "999999999d"], "36500d"),
        (["token", ""], "recipient"),
        (["token", "2", "--user-secret", "short"], "32 bytes"),
        (["token", "2", "--user-secret", "@none"], "none cannot be read"),
        (["tail"], "recipient"),
        (["tail", "2", "--last", "201"], "--last"),
        (["tail", "2", "--db", "a", "--url", "http://b"], "--url and --db"),
        (["tail", "2", "--url", "ftp://b"], "--url"),
        (["tail", "2", "--url", "http://b:x"], "--url"),
        (["tail", "2", "--url", "http://127.0.0.1:1", "--token", "x"], "leave the recipient"),
        (["tail", "--url", "http://127.0.0.1:1", "--token", "한"], "token"),
        (["tail", "2", "--url", "http://127.0.0.1:1"], "cannot be reached"),
        (["tail", "2"], "no database at"),
        (["notify"], "RECIPIENT"),
        (["notify", "2"], "--text"),
        (["notify", "2", "--text", "x"], "no database at"),
        (["notify", "2", "--text", "x", "--texts", "{}"], "--text and --texts"),
        (["notify", "2", "--texts", "["], "--texts"),
        (["notify", "2", "--texts", "{}"], "texts"),
        (["notify", "2", "--text", "x", "--data", "[1]"], "--data"),
        (["notify", "2", "--text", "x", "--actor-name", "Ada"], "--actor"),
        (["notify", "2", "--text", "x", "--link", "javascript:alert(1)"], "url"),
        (["notify", "2", "--text", "x", "--kind", "Not A Kind"], "kind"),
        (["notify", "2", "--text", "x", "--expires", "never"], "--expires"),
        (["notify", "2", "--text", "x", "--url", "http://127.0.0.1:1"], "cannot be reached"),
        (["doctor", "--config", "none.toml"], "none.toml"),
        (["epoch"], "no database at"),
        (["migrate", "--db", "postgresql://host/db"], "postgresql"),
        (["migrate", "--db", "sqlite://"], "memory"),
        (["migrate", "--db", "no/such/folder/a.db"], "no/such/folder"),
        (["init", "no/such/folder/alimi.toml"], "no/such/folder"),
    ],
)
def test_bad_input_is_one_line_and_an_exit_status(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever is typed: "alimi: …" on stderr, no traceback, and it says what was wrong."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALIMI_API_KEYS", API_KEY)
    monkeypatch.setenv("ALIMI_USER_SECRETS", USER_SECRET)
    monkeypatch.setattr("sys.argv", ["alimi", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in {1, 2}
    line = capsys.readouterr().err
    assert line.startswith("alimi: ")
    assert line.count("\n") == 1
    assert words in line
    assert not (tmp_path / DB).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--host", "no.such.host.invalid"], "no.such.host.invalid"),
        (["serve", "--db", "no/such/folder/a.db"], "no/such/folder"),
        (["serve", "--origin", "example.com"], "example.com"),
        (["serve", "--api-key", "short"], "32"),
        (["serve", *(["--api-key", API_KEY] * 3)], "at most 2"),
    ],
)
def test_a_server_that_cannot_start_says_why_in_one_line(
    terminal: Terminal, arguments: list[str], words: str
) -> None:
    """The same for a real process that was about to serve."""
    assert words in terminal.complaint(*arguments)


def test_a_file_that_is_no_database_is_said_in_one_line(terminal: Terminal) -> None:
    """--db with the wrong file does no harm."""
    wrong = terminal.folder / "notes.txt"
    wrong.write_text("not a database " * 100, encoding="utf-8")
    for command in (["migrate"], ["sql"], ["epoch"], ["notify", "2", "--text", "x"], ["serve"]):
        told = terminal.complaint(*command, "--db", "notes.txt")
        assert "no SQLite database" in told or "not a database" in told, command
    assert terminal.run("doctor", "--db", "notes.txt").returncode == 1
    assert wrong.read_text(encoding="utf-8") == "not a database " * 100


def test_bytes_that_are_no_text_are_refused(terminal: Terminal) -> None:
    """An argument in another encoding does not become half a character in somebody's inbox."""
    terminal.ok("migrate")
    command: list[Any] = [sys.executable, "-m", "alimi.cli", "notify", "2", "--text", b"caf\xe9"]
    done = subprocess.run(command, cwd=terminal.folder, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"alimi: ")
    assert done.stderr.count(b"\n") == 1


def test_init_writes_a_file_that_serve_understands_and_only_we_can_read(bare: Terminal) -> None:
    """Fresh secrets, mode 0600, and a second init destroys nothing."""
    bare.ok("init")
    path = bare.folder / "alimi.toml"
    written = path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    settings = tomllib.loads(written)
    assert len(settings["api_keys"][0]) >= 32
    assert len(settings["user_secrets"][0]) >= 32
    assert "already" in bare.complaint("init")
    assert path.read_text(encoding="utf-8") == written
    bare.ok("init", "other.toml")
    other = tomllib.loads((bare.folder / "other.toml").read_text(encoding="utf-8"))
    assert other["user_secrets"] != settings["user_secrets"]


def test_token_makes_what_it_says(terminal: Terminal) -> None:
    """The claims are those of the flags; the answer is the token and nothing else."""
    printed = terminal.ok("token", "2", "--ttl", "90s", "--locale", "ko", "--session", "s")
    claims = jwt.decode(printed.strip(), USER_SECRET, algorithms=["HS256"], audience="alimi")
    assert claims["exp"] - claims["iat"] == 90
    assert (claims["sub"], claims["locale"], claims["jti"]) == ("2", "ko", "s")


def test_secrets_can_come_from_a_file(bare: Terminal) -> None:
    """@file keeps a secret out of the process listing; new tokens use the first line."""
    (bare.folder / "secret").write_text(f"{USER_SECRET}\n{'old-' * 8}\n", encoding="utf-8")
    for made in (
        bare.ok("token", "2", "--user-secret", "@secret"),
        bare.ok("token", "2", ALIMI_USER_SECRETS="@secret"),
    ):
        jwt.decode(made.strip(), USER_SECRET, algorithms=["HS256"], audience="alimi")


def test_without_a_secret_it_is_said_how_to_get_one(bare: Terminal) -> None:
    """The first start of all is not a riddle."""
    assert "alimi init" in bare.complaint("serve")
    assert "alimi init" in bare.complaint("token", "2")


def test_sql_is_what_migrate_runs(bare: Terminal) -> None:
    """An operator can read it before, or run it with another tool: both end in the same schema."""
    script = bare.ok("sql")
    assert not (bare.folder / DB).exists()
    assert bare.ok("migrate").startswith("applied 0001")
    assert "nothing to do" in bare.ok("migrate")
    assert bare.ok("sql").startswith("-- nothing to do")
    by_hand = sqlite3.connect(":memory:")
    by_hand.executescript(script)
    made = sqlite3.connect(bare.folder / DB)
    query = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
    assert by_hand.execute(query).fetchall() == made.execute(query).fetchall()
    by_hand.close()
    made.close()


def test_a_newer_schema_is_a_clear_error(terminal: Terminal) -> None:
    """An older program does not touch tables that it does not understand."""
    terminal.ok("migrate")
    db = sqlite3.connect(terminal.folder / DB)
    db.execute("UPDATE alimi_migrations SET number = 99")
    db.commit()
    db.close()
    for command in (["migrate"], ["serve"], ["epoch"], ["notify", "2", "--text", "x"]):
        assert "newer" in terminal.complaint(*command)
    assert terminal.run("doctor").returncode == 1


def test_epoch_asks_before_it_makes_every_cursor_worthless(terminal: Terminal) -> None:
    """`--new` needs a yes, and then the epoch is another."""
    terminal.ok("migrate")
    terminal.ok("notify", "2", "--text", "x")
    before = terminal.ok("epoch")
    assert "--yes" in terminal.complaint("epoch", "--new")
    assert terminal.ok("epoch") == before
    renewed = terminal.ok("epoch", "--new", "--yes")
    assert renewed != before
    assert terminal.ok("epoch") == renewed


def test_a_reader_that_leaves_is_no_error(terminal: Terminal) -> None:
    """`alimi sql | head -1` ends quietly."""
    command = f"{sys.executable} -m alimi.cli sql | head -1"
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "-c", command], cwd=terminal.folder, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


def test_ctrl_c_ends_quietly(terminal: Terminal) -> None:
    """Stopping `tail` by hand shows no traceback."""
    terminal.ok("migrate")
    terminal.ok("notify", "2", "--text", "x")
    follower = terminal.start("tail", "2", "--json")
    follower.event("hello")
    assert follower.end(signal.SIGINT) == 130
    assert follower.errors == []


def test_no_command_prints_a_secret(terminal: Terminal) -> None:
    """Neither help, errors nor reports repeat what must stay hidden."""
    terminal.ok("migrate")
    outputs = [
        terminal.run(*command)
        for command in (["doctor", "--json"], ["serve", "--help"], ["serve", "--port", "x"])
    ]
    text = "".join(done.stdout + done.stderr for done in outputs)
    assert API_KEY not in text
    assert USER_SECRET not in text
    assert re.search(r'"ok":\s*true', outputs[0].stdout), json.loads(outputs[0].stdout)
