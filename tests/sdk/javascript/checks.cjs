// Each `check(name, body)` is one test of tests/sdk/test_javascript.py.
"use strict";

const { assert, exists, grantOf, mint, raw, record, refused, sdk, since, spoilNext, unique, until } = require("./world.cjs");
const { check } = require("./registry.cjs");

const simple = (name, task = "do_it", inputParameters = { zip: "${workflow.input.zip}" }) => ({
  name,
  version: 1,
  schemaVersion: 2,
  ownerEmail: "owner@example.com",
  timeoutSeconds: 0,
  tasks: [{ name: task, taskReferenceName: "do_it_ref", type: "SIMPLE", inputParameters }],
  outputParameters: { result: "${do_it_ref.output.result}" },
});

check("an application lives and dies", async ({ admin }) => {
  const applications = admin.getApplicationClient();
  const name = unique("app");
  const { id } = await applications.createApplication(name);
  assert.equal((await applications.getApplication(id)).name, name);
  assert.equal((await applications.updateApplication(id, `${name}-2`)).name, `${name}-2`);
  assert.ok((await applications.getAllApplications()).some((one) => one.id === id));
  await applications.addApplicationTags(id, [{ key: "team", value: "a" }]);
  assert.deepEqual(await applications.getApplicationTags(id), [{ key: "team", value: "a" }]);
  await applications.deleteApplicationTag(id, { key: "team", value: "a" });
  assert.deepEqual(await applications.getApplicationTags(id), []);
  await applications.deleteApplication(id);
  await refused(404, () => applications.getApplication(id), id);
});

check("an access key is made, paused, resumed and deleted", async ({ admin }) => {
  const applications = admin.getApplicationClient();
  const { id } = await applications.createApplication(unique("app"));
  const key = await applications.createAccessKey(id);
  assert.ok(key.secret);
  assert.deepEqual((await applications.getAccessKeys(id)).map((one) => [one.id, one.status]), [[key.id, "ACTIVE"]]);
  assert.equal((await applications.getAppByAccessKeyId(key.id)).id, id);
  assert.equal((await applications.toggleAccessKeyStatus(id, key.id)).status, "INACTIVE");
  assert.equal((await applications.toggleAccessKeyStatus(id, key.id)).status, "ACTIVE");
  await applications.deleteAccessKey(id, key.id);
  assert.deepEqual(await applications.getAccessKeys(id), []);
  await refused(404, () => applications.toggleAccessKeyStatus(id, key.id), key.id);
});

check("an outsider sees no application and makes none", async (world) => {
  const [stranger, other] = [await world.actor(), await world.actor()];
  const applications = stranger.clients.getApplicationClient();
  await refused(404, () => applications.getApplication(other.id), other.id);
  await refused(404, () => applications.createAccessKey(other.id), other.id);
  await refused(404, () => applications.addApplicationRole(other.id, "ADMIN"), other.id);
  await refused(403, () => applications.createApplication(unique("app")));
  assert.deepEqual(await applications.getAllApplications(), []);
});

check("roles come and go", async (world) => {
  const actor = await world.actor();
  const applications = world.admin.getApplicationClient();
  const secrets = actor.clients.getSecretClient();
  await refused(403, () => secrets.putSecret(unique("secret"), "x"));
  await applications.addApplicationRole(actor.id, "METADATA_MANAGER");
  await secrets.putSecret(unique("secret"), "x");
  await applications.removeRoleFromApplicationUser(actor.id, "METADATA_MANAGER");
  await refused(403, () => secrets.putSecret(unique("secret"), "x"));
  await refused(400, () => applications.addApplicationRole(actor.id, "NO_SUCH_ROLE"), "NO_SUCH_ROLE");
});

check("secret values arrive as they were given", async ({ admin, adminKey }) => {
  const secrets = admin.getSecretClient();
  const json = JSON.stringify({ user: "u", password: 'p"w', n: [1, null] });
  for (const value of ["needles", 'with "quotes"', "first\nsecond\r\n", "C:\\temp\tx", "ünï ☃ 𝄞", json, "[1]", "123", "  x  ", ""]) {
    const name = unique("value");
    await secrets.putSecret(name, value);
    const answer = await raw(adminKey, "GET", `/secrets/${name}`);
    assert.equal(await answer.text(), value);
    if (value) assert.equal(String(await secrets.getSecret(name)), value);
  }
});

