"""`stagedoor secrets`: what can be asked about secrets on the store itself; a server may be running on it. Never a value."""

import typer

from stagedoor.cli.secret_expiry import expiring
from stagedoor.cli.secret_uses import dry_run, where

secrets = typer.Typer(help="Secrets: where they are used, what expires. Never a value.", no_args_is_help=True)
secrets.command()(expiring)
secrets.command()(where)
secrets.command("dry-run")(dry_run)
