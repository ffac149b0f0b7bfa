// The conformance entry as a test tool starts it: settings from the environment, geth 1.8's chain, SIGTERM at the end.
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readBlocks } from "#core";
import { type Block, encodeBlock, makeHeader } from "#core/types";
import { concatBytes, toHex } from "#util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type JsonRpc, jsonRpc } from "../kit/json-rpc.ts";
import { type Program, SECONDS_MS, startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const vectors = join("test", "vectors", "geth-1.8");
const folder = mkdtempSync(join(tmpdir(), "glim serve "));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Of geth 1.8's chain: enough of it, each block makes a thousand accounts. */
const BLOCKS = 8;
const chainFile = join(folder, "chain.rlp");
let last: Block;

beforeAll(async () => {
  const blocks: Block[] = [];
  for await (const { block } of readBlocks(createReadStream(join(vectors, "chain-1.8-clique.rlp")))) {
    blocks.push(block);
    last = block;
    if (blocks.length > BLOCKS) break;
  }
  writeFileSync(chainFile, concatBytes(...blocks.map(encodeBlock)));
});

let count = 0;
function start(env: Readonly<Record<string, string>>): Program {
  return startProgram([join("scripts", "serve-chain")], {
    ...{ NODE_DIR: join(folder, `node ${count++}`), GENESIS: join(vectors, "genesis-1.8-clique.json") },
    ...{ CHAIN: "", NETWORK_ID: "", LISTEN_IP: "127.0.0.1", P2P_PORT: "0", HTTP_PORT: "0" },
    ...{ SYNC_MODE: "full", LES_SERVE: "0", BOOTNODES: "", DISCOVERY: "0", ...env },
  });
}

async function rpcOf(program: Program): Promise<JsonRpc> {
  const [, url = ""] = await program.prints(/^JSON-RPC\s+(http:\S+)$/m);
  return jsonRpc(url);
}

test("a full node of an imported chain: admin_ answers over HTTP, a light node is served, SIGTERM ends both with 0", async () => {
  await using full = start({ CHAIN: chainFile, LES_SERVE: "1", NETWORK_ID: "7" });
  using rpc = await rpcOf(full);
  const info = await rpc<{ enode: string; name: string; protocols: Record<string, unknown> }>(
    "admin_nodeInfo",
  );
  expect(info.enode).toMatch(/^enode:\/\/[0-9a-f]{128}@127\.0\.0\.1:[1-9]/);
  expect(info.protocols).toHaveProperty("les");
  expect(await rpc<string>("net_version")).toBe("7");
  expect(await rpc<{ hash: string }>("eth_getBlockByNumber", ["latest", false])).toMatchObject({
    number: `0x${BLOCKS.toString(16)}`,
    hash: toHex(last.header.hash),
  });

  await using light = start({ SYNC_MODE: "light", NETWORK_ID: "7" });
  using lightRpc = await rpcOf(light);
  expect(await lightRpc<boolean>("admin_addPeer", [info.enode])).toBe(true);
  await until(
    "the light node's head",
    async () => Number(await lightRpc<string>("eth_blockNumber")) === BLOCKS,
  );
  const account = "0xc0de000000000000000000000000000000000001";
  expect(await lightRpc<string>("eth_getCode", [account, "latest"])).toBe(
    await rpc<string>("eth_getCode", [account, "latest"]),
  );
  expect((await rpc<unknown[]>("admin_peers")).length).toBe(1);

  for (const program of [light, full]) {
    const { code, tookMs } = await program.stop("SIGTERM");
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(SECONDS_MS);
  }
});

test("a light node with its server in BOOTNODES needs no other word", async () => {
  await using full = start({ CHAIN: chainFile, LES_SERVE: "1" });
  using rpc = await rpcOf(full);
  const { enode } = await rpc<{ enode: string }>("admin_nodeInfo");
  await using light = start({ SYNC_MODE: "light", BOOTNODES: enode });
  using lightRpc = await rpcOf(light);
  await until(
    "the light node's head",
    async () => Number(await lightRpc<string>("eth_blockNumber")) === BLOCKS,
  );
});

test("a chain that ends in nonsense is served up to there", async () => {
  const file = join(folder, "bad.rlp");
  const bad = { ...last, header: makeHeader({ ...last.header, stateRoot: new Uint8Array(32) }) };
  const blocks: Block[] = [];
  for await (const { block } of readBlocks(createReadStream(chainFile))) blocks.push(block);
  writeFileSync(file, concatBytes(...blocks.slice(0, -1).map(encodeBlock), encodeBlock(bad)));
  await using full = start({ CHAIN: file });
  using rpc = await rpcOf(full);
  expect(Number(await rpc<string>("eth_blockNumber"))).toBe(BLOCKS - 1);
  expect(full.output()).toMatch(/Blocks up to #7 are kept/);
});

test.each<[string, Record<string, string>, RegExp]>([
  ["no folder", { NODE_DIR: "" }, /^glim: NODE_DIR is missing: /],
  ["a mode there is not", { SYNC_MODE: "warp" }, /^glim: SYNC_MODE: "warp" is none of full, /],
  ["a port that is none", { HTTP_PORT: "x" }, /^glim: HTTP_PORT: "x" is not a number up to 65535/],
  ["a chain that is not there", { CHAIN: join(folder, "none") }, /glim: .*none: there is no such file\n$/],
])("%s: one line and exit code 2", async (_what, env, line) => {
  await using program = start(env);
  expect(await program.ended()).toBe(2);
  expect(program.output()).toMatch(line);
});

test("SIGTERM while the chain is imported ends it with 0 too", async () => {
  await using full = start({ CHAIN: join(vectors, "chain-1.8-clique.rlp") });
  await until("the import", () => full.output().includes("importing"));
  expect(await full.stop("SIGTERM")).toMatchObject({ code: 0 });
});