check("a secret exists until it is deleted", async ({ admin, adminKey }) => {
  const secrets = admin.getSecretClient();
  const name = unique("secret/a@b");
  assert.equal(await exists(adminKey, name), false);
  await secrets.putSecret(name, "needles");
  assert.equal(await secrets.secretExists(name), true);
  assert.equal(await exists(adminKey, name), true);
  assert.ok((await secrets.listAllSecretNames()).includes(name));
  assert.ok((await secrets.listSecretsThatUserCanGrantAccessTo()).includes(name));
  await secrets.setSecretTags([{ key: "team", value: "a" }], name);
  assert.deepEqual(await secrets.getSecretTags(name), [{ key: "team", value: "a" }]);
  await secrets.deleteSecretTags([{ key: "team", value: "a" }], name);
  assert.deepEqual(await secrets.getSecretTags(name), []);
  await secrets.deleteSecret(name);
  assert.equal(await exists(adminKey, name), false);
  await refused(404, () => secrets.getSecret(name), name);
  await refused(404, () => secrets.getSecretTags(name));
  await secrets.deleteSecret(name);
});

check("a secret is refused to who may not read it", async (world) => {
  const [actor, name] = [await world.actor(), unique("secret")];
  await world.admin.getSecretClient().putSecret(name, "needles");
  const secrets = actor.clients.getSecretClient();
  await refused(403, () => secrets.getSecret(name), `READ on SECRET_NAME ${name}`);
  await refused(403, () => secrets.putSecret(name, "x"), `UPDATE on SECRET_NAME ${name}`);
  await refused(403, () => secrets.deleteSecret(name), `DELETE on SECRET_NAME ${name}`);
  assert.equal(await exists(actor.key, name), false);
  assert.deepEqual(await secrets.listAllSecretNames(), []);
});

check("a grant is given, shown and taken, at once", async (world) => {
  const [actor, name] = [await world.actor(), unique("secret")];
  await world.admin.getSecretClient().putSecret(name, "needles");
  const authorization = world.admin.getAuthorizationClient();
  const secrets = actor.clients.getSecretClient();
  await authorization.grantPermissions(grantOf(actor, "SECRET_NAME", name, "READ"));
  assert.equal(await secrets.getSecret(name), "needles");
  const shown = await authorization.getPermissions("SECRET_NAME", name);
  assert.deepEqual(Object.keys(shown).sort(), ["CREATE", "DELETE", "EXECUTE", "READ", "UPDATE"]);
  assert.ok(shown.READ.some((subject) => subject.id === actor.user));
  await authorization.removePermissions(grantOf(actor, "SECRET_NAME", name, "READ"));
  await refused(403, () => secrets.getSecret(name));
});

check("nobody hands out what they do not hold", async (world) => {
  const [giver, taker, name] = [await world.actor(), await world.actor(), unique("secret")];
  await world.admin.getSecretClient().putSecret(name, "needles");
  const authorization = giver.clients.getAuthorizationClient();
  await refused(403, () => authorization.grantPermissions(grantOf(taker, "SECRET_NAME", name, "READ")));
  await world.grant(giver, "SECRET_NAME", name, "READ", "UPDATE");
  await authorization.grantPermissions(grantOf(taker, "SECRET_NAME", name, "READ"));
  await refused(403, () => authorization.grantPermissions(grantOf(taker, "SECRET_NAME", name, "DELETE")), `DELETE on SECRET_NAME ${name}`);
});

check("definitions are registered, read and unregistered", async ({ admin }) => {
  const [metadata, name, task] = [admin.getMetadataClient(), unique("workflow"), unique("task")];
  await metadata.registerTask({ name: task, retryCount: 2, timeoutSeconds: 60, responseTimeoutSeconds: 30 });
  assert.equal((await metadata.getTask(task)).retryCount, 2);
  await metadata.updateTask({ name: task, retryCount: 5, timeoutSeconds: 60, responseTimeoutSeconds: 30 });
  assert.ok((await metadata.getAllTaskDefs()).some((one) => one.name === task && one.retryCount === 5));
  await metadata.registerWorkflowDef(simple(name, task), false);
  assert.equal((await metadata.getWorkflowDef(name)).tasks[0].name, task);
  await refused(409, () => metadata.registerWorkflowDef(simple(name), false), name);
  await metadata.registerWorkflowDef(simple(name), true);
  assert.equal((await metadata.getWorkflowDef(name, 1)).tasks[0].name, "do_it");
  assert.ok((await metadata.getAllWorkflowDefs()).some((one) => one.name === name));
  await metadata.unregisterWorkflow(name, 1);
  await refused(404, () => metadata.getWorkflowDef(name), name);
  await metadata.unregisterTask(task);
  await refused(404, () => metadata.getTask(task), task);
});

