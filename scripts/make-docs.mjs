// Writes the docs that are made from tables: ARCHITECTURE.md from rooms.json and the doors' first lines, docs/rpc.md from
// the RPC tables, docs/config.md from the options', docs/metrics.md from those of the metrics. With --check it
// changes nothing and fails if a file is out of date.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const { base, rooms } = JSON.parse(readFileSync("rooms.json", "utf8"));

/** First sentence of a door's comment, without the room's name. */
function purposeOf(room) {
  const text = readFileSync(`src/${room}/index.ts`, "utf8");
  const comment = /\/\*\*?([\s\S]*?)\*\//.exec(text)?.[1] ?? "";
  const flat = comment
    .replace(/^\s*\* ?/gm, " ")
    .replace(/\s+/g, " ")
    .trim();
  const sentence = /^(.*?[.:;])(\s|$)/.exec(flat.replace(/^[\w/]+: /, ""))?.[1] ?? flat;
  const text1 = sentence.replace(/[:;]$/, ".");
  return text1.charAt(0).toUpperCase() + text1.slice(1);
}

/** How far a room stands above those that import nothing. */
function levelOf(room, seen = new Map()) {
  if (seen.has(room)) return seen.get(room);
  const row = rooms[room].includes("*") ? Object.keys(rooms).filter((one) => one !== room) : rooms[room];
  const below = row.filter((one) => one in rooms);
  const level = below.length === 0 ? 0 : 1 + Math.max(...below.map((one) => levelOf(one, seen)));
  seen.set(room, level);
  return level;
}

const seen = new Map();
const rows = Object.keys(rooms)
  .map((room) => ({ room, level: levelOf(room, seen) }))
  .sort((a, b) => a.level - b.level || (a.room < b.room ? -1 : 1))
  .map(
    ({ room, level }) =>
      `| ${level} | [\`${room}\`](src/${room}/index.ts) | ${purposeOf(room)} | ${rooms[room].includes("*") ? "any" : rooms[room].join(", ") || "–"} |`,
  );

const architecture = `# Architecture

One package of **rooms**: a room is a folder of \`src/\` with one door, \`index.ts\`. \`rooms.json\` says which room may import
which; \`scripts/check-rooms.mjs\` fails the build when a file goes around a door or a circle appears. This page is made from
those two by \`scripts/make-docs.mjs\`.

\`\`\`
 cli ── glim (root door)
          │
   les: LightEthereum, LesServer            eth: Ethereum
     light/node   les/client   les/server     ethapi (JSON-RPC tables over one Backend)
          │            │            │             │
        light: what is retrieved and how it is proven
          │
   core: HeaderChain, BlockChain ── consensus (clique) ── core/vm (EVM) ── core/state ── core/types
          │
   node (services, RPC endpoints)   p2p (Server, Protocol, wire tables)   rpc   trie   rlp   crypto   ethdb
          │
   util, event, host (clock, chance, net, files), log
\`\`\`

The seam that carries the project: \`light\` declares requests (an ask and a \`verify\`), a \`ProofSource\` answers them.
\`les/client\` is one source; EVM, caches and RPC stand above the seam and know nothing of les.

*Base* (${base.map((one) => `\`${one}\``).join(", ")}) is allowed to every room above it and not repeated.

| Level | Room | What it is | May import |
|---|---|---|---|
${rows.join("\n")}
`;

const files = { "ARCHITECTURE.md": architecture };
// the RPC tables are read from the compiled package
if (existsSync("dist/ethapi/index.js")) {
  const { rpcDocs, comparedDocs } = await import("./rpc-docs.mjs");
  files["docs/rpc.md"] = await rpcDocs();
  files["docs/rpc-compared.md"] = comparedDocs();
  files["docs/config.md"] = await (await import("./config-docs.mjs")).configDocs();
  files["docs/metrics.md"] = await (await import("./metrics-docs.mjs")).metricsDocs();
} else
  console.error(
    "docs/rpc.md, docs/config.md and docs/metrics.md are left as they are: compile first (npx tsc -b)",
  );
let stale = 0;
for (const [path, text] of Object.entries(files)) {
  if (!process.argv.includes("--check")) {
    writeFileSync(path, text);
    continue;
  }
  let have = "";
  try {
    have = readFileSync(path, "utf8");
  } catch {} // not made yet
  if (have === text) continue;
  stale++;
  console.error(`${path} is out of date: node scripts/make-docs.mjs`);
}
if (stale > 0) process.exitCode = 1;
