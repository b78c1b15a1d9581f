// Environment variables, masked names and UPDATE_SECRET. The SDK has no client for environment variables: `raw` calls the routes.
"use strict";

const { assert, raw, sdk, unique, until } = require("./world.cjs");
const { check } = require("./registry.cjs");

check("a worker gets variables and masked values, and a run keeps a secret", async (world) => {
  const [worker, name, task, url, kept] = [await world.actor("WORKER"), unique("workflow"), unique("task"), unique("URL"), unique("kept")];
  const put = (value) => raw(world.adminKey, "PUT", `/environment/${url}`, JSON.stringify(value));
  assert.equal((await put('https://weather.example/"x"\n')).status, 200);
  assert.equal(await (await raw(world.adminKey, "GET", `/environment/${url}`)).text(), 'https://weather.example/"x"\n');
  await put("https://weather.example");
  await world.grant(worker, "TASK_DEF", task, "EXECUTE");
  const definition = {
    name, version: 1, schemaVersion: 2, ownerEmail: "owner@example.com", timeoutSeconds: 0, maskedFields: ["pin"],
    tasks: [
      { name: task, taskReferenceName: "one", type: "SIMPLE", inputParameters: { url: "${workflow.env." + url + "}/a", pin: "${workflow.input.pin}" } },
      { name: "keep", taskReferenceName: "keep", type: "UPDATE_SECRET",
        inputParameters: { _secrets: { secretKey: kept, secretValue: "${one.output.token}" } } },
    ],
    outputParameters: { token: "${one.output.token}", pin: "${one.input.pin}", url: "${workflow.env." + url + "}" },
  };
  await world.admin.getMetadataClient().registerWorkflowDef(definition, true);
  const seen = [];
  const execute = async ({ inputData }) => {
    seen.push(inputData);
    return { status: "COMPLETED", outputData: { token: "token-of-the-worker", echo: `pin ${inputData.pin}` } };
  };
  const options = { pollInterval: 50, concurrency: 1 };
  const manager = new sdk.TaskManager(worker.client, [{ taskDefName: task, execute }], { logger: sdk.noopLogger, options });
  const workflows = world.admin.getWorkflowClient();
  manager.startPolling();
  try {
    const run = await workflows.startWorkflow({ name, version: 1, input: { pin: "pin-4711" } });
    const status = await until(async () => {
      const found = await workflows.getWorkflowStatus(run, true, false);
      return found.status !== "RUNNING" && found;
    });
    assert.deepEqual([status.status, status.output], ["COMPLETED", { token: "***", pin: "***", url: "https://weather.example" }]);
    assert.deepEqual(seen, [{ url: "https://weather.example/a", pin: "pin-4711" }]);
    const shown = await workflows.getWorkflow(run, true);
    assert.deepEqual([shown.input, shown.tasks[0].outputData], [{ pin: "***" }, { token: "***", echo: "pin ***" }]);
    assert.ok(!JSON.stringify(shown).includes("token-of-the-worker"));
  } finally {
    await manager.stopPolling();
  }
  assert.equal(await world.admin.getSecretClient().getSecret(kept), "token-of-the-worker");
  assert.equal(await (await raw(world.adminKey, "DELETE", `/environment/${url}`)).text(), "https://weather.example");
});
