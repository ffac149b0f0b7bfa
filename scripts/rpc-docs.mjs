// The text of docs/rpc.md, from the very tables that answer: built here over nothing, never asked.
import { readFileSync } from "node:fs";

const load = (path) => import(`../dist/${path}.js`);

/** Stands in for what the tables are made over; nothing of it is used before a call. */
const nothing = new Proxy(() => {}, { get: (_, name) => (name === Symbol.toPrimitive ? () => 0 : nothing) });

const fullControls = {
  ...{ pool: nothing, clique: nothing, miner: nothing, chain: nothing, files: nothing },
  hasWork: true,
};

async function tables() {
  const [{ createEthApi }, { builtinApis }, { lightApi }, { lesServerApi }] = await Promise.all(
    ["ethapi/index", "node/builtin-apis", "light/node/light-api", "les/server/api"].map(load),
  );
  const eth = (kind, controls) =>
    createEthApi(
      { kind, headEvents: nothing, chainConfig: { terminalTotalDifficulty: 0n } },
      { host: nothing, controls },
    ).apis;
  const everywhere = builtinApis(nothing);
  return {
    full: [
      ...everywhere,
      ...eth("full", fullControls),
      lesServerApi({ options: { flow: { minRecharge: 1 }, lightPeers: 1, lightServ: 1 } }),
    ],
    light: [
      ...everywhere,
      ...eth("light", { clique: { snapshot: nothing, signer: nothing } }),
      lightApi(nothing),
    ],
  };
}

const VERSIONS = ["1.9.25", "1.11.6", "1.17.5"];
const compared = JSON.parse(readFileSync("test/interop/rpc-compared.json", "utf8"));
const unasked = JSON.parse(readFileSync("test/interop/rpc-unasked.json", "utf8"));

/** What the comparison said of a method, in a word. One that was neither compared nor has a reason not to be fails the check. */
function verdictOf(name) {
  if (name in unasked) return "–";
  const row = compared[name];
  if (row === undefined) {
    console.error(
      `${name} is compared with no geth: ask it in test/kit/rpc-questions.ts, or say in test/interop/rpc-unasked.json why not`,
    );
    if (process.argv.includes("--check")) process.exitCode = 1;
    return "?";
  }
  const verdicts = VERSIONS.map((version) => row[version] ?? "absent").filter((one) => one !== "absent");
  if (verdicts.length === 0) return "ours";
  if (verdicts.every((one) => one === "same")) return "yes";
  return verdicts.includes("same") ? "[partly](rpc-compared.md)" : "[no](rpc-compared.md)";
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
  const names = [...new Set([...ofFull.keys(), ...ofLight.keys()])].sort((a, b) => (a < b ? -1 : 1));
  const namespaces = [...new Set(names.map((name) => name.split("_")[0]))];
  const sections = namespaces.map((namespace) => {
    const rows = names
      .filter((name) => name.startsWith(`${namespace}_`))
      .map((name) => {
        const { doc, params } = ofFull.get(name) ?? ofLight.get(name);
        const by = ofFull.has(name) ? (ofLight.has(name) ? "both" : "full") : "light";
        return `| \`${name}\` | ${cell(params) || "–"} | ${by} | ${verdictOf(name)} | ${cell(doc)} |`;
      });
    const where = isPublic.has(namespace)
      ? ""
      : " Served over IPC and in process, and over HTTP only where it is listed.";
    return `## ${namespace}_\n\n${rows.length} methods.${where}\n\n| Method | Parameters | Node | As geth | |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return `# JSON-RPC

Made from the tables by \`scripts/make-docs.mjs\`. *Node*: who serves it; \`LightEthereum\` answers from proofs, \`Ethereum\` from its
own database; \`clique_\` exists on clique chains only, \`ethash_\` on proof-of-work ones. *As geth*: \`test/interop/rpc-compared.test.ts\`
asks a real geth 1.9.25, 1.11.6 and 1.17.5 on the same chain the same questions. yes: the answers of every version that has the method are
equal; partly, no: [rpc-compared.md](rpc-compared.md) says why; ours: no geth has it; –: not asked. \`?\`: may be left out.
Errors and limits: \`docs/design/ethapi.md\`.

${sections.join("\n")}`;
}

/** docs/rpc-compared.md: every method that was asked, by version, and each difference with its reason. */
export function comparedDocs() {
  const mark = (verdict) =>
    verdict === undefined || verdict === "absent" ? "·" : verdict === "same" ? "=" : "≠";
  const whyOf = (row) => {
    const whys = new Map();
    for (const version of VERSIONS) {
      const why = row[version]?.differs;
      if (why !== undefined) whys.set(why, [...(whys.get(why) ?? []), version]);
    }
    const all = VERSIONS.filter((version) => row[version]?.differs !== undefined).length;
    return [...whys]
      .map(([why, versions]) => (versions.length === all ? why : `${versions.join(", ")}: ${why}`))
      .join("; ");
  };
  const names = Object.keys(compared).sort();
  const rows = names.map(
    (name) =>
      `| \`${name}\` | ${VERSIONS.map((version) => mark(compared[name][version])).join(" | ")} | ${cell(whyOf(compared[name]))} |`,
  );
  const count = (version, what) => names.filter((name) => mark(compared[name][version]) === what).length;
  const sums = VERSIONS.map(
    (version) => `${version}: ${count(version, "=")} equal, ${count(version, "≠")} not`,
  ).join("; ");
  const rest = Object.entries(unasked)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, why]) => `| \`${name}\` | ${cell(why)} |`);
  return `# Answers compared with geth's

Written by \`test/interop/rpc-compared.test.ts\` into \`test/interop/rpc-compared.json\` and from there by \`scripts/make-docs.mjs\`. A full node
and a real geth have the same chain and are asked the same; answers are compared member by member. Chains: Istanbul under clique for 1.9.25,
London under clique for 1.11.6, Shanghai to Osaka after the merge for 1.17.5. \`=\` equal, \`≠\` not, \`·\` that geth has no such method.

Not counted: members that later geths have and an old one does not (\`blockTimestamp\`, \`yParity\`, …: the list is in
\`test/kit/rpc-differences.ts\`), \`size\` of headers, which later ones left out, and error texts that say more than the old one did.

${sums}.

| Method | ${VERSIONS.join(" | ")} | Why not |
|---|---|---|---|---|
${rows.join("\n")}

## Not asked

| Method | Why |
|---|---|
${rest.join("\n")}
`;
}
