"""AuthorizationClient: grants."""

from conductor.client.http.models.subject_ref import SubjectRef
from conductor.client.http.models.target_ref import TargetRef, TargetType
from conductor.client.orkes.models.access_type import AccessType
from world import World, refused, unique


def check_a_grant_is_given_shown_and_taken(world: World) -> None:
    authorization, actor, name = world.admin.get_authorization_client(), world.actor(), unique("secret")
    world.admin.get_secret_client().put_secret(name, "needles")
    target = TargetRef(TargetType.SECRET_NAME, name)
    authorization.grant_permissions(actor.subject, target, [AccessType.READ, AccessType.UPDATE])
    authorization.grant_permissions(actor.subject, target, [AccessType.READ])  # twice is once
    shown = authorization.get_permissions(target)
    assert set(shown) == {"CREATE", "READ", "UPDATE", "DELETE", "EXECUTE"}
    holders = {access: [subject.id for subject in subjects] for access, subjects in shown.items()}
    assert holders["READ"].count(actor.user) == holders["UPDATE"].count(actor.user) == 1
    assert actor.user not in holders["DELETE"] + holders["EXECUTE"]
    authorization.remove_permissions(actor.subject, target, [AccessType.READ])
    authorization.remove_permissions(actor.subject, target, [AccessType.READ])  # what is not there is no error
    left = {access: [subject.id for subject in subjects] for access, subjects in authorization.get_permissions(target).items()}
    assert actor.user not in left["READ"]
    assert actor.user in left["UPDATE"]


def check_the_creator_holds_all_five(world: World) -> None:
    creator, name = world.actor("METADATA_MANAGER"), unique("secret")
    clients = creator.clients()
    clients.get_secret_client().put_secret(name, "needles")
    shown = clients.get_authorization_client().get_permissions(TargetRef(TargetType.SECRET_NAME, name))
    assert {access: [subject.id for subject in subjects] for access, subjects in shown.items()} == {
        access: [creator.user] for access in ("CREATE", "READ", "UPDATE", "DELETE", "EXECUTE")
    }


def check_a_grant_takes_effect_at_once_in_both_directions(world: World) -> None:
    authorization, actor, name = world.admin.get_authorization_client(), world.actor(), unique("secret")
    world.admin.get_secret_client().put_secret(name, "needles")
    secrets = actor.clients().get_secret_client()
    for _ in range(3):
        refused(403, secrets.get_secret, name)
        authorization.grant_permissions(actor.subject, TargetRef(TargetType.SECRET_NAME, name), [AccessType.READ])
        assert secrets.get_secret(name) == "needles"
        authorization.remove_permissions(actor.subject, TargetRef(TargetType.SECRET_NAME, name), [AccessType.READ])


def check_secret_is_another_name_of_secret_name(world: World) -> None:
    authorization, actor, name = world.admin.get_authorization_client(), world.actor(), unique("secret")
    world.admin.get_secret_client().put_secret(name, "needles")
    authorization.grant_permissions(actor.subject, TargetRef(TargetType.SECRET, name), [AccessType.READ])
    assert actor.clients().get_secret_client().get_secret(name) == "needles"


def check_nobody_hands_out_what_they_do_not_hold(world: World) -> None:
    giver, taker, name = world.actor(), world.actor(), unique("secret")
    world.admin.get_secret_client().put_secret(name, "needles")
    authorization, target = giver.clients().get_authorization_client(), TargetRef(TargetType.SECRET_NAME, name)
    refused(403, authorization.grant_permissions, taker.subject, target, [AccessType.READ], says="SECRET_NAME")
    world.grant(giver, "SECRET_NAME", name, "READ")
    refused(403, authorization.grant_permissions, taker.subject, target, [AccessType.READ], says=f"UPDATE on SECRET_NAME {name}")
    world.grant(giver, "SECRET_NAME", name, "UPDATE")
    authorization.grant_permissions(taker.subject, target, [AccessType.READ])
    refused(403, authorization.grant_permissions, taker.subject, target, [AccessType.DELETE], says=f"DELETE on SECRET_NAME {name}")
    refused(403, authorization.remove_permissions, taker.subject, target, [AccessType.DELETE])
    assert taker.clients().get_secret_client().get_secret(name) == "needles"


def check_a_subject_that_does_not_exist_is_refused(world: World) -> None:
    name = unique("secret")
    world.admin.get_secret_client().put_secret(name, "needles")
    grant = world.admin.get_authorization_client().grant_permissions
    refused(400, grant, SubjectRef("USER", "app:nobody"), TargetRef(TargetType.SECRET_NAME, name), [AccessType.READ], says="app:nobody")


def check_grants_die_with_what_they_are_on(world: World) -> None:
    name, actor = unique("secret"), world.actor()
    secrets = world.admin.get_secret_client()
    secrets.put_secret(name, "needles")
    world.grant(actor, "SECRET_NAME", name, "READ")
    secrets.delete_secret(name)
    secrets.put_secret(name, "new needles")
    refused(403, actor.clients().get_secret_client().get_secret, name)
