"""What leaves the server, and what of it comes back into a run."""

from tests.gate.doors.stage import Stage, dumped, http, simple


def test_a_marker_that_came_as_data_is_sent_as_the_reference_it_is(stage: Stage) -> None:
    """By an HTTP task with a secret of its own, and by one without."""
    body = {"got": "${one.input.key}"}
    alone = http(f"{stage.listener.url}/alone", "alone", method="POST", body=body)
    own = http(f"{stage.listener.url}/own", "own", method="POST", body={**body, "own": stage.key})
    run = stage.run(simple(stage.task, key=stage.key), alone, own)
    stage.worker.complete(stage.entitled.poll(stage.task)[0])
    assert stage.ended(run)["status"] == "COMPLETED"
    sent = {heard.target: heard.body.decode() for heard in stage.listener.heard}
    assert dumped(stage.key) in sent["/alone"] and dumped(stage.key) in sent["/own"]
    assert stage.value in sent["/own"]
    assert "#{stagedoor:" not in dumped(sent)


def test_the_name_of_a_worker_is_redacted_like_its_output(stage: Stage) -> None:
    run = stage.run(simple(stage.task, "one", key=stage.key), simple(stage.task, "two"))
    worker = stage.entitled
    worker.complete(worker.poll(stage.task)[0])
    worker.call("GET", f"/api/tasks/poll/{stage.task}?workerid=host-{stage.value}")
    assert stage.task_of(run, "two")["workerId"] == "host-***"
    assert stage.value.encode() not in stage.stored()
