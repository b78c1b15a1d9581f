// Run every check against the server that CONDUCTOR_SERVER_URL names; one JSON line for each on standard output, and
// last what became of each public method of the authorization clients.
// NODE_PATH holds the SDK. `main.cjs TEXT...` runs only checks whose name holds one of these texts.
"use strict";

const { readFileSync } = require("node:fs");
const { dirname, join } = require("node:path");

const { methods } = require("./witness.cjs");
const { checks } = require("./registry.cjs");
const { World } = require("./world.cjs");
require("./checks.cjs");
require("./checks_authorization.cjs");
require("./checks_environment.cjs");

const sdkFile = require.resolve("@io-orkes/conductor-javascript"); // <package>/dist/index.js
const sdk = JSON.parse(readFileSync(join(dirname(sdkFile), "..", "package.json"), "utf8"));

const CHECK_SECONDS = 40;
const tooLong = () => new Promise((_, reject) => setTimeout(reject, CHECK_SECONDS * 1000, new Error(`not within ${CHECK_SECONDS} seconds`)));

const main = async (wanted) => {
  const world = await World.open();
  console.log(`{"sdk": ${JSON.stringify(sdk.version)}}`);
  for (const { name, body } of checks) {
    if (wanted.length && !wanted.some((text) => name.includes(text))) continue;
    const error = await Promise.race([body(world), tooLong()]).then(() => null, (problem) => problem.stack ?? String(problem));
    console.log(`{"check": ${JSON.stringify(name)}, "error": ${JSON.stringify(error)}}`);
  }
  console.log(`{"methods": ${JSON.stringify(methods())}}`);
};

main(process.argv.slice(2)).then(
  () => process.exit(0), // the SDK renews tokens in the background for as long as it is let
  (problem) => {
    console.error(problem);
    process.exit(1);
  },
);
