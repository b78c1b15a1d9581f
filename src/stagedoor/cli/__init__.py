"""The command line: `stagedoor init | serve | demo | doctor | project | operator | advise | why | who-can | what-if`.

Each option is also a `STAGEDOOR_*` environment variable."""

import typer

from stagedoor.cli.advise import advise
from stagedoor.cli.demo import demo
from stagedoor.cli.doctor import doctor
from stagedoor.cli.init import init
from stagedoor.cli.operator import operators
from stagedoor.cli.project import projects
from stagedoor.cli.serve import serve
from stagedoor.cli.why import what_if, who_can, why

app = typer.Typer(
    help="Identity, access and secrets for Conductor.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for command in (init, serve, demo, doctor, advise, why, who_can, what_if):
    app.command()(command)
app.add_typer(projects, name="project")
app.add_typer(operators, name="operator")


def main() -> None:
    app()
