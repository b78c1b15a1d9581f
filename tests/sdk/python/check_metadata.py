"""MetadataClient: workflow and task definitions."""

from conductor.client.http.models.task_def import TaskDef
from conductor.client.http.models.workflow_def import WorkflowDef
from conductor.client.http.models.workflow_task import WorkflowTask
from world import World, refused, unique


def simple(name: str, version: int = 1, task: str = "do_it") -> WorkflowDef:
    node = WorkflowTask(name=task, task_reference_name="do_it_ref", type="SIMPLE", input_parameters={"zip": "${workflow.input.zip}"})
    return WorkflowDef(name=name, version=version, tasks=[node], output_parameters={"result": "${do_it_ref.output.result}"})


def check_a_workflow_is_registered_read_and_unregistered(world: World) -> None:
    metadata, name = world.admin.get_metadata_client(), unique("workflow")
    metadata.register_workflow_def(simple(name), overwrite=True)
    found = metadata.get_workflow_def(name)
    assert (found.name, found.version, found.tasks[0].task_reference_name) == (name, 1, "do_it_ref")
    assert found.tasks[0].input_parameters == {"zip": "${workflow.input.zip}"}
    assert found.output_parameters == {"result": "${do_it_ref.output.result}"}
    assert name in [one.name for one in metadata.get_all_workflow_defs()]
    metadata.unregister_workflow_def(name, 1)
    refused(404, metadata.get_workflow_def, name, says=name)
    refused(404, metadata.unregister_workflow_def, name, 1, says=name)
    assert name not in [one.name for one in metadata.get_all_workflow_defs()]


def check_overwriting_is_asked_for(world: World) -> None:
    metadata, name = world.admin.get_metadata_client(), unique("workflow")
    metadata.register_workflow_def(simple(name), overwrite=False)
    refused(409, metadata.register_workflow_def, simple(name, task="other"), overwrite=False, says=name)
    assert metadata.get_workflow_def(name).tasks[0].name == "do_it"
    metadata.register_workflow_def(simple(name, task="other"), overwrite=True)
    assert metadata.get_workflow_def(name).tasks[0].name == "other"
    metadata.update_workflow_def(simple(name, task="third"))
    assert metadata.get_workflow_def(name).tasks[0].name == "third"


def check_versions_live_side_by_side(world: World) -> None:
    metadata, name = world.admin.get_metadata_client(), unique("workflow")
    for version in (1, 2, 10):
        metadata.register_workflow_def(simple(name, version))
    assert metadata.get_workflow_def(name).version == 10
    assert metadata.get_workflow_def(name, version=2).version == 2
    metadata.unregister_workflow_def(name, 10)
    assert metadata.get_workflow_def(name).version == 2
    refused(404, metadata.get_workflow_def, name, version=10, says=name)


def check_a_reference_to_a_secret_reads_as_it_was_written(world: World) -> None:
    metadata, name = world.admin.get_metadata_client(), unique("workflow")
    world.admin.get_secret_client().put_secret("pysdk_metadata_secret", "needles")
    definition = simple(name)
    definition.tasks[0].input_parameters = {"key": "${workflow.secrets.pysdk_metadata_secret}"}
    metadata.register_workflow_def(definition)
    assert metadata.get_workflow_def(name).tasks[0].input_parameters == {"key": "${workflow.secrets.pysdk_metadata_secret}"}


def check_a_definition_that_makes_no_sense_is_refused(world: World) -> None:
    metadata = world.admin.get_metadata_client()
    twice = simple(unique("workflow"))
    twice.tasks = [*twice.tasks, *twice.tasks]
    refused(400, metadata.register_workflow_def, twice, says="do_it_ref")
    refused(400, metadata.register_workflow_def, WorkflowDef(name="", tasks=[]), says="name")


def check_a_task_is_registered_read_and_unregistered(world: World) -> None:
    metadata, name = world.admin.get_metadata_client(), unique("task")
    metadata.register_task_def(TaskDef(name=name, retry_count=2, timeout_seconds=60, response_timeout_seconds=30))
    found = metadata.get_task_def(name)
    found = found if isinstance(found, dict) else found.to_dict()
    assert (found["name"], found.get("retryCount", found.get("retry_count"))) == (name, 2)
    metadata.update_task_def(TaskDef(name=name, retry_count=5))
    assert name in [one.name for one in metadata.get_all_task_defs()]
    metadata.unregister_task_def(name)
    refused(404, metadata.get_task_def, name, says=name)
    refused(404, metadata.unregister_task_def, name, says=name)


def check_an_application_without_rights_is_refused(world: World) -> None:
    admin, name, task = world.admin.get_metadata_client(), unique("workflow"), unique("task")
    admin.register_workflow_def(simple(name))
    admin.register_task_def(TaskDef(name=task))
    metadata = world.actor().clients().get_metadata_client()
    refused(403, metadata.get_workflow_def, name, says=f"READ on WORKFLOW_DEF {name}")
    refused(403, metadata.register_workflow_def, simple(unique("workflow")), says="WORKFLOW_DEF")
    refused(403, metadata.update_workflow_def, simple(name), says=f"UPDATE on WORKFLOW_DEF {name}")
    refused(403, metadata.unregister_workflow_def, name, 1, says=f"DELETE on WORKFLOW_DEF {name}")
    refused(403, metadata.get_task_def, task, says=f"READ on TASK_DEF {task}")
    refused(403, metadata.register_task_def, TaskDef(name=unique("task")), says="TASK_DEF")
    refused(403, metadata.update_task_def, TaskDef(name=task), says=f"UPDATE on TASK_DEF {task}")
    refused(403, metadata.unregister_task_def, task, says=f"DELETE on TASK_DEF {task}")
    assert metadata.get_all_workflow_defs() == []
    assert metadata.get_all_task_defs() == []


def check_a_saver_who_may_not_use_the_secret_is_refused(world: World) -> None:
    secret = unique("secret")
    world.admin.get_secret_client().put_secret(secret, "needles")
    metadata = world.actor("METADATA_API").clients().get_metadata_client()
    definition = simple(unique("workflow"))
    metadata.register_workflow_def(definition)
    definition.tasks[0].input_parameters = {"key": f"${{workflow.secrets.{secret}}}"}
    refused(403, metadata.update_workflow_def, definition, says=secret)
