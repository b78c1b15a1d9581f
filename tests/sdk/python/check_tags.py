"""MetadataClient: tags of workflows and tasks, and the rate limit that is one; grants on a tag."""

from check_metadata import simple
from conductor.client.http.models.tag_object import TagObject
from conductor.client.http.models.target_ref import TargetRef, TargetType
from conductor.client.http.models.task_def import TaskDef
from conductor.client.metadata_client import MetadataClient
from conductor.client.orkes.models.access_type import AccessType
from conductor.client.orkes.models.metadata_tag import MetadataTag
from world import World, refused, unique


def pairs(tags: list[TagObject]) -> list[tuple[str, object, str]]:
    return sorted((tag.key, tag.value, tag.type) for tag in tags)


def workflow(world: World) -> tuple[MetadataClient, str]:
    metadata, name = world.admin.get_metadata_client(), unique("workflow")
    metadata.register_workflow_def(simple(name))
    return metadata, name


def task(world: World) -> tuple[MetadataClient, str]:
    metadata, name = world.admin.get_metadata_client(), unique("task")
    metadata.register_task_def(TaskDef(name=name))
    return metadata, name


def check_tags_of_a_workflow(world: World) -> None:
    metadata, name = workflow(world)
    assert metadata.get_workflow_tags(name) == []
    metadata.add_workflow_tag(MetadataTag("team", "forest"), name)
    metadata.add_workflow_tag(MetadataTag("stage", "test"), name)
    assert pairs(metadata.get_workflow_tags(name)) == [("stage", "test", "METADATA"), ("team", "forest", "METADATA")]
    metadata.set_workflow_tags([MetadataTag("team", "sea"), MetadataTag("cost", "low")], name)
    assert pairs(metadata.get_workflow_tags(name)) == [("cost", "low", "METADATA"), ("team", "sea", "METADATA")]
    metadata.delete_workflow_tag(MetadataTag("team", "sea"), name)
    assert pairs(metadata.get_workflow_tags(name)) == [("cost", "low", "METADATA")]


def check_tags_of_a_task(world: World) -> None:
    metadata, name = task(world)
    assert metadata.getTaskTags(name) == []
    metadata.addTaskTag(MetadataTag("team", "forest"), name)
    metadata.addTaskTag(MetadataTag("stage", "test"), name)
    assert pairs(metadata.getTaskTags(name)) == [("stage", "test", "METADATA"), ("team", "forest", "METADATA")]
    metadata.setTaskTags([MetadataTag("team", "sea"), MetadataTag("cost", "low")], name)
    assert pairs(metadata.getTaskTags(name)) == [("cost", "low", "METADATA"), ("team", "sea", "METADATA")]
    metadata.deleteTaskTag(MetadataTag("team", "sea"), name)
    assert pairs(metadata.getTaskTags(name)) == [("cost", "low", "METADATA")]


def check_a_rate_limit_is_a_tag_with_a_number(world: World) -> None:
    metadata, name = workflow(world)
    assert metadata.getWorkflowRateLimit(name) is None
    metadata.setWorkflowRateLimit(5, name)
    assert metadata.getWorkflowRateLimit(name) == 5
    metadata.setWorkflowRateLimit(7, name)
    assert pairs(metadata.get_workflow_tags(name)) == [(name, 7, "RATE_LIMIT")]
    metadata.removeWorkflowRateLimit(name)
    assert metadata.getWorkflowRateLimit(name) is None


def check_tags_of_what_does_not_exist(world: World) -> None:
    metadata, name = world.admin.get_metadata_client(), unique("missing")
    for call in (metadata.get_workflow_tags, metadata.getTaskTags):
        refused(404, call, name, says=name)
    refused(404, metadata.add_workflow_tag, MetadataTag("team", "forest"), name, says=name)
    refused(404, metadata.setTaskTags, [MetadataTag("team", "forest")], name, says=name)


def check_tags_of_a_workflow_ask_for_rights(world: World) -> None:
    admin, name = workflow(world)
    tag, actor = MetadataTag("team", "forest"), world.actor("METADATA_API")
    admin.setWorkflowRateLimit(5, name)
    metadata = actor.clients().get_metadata_client()
    read, update = f"READ on WORKFLOW_DEF {name}", f"UPDATE on WORKFLOW_DEF {name}"
    for call in (metadata.get_workflow_tags, metadata.getWorkflowRateLimit, metadata.removeWorkflowRateLimit):
        refused(403, call, name, says=read)
    refused(403, metadata.setWorkflowRateLimit, 9, name, says=read)
    world.grant(actor, "WORKFLOW_DEF", name, "READ")
    refused(403, metadata.add_workflow_tag, tag, name, says=update)
    refused(403, metadata.delete_workflow_tag, tag, name, says=update)
    refused(403, metadata.set_workflow_tags, [tag], name, says=update)
    refused(403, metadata.removeWorkflowRateLimit, name, says=update)
    assert pairs(metadata.get_workflow_tags(name)) == [(name, 5, "RATE_LIMIT")]
    world.grant(actor, "WORKFLOW_DEF", name, "UPDATE")
    metadata.add_workflow_tag(tag, name)


def check_tags_of_a_task_ask_for_rights(world: World) -> None:
    _, name = task(world)
    tag, metadata = MetadataTag("team", "forest"), world.stranger().get_metadata_client()
    refused(403, metadata.getTaskTags, name, says=f"READ on TASK_DEF {name}")
    refused(403, metadata.addTaskTag, tag, name, says=f"UPDATE on TASK_DEF {name}")
    refused(403, metadata.deleteTaskTag, tag, name, says=f"UPDATE on TASK_DEF {name}")
    refused(403, metadata.setTaskTags, [tag], name, says=f"UPDATE on TASK_DEF {name}")


def check_a_grant_on_a_tag_reaches_what_carries_it(world: World) -> None:
    authorization, actor = world.admin.get_authorization_client(), world.actor()
    (admin, first), (_, second), value = workflow(world), workflow(world), unique("stage")
    target = TargetRef(TargetType.TAG, f"stage:{value}")
    admin.add_workflow_tag(MetadataTag("stage", value), first)
    authorization.grant_permissions(actor.subject, target, [AccessType.READ])
    metadata = actor.clients().get_metadata_client()
    assert metadata.get_workflow_def(first).name == first
    refused(403, metadata.get_workflow_def, second)
    admin.add_workflow_tag(MetadataTag("stage", value), second)
    assert metadata.get_workflow_def(second).name == second
    admin.delete_workflow_tag(MetadataTag("stage", value), first)
    refused(403, metadata.get_workflow_def, first)
    authorization.remove_permissions(actor.subject, target, [AccessType.READ])
    refused(403, metadata.get_workflow_def, second)