check("definitions are refused to who may not read or make them", async (world) => {
  const name = unique("workflow");
  await world.admin.getMetadataClient().registerWorkflowDef(simple(name), true);
  const metadata = (await world.actor()).clients.getMetadataClient();
  await refused(403, () => metadata.getWorkflowDef(name), `READ on WORKFLOW_DEF ${name}`);
  await refused(403, () => metadata.registerWorkflowDef(simple(name), true), `UPDATE on WORKFLOW_DEF ${name}`);
  await refused(403, () => metadata.registerTask({ name: unique("task"), timeoutSeconds: 60 }));
  await refused(403, () => metadata.unregisterWorkflow(name, 1), `DELETE on WORKFLOW_DEF ${name}`);
});

check("a workflow is started, looked at and terminated", async ({ admin }) => {
  const [workflows, name] = [admin.getWorkflowClient(), unique("workflow")];
  await admin.getMetadataClient().registerWorkflowDef(simple(name), true);
  const run = await workflows.startWorkflow({ name, version: 1, input: { zip: "90210" }, correlationId: "c-7" });
  const other = await workflows.startWorkflowByName(name, { zip: "04046" });
  const found = await workflows.getWorkflow(run, true);
  assert.deepEqual([found.status, found.correlationId, found.input], ["RUNNING", "c-7", { zip: "90210" }]);
  assert.equal(found.tasks[0].status, "SCHEDULED");
  assert.equal((await workflows.getWorkflowStatus(other, true, true)).status, "RUNNING");
  await workflows.terminate(run, "the concert is over");
  const ended = await workflows.getExecution(run, false);
  assert.deepEqual([ended.status, ended.reasonForIncompletion], ["TERMINATED", "the concert is over"]);
  await refused(404, () => workflows.getExecution("no-such-run"), "no-such-run");
  await refused(404, () => workflows.startWorkflow({ name: "jssdk_no_such_workflow" }), "jssdk_no_such_workflow");
});

check("a start is refused with the missing grant", async (world) => {
  const [actor, name] = [await world.actor(), unique("workflow")];
  await world.admin.getMetadataClient().registerWorkflowDef(simple(name), true);
  const workflows = actor.clients.getWorkflowClient();
  await refused(403, () => workflows.startWorkflow({ name, version: 1 }), `EXECUTE on WORKFLOW_DEF ${name}`);
  await world.grant(actor, "WORKFLOW_DEF", name, "EXECUTE");
  const run = await workflows.startWorkflow({ name, version: 1 });
  await refused(404, () => workflows.getExecution(run), run);
});

check("a worker completes tasks with a secret, and waits until it may", async (world) => {
  const [worker, name, task, secret] = [await world.actor("WORKER"), unique("workflow"), unique("task"), unique("secret")];
  await world.admin.getSecretClient().putSecret(secret, "wx-74c1e0a9b2");
  await world.grant(worker, "TASK_DEF", task, "EXECUTE");
  const definition = simple(name, task, { zip: "${workflow.input.zip}", key: "${workflow.secrets." + secret + "}" });
  await world.admin.getMetadataClient().registerWorkflowDef(definition, true);
  const execute = async ({ inputData }) => ({
    status: "COMPLETED",
    outputData: { result: `sunny in ${inputData.zip}`, length: inputData.key.length, echo: `key=${inputData.key}` },
    logs: [{ log: "looked it up" }],
  });
  const options = { pollInterval: 50, concurrency: 2 };
  const manager = new sdk.TaskManager(worker.client, [{ taskDefName: task, execute }], { logger: sdk.noopLogger, options });
  const workflows = world.admin.getWorkflowClient();
  manager.startPolling();
  try {
    const runs = await Promise.all([1, 2, 3].map((zip) => workflows.startWorkflow({ name, version: 1, input: { zip: `9021${zip}` } })));
    const held = `held: application ${worker.user} lacks READ on SECRET_NAME ${secret}`;
    await until(async () => (await workflows.getWorkflow(runs[0], true)).tasks[0].reasonForIncompletion === held);
    await world.grant(worker, "SECRET_NAME", secret, "READ");
    for (const [index, run] of runs.entries()) {
      const status = await until(async () => {
        const found = await workflows.getWorkflowStatus(run, true, false);
        return found.status !== "RUNNING" && found;
      });
      assert.deepEqual([status.status, status.output], ["COMPLETED", { result: `sunny in 9021${index + 1}` }]);
    }
    const [done] = (await workflows.getWorkflow(runs[0], true)).tasks;
    assert.deepEqual(done.outputData, { result: "sunny in 90211", length: 13, echo: "key=***" });
    assert.equal(done.inputData.key, "${workflow.secrets." + secret + "}");
    assert.deepEqual((await world.admin.getTaskClient().getTaskLogs(done.taskId)).map((line) => line.log), ["looked it up"]);
  } finally {
    await manager.stopPolling();
  }
  assert.ok(record.some((one) => one.path === "/api/tasks/update-v2" && one.status < 300), "the worker reported the old way");
});

