"""The hosted flow in a real Chromium, both ways, and then a workflow that uses what the end user gave."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.connect.conftest import CLIENT, OPENID, Browse
from tests.connect.stage import Shop, fresh, handing, sending, shop
from tests.support.echo import Reply, answering
from tests.support.server import LiveServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def landing() -> Reply:
    return Reply(headers=(("Content-Type", "text/html"),), body=b"<!doctype html><title>Back in the shop</title><h1>Welcome back</h1>")


def complaints(context: BrowserContext, ours: str) -> list[str]:
    """What the browser complains of on our pages: one that breaks its own policy would be among it. Statuses are looked at elsewhere."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and message.location["url"].startswith(ours) and "status of 4" not in message.text:
            said.append(message.text)

    context.on("console", hear)
    context.on("weberror", lambda error: said.append(str(error.error)))
    return said


@pytest.fixture(scope="module")
def here(near_server: LiveServer) -> Shop:
    return shop(near_server)


@pytest.mark.promise(15)
@pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])
def test_an_end_user_fills_in_a_form_and_a_worker_gets_it(browse: Browse, here: Shop, scripts: bool) -> None:
    name, region, value = fresh("ACME_KEY"), fresh("ACME_REGION"), "the key that only Acme has"
    fields = [
        {"name": name, "label": "<script>document.title='taken'</script> API key", "help": "Under Settings, then API."},
        {"name": region, "label": "Region", "secret": False},
    ]
    slug = here.integration(fields=fields)
    end_user, other = here.end_user(), here.end_user()
    with answering(lambda _: landing()) as back, browse(java_script_enabled=scripts) as context:
        said, page = complaints(context, here.server.url), context.new_page()
        link = here.link(end_user, redirectUrl=f"{back.url}/welcome?from=connect")
        page.goto(link)
        choose(page, slug)
        expect(page).to_have_title(f"Connect Service {slug}")
        assert urlsplit(page.url).path == f"/connect/integrations/{slug}" and "client_secret" not in page.url
        (cookie,) = context.cookies()
        assert (cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == ("/connect", True, "Lax")
        if scripts:
            assert page.evaluate("document.activeElement.id") == name
            assert page.evaluate("document.cookie") == ""

        page.get_by_label("API key").fill(value)
        if scripts:  # the server says what is missing, at the field, and the keyboard is there
            page.locator("form").evaluate("form => form.noValidate = true")
            page.get_by_role("button", name="Connect").click()
            expect(page.get_by_role("alert")).to_contain_text("Region")
            wrong = page.get_by_label("Region")
            expect(wrong).to_have_accessible_description("Fill in this field.")
            expect(wrong).to_have_attribute("aria-invalid", "true")
            assert page.evaluate("document.activeElement.id") == region
            expect(page.get_by_label("API key")).to_have_value("")
            page.get_by_label("API key").fill(value)
        page.get_by_label("Region").fill("north")
        page.get_by_label("Region").press("Enter")
        expect(page).to_have_title("Back in the shop")
        assert back.received[0].target == "/welcome?from=connect" and "referer" not in back.received[0].headers

        page.goto(link)
        expect(page.get_by_role("alert")).to_contain_text("was used before")
        assert said == []

    workflow, task = fresh("uses_acme"), fresh("call_acme")
    here.admin.save(handing(workflow, name, task))
    here.run_for(end_user, workflow)
    (got,) = here.admin.poll(task, timeout=2000)
    assert got["inputData"] == {"key": value}
    here.admin.complete(got, {"echo": value})
    assert here.admin.ended(got["workflowInstanceId"])["output"] == {"echo": "***"}
    run = here.run_for(other, workflow)
    assert here.admin.poll(task, timeout=0) == []
    assert f"{other} has given no value for {name}" in here.admin.ended(run)["reasonForIncompletion"]


def choose(page: Page, slug: str) -> None:
    """Where there is one thing to connect, its page comes at once."""
    if page.title() == "Connect an account":
        page.get_by_role("link", name=f"Service {slug}", exact=True).click()


def sign_in(page: Page) -> None:
    """At the provider, as anybody; then consent."""
    page.locator("input[name=login]").fill("acme")
    page.locator("input[name=password]").fill("whatever they use there")
    page.locator("button[type=submit]").click()
    page.locator("button[type=submit]").click()


def test_an_end_user_goes_through_an_openid_provider_and_an_http_task_sends_the_token(
    browse: Browse, here: Shop, near_server: LiveServer, provider: str
) -> None:
    name = fresh("PROVIDER_TOKEN")
    oauth = {
        "authorizationEndpoint": f"{provider}/auth", "tokenEndpoint": f"{provider}/token", "clientId": CLIENT["client_id"],
        "clientSecret": CLIENT["client_secret"], "scopes": ["openid"], "field": name, "issuer": provider,
    }  # fmt: skip
    policy = {"hosts": [provider.removeprefix("http://")]}
    slug = here.integration(slug=OPENID, oauth=oauth, fields=[], policy=policy)
    end_user, other = here.end_user(), here.end_user()
    with browse() as context:
        said, page = complaints(context, near_server.url), context.new_page()
        page.goto(here.link(end_user))
        choose(page, slug)
        page.get_by_role("link", name=f"Continue to Service {slug}").click()
        sign_in(page)
        expect(page).to_have_title("You are connected")
        assert page.url == f"{near_server.url}/connect/done"
        assert said == []

    connected = here.v1("GET", f"/v1/end-users/{end_user}")["integrationConnections"]
    assert [one["integrationSlug"] for one in connected] == [slug]
    workflow, outside = fresh("asks_who"), fresh("asks_outside")
    with answering(lambda _: Reply()) as elsewhere:
        here.admin.save(sending(workflow, name, f"{provider}/me"), sending(outside, name, f"{elsewhere.url}/take"))
        done = here.admin.ended(here.run_for(end_user, workflow))
        assert done["output"]["response"]["body"] == {"sub": "acme"}, "the provider knows the token"
        refused = here.admin.ended(here.run_for(end_user, outside))
        assert "hosts" in refused["reasonForIncompletion"] and elsewhere.received == []
    failed = here.admin.ended(here.run_for(other, workflow))
    assert f"{other} has given no value for {name}" in failed["reasonForIncompletion"]


def test_a_starter_without_the_grant_cannot_name_the_end_user(here: Shop) -> None:
    name, workflow, task = fresh("GUARDED_KEY"), fresh("guarded"), fresh("guarded_task")
    slug, end_user = here.integration(name), here.end_user()
    here.connect(end_user, slug, **{name: "what they gave"})
    here.admin.save(handing(workflow, name, task))
    application, key = here.admin.application("starter", "WORKER")
    here.admin.grant(application, "WORKFLOW_DEF", workflow, "EXECUTE", "READ")
    starter = here.server.api(here.server.token(key["id"], key["secret"]))
    refusal = here.run_for(end_user, workflow, starter, status=403)
    assert f"EXECUTE on END_USER {end_user}" in refusal["message"]
    here.admin.grant(application, "END_USER", end_user, "EXECUTE")
    run = here.run_for(end_user, workflow, starter)
    (got,) = here.admin.poll(task, timeout=2000)
    assert (got["workflowInstanceId"], got["inputData"]) == (run, {"key": "what they gave"})
