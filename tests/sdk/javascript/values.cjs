// Puts each value of the file that VALUES names, reads it back, starts the workflow that hands it out, and takes its task as a worker.
// One JSON line for each, as main.cjs prints them. Not one of the checks: it needs a server that may reach a listener on this machine.
"use strict";

const { readFileSync } = require("node:fs");

const { World, refused, sdk, until } = require("./world.cjs");

const given = JSON.parse(readFileSync(process.env.VALUES, "utf8"));
const came = new Map(); // run -> what the worker was handed

const tried = async (world, name, value) => {
  const secrets = world.admin.getSecretClient();
  await secrets.putSecret(name, value);
  const shown = await secrets.getSecret(name);
  if (value && shown !== value) return `getSecret: ${JSON.stringify(shown)}`.slice(0, 300);
  const run = await world.admin.getWorkflowClient().startWorkflow({ name, version: 1 });
  console.log(JSON.stringify({ run }));
  await until(() => came.has(run));
  return came.get(run) === value ? null : `at the worker: ${JSON.stringify(came.get(run))}`.slice(0, 300);
};

const main = async () => {
  const world = await World.open();
  const worker = await world.actor("ADMIN", "UNRESTRICTED_WORKER");
  const execute = async ({ inputData, workflowInstanceId }) => {
    came.set(workflowInstanceId, inputData.key);
    return { status: "COMPLETED", outputData: {} };
  };
  const options = { pollInterval: 20, concurrency: 1 };
  const manager = new sdk.TaskManager(worker.client, [{ taskDefName: given.stem, execute }], { logger: sdk.noopLogger, options });
  console.log(JSON.stringify({ sdk: "values" }));
  manager.startPolling();
  for (const [number, [label, value]] of Object.entries(given.values).entries()) {
    console.log(JSON.stringify({ check: label, error: await tried(world, `${given.stem}-${number}`, value) }));
  }
  await manager.stopPolling();
  await refused(400, () => world.admin.getSecretClient().putSecret(given.stem, given.tooLong), "65535 bytes");
  console.log(JSON.stringify({ check: "too long", error: null }));
  console.log(JSON.stringify({ methods: {} }));
};

main().then(
  () => process.exit(0),
  (problem) => {
    console.error(problem);
    process.exit(1);
  },
);
