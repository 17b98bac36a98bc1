"""docs/settings.md tells of every setting, and the commands' help of every flag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from alimi.cli import app
from alimi.cli.options import OPTIONS
from alimi.cli.reference import with_tables
from alimi.settings import Settings

PAGE = Path(__file__).parents[2] / "docs/settings.md"


def commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(app.program())
    return dict(group.commands)


def settings_of_the_library() -> list[str]:
    names: list[str] = []
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            names += [f"{field.name}.{each.name}" for each in msgspec.structs.fields(field.type)]
        else:
            names.append(field.name)
    return names


def test_every_setting_of_the_library_has_a_flag_and_a_variable() -> None:
    """A setting that is added to the library cannot be forgotten here."""
    assert [name for name in settings_of_the_library() if name not in OPTIONS] == []


def test_the_page_has_the_tables_of_the_code() -> None:
    """Run `python -m alimi.cli.reference docs/settings.md` after changing a setting."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page)


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_every_setting_flag_and_variable_is_on_the_page(option: Any) -> None:
    """What is not documented does not exist for who runs the server."""
    page = PAGE.read_text(encoding="utf-8")
    flags = [flag for each in option.declarations for flag in each.split("/")]
    words = [option.name, option.variable, *flags]
    assert [word for word in words if f"`{word}`" not in page] == []


@pytest.mark.parametrize("name", app.COMMANDS)
def test_every_flag_of_a_command_says_what_it_does(name: str) -> None:
    """A command has a sentence, an example, and a help text for each of its parameters."""
    command = commands()[name]
    assert command.help
    assert "alimi" in command.epilog
    bare = [each.name for each in command.params if not each.help and each.name != "help"]
    assert bare == []


@pytest.mark.parametrize("name", app.COMMANDS)
def test_every_flag_of_a_setting_is_one_of_the_table(name: str) -> None:
    """A flag means the same setting in every command."""
    known = {option.parameter: option for option in OPTIONS.values()}
    for parameter in commands()[name].params:
        option = known.get(parameter.name)
        if option is not None and parameter.param_type_name == "option":
            flags = [flag for each in option.declarations for flag in each.split("/")]
            assert [*parameter.opts, *parameter.secondary_opts] == flags
