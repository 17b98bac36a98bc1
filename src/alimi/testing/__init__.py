"""Shipped test suites: whoever writes a store inherits its contract's tests.

Needs pytest and pytest-asyncio.  For readable failures call, before importing it,
`pytest.register_assert_rewrite("alimi.testing")`.
"""
