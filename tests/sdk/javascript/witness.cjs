// What became of each public method of the authorization clients: "returned" to somebody, "refused" to somebody who is no administrator.
"use strict";

const sdk = require("@io-orkes/conductor-javascript");

const seen = new Map(); // "Client.method" -> Set
const rejected = []; // {label, client} of every call that threw

const watch = (Client, wanted = () => true) => {
  for (const name of Object.getOwnPropertyNames(Client.prototype)) {
    if (name === "constructor" || !wanted(name)) continue;
    const [label, method] = [`${Client.name}.${name}`, Client.prototype[name]];
    seen.set(label, new Set());
    Client.prototype[name] = async function (...given) {
      try {
        const found = await method.apply(this, given);
        seen.get(label).add("returned");
        return found;
      } catch (error) {
        rejected.push({ label, client: this._client });
        throw error;
      }
    };
  }
};

watch(sdk.ApplicationClient);
watch(sdk.AuthorizationClient);
watch(sdk.SecretClient);
watch(sdk.MetadataClient, (name) => name.includes("Tag"));

/** The calls that threw since `before` were refused as they should be. */
const refusedSince = (before, adminClient) => {
  for (const { label, client } of rejected.slice(before)) if (client !== adminClient) seen.get(label).add("refused");
};

const methods = () => Object.fromEntries([...seen].map(([label, outcomes]) => [label, [...outcomes].sort()]));

module.exports = { methods, refusedSince, rejected };
