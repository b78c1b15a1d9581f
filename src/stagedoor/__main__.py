"""`python -m stagedoor`."""

from stagedoor.cli import main

main()
