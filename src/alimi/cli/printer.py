"""How `tail` shows an inbox: lines for a person, or JSON for a machine."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from rich.text import Text

from alimi.cli.terminal import console, printable
from alimi.sse import ServerEvent

#: They keep the stream alive; nobody needs to read them.
_SILENT = frozenset({"ping"})


class Printer:
    """Shows items of a page and events of a stream."""

    def __init__(self, *, json: bool) -> None:
        self._json = json
        self._console = console()
        self._notes = console(stderr=True)

    def item(self, row: dict[str, Any], cursor: str) -> None:
        """A notification that was there before."""
        if self._json:
            self._line("item", cursor, row)
        else:
            self._row(row, is_new=False)

    def event(self, event: ServerEvent) -> None:
        """What the stream told."""
        if event.event in _SILENT:
            return
        data = msgspec.json.decode(event.data)
        name = "new" if event.event == "message" else event.event
        if self._json:
            self._line(name, event.id, data)
        elif name == "new":
            self._row(data, is_new=True)
        else:
            self._told(name, data)

    def note(self, text: str) -> None:
        """About the connection, beside the output."""
        self._notes.print(Text(printable(text), style="dim"))

    def _line(self, name: str, cursor: str, data: Any) -> None:
        line = msgspec.json.encode({"event": name, "cursor": cursor, "data": data})
        print(line.decode(), flush=True)

    def _row(self, row: dict[str, Any], *, is_new: bool) -> None:
        unread = row["read_at"] is None
        line = Text(f"{_clock(row['created_at'])} ", style="dim")
        line.append("● " if unread else "  ", style="bold blue")
        line.append(printable(row["message"]), style="bold" if unread else "")
        name = (row.get("object") or {}).get("name")
        if name:
            line.append(f"  {printable(name)}", style="cyan")
        line.append(f"  [{row['kind']}]", style="dim")
        if row["url"]:
            line.append(f"  {printable(row['url'])}", style="dim underline")
        if is_new:
            line.append(f"  ({row['unread']} unread)", style="dim")
        self._console.print(line)

    def _told(self, name: str, data: dict[str, Any]) -> None:
        say = getattr(self, f"_say_{name}", None)
        if say is not None:
            self._console.print(Text(printable(say(data)), style="dim"))

    def _say_change(self, data: dict[str, Any]) -> str:
        return f"{_now()}   {_changed(data)}  ({data['unread']} unread)"

    def _say_signal(self, data: dict[str, Any]) -> str:
        return f"{_now()}   signal {data['name']} {msgspec.json.encode(data['data']).decode()}"

    def _say_reset(self, data: dict[str, Any]) -> str:
        return f"{_now()}   what was missed cannot be told ({data['reason']}): the inbox anew"

    def _say_bye(self, data: dict[str, Any]) -> str:
        return f"{_now()}   the server ends the stream ({data['reason']}); back in a moment"


def _changed(data: dict[str, Any]) -> str:
    """Which rows, and how they are now."""
    if "seen_upto" in data:
        return "all seen"
    if data.get("all"):
        which = f"everything up to {data['upto']}"
    else:
        count = len(data["ids"])
        which = "1 notification" if count == 1 else f"{count} notifications"
    if data.get("deleted"):
        return f"{which} deleted"
    states = [
        words[0] if data[name] else words[1]
        for name, words in (("read_at", ("read", "unread")), ("archived_at", ("archived", "")))
        if name in data
    ]
    return " ".join([which, *filter(None, states)])


def _clock(rfc3339: str) -> str:
    """Local time; with its day when it is another than today."""
    when = datetime.fromisoformat(rfc3339).astimezone()
    is_today = when.date() == datetime.now().astimezone().date()
    return when.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M")


def _now() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")
