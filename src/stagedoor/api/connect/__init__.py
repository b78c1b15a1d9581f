"""The hosted flow, `/connect`: plain pages on which an end user connects. They work without scripts, and none is allowed to run."""
