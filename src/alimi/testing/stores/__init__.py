"""The parts of the store conformance suite, by what they are about."""
