"""The parts of the bus conformance suite, by what they are about."""
