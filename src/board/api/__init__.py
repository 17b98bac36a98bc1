"""The JSON API: what the pages use, and what other programs may rely on."""
