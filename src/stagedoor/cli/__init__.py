"""The command line: `stagedoor init | serve | demo | doctor | project | operator | advise | secrets | why | who-can | what-if`.

Each option is also a `STAGEDOOR_*` environment variable."""

import typer

from stagedoor.cli.adopt import adopt
from stagedoor.cli.advise import advise
from stagedoor.cli.check import check
from stagedoor.cli.demo import demo
from stagedoor.cli.doctor import doctor
from stagedoor.cli.erase import erase_key
from stagedoor.cli.init import init
from stagedoor.cli.keys import keys
from stagedoor.cli.operator import operators
from stagedoor.cli.project import projects
from stagedoor.cli.rotate import rotate
from stagedoor.cli.scan import scan
from stagedoor.cli.secrets import secrets
from stagedoor.cli.serve import serve
from stagedoor.cli.trust import trusts
from stagedoor.cli.why import what_if, who_can, why

app = typer.Typer(
    help="Identity, access and secrets for Conductor.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for command in (init, serve, demo, doctor, advise, why, who_can, what_if, adopt, check, scan):
    app.command()(command)
projects.command("erase-key")(erase_key)
app.add_typer(projects, name="project")
app.add_typer(operators, name="operator")
app.add_typer(rotate, name="rotate")
app.add_typer(secrets, name="secrets")
app.add_typer(keys, name="keys")
app.add_typer(trusts, name="trust")


def main() -> None:
    app()
