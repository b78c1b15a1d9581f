// A real OpenID provider for one client: `node provider.mjs PORT CLIENT`, CLIENT as JSON {client_id, client_secret, redirect_uris}.
// Its own development pages ask for a name and a password, take any, and then for consent.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const home = process.env.STAGEDOOR_OIDC_PROVIDER;
const { default: Provider } = await import(pathToFileURL(join(home, "node_modules/oidc-provider/lib/index.js")));
const [port, client] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ ...JSON.parse(client), grant_types: ["authorization_code"], response_types: ["code"] }],
  pkce: { required: () => true, methods: ["S256"] },
  cookies: { keys: ["only for tests"] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
