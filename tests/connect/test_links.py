"""Links, the cookie they are swapped for, and the pages: who gets in, once, and what is told to whom."""

import concurrent.futures

import httpx
import pytest

from tests.connect.stage import CSRF, Shop, fresh, shop
from tests.support.server import LiveServer


@pytest.fixture(scope="module")
def here(sqlite_server: LiveServer) -> Shop:
    return shop(sqlite_server)


@pytest.fixture(scope="module")
def slug(here: Shop) -> str:
    return here.integration(fresh("LINK_KEY"), fresh("LINK_REGION"))


@pytest.mark.promise(4)
def test_a_link_is_spent_by_its_first_use_and_the_address_keeps_nothing_of_it(here: Shop) -> None:
    link, customer = here.link(here.end_user()), here.customer()
    answer = customer.http.get(link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/connect/")
    assert answer.headers["referrer-policy"] == "no-referrer" and answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("Path=/connect;", "HttpOnly", "SameSite=Lax")) and "Secure" not in cookie
    again = here.customer().http.get(link)
    assert again.status_code == 404 and "was used before" in again.text and "set-cookie" not in again.headers
    assert customer.http.get("/connect/").status_code in (200, 303), "the browser that opened it goes on"


def test_of_several_browsers_that_open_a_link_at_once_one_gets_in(here: Shop) -> None:
    link = here.link(here.end_user())
    browsers = [here.customer().http for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(len(browsers)) as pool:
        found = [one.status_code for one in pool.map(lambda browser: browser.get(link), browsers)]
    assert sorted(found) == [303, *[404] * 5]


def test_a_link_with_another_key_is_refused_and_not_spent(here: Shop) -> None:
    link = here.link(here.end_user())
    for wrong in (link.partition("?")[0], link[:-1] + "x", link.replace("pk_conductor_", "pk_other_")):
        assert here.customer().http.get(wrong).status_code == 404
    assert here.customer().http.get(link).status_code == 303


def test_a_head_request_of_some_preview_does_not_spend_a_link(here: Shop) -> None:
    link = here.link(here.end_user())
    assert here.customer().http.head(link).status_code == 405
    assert here.customer().http.get(link).status_code == 303


@pytest.mark.promise(15)
def test_the_pages_forbid_scripts_frames_copies_and_referrers(here: Shop, slug: str) -> None:
    customer = here.customer()
    for page in (customer.open(here.link(here.end_user())), customer.http.get(f"/connect/integrations/{slug}")):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script" not in policy
        assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
        assert '<html lang="en">' in page.text and "<script" not in page.text and "style=" not in page.text
        assert "for Acme" in page.text, "for whom it is"


def test_a_form_that_this_visit_was_not_shown_is_refused(here: Shop, slug: str) -> None:
    mine, other = here.customer(), here.customer()
    end_user = here.end_user()
    mine.open(here.link(end_user))
    other.open(here.link(here.end_user()))
    path = f"/connect/integrations/{slug}"
    found = CSRF.search(other.http.get(path).text)
    assert found
    for token in ("", found[1]):
        answer = mine.http.post(path, data={"csrf": token, "field.LINK_KEY": "x", "field.LINK_REGION": "y"})
        assert answer.status_code == 400 and "was not shown by this page" in answer.text
    assert here.v1("GET", f"/v1/end-users/{end_user}")["integrationConnections"] == []


def test_what_is_missing_is_said_at_its_field_and_secrets_are_not_sent_back(here: Shop) -> None:
    key, account = fresh("FORM_KEY"), fresh("FORM_ACCOUNT")
    fields = [{"name": key, "label": "Key"}, {"name": account, "label": "Account", "secret": False}, {"name": fresh("N"), "label": "Note"}]
    slug, customer = here.integration(fields=fields), here.customer()
    customer.open(here.link(here.end_user()))
    page = customer.http.get(f"/connect/integrations/{slug}")
    answer = customer.fill(page, **{key: "typed before", account: "the account"})
    assert answer.status_code == 400
    assert 'aria-describedby="' in answer.text and answer.text.count('aria-invalid="true"') == 1
    assert "typed before" not in answer.text and 'value="the account"' in answer.text


@pytest.mark.promise(4)
def test_neither_the_cookie_nor_the_link_opens_anything_else(here: Shop) -> None:
    customer = here.customer()
    link = here.link(here.end_user())
    secret = link.rpartition("/")[2].partition("?")[0]
    customer.open(link)
    (cookie,) = customer.http.cookies.jar
    for proof in (cookie.value or "", secret):
        for headers in ({"X-Authorization": proof}, {"Authorization": f"Bearer {proof}"}):
            assert httpx.get(f"{here.server.url}/api/secrets", headers=headers).status_code == 401
            assert httpx.get(f"{here.server.url}/v1/end-users", headers=headers).status_code == 401
    assert httpx.get(f"{here.server.url}/api/secrets", headers={"Cookie": f"stagedoor_connect={cookie.value}"}).status_code == 401
    for wrong in (secret, here.key, here.secret_key, ""):
        answer = httpx.get(f"{here.server.url}/connect/", headers={"Cookie": f"stagedoor_connect={wrong}"})
        assert answer.status_code == 404 and "no longer open" in answer.text


@pytest.mark.promise(7)
def test_what_is_logged_and_audited_holds_neither_link_nor_cookie_nor_value(here: Shop, slug: str) -> None:
    customer, end_user = here.customer(), here.end_user()
    link = here.link(end_user)
    secret = link.rpartition("/")[2].partition("?")[0]
    customer.open(link)
    (cookie,) = customer.http.cookies.jar
    page = customer.http.get(f"/connect/integrations/{slug}")
    names = [part.partition('"')[0] for part in page.text.split('name="field.')[1:]]
    assert customer.fill(page, **dict.fromkeys(names, "a value that is theirs")).status_code == 303
    here.customer().http.get(link)
    log = here.server.log.read_text()
    stored = b"".join(path.read_bytes() for path in here.server.data.glob("stagedoor.db*"))
    for text in (secret, cookie.value or "", "a value that is theirs"):
        assert text not in log and text.encode() not in stored


def test_an_end_user_that_is_deleted_meanwhile_is_gone_from_the_pages_too(here: Shop, slug: str) -> None:
    customer, end_user = here.customer(), here.end_user()
    customer.open(here.link(end_user))
    page = customer.http.get(f"/connect/integrations/{slug}")
    here.v1("DELETE", f"/v1/end-users/{end_user}")
    assert customer.fill(page, X="y").status_code == 404
    assert customer.http.get("/connect/").status_code == 404
