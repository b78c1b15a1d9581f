"""SecretClient."""

import json

from conductor.client.orkes.models.metadata_tag import MetadataTag
from world import Actor, World, raw, refused, unique

VALUES = {
    "plain": "needles",
    "quotes": 'say "hello" twice',
    "a quote first": '"hello" they said',
    "quotes at both ends": '"hello"',
    "newlines": "first\nsecond\r\nthird\n",
    "tabs and a backslash": "C:\\temp\tx",
    "unicode": "ünï ☃ 𝄞 \u2028",
    "JSON": json.dumps({"user": "u", "password": 'p"w', "n": [1, 2.5, None]}),
    "a JSON list": "[1, 2]",
    "looks like a number": "123",
    "spaces at both ends": "  x  ",
    "long": "x" * 10_000,
    "empty": "",
}


def stored(world: World, actor: Actor, name: str) -> str:
    answer = raw("GET", f"/secrets/{name}", actor)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.content.decode()


def check_values_arrive_as_they_were_given(world: World) -> None:
    reader = world.actor("ADMIN")
    wrong = {}
    for label, value in VALUES.items():
        name = unique("value")
        world.admin.get_secret_client().put_secret(name, value)
        if (found := stored(world, reader, name)) != value:
            wrong[label] = (value[:50], found[:50])
    assert not wrong, wrong


def check_a_value_comes_back(world: World) -> None:
    secrets, name = world.admin.get_secret_client(), unique("secret")
    for value in ("needles", "ünï", "two\nlines", 'in "the" middle'):
        secrets.put_secret(name, value)
        assert secrets.get_secret(name) == value, value


def check_a_secret_exists_until_it_is_deleted(world: World) -> None:
    secrets, name = world.admin.get_secret_client(), unique("secret")
    assert secrets.secret_exists(name) is False
    secrets.put_secret(name, "needles")
    assert secrets.secret_exists(name) is True
    assert name in secrets.list_all_secret_names()
    assert name in secrets.list_secrets_that_user_can_grant_access_to()
    secrets.delete_secret(name)
    assert secrets.secret_exists(name) is False
    assert name not in secrets.list_all_secret_names()
    refused(404, secrets.get_secret, name, says=name)
    secrets.delete_secret(name)  # once more is no error


def check_names_with_slash_and_at_sign(world: World) -> None:
    secrets, name = world.admin.get_secret_client(), unique("team/a@b c%2F")
    secrets.put_secret(name, "needles")
    assert secrets.secret_exists(name) is True
    assert secrets.get_secret(name) == "needles"
    secrets.delete_secret(name)


def check_tags(world: World) -> None:
    secrets, name = world.admin.get_secret_client(), unique("secret")
    secrets.put_secret(name, "needles")
    tags = [MetadataTag("team", "forest"), MetadataTag("stage", "test")]
    secrets.set_secret_tags(tags, name)
    assert sorted((tag.key, tag.value) for tag in secrets.get_secret_tags(name)) == [("stage", "test"), ("team", "forest")]
    secrets.delete_secret_tags(tags[:1], name)
    assert [(tag.key, tag.value) for tag in secrets.get_secret_tags(name)] == [("stage", "test")]
    refused(404, secrets.get_secret_tags, unique("missing"))


def check_an_application_without_rights_is_refused(world: World) -> None:
    name, stranger = unique("secret"), world.actor()
    world.admin.get_secret_client().put_secret(name, "needles")
    secrets = stranger.clients().get_secret_client()
    refused(403, secrets.get_secret, name, says=f"READ on SECRET_NAME {name}")
    refused(403, secrets.put_secret, name, "x", says=f"UPDATE on SECRET_NAME {name}")
    refused(403, secrets.delete_secret, name, says=f"DELETE on SECRET_NAME {name}")
    refused(403, secrets.put_secret, unique("new"), "x")
    refused(403, secrets.get_secret_tags, name)
    assert secrets.secret_exists(name) is False
    assert secrets.list_all_secret_names() == set()
    assert world.admin.get_secret_client().get_secret(name) == "needles"


def check_read_is_enough_to_read_and_for_nothing_else(world: World) -> None:
    name, reader = unique("secret"), world.actor()
    world.admin.get_secret_client().put_secret(name, "needles")
    world.grant(reader, "SECRET_NAME", name, "READ")
    secrets = reader.clients().get_secret_client()
    assert secrets.get_secret(name) == "needles"
    assert secrets.secret_exists(name) is True
    assert secrets.list_all_secret_names() == {name}
    refused(403, secrets.put_secret, name, "x", says=f"UPDATE on SECRET_NAME {name}")


def check_who_creates_a_secret_owns_it(world: World) -> None:
    name, creator = unique("secret"), world.actor("METADATA_MANAGER")
    secrets = creator.clients().get_secret_client()
    secrets.put_secret(name, "needles")
    assert secrets.get_secret(name) == "needles"
    secrets.delete_secret(name)
