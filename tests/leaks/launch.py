"""The server's own command line, with every line of every logger written down; for one test also with redaction taken away."""

import logging
import os

from stagedoor.cli import main
from stagedoor.gate.doors import MASKS_NOTHING, GateDoors

if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG)
    logging.getLogger("launch").debug("every line is written down")
    if os.environ.get("STAGEDOOR_TEST_REDACTION") == "off":
        GateDoors.redactor = lambda self, tx, run: MASKS_NOTHING  # type: ignore[method-assign]
    main()
