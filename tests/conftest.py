"""What every test gets."""

import os
import signal
from collections.abc import Callable

import pytest
from hypothesis import settings

# Failures inside the shipped suites are shown like failures in our own tests; before any import.
pytest.register_assert_rewrite("alimi.testing")

pytest_plugins = ["tests.support.left_out", "tests.support.real_servers"]

# Whoever runs us in the background has us ignore Ctrl-C, and our children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is no finding; and what CI finds, its reader must find again.
settings.register_profile("developer", deadline=None)
settings.register_profile("machine", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("machine" if os.environ.get("CI") else "developer")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own ALIMI_… variables reach no test; ALIMI_CHROMIUM is read before this."""
    for name in [name for name in os.environ if name.startswith("ALIMI_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Shows a line of figures at the end of the run, whichever process the test ran in."""
    return lambda line: record_property("figures", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have measured."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    for report in reports:
        for name, line in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(str(line))
