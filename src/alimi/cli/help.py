"""Help texts for a terminal of any width: each option on a line of its own, never cut.

What typer draws with rich is a table, whose columns cut the names of long options at 80 characters.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

from typer.core import TyperCommand, TyperGroup

#: Longer lines are hard to read, however wide the terminal.
_WIDEST = 100
#: A narrower terminal scrolls sideways.
_NARROWEST = 30


class Command(TyperCommand):
    """A command that tells of itself in our way."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """What `--help` shows."""
        formatter.write(_told(self, ctx))


class Group(TyperGroup):
    """All commands together."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """What `--help` shows, and no command at all."""
        formatter.write(_told(self, ctx))


def _told(command: Any, ctx: Any) -> str:
    width = max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))
    blocks = [_wrapped(command.get_usage(ctx), width, "", "    ")]
    blocks += [_wrapped(each, width) for each in (command.help or "").split("\n\n")]
    for title, parameters in _panels(command, ctx).items():
        told = [_parameter(each, width) for each in parameters]
        blocks.append("\n".join([f"{title}:", *told]))
    if isinstance(command, TyperGroup):
        blocks.append("\n".join(["Commands:", *_commands(command, ctx, width)]))
    if command.epilog:
        blocks.append(command.epilog)
    return "\n\n".join(blocks) + "\n"


def _panels(command: Any, ctx: Any) -> dict[str, list[Any]]:
    """Arguments, options, and the options that have a heading of their own."""
    panels: dict[str, list[Any]] = {}
    for each in command.get_params(ctx):
        is_argument = each.param_type_name == "argument"
        title = getattr(each, "rich_help_panel", None) or (
            "Arguments" if is_argument else "Options"
        )
        panels.setdefault(title, []).append(each)
    return panels


def _parameter(parameter: Any, width: int) -> str:
    text = " ".join((parameter.help or "").split())
    default = parameter.default
    if getattr(parameter, "show_default", False) and default and not isinstance(default, bool):
        text += f" [default {default}]"
    return f"  {_name(parameter)}\n{_wrapped(text, width, ' ' * 6, ' ' * 6)}"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    names = ", ".join([*sorted(parameter.opts, key=len), *parameter.secondary_opts])
    if parameter.is_flag:
        return names
    return f"{names} {parameter.metavar or 'VALUE'}"


def _commands(group: Any, ctx: Any, width: int) -> Iterator[str]:
    names = group.list_commands(ctx)
    indent = 4 + max(map(len, names), default=0)
    for name in names:
        first = (group.get_command(ctx, name).help or "").split("\n\n")[0]
        yield _wrapped(first, width, f"  {name}".ljust(indent), " " * indent)


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> str:
    """Lines of at most `width`; a word that is longer, such as a URL, stays whole."""
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=rest,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
