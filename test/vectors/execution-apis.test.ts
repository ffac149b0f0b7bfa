// The JSON-RPC transcripts of ethereum/execution-apis, played over HTTP to a full node that imported their chain.
import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { readBlocks } from "#core";
import type { Block } from "#core/types";
import { Ethereum } from "#eth";
import { silentLogger } from "#log";
import { Node } from "#node";
import { parseGenesis } from "#params";
import { afterAll, beforeAll, expect, test } from "vitest";
import { untar } from "../kit/tar.ts";

const files = untar(brotliDecompressSync(readFileSync("test/vectors/execution-apis/tests.tar.br")));
const textOf = (path: string) => new TextDecoder().decode(files.get(path));
const transcripts = [...files.keys()].filter((path) => path.endsWith(".io")).sort();

const GO_TYPES = "the text names types of geth's language; ours says the same without";
const TOTAL_DIFFICULTY = "kept for the tools that read it; geth leaves it out since 1.14.12";
const NO_CONSENSUS = "set by a consensus layer, for which this node has no door; geth 1.17.5 without one answers as we do";
const NO_BLOBS = "the pool takes no blobs";

/** Where we differ, which members, and why. Exact: a transcript that is played without these differences is one too many here. */
const differences = new Map<string, { readonly why: string; readonly at: readonly string[] }>();
const differs = (why: string, at: readonly string[], ...names: readonly string[]) => {
  for (const name of names) differences.set(`${name}.io`, { why, at });
};
differs(GO_TYPES, ["1.error.message"], "debug_getRawTransaction/get-invalid-hash");
differs(TOTAL_DIFFICULTY, ["1.result.totalDifficulty"], "eth_getBlockByHash/get-block-by-hash");
for (const name of ["cancun-fork", "london-fork", "merge-fork", "prague-fork", "shanghai-fork"])
  differs(TOTAL_DIFFICULTY, ["1.result.totalDifficulty"], `eth_getBlockByNumber/get-block-${name}`);
for (const name of ["genesis", "latest"])
  differs(TOTAL_DIFFICULTY, ["1.result.totalDifficulty"], `eth_getBlockByNumber/get-${name}`);
for (const name of ["finalized", "safe"])
  differs(NO_CONSENSUS, ["1.result", "1.error"], `eth_getBlockByNumber/get-${name}`);
differs(NO_BLOBS, ["1.result", "1.error"], "eth_sendRawTransaction/send-blob-tx");
differs(
  TOTAL_DIFFICULTY,
  ["2.result.totalDifficulty"],
  "testing_buildBlockV1/build-block-invalid-transaction",
);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** Paths of the members that are not the same in both. */
function unlike(want: unknown, got: unknown, path: string): string[] {
  if (!isObject(want) || !isObject(got)) return want === got ? [] : [path];
  const keys = new Set([...Object.keys(want), ...Object.keys(got)]);
  return [...keys].flatMap((key) => unlike(want[key], got[key], `${path}.${key}`));
}

const shapeOf = (answer: Record<string, unknown>) => ["error" in answer, typeof answer["result"]].join();

let node: Node;
let url = "";

beforeAll(async () => {
  const blocks: Block[] = [];
  for await (const { block } of readBlocks([files.get("chain.rlp") ?? new Uint8Array()])) blocks.push(block);
  const genesis = parseGenesis(JSON.parse(textOf("genesis.json")));
  const modules = ["debug", "eth", "net", "testing", "txpool"];
  node = new Node({
    ...{ name: "transcripts", dataDir: "", logger: silentLogger, p2p: { noDiscovery: true, maxPeers: 0 } },
    http: { host: "127.0.0.1", port: 0, modules },
  });
  const prepare = async (chain: Ethereum["chain"]) => void (await chain.insertBlocks(blocks));
  node.register((context) => new Ethereum(context, { genesis, fakePow: true, prepare }));
  await node.start();
  url = `http://${node.httpEndpoint}`;
});
afterAll(() => node.stop());

async function ask(body: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  return (await response.json()) as Record<string, unknown>;
}

test("the transcripts are all there, and every listed difference is of one of them", () => {
  expect(transcripts).toHaveLength(232);
  expect([...differences.keys()].filter((name) => !files.has(name))).toEqual([]);
});

test.each(transcripts)("%s", async (path) => {
  const lines = textOf(path).split("\n");
  const isShapeOnly = lines.some((line) => /^\/\/.*speconly/.test(line));
  const found: string[] = [];
  let got: Record<string, unknown> = {};
  for (const line of lines) {
    if (line.startsWith(">>")) got = await ask(line.slice(2).trim());
    if (!line.startsWith("<<")) continue;
    const want = JSON.parse(line.slice(2)) as Record<string, unknown>;
    const id = String(want["id"]);
    if (!isShapeOnly) found.push(...unlike(want, got, id));
    else if (shapeOf(want) !== shapeOf(got)) found.push(id);
  }
  expect(found).toEqual(differences.get(path)?.at ?? []);
});
