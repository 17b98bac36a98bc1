"""`python -m alimi.cli` is `alimi`."""

from alimi.cli import main

main()
