"""`sendInviteEmail`, which shows the administrator a one-time link, and the page behind the link. Nothing is mailed from here."""

from html import escape
from urllib.parse import parse_qs

from stagedoor.api.address import base_url
from stagedoor.api.http import Request, Response
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput, NotFound
from stagedoor.kit.passwords import MAX_LENGTH, MIN_LENGTH


async def send(server: Server, request: Request) -> Response:
    """A link that lets the user set a password, once, within three days; the only answer that ever holds it."""
    invite = await server.invitations.create(request.principal, request.params["id"])
    link = f"{base_url(server, request)}/invite/{invite.id}/{invite.secret}"
    message = f"Give this link to '{request.params['id']}': nothing has been mailed"
    return Response.json({"message": message, "inviteUrl": link, "expiresAt": invite.expires_at})


async def show(server: Server, request: Request) -> Response:
    """The form that asks for a new password."""
    try:
        who = await server.invitations.invited(request.params["invite"], request.params["secret"])
    except NotFound as problem:
        return _page("Invitation", f"<p>{escape(problem.message)}</p>", 404)
    return _form(who.user, "")


async def accept(server: Server, request: Request) -> Response:
    """Set the password."""
    invite, secret = request.params["invite"], request.params["secret"]
    try:
        user = (await server.invitations.invited(invite, secret)).user
        try:
            await server.invitations.accept(invite, secret, _password(await request.body()), request.client)
        except BadInput as problem:
            return _form(user, problem.message, 400)
    except NotFound as problem:
        return _page("Invitation", f"<p>{escape(problem.message)}</p>", 404)
    return _page("Your password is set", f"<p>You can sign in as {escape(user)} now. This link will not work again.</p>")


def _password(body: bytes) -> str:
    """Of a form (WHATWG URL, 5.1): the fields `password` and `again`, which have to be equal."""
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=4)
    except ValueError:
        raise BadInput("the form cannot be read", "password") from None
    password, again = (fields.get(name, [""])[-1] for name in ("password", "again"))
    if password != again:
        raise BadInput("password: the two are not the same", "password")
    return password


def _form(user: str, problem: str, status: int = 200) -> Response:
    told = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    field = f'type="password" required minlength="{MIN_LENGTH}" maxlength="{MAX_LENGTH}" autocomplete="new-password"'
    return _page(
        f"Choose a password for {user}",
        f'{told}<form method="post"><p><label for="password">Password ({MIN_LENGTH} characters or more)</label> '
        f'<input id="password" name="password" {field} autofocus></p>'
        f'<p><label for="again">The same again</label> <input id="again" name="again" {field}></p>'
        f'<p><button type="submit">Set password</button></p></form>',
        status,
    )


def _page(title: str, inside: str, status: int = 200) -> Response:
    text = escape(title)
    return Response.form(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{text}</title></head><body><main><h1>{text}</h1>{inside}</main></body></html>",
        status,
    )
