"""The series of several workers, told by whoever is scraped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from alimi.cli import gathering
from alimi.cli.gathering import Gathered, Gathering
from alimi.metrics import Metrics


def values(told: Gathered, name: str) -> dict[str, float]:
    """One series by worker, as a scraper reads it."""
    text = generate_latest(told).decode()
    return {
        sample.labels["worker"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


@asynccontextmanager
async def workers(folder: Path, count: int) -> AsyncIterator[list[tuple[Metrics, Gathering]]]:
    made: list[tuple[Metrics, Gathering]] = []
    for number in range(1, count + 1):
        metrics = Metrics()
        made.append((metrics, Gathering(folder, number, count, metrics.registry)))
        await made[-1][1].start()
    yield made
    for _, each in made:
        each.close()


async def test_whoever_is_scraped_tells_of_all(tmp_path: Path) -> None:
    """Each series once for each worker, counters, gauges and histograms alike."""
    async with workers(tmp_path, 3) as made:
        for number, (metrics, _) in enumerate(made, 1):
            metrics.streams.set(number * 10)
            metrics.entries.inc(number)
            metrics.lag.observe(number)
        for _, each in made:
            told = await each.collect()
            assert values(told, "alimi_streams") == {"1": 10, "2": 20, "3": 30}
            assert values(told, "alimi_relay_entries_total") == {"1": 1, "2": 2, "3": 3}
            assert values(told, "alimi_relay_lag_seconds_sum") == {"1": 1, "2": 2, "3": 3}
            assert values(told, "alimi_worker_up") == {"1": 1, "2": 1, "3": 1}


async def test_a_worker_that_is_away_or_hangs_is_left_out_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: a scrape has a bound; what is missing says so."""
    monkeypatch.setattr(gathering, "_PATIENCE", 0.05)
    released = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    hung = await asyncio.start_unix_server(hang, tmp_path / "3")
    async with workers(tmp_path, 1) as ((_, first),):
        first._count = 3
        told = await first.collect()
    assert values(told, "alimi_worker_up") == {"1": 1, "2": 0, "3": 0}
    assert list(values(told, "alimi_streams")) == ["1"]
    released.set()
    hung.close()


async def test_a_worker_that_dies_while_it_answers_is_a_missing_one(tmp_path: Path) -> None:
    """The others are told all the same."""

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'[["alimi_streams","Open')
        writer.close()

    dying = await asyncio.start_unix_server(die, tmp_path / "2")
    async with workers(tmp_path, 1) as ((_, first),):
        first._count = 2
        told = await first.collect()
    assert values(told, "alimi_worker_up") == {"1": 1, "2": 0}
    assert list(values(told, "alimi_streams")) == ["1"]
    dying.close()


async def test_g8_a_worker_that_tells_too_much_is_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: an answer has a bound in bytes, whoever gives it."""
    monkeypatch.setattr(gathering, "_MOST_BYTES", 1_000)
    async with workers(tmp_path, 2) as ((_, first), _):
        told = await first.collect()
    assert values(told, "alimi_worker_up") == {"1": 1, "2": 0}


async def test_the_next_process_takes_the_dead_ones_place(tmp_path: Path) -> None:
    """A worker that was killed leaves its socket behind."""
    (tmp_path / "1").touch()
    async with workers(tmp_path, 1):
        told = await Gathering(tmp_path, 2, 1, Metrics().registry).collect()
    assert values(told, "alimi_worker_up") == {"1": 1}
