"""Story 4: a secret is made with the very calls of the documentation."""

from stagedoor.demo.caller import Call
from stagedoor.demo.failure import Unexpected
from stagedoor.demo.stage import Stage

ABOUT = "Is there a secret of that name? Make it, with the body and the content type of the documentation, and read it back."
PATH = "/api/secrets/pinetree"
VALUE = b"needles"


async def tell(stage: Stage) -> None:
    await stage.admin.ask("There is no secret pinetree yet", Call("GET", f"{PATH}/exists"), says="false")
    await stage.admin.ask("A bare body that calls itself JSON is taken as it is", Call("PUT", PATH, VALUE))
    await stage.admin.ask("Now there is one", Call("GET", f"{PATH}/exists"), says="true")
    answer = await stage.admin.quietly(Call("GET", PATH))
    if (answer.status, answer.raw) != (200, VALUE):
        raise Unexpected(f"pinetree: expected {VALUE!r}, got {answer.status} {answer.raw!r}")
    stage.admin.write("and its value comes back byte for byte", Call("GET", PATH), answer)
