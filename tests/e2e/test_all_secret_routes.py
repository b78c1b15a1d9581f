"""All secret routes of contract/orkes.md A, one after the other, as an administrator and as somebody who may read one secret."""

from tests.api.authorization.world import World, new
from tests.support.server import LiveServer

PLAIN = "text/plain; charset=utf-8"


def test_all_secret_routes(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    admin, reader, name = world.admin, world.stranger, new("secret")
    path = f"/api/secrets/{name}"

    # PUT and GET, exists; the answer to a PUT is empty, the value is text (0.5 to 0.7)
    assert admin.call("GET", f"{path}/exists") is False
    for agent, body in (("", b'"first"'), ("python-httpx/0.28", b"fir\\u0073t"), ("Go-http-client/1.1", b"first")):
        put = admin.raw("PUT", path, body, headers={"Content-Type": "application/json", "User-Agent": agent})
        assert (put.status_code, put.content, put.headers.get("content-type")) == (200, b"", None)
        shown = admin.raw("GET", path, headers={"Accept": "application/json"})
        assert (shown.content, shown.headers["content-type"]) == (b"first", PLAIN)
    assert admin.call("GET", f"{path}/exists") is True
    assert reader.raw("GET", path).status_code == 403 and reader.call("GET", f"{path}/exists") is False

    # names, by GET and POST, and with tags: never values
    world.admin.grant(world.stranger_id, "SECRET_NAME", name, "READ")
    for names in (reader.call("GET", "/api/secrets"), reader.call("POST", "/api/secrets"), reader.call("POST", "/api/secrets", {})):
        assert names == [name]
    assert reader.call("GET", "/api/secrets?access=READ") == [name]
    assert reader.call("GET", "/api/secrets?access=READ&access=UPDATE") == []
    tags = [{"key": "team", "value": "forest"}, {"key": "limit", "value": 5, "type": "RATE_LIMIT"}]
    assert admin.raw("PUT", f"{path}/tags", tags).content == b""
    assert sorted(admin.call("GET", f"{path}/tags"), key=lambda tag: -len(tag)) == [tags[1], tags[0]]
    assert [one["name"] for one in reader.call("GET", "/api/secrets-v2")] == [name]
    assert reader.call("GET", "/api/secrets-v2?tagKey=team&tagValue=forest") == reader.call("GET", "/api/secrets-v2")
    assert reader.call("GET", "/api/secrets-v2?tagKey=team&tagValue=desert") == []
    assert admin.raw("DELETE", f"{path}/tags", tags[:1]).content == b""
    assert admin.call("GET", f"{path}/tags") == tags[1:]
    assert "first" not in admin.raw("GET", "/api/secrets-v2").text
    assert reader.raw("PUT", f"{path}/tags", tags).status_code == 403

    # caches, as Go's suite clears them
    for cache in ("clearLocalCache", "clearRedisCache"):
        assert all(isinstance(said, str) for said in admin.call("GET", f"/api/secrets/{cache}").values())

    # versions and expiry, ours
    assert [one["version"] for one in reader.call("GET", f"{path}/versions")] == [3, 2, 1]
    assert admin.call("POST", f"{path}/versions/1/rollback") == {"version": 4}
    assert admin.raw("DELETE", f"{path}/versions/1").status_code == 200
    assert admin.call("PUT", f"{path}/expiry", {"expiresAt": 4_000_000_000_000}) is None
    assert reader.call("GET", f"{path}/expiry")["expiresAt"] == 4_000_000_000_000
    assert reader.call("GET", "/api/secrets-expiring") == []

    # policy
    assert admin.call("PUT", f"{path}/policy", {"hosts": ["api.example.com"]}) is None
    assert reader.call("GET", f"{path}/policy")["hosts"] == ["api.example.com"]

    # DELETE: once more is no error (0.8); nothing is left of it, and what was granted on it is gone
    assert reader.raw("DELETE", path).status_code == 403
    for _ in range(2):
        assert admin.raw("DELETE", path).status_code == 200
    assert admin.call("GET", f"{path}/exists") is False
    for gone in (path, f"{path}/tags", f"{path}/versions", f"{path}/expiry", f"{path}/policy"):
        answer = admin.raw("GET", gone)
        assert (answer.status_code, name in answer.json()["message"]) == (404, True)
    admin.put_secret(name, "second")
    assert reader.raw("GET", path).status_code == 403
    assert reader.call("GET", "/api/secrets") == []
