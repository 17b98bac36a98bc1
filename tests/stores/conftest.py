"""Failures inside the shipped suites are shown like failures in our own tests."""

import pytest

pytest.register_assert_rewrite("alimi.testing")