check("a worker that throws fails its task with the reason", async (world) => {
  const [worker, name, task] = [await world.actor("WORKER"), unique("workflow"), unique("task")];
  await world.grant(worker, "TASK_DEF", task, "EXECUTE");
  await world.admin.getMetadataClient().registerTask({ name: task, retryCount: 0, timeoutSeconds: 60, responseTimeoutSeconds: 30 });
  await world.admin.getMetadataClient().registerWorkflowDef(simple(name, task), true);
  const execute = async () => {
    throw new sdk.NonRetryableException("this never works");
  };
  const manager = new sdk.TaskManager(worker.client, [{ taskDefName: task, execute }], { logger: sdk.noopLogger, options: { pollInterval: 50 } });
  const workflows = world.admin.getWorkflowClient();
  manager.startPolling();
  try {
    const run = await workflows.startWorkflow({ name, version: 1 });
    const found = await until(async () => {
      const found = await workflows.getWorkflow(run, true);
      return found.status !== "RUNNING" && found;
    });
    assert.equal(found.status, "FAILED");
    assert.ok(found.tasks[0].reasonForIncompletion.includes("this never works"), found.tasks[0].reasonForIncompletion);
  } finally {
    await manager.stopPolling();
  }
});

check("a task is logged and updated by hand", async ({ admin, adminKey }) => {
  const [workflows, tasks, name, task] = [admin.getWorkflowClient(), admin.getTaskClient(), unique("workflow"), unique("task")];
  await admin.getMetadataClient().registerWorkflowDef(simple(name, task), true);
  const run = await workflows.startWorkflow({ name, version: 1 });
  const { taskId } = await (await raw(adminKey, "GET", `/tasks/poll/${task}`)).json();
  await tasks.addTaskLog(taskId, 'said "hello"\nand left');
  assert.deepEqual((await tasks.getTaskLogs(taskId)).map((line) => line.log), ['said "hello"\nand left']);
  await workflows.updateTask(taskId, run, "COMPLETED", { result: 7 });
  assert.equal((await tasks.getTask(taskId)).status, "COMPLETED");
  const found = await workflows.getWorkflow(run, true);
  assert.deepEqual([found.status, found.output], ["COMPLETED", { result: 7 }]);
});

const renewed = async (world, token) => {
  const [actor, name] = [await world.actor(), unique("secret")];
  await world.admin.getSecretClient().putSecret(name, "needles");
  await world.grant(actor, "SECRET_NAME", name, "READ");
  const secret = `/api/secrets/${name}`;
  spoilNext(secret, await token(actor));
  const before = record.length;
  assert.equal(await actor.clients.getSecretClient().getSecret(name), "needles");
  assert.deepEqual(since(before).map((one) => [one.path, one.status]), [[secret, 401], ["/api/token", 200], [secret, 200]]);
};

check("an invalid token is renewed and the call repeated", (world) => renewed(world, () => "eyJhbGciOiJub25lIn0.e30."));

check("an expired token is renewed and the call repeated", (world) =>
  renewed(world, async (actor) => {
    const token = await mint(actor.key, { expiration: 1000 });
    await new Promise((resolve) => setTimeout(resolve, 2100));
    return token;
  }),
);

check("a missing grant does not renew the token", async (world) => {
  const [actor, name] = [await world.actor(), unique("secret")];
  await world.admin.getSecretClient().putSecret(name, "needles");
  const before = record.length;
  await assert.rejects(() => actor.clients.getSecretClient().getSecret(name));
  assert.deepEqual(since(before).map((one) => [one.path, one.status]), [[`/api/secrets/${name}`, 403]]);
});
