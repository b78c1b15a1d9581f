// Every check of the official conductor-node, configured by its own variables (CONDUCTOR_SECRET_KEY, CONDUCTOR_BASE_URL): one JSON line each.
// Each request carries the check's name in `X-Check`, so that the server can count what was sent (tests/sdk/test_conductor_node.py).
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");

const Conductor = require("conductor-node");
const { VERSION } = require("conductor-node/version");

const PUBLISHABLE = process.env.PUBLISHABLE_KEY;
const checks = [];
const check = (name, body) => checks.push({ name, body });

const customer = (client, sourceId = randomUUID()) => client.endUsers.create({ companyName: "Acme", sourceId, email: "a@acme.test" });
const link = (client, endUserId, more = {}) => client.authSessions.create({ endUserId, publishableKey: PUBLISHABLE, ...more });

// The error's body, which must be of this kind and code. The SDK nests it twice.
const refused = async (kind, status, code, call) => {
  const problem = await call().then(() => null, (error) => error);
  assert.ok(problem instanceof kind, `${kind.name} expected, ${problem} came`);
  assert.equal(problem.constructor, kind);
  const error = problem.error.error;
  assert.deepEqual([problem.status, error.code, error.httpStatusCode], [status, code, status]);
  assert.equal(problem.headers["conductor-request-id"], error.requestId);
  return error;
};

check("end users are created, listed, retrieved and deleted", async (client) => {
  const made = await customer(client);
  assert.match(made.id, /^end_usr_/);
  assert.deepEqual(made.integrationConnections, []);
  assert.ok((await client.endUsers.list()).data.some((one) => one.id === made.id));
  assert.deepEqual(await client.endUsers.retrieve(made.id), made);
  assert.deepEqual(await client.endUsers.delete(made.id), { id: made.id, objectType: "end_user", deleted: true });
  assert.ok(!(await client.endUsers.list()).data.some((one) => one.id === made.id));
});

check("an auth session is created", async (client) => {
  const made = await customer(client);
  const session = await link(client, made.id, { linkExpiryMins: 60, redirectUrl: "https://acme.test/back" });
  assert.match(session.clientSecret, /^auth_sess_client_secret_/);
  assert.ok(session.authFlowUrl.endsWith(`/connect/${session.clientSecret}?key=${PUBLISHABLE}`));
  assert.deepEqual([session.endUserId, session.redirectUrl], [made.id, "https://acme.test/back"]);
  assert.equal((await link(client, made.id)).redirectUrl, null);
});

check("every answer names its request", async (client) => {
  const { response } = await client.endUsers.list().withResponse();
  assert.match(response.headers.get("conductor-request-id"), /^req_/);
});

check("a taken sourceId is a bad request", async (client) => {
  const made = await customer(client);
  const error = await refused(Conductor.BadRequestError, 400, "SOURCE_ID_TAKEN", () => customer(client, made.sourceId));
  assert.equal(error.type, "INVALID_REQUEST_ERROR");
});

check("an unknown id is not found", async (client) => {
  await refused(Conductor.NotFoundError, 404, "RESOURCE_MISSING", () => client.endUsers.retrieve("end_usr_none"));
  await refused(Conductor.NotFoundError, 404, "RESOURCE_MISSING", () => client.endUsers.delete("end_usr_none"));
  await refused(Conductor.NotFoundError, 404, "RESOURCE_MISSING", () => link(client, "end_usr_none"));
});

check("a wrong key is unauthenticated", async (client, headers) => {
  for (const apiKey of ["sk_conductor_wrong", process.env.DELETED_KEY, `orch_${"0".repeat(40)}`, PUBLISHABLE]) {
    const other = new Conductor({ apiKey, defaultHeaders: headers });
    const error = await refused(Conductor.AuthenticationError, 401, "API_KEY_INVALID", () => other.endUsers.list());
    assert.equal(error.message.includes("publishable key"), apiKey === PUBLISHABLE);
  }
});

check("no key is unauthenticated", async (client) => {
  const without = { headers: { Authorization: null } };
  await refused(Conductor.AuthenticationError, 401, "API_KEY_MISSING", () => client.endUsers.list(without));
});

check("a wrong expiry and an unknown field are bad requests", async (client) => {
  const made = await customer(client);
  for (const linkExpiryMins of [14, 10081]) {
    const error = await refused(Conductor.BadRequestError, 400, "REQUEST_INVALID", () => link(client, made.id, { linkExpiryMins }));
    assert.match(error.message, /linkExpiryMins/);
  }
  const body = { companyName: "a", sourceId: "b", email: "c", plan: "gold" };
  const error = await refused(Conductor.BadRequestError, 400, "REQUEST_INVALID", () => client.endUsers.create(body));
  assert.equal(error.message, 'Unrecognized keys: "plan"');
});

check("what is out of scope is not found", async (client) => {
  const { id } = await customer(client);
  const options = { conductorEndUserId: id };
  await refused(Conductor.NotFoundError, 404, "RESOURCE_MISSING", () => client.qbd.healthCheck(options));
  await refused(Conductor.NotFoundError, 404, "RESOURCE_MISSING", () => client.endUsers.passthrough(id, "quickbooks_desktop", { a: 1 }));
});

const main = async () => {
  console.log(`{"sdk": ${JSON.stringify(VERSION)}}`);
  for (const { name, body } of checks) {
    const headers = { "X-Check": name };
    const client = new Conductor({ defaultHeaders: headers });
    const error = await body(client, headers).then(() => null, (problem) => problem.stack ?? String(problem));
    console.log(`{"check": ${JSON.stringify(name)}, "error": ${JSON.stringify(error)}}`);
  }
  console.log('{"methods": {}}');
};

main().then(
  () => process.exit(0),
  (problem) => {
    console.error(problem);
    process.exit(1);
  },
);
