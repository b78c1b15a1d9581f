// Workers and clients of @io-orkes/conductor-javascript that go on while their access key is rotated; commands and answers as in main.py.
// After `STOP`, `LATE` has a client of the first set ask once more: `{"late": what it is answered}`.
"use strict";

const { createInterface } = require("node:readline");

const sdk = require("@io-orkes/conductor-javascript");

const { CONDUCTOR_SERVER_URL: serverUrl, WORKFLOW: workflow, TASK: task } = process.env;
const failed = [];
const refused = []; // {path, status, error} of every answer that was no success
const done = {};
let requests = 0;

const say = (what) => console.log(JSON.stringify(what).replace('":', '": '));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Handed to the SDK as its `fetch`; what it does with the answer is its own.
const watched = async (input, options) => {
  const path = new URL(typeof input === "string" ? input : input.url).pathname;
  const response = await fetch(input, options).catch((error) => {
    failed.push(`${path}: ${error}`);
    throw error;
  });
  requests += 1;
  if (!response.ok) {
    const body = await response.clone().text();
    failed.push(`${path}: ${response.status} ${body}`);
    refused.push({ path, status: response.status, error: JSON.parse(body).error });
  }
  return response;
};

// A worker, and a client that starts runs and waits for their end.
class Party {
  static async open(name, keyId, keySecret) {
    const party = new Party();
    const client = await sdk.createConductorClient({ serverUrl, keyId, keySecret, logger: sdk.noopLogger }, watched);
    const execute = async ({ inputData }) => ({ status: "COMPLETED", outputData: { number: inputData.number } });
    const options = { pollInterval: 20, concurrency: 2 };
    const config = { logger: sdk.noopLogger, options, onError: (error) => failed.push(`worker of ${name}: ${error}`) };
    party.name = name;
    party.going = true;
    party.workflows = new sdk.OrkesClients(client).getWorkflowClient();
    party.manager = new sdk.TaskManager(client, [{ taskDefName: task, execute }], config);
    party.manager.startPolling();
    party.work = party.startRuns().catch((error) => failed.push(`a run of ${name}: ${error}`));
    return party;
  }

  async startRuns() {
    for (let number = 1; this.going; number += 1) {
      const id = await this.workflows.startWorkflowByName(workflow, { number });
      const deadline = Date.now() + 30_000;
      let found = await this.workflows.getWorkflowStatus(id, true, false);
      while (found.status === "RUNNING" && Date.now() < deadline) {
        await pause(20);
        found = await this.workflows.getWorkflowStatus(id, true, false);
      }
      if (found.status !== "COMPLETED" || found.output.number !== number) throw new Error(JSON.stringify(found));
      done[this.name] = number;
      say({ done });
    }
  }

  async stop() {
    this.going = false;
    await this.work;
    await this.manager.stopPolling();
  }

  // What it is answered when it asks for another token. SDK 4.0.0 waits for itself from then on: its request for a token, refused, is to be
  // sent again with a new token, which is the one that it waits for.
  async late() {
    this.workflows.startWorkflowByName(workflow, { number: 0 }).catch(() => null);
    for (;;) {
      const found = refused.find((one) => one.path === "/api/token");
      if (found) return { status: found.status, error: found.error };
      await pause(20);
    }
  }
}

const main = async () => {
  const [parties, released] = [[], []];
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...given] = line.split(" ");
    if (command === "KEY") {
      parties.push(await Party.open(`party ${parties.length + released.length + 1}`, ...given));
    } else if (command === "RELEASE") {
      released.push(parties.shift());
      await released.at(-1).stop();
      say({ released: true });
    } else if (command === "LATE") {
      say({ late: await released[0].late() });
    } else {
      await Promise.all(parties.map((party) => party.stop()));
      say({ requests, failed });
    }
  }
};

main().then(
  () => process.exit(0),
  (problem) => {
    console.error(problem);
    process.exit(1);
  },
);
