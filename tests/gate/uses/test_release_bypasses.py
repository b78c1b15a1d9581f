"""The ways around a second person: each is closed, and leads to the value as soon as its protection is taken away."""

import pytest

from stagedoor.gate.conditions import Conditions
from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, http, simple
from tests.gate.uses.persons import Persons
from tests.gate.uses.test_releases import guard
from tests.gate.uses.ways import WAYS, Patch, Way, agreed, owner, sent
from tests.gate.uses.ways_in_guise import grant_on_tag


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def walked(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


@pytest.mark.promise(6)
@pytest.mark.slow
def test_it_leads_nowhere(walked: Way, stage: Stage, persons: Persons) -> None:
    assert stage.value not in walked.walk(stage, persons)


@pytest.mark.promise(6)
@pytest.mark.slow
def test_without_its_protection_it_leads_to_the_value(walked: Way, stage: Stage, persons: Persons, monkeypatch: Patch) -> None:
    walked.without(monkeypatch)
    assert stage.value in walked.walk(stage, persons)


@pytest.mark.promise(6)
def test_a_value_is_not_copied_into_another_secret_by_a_workflow(stage: Stage, persons: Persons) -> None:
    me = owner(persons)
    guard(stage)
    given = {"_secrets": {"secretKey": new("copy"), "secretValue": stage.key}}
    task = {"name": "up", "taskReferenceName": "up", "type": "UPDATE_SECRET", "inputParameters": given}
    answer = me.api.raw("PUT", "/api/metadata/workflow", [{"name": new("own"), "version": 1, "tasks": [task]}])
    assert (answer.status_code, "cannot be used here" in answer.text) == (400, True), answer.text


@pytest.mark.promise(6)
def test_those_who_were_handed_it_stay_workers_and_listed_hosts_stay(stage: Stage, persons: Persons) -> None:
    """What ran goes on: the workers it was handed to of late are the first list."""
    stage.save(simple(stage.task, key=stage.key))
    stage.author.start(stage.name)
    assert len(stage.entitled.poll(stage.task)) == 1
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {"hosts": [stage.listener.authority]})
    assert guard(stage)["workers"] == [stage.worker_id]
    stage.author.start(stage.name)
    assert stage.worker.poll(stage.task)[0]["inputData"] == {"key": stage.value}
    assert stage.value in sent(stage, owner(persons))
    other_id, other = stage.caller("other", "WORKER")
    stage.admin.grant(other_id, "TASK_DEF", stage.task, "EXECUTE")
    stage.admin.grant(other_id, "SECRET_NAME", stage.secret, "READ")
    run = stage.author.start(stage.name)
    assert other.poll(stage.task) == []
    told = f"held: SECRET_NAME {stage.secret} is viewed by a release alone, and application app:{other_id} is not on its list of workers"
    assert stage.task_of(run)["reasonForIncompletion"] == told


@pytest.mark.promise(7)
@pytest.mark.parametrize("told", [False, True], ids=["as it is", "without the protection"])
def test_the_author_of_a_request_learns_nothing_from_its_failure(told: bool, stage: Stage, persons: Persons, monkeypatch: Patch) -> None:
    """With READ one is told what is wrong with a request; not of such a secret. Values that are wrong in different ways fail alike."""
    if told:
        monkeypatch.setattr(Conditions, "unseen", lambda *_: False)
    me, reasons = owner(persons), set[str]()
    guard(stage)
    for value in (stage.value, "GET", "443", "not a method at all {}"):
        stage.admin.put_secret(stage.secret, value)
        name = new("own")
        definition = {"name": name, "version": 1, "tasks": [http("http://b.example/", method=stage.key)]}
        me.api.call("PUT", "/api/metadata/workflow", [definition])
        reason: str = stage.ended(me.api.start(name))["tasks"][-1]["reasonForIncompletion"]
        reasons.add(reason)
    assert (len(reasons) > 1) is told
    assert any("is viewed by a release alone" in reason for reason in reasons)


@pytest.mark.promise(6)
def test_an_administrator_is_released_by_one_that_it_did_not_make(stage: Stage, persons: Persons) -> None:
    guard(stage)
    me = persons.make(roles=("ADMIN",))
    assert stage.value in agreed(stage, me, persons.first_admin().api)


@pytest.mark.promise(6)
def test_a_tag_that_another_put_on_still_lets_a_second_person_agree(stage: Stage, persons: Persons) -> None:
    """Also where the owner put another tag on."""
    me, second, team = owner(persons), persons.make(), new("team")
    grant_on_tag(persons, second, team)
    guard(stage)
    persons.first_admin().api.call("PUT", f"/api/secrets/{stage.secret}/tags", [{"key": "team", "value": team}])
    me.api.call("PUT", f"/api/secrets/{stage.secret}/tags", [{"key": "stage", "value": "production"}])
    assert stage.value in agreed(stage, me, second.api)
