"""Settings from flags, variables, a file and defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alimi.cli.configuration import Configuration, is_remote, load
from alimi.cli.options import OPTIONS
from alimi.errors import ConfigurationError, InvalidInput


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(
    given: dict[str, Any] | None = None, file: str | None = None, /, **variables: str
) -> Configuration:
    if file is not None:
        Path("alimi.toml").write_text(file, encoding="utf-8")
    return load(given or {}, variables)


def refused(given: dict[str, Any] | None = None, file: str | None = None, /, **env: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(given, file, **env)
    return str(caught.value)


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default() -> None:
    """Each layer is used where no stronger one speaks."""
    assert loaded().port == 8000
    assert loaded(None, "port = 1").port == 1
    assert loaded(None, "port = 1", ALIMI_PORT="2").port == 2
    assert loaded({"port": "3"}, "port = 1", ALIMI_PORT="2").port == 3


def test_layers_mix_setting_by_setting() -> None:
    """A stronger layer replaces one setting, not the whole weaker layer."""
    file = 'host = "a"\nport = 1\nping_seconds = 7\n[retention]\ndays = 3\nrows = 4'
    config = loaded({"retention_rows": "9"}, file, ALIMI_HOST="b")
    assert (config.host, config.port, config.settings.ping_seconds) == ("b", 1, 7)
    assert (config.settings.retention.days, config.settings.retention.rows) == (3, 9)


def test_where_a_value_came_from_is_known() -> None:
    """The steps that the first start prints repeat flags, and only them."""
    config = loaded({"host": "a"}, "port = 1", ALIMI_AUDIENCE="x")
    assert config.sources["host"] == "--host"
    assert config.sources["audience"] == "ALIMI_AUDIENCE"
    assert config.sources["port"] == "alimi.toml: port"


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_every_setting_can_be_written_as_a_variable_and_in_the_file(option: Any) -> None:
    """No setting has a name in the table that a layer does not read."""
    sample = {"retry_ms": "5,6", "synchronous": "NORMAL", "log_level": "debug"}
    sample |= {"backlog_bytes": "70"}
    text = sample.get(option.name, "true" if option.type is bool else "7")
    config = loaded(**{option.variable: text})
    assert config.sources == {option.name: option.variable}
    *table, key = option.name.split(".")
    head = f"[{table[0]}]\n" if table else ""
    quoted = {
        "retry_ms": "[5, 6]",
        "api_keys": '["7"]',
        "user_secrets": '["7"]',
        "origins": '["7"]',
    }
    is_text = text.isalpha() and option.type is not bool
    is_text = is_text or option.name in {
        "database", "bus", "host", "audience", "url", "token",
    }  # fmt: skip
    value = quoted.get(option.name, f'"{text}"' if is_text else text)
    same = loaded(None, f"{head}{key} = {value}\n")
    assert same.sources == {option.name: f"alimi.toml: {option.name}"}
    assert {**_plain(same)} == {**_plain(config)}


def _plain(config: Configuration) -> dict[str, Any]:
    return {
        name: getattr(config, name)
        for name in Configuration.__struct_fields__
        if name not in {"sources", "file"}
    }


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("prot = 1", ["'prot'", "did you mean 'port'?"]),
        ("[retention]\ndayz = 1", ["'retention.dayz'", "did you mean 'retention.days'?"]),
        ("[server]\nport = 1", ["'server'"]),
        ('[kind."a.b"]\ncategory = "c"', ["'kind'", "did you mean 'kinds'?"]),
        ('[kinds."a.b"]\ncategori = "c"', ['[kinds."a.b"]', "did you mean 'category'?"]),
        ('[kinds.card.assigned]\ncategory = "c"', ["in quotes"]),
    ],
)
def test_an_unknown_key_of_the_file_is_an_error_that_names_the_nearest(
    file: str, names: list[str]
) -> None:
    """A misspelt setting is never silently nothing."""
    text = refused(None, file)
    assert text.startswith("alimi.toml")
    assert [name for name in names if name not in text] == []


def test_an_unknown_variable_is_an_error_that_names_the_nearest() -> None:
    """The same for variables, also for those of settings that were renamed."""
    assert "did you mean 'ALIMI_USER_SECRETS'?" in refused(ALIMI_USER_SECRET="x" * 32)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALIMI_SERVICE_HOST", "10.0.0.1"),
        ("ALIMI_SERVICE_PORT_HTTP", "80"),
        ("ALIMI_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("ALIMI_PORT", "tcp://10.0.0.1:8000"),
        ("ALIMI_BOARD_PORT", "tcp://10.0.0.1:5001"),
    ],
)
def test_what_kubernetes_adds_is_passed_over(name: str, value: str) -> None:
    """A service called alimi beside the container does not keep it from starting."""
    assert loaded(**{name: value}).port == 8000


def test_an_empty_variable_counts_as_not_set() -> None:
    """`ALIMI_PORT= alimi serve` is how one takes a variable away."""
    assert loaded(ALIMI_PORT="").port == 8000


@pytest.mark.parametrize(
    ("given", "file", "env", "names"),
    [
        ({"port": "x"}, None, {}, ["--port", "int"]),
        ({"port": "65536"}, None, {}, ["--port", "65535"]),
        ({}, 'port = "1"', {}, ["alimi.toml: port", "int"]),
        ({}, None, {"ALIMI_PING_SECONDS": "soon"}, ["ALIMI_PING_SECONDS", "float"]),
        ({}, None, {"ALIMI_RETRY_MS": "9,1"}, ["retry_ms", "9 and 1"]),
        ({}, None, {"ALIMI_RETRY_MS": "9"}, ["ALIMI_RETRY_MS"]),
        ({}, 'api_keys = "one"', {}, ["api_keys", "array"]),
        ({}, None, {"ALIMI_METRICS": "perhaps"}, ["ALIMI_METRICS", "bool"]),
        ({}, 'log_level = "loud"', {}, ["log_level"]),
        ({}, 'synchronous = "OFF"', {}, ["synchronous"]),
        ({}, "kinds = 1", {}, ["kinds"]),
        ({}, '[kinds."a"]\ncategory = 1\ntext.en = "x"', {}, ['[kinds."a"]', "category"]),
        ({}, '[kinds."a"]\ncategory = "c"', {}, ["text"]),
        ({}, "port = ", {}, ["alimi.toml", "TOML"]),
        ({"config": Path("none.toml")}, None, {}, ["none.toml", "No such file"]),
        ({}, None, {"ALIMI_CONFIG": "none.toml"}, ["none.toml"]),
        ({"config": Path()}, None, {}, ["."]),
    ],
)
def test_a_value_that_cannot_be_is_an_error_that_says_where(
    given: dict[str, Any], file: str | None, env: dict[str, str], names: list[str]
) -> None:
    """The text names the place, so that a person finds it."""
    text = refused(given, file, **env)
    assert [name for name in names if name not in text] == []


LIMITED = [option for option in OPTIONS.values() if option.limits is not None]


@pytest.mark.parametrize("value", ["1e308", "nan", "inf", "-1", "9" * 30])
@pytest.mark.parametrize("option", LIMITED, ids=lambda option: option.name)
def test_g8_a_number_past_its_limits_is_refused_in_every_layer(option: Any, value: str) -> None:
    """G8: the error names the flag, the variable or the line, and the limits."""
    several = option.name == "retry_ms"
    *table, key = option.name.split(".")
    head = f"[{table[0]}]\n" if table else ""
    line = f"{key} = {f'[{value}, {value}]' if several else value}\n"
    written = f"{value},{value}" if several else value
    for text in (
        refused({option.parameter: written}),
        refused(None, None, **{option.variable: written}),
        refused(None, head + line),
    ):
        place, says, what = text.partition(" must be ")
        if says:
            assert what.startswith(str(option.limits)), text
        else:  # as a whole number it is none
            assert "int" in text, text
        assert any(name in place for name in (*option.declarations, option.variable, option.name))


@pytest.mark.parametrize("option", LIMITED, ids=lambda option: option.name)
def test_the_limits_themselves_are_allowed(option: Any) -> None:
    """The least and the most are what they are called."""
    for number in (option.limits.least, option.limits.most):
        text = f"{number:f}" if option.type is float else str(int(number))
        written = f"{text},{text}" if option.name == "retry_ms" else text
        assert loaded(**{option.variable: written}).sources


def test_none_lifts_a_limit_in_every_layer() -> None:
    """TOML has no word for nothing, so "none" is it."""
    assert loaded(ALIMI_RETENTION_DAYS="none").settings.retention.days is None
    assert loaded(None, '[retention]\nrows = "none"').settings.retention.rows is None


def test_lists_come_from_repeated_flags_and_from_commas() -> None:
    """Two keys can be rotated from any layer."""
    assert loaded({"api_keys": ["a", "b"]}).api_keys == ["a", "b"]
    assert loaded(ALIMI_API_KEYS="a, b").api_keys == ["a", "b"]
    assert loaded(None, 'api_keys = ["a", "b"]').api_keys == ["a", "b"]


def test_kinds_keep_the_order_of_their_languages() -> None:
    """The first language is the default, so the file's order counts."""
    kind = loaded(None, '[kinds."a.b"]\ncategory = "c"\ntext.ko = "x"\ntext.en = "y"').kinds["a.b"]
    assert list(kind.text) == ["ko", "en"]


def test_url_and_database_by_flag_contradict_each_other() -> None:
    """A flag decides between server and database; two that disagree are not guessed about."""
    assert is_remote(loaded({"url": "u"}))
    assert is_remote(loaded(ALIMI_URL="u", ALIMI_DATABASE="d"))
    assert not is_remote(loaded({"database": "d"}, ALIMI_URL="u"))
    with pytest.raises(InvalidInput):
        is_remote(loaded({"database": "d", "url": "u"}))
