// Clients by the official conductor-node that go on while their secret key is rotated; commands and answers as in access_key.cjs.
"use strict";

const { randomUUID } = require("node:crypto");
const { createInterface } = require("node:readline");

const Conductor = require("conductor-node");

const failed = [];
const done = {};
let requests = 0;

const say = (what) => console.log(JSON.stringify(what).replace('":', '": '));

// Handed to the SDK as its `fetch`.
const watched = async (url, options) => {
  const response = await fetch(url, options);
  requests += 1;
  if (!response.ok) failed.push(`${url}: ${response.status}`);
  return response;
};

// A client that makes, finds and deletes end users. `maxRetries: 0`: what the SDK would send again is told of as it is.
class Party {
  constructor(name, apiKey) {
    this.name = name;
    this.going = true;
    this.client = new Conductor({ apiKey, maxRetries: 0, fetch: watched });
    this.working = this.work().catch((error) => failed.push(`a round of ${name}: ${error}`));
  }

  async work() {
    while (this.going) {
      const made = await this.client.endUsers.create({ companyName: "Acme", sourceId: randomUUID(), email: "a@acme.test" });
      const found = await this.client.endUsers.retrieve(made.id);
      const gone = await this.client.endUsers.delete(made.id);
      if (found.sourceId !== made.sourceId || !gone.deleted) throw new Error(JSON.stringify([made, found, gone]));
      done[this.name] = (done[this.name] ?? 0) + 1;
      say({ done });
    }
  }

  async stop() {
    this.going = false;
    await this.working;
  }

  async late() {
    return this.client.endUsers.list().then(
      () => ({}),
      (problem) => ({ type: problem.constructor.name, status: problem.status, error: problem.error.error.code }),
    );
  }
}

const main = async () => {
  const [parties, released] = [[], []];
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...given] = line.split(" ");
    if (command === "KEY") {
      parties.push(new Party(`party ${parties.length + released.length + 1}`, ...given));
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
