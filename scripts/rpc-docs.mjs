// The text of docs/rpc.md, from the very tables that answer: built here over nothing, never asked.
import { readdirSync, readFileSync } from "node:fs";

const load = (path) => import(`../dist/${path}.js`);

/** Stands in for what the tables are made over; nothing of it is used before a call. */
const nothing = new Proxy(() => {}, { get: (_, name) => (name === Symbol.toPrimitive ? () => 0 : nothing) });

const fullControls = { pool: nothing, clique: nothing, miner: nothing, chain: nothing, files: nothing };

async function tables() {
  const [{ createEthApi }, { builtinApis }, { lightApi }, { lesServerApi }] = await Promise.all(
    ["ethapi/index", "node/builtin-apis", "light/node/light-api", "les/server/api"].map(load),
  );
  const eth = (kind, controls) =>
    createEthApi({ kind, headEvents: nothing }, { host: nothing, controls }).apis;
  const everywhere = builtinApis(nothing);
  return {
    full: [
      ...everywhere,
      ...eth("full", fullControls),
      lesServerApi({ options: { flow: { minRecharge: 1 }, lightPeers: 1, lightServ: 1 } }),
    ],
    light: [...everywhere, ...eth("light", {}), lightApi(nothing)],
  };
}

/** Methods that a test asks of us and of a real geth, and compares. */
function comparedMethods() {
  const folder = "test/interop";
  const names = new Set();
  for (const file of readdirSync(folder).filter((one) => /^rpc-(shapes|debug|events|merged)/.test(one)))
    for (const [, name] of readFileSync(`${folder}/${file}`, "utf8").matchAll(
      /"((?!admin|miner)[a-z]+[0-9]?_[a-zA-Z0-9]+)"/g,
    ))
      names.add(name);
  return names;
}

const cell = (text) => text.replaceAll("|", "\\|");
const paramOf = (codec) => codec.doc;
const shorten = (text) => (text.length > 120 ? `${text.slice(0, 117)}…` : text);

function rowsOf(apis) {
  const rows = new Map();
  for (const { namespace, methods, subscriptions } of apis) {
    for (const [name, { doc, params }] of methods)
      rows.set(`${namespace}_${name}`, {
        namespace,
        doc,
        params: params.map(paramOf).map(shorten).join(", "),
      });
    for (const [name, { doc, params }] of subscriptions)
      rows.set(`${namespace}_subscribe ${name}`, {
        namespace,
        doc,
        params: params.map(paramOf).map(shorten).join(", "),
      });
  }
  return rows;
}

export async function rpcDocs() {
  const { full, light } = await tables();
  const [ofFull, ofLight] = [rowsOf(full), rowsOf(light)];
  const isPublic = new Set([...full, ...light].filter((one) => one.isPublic).map((one) => one.namespace));
  const compared = comparedMethods();
  const names = [...new Set([...ofFull.keys(), ...ofLight.keys()])].sort((a, b) => (a < b ? -1 : 1));
  const namespaces = [...new Set(names.map((name) => name.split("_")[0]))];
  const sections = namespaces.map((namespace) => {
    const rows = names
      .filter((name) => name.startsWith(`${namespace}_`))
      .map((name) => {
        const { doc, params } = ofFull.get(name) ?? ofLight.get(name);
        const by = ofFull.has(name) ? (ofLight.has(name) ? "both" : "full") : "light";
        return `| \`${name}\` | ${cell(params) || "–"} | ${by} | ${compared.has(name) ? "yes" : "–"} | ${cell(doc)} |`;
      });
    const where = isPublic.has(namespace)
      ? ""
      : " Served over IPC and in process, and over HTTP only where it is listed.";
    return `## ${namespace}_\n\n${rows.length} methods.${where}\n\n| Method | Parameters | Node | As geth | |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return `# JSON-RPC

Made from the tables by \`scripts/make-docs.mjs\`. *Node*: who serves it; \`LightEthereum\` answers from proofs, \`Ethereum\` from its
own database; \`clique_\` exists on clique chains only. *As geth*: \`test/interop/rpc-*.test.ts\` asks a real geth, 1.11.6 or
1.17.5, on the same chain the same questions and compares the answers; what later versions changed stands there as a list. \`?\`: may be left out.
Errors and limits: \`docs/design/ethapi.md\`.

${sections.join("\n")}`;
}
