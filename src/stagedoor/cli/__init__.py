"""The command line: `stagedoor init | serve | demo | doctor`. Each option is also a `STAGEDOOR_*` environment variable."""

import typer

from stagedoor.cli.demo import demo
from stagedoor.cli.doctor import doctor
from stagedoor.cli.init import init
from stagedoor.cli.serve import serve

app = typer.Typer(
    help="Identity, access and secrets for Conductor.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for command in (init, serve, demo, doctor):
    app.command()(command)


def main() -> None:
    app()
