// What every check uses: the SDK's clients in several names, a record of their requests, `refused` and `until`.
"use strict";

const assert = require("node:assert/strict");
const sdk = require("@io-orkes/conductor-javascript");
const { refusedSince, rejected } = require("./witness.cjs");

const { CONDUCTOR_SERVER_URL: serverUrl, CONDUCTOR_AUTH_KEY: keyId, CONDUCTOR_AUTH_SECRET: keySecret } = process.env;
for (const name of ["CONDUCTOR_AUTH_KEY", "CONDUCTOR_AUTH_SECRET"]) delete process.env[name]; // they would win over every other key

const record = []; // {method, path, status, contentType} of every answer the SDK got
let numbers = 0;
let adminClient;

const unique = (stem) => `jssdk_${stem}_${++numbers}`;

const spoiled = new Map(); // path -> token

/** The SDK's next GET of this path carries this token instead of its own. */
const spoilNext = (path, token) => spoiled.set(path, token);

/** What was asked since `before`, without the polls of workers that are still stopping. */
const since = (before) => record.slice(before).filter((one) => !one.path.startsWith("/api/tasks/poll/"));

const recording = async (input, options) => {
  const url = new URL(typeof input === "string" ? input : input.url);
  let request = input;
  if (spoiled.has(url.pathname)) {
    request = new Request(input, options);
    request.headers.set("X-Authorization", spoiled.get(url.pathname));
    spoiled.delete(url.pathname);
  }
  const response = await fetch(request, options);
  const method = options?.method ?? request.method ?? "GET";
  record.push({ method, path: url.pathname, status: response.status, contentType: response.headers.get("content-type") ?? "" });
  return response;
};

const clientsOf = async (key) => {
  const config = { serverUrl, keyId: key.id, keySecret: key.secret, logger: sdk.noopLogger };
  const client = await sdk.createConductorClient(config, recording);
  return { client, clients: new sdk.OrkesClients(client) };
};

class World {
  static async open() {
    const world = new World();
    world.adminKey = { id: keyId, secret: keySecret };
    const { client, clients } = await clientsOf(world.adminKey);
    world.admin = clients;
    adminClient = client;
    return world;
  }

  /** A new application with these roles: `{id, user, key, clients, client}`. */
  async actor(...roles) {
    const applications = this.admin.getApplicationClient();
    const { id } = await applications.createApplication(unique("app"));
    for (const role of roles) await applications.addApplicationRole(id, role);
    const key = await applications.createAccessKey(id);
    return { id, user: `app:${id}`, key, ...(await clientsOf(key)) };
  }

  /** The clients of who has a token but no key to get another, and whose token is no longer good. */
  async outlaw() {
    const actor = await this.actor();
    const token = await mint(actor.key);
    await this.admin.getApplicationClient().deleteAccessKey(actor.id, actor.key.id);
    const client = await sdk.createConductorClient({ serverUrl, logger: sdk.noopLogger }, recording);
    client.setConfig({ auth: () => token });
    return new sdk.OrkesClients(client);
  }

  async grant(actor, type, id, ...access) {
    await this.admin.getAuthorizationClient().grantPermissions(grantOf(actor, type, id, ...access));
  }
}

const grantOf = (actor, type, id, ...access) => ({ subject: { type: "USER", id: actor.user }, target: { type, id }, access });

/** The call is refused with this status, and the SDK's error says so. */
const refused = async (status, call, says = "") => {
  const [before, earlier] = [record.length, rejected.length];
  await assert.rejects(call, (error) => {
    assert.equal(error.name, "[Conductor SDK Error]"); // ConductorSdkError, which the SDK does not export
    assert.ok(error.message.includes(says), `expected ${says} in ${error.message}`);
    return true;
  });
  const statuses = since(before).map((one) => one.status);
  assert.equal(statuses.at(-1), status, `expected ${status}, got ${statuses}`);
  refusedSince(earlier, adminClient);
};

/** The first true value of `ready`. */
const until = async (ready) => {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const found = await ready();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("not within 20 seconds");
};

const mint = async (key, more = {}) => {
  const body = JSON.stringify({ keyId: key.id, keySecret: key.secret, ...more });
  const answer = await fetch(`${serverUrl}/token`, { method: "POST", headers: { "content-type": "application/json" }, body });
  return (await answer.json()).token;
};

/** Past the SDK, for what it cannot show. */
const raw = async (key, method, path, body) =>
  fetch(`${serverUrl}${path}`, { method, headers: { "x-authorization": await mint(key) }, body });

/** What the server says: `secretExists` of this SDK (4.0.0) takes every answer for a yes. */
const exists = async (key, name) => (await raw(key, "GET", `/secrets/${encodeURIComponent(name)}/exists`)).json();

module.exports = { World, assert, exists, grantOf, mint, raw, record, refused, sdk, since, spoilNext, unique, until };
