"""The server's own command line, with every line of every logger written down; for one test also with redaction taken away."""

import logging
import os

from stagedoor.cli import main
from stagedoor.gate.doors import GateDoors

if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG)
    logging.getLogger("launch").debug("every line is written down")
    if os.environ.get("STAGEDOOR_TEST_REDACTION") == "off":
        GateDoors.clean = lambda self, tx, run, value: value  # type: ignore[method-assign]
    main()
