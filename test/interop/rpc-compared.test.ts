// long: three chains and one table
// Every method that our node and a geth both have, asked of both on the same chain: geth 1.9.25, 1.11.6 and, after the
// merge, 1.17.5. What comes out is rpc-compared.json, from which docs/rpc.md and docs/rpc-compared.md are made: the test
// fails where a run says something else. GLIM_WRITE_TABLE=1 writes it anew.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keySigner } from "#consensus/clique";
import { type BlockChain, exportChain as exportBlocks, importChain } from "#core";
import { signTransaction, type TransactionFields } from "#core/types";
import { Ethereum } from "#eth";
import { LesServer } from "#les";
import { createLogger } from "#log";
import { Node } from "#node";
import { devForks, devGenesis, formatGenesis, type Genesis, parseGenesis } from "#params";
import type { RpcClient } from "#rpc";
import { concatBytes, fromHex, numberToBytes } from "#util";
import { namedKey } from "../kit/clique.ts";
import { probeCall, probeCode } from "../kit/contract.ts";
import { makeMergedChain, mergedGenesis } from "../kit/engine.ts";
import { probeAddress, users } from "../kit/full-backend.ts";
import {
  exportChain,
  type Geth,
  type GenesisJson,
  type GethVersion,
  requireGeth,
  startGeth,
} from "../kit/geth.ts";
import { dialoguesOf, type Facts, questionsOf } from "../kit/rpc-questions.ts";
import { type Difference, differences, type Json, reasonFor } from "../kit/rpc-differences.ts";

/** `same`, `absent` (geth has no such method), or why not. */
type Verdict = "same" | "absent" | { readonly differs: string };
type Table = Record<string, Partial<Record<GethVersion, Verdict>>>;

const TABLE = "test/interop/rpc-compared.json";
const METHOD_NOT_FOUND = -32601;
const signer = keySigner(namedKey("signer"));

interface World extends AsyncDisposable {
  readonly geth: Geth;
  readonly client: RpcClient;
  readonly facts: Facts;
}

const folders: string[] = [];
const folderFor = (name: string) => {
  const folder = mkdtempSync(join(tmpdir(), `glim-compared-${name}-`));
  folders.push(folder);
  return folder;
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function ourNode(genesis: Genesis, prepare: (chain: BlockChain) => Promise<void>) {
  const logger = createLogger({ level: "error", format: "json", write: () => {} });
  const dataDir = folderFor("ours");
  const node = new Node({ name: "compared", dataDir, logger, p2p: { maxPeers: 0, noDiscovery: true } });
  node.register((context) => new Ethereum(context, { genesis, prepare, preimages: true }));
  node.register(
    (context) => new LesServer(context, { eth: context.service(Ethereum), lightServ: 50, lightPeers: 10 }),
  );
  await node.start();
  return node;
}

/** Blocks with transfers, calls that leave logs, a creation and a failure, of the oldest kind of transaction. */
async function fill(chain: BlockChain): Promise<void> {
  const [alice] = users;
  if (alice === undefined) throw new Error("no user");
  let nonce = 0n;
  const make = (fields: Partial<TransactionFields>) =>
    signTransaction(
      {
        ...{ type: 0, chainId: 1337n, nonce: nonce++, gas: 200_000n, gasPrice: 3_000_000_000n, value: 0n },
        ...{ input: new Uint8Array(0), ...fields },
      },
      alice.key,
    );
  const to = fromHex(probeAddress);
  const blocks = [
    () => [make({ to: fromHex(users[1]?.address ?? "0x"), value: 10n ** 15n })],
    () => [
      make({ to, input: probeCall("set", numberToBytes(5, 32)) }),
      make({ to, input: probeCall("set", numberToBytes(6, 32)) }),
    ],
    () => [],
    () => [make({ to, input: probeCall("fail") })],
    () => [make({ to, input: probeCall("set", numberToBytes(7, 32)) })],
  ];
  for (const block of blocks) await chain.produceBlock(block(), { signer, time: chain.head.time + 7 });
}

async function cliqueWorld(version: "1.9.25" | "1.11.6"): Promise<World> {
  const { berlinBlock: _, londonBlock: __, ...istanbul } = devForks;
  const isLondon = version === "1.11.6";
  const word = (n: number) => new Uint8Array(32).fill(n, 31);
  const genesis = devGenesis(Object.fromEntries(users.map(({ address }) => [address, 1n << 80n])), {
    ...{
      signers: [signer.address],
      period: 0,
      timestamp: 1_600_000_000,
      forks: isLondon ? devForks : istanbul,
    },
    accounts: [
      {
        ...{ address: fromHex(probeAddress), balance: 5n, nonce: 1n, code: probeCode },
        storage: [[word(0), new Uint8Array([42])]],
      },
    ],
  });
  const node = await ourNode(genesis, fill);
  const { chain } = node.service(Ethereum);
  const importFile = join(folderFor(version), "chain.rlp");
  writeFileSync(importFile, concatBytes(...exportBlocks(chain)));
  // as: formatGenesis writes the shape geth reads
  const json = formatGenesis(genesis) as unknown as GenesisJson;
  const flags =
    version === "1.9.25" ? ["--light.serve", "50"] : ["--light.serve", "50", "--light.nosyncserve"];
  const geth = await startGeth({ version, role: "full", genesis: json, importFile, flags });
  await geth.atBlock(chain.head.number);
  return world(geth, node, { chain, isLondon, key: users[0]?.key ?? namedKey("alice") });
}

async function mergedWorld(): Promise<World> {
  const genesis = mergedGenesis();
  const folder = folderFor("1.17.5");
  const datadir = join(folder, "data");
  const start = () => startGeth({ version: "1.17.5", role: "full", genesis, datadir });
  {
    await using first = await start();
    await makeMergedChain(first, 40);
  }
  const file = join(folder, "chain.rlp");
  await exportChain("1.17.5", datadir, file);
  const geth = await start();
  const node = await ourNode(
    parseGenesis(genesis),
    async (chain) => void (await importChain(chain, [new Uint8Array(readFileSync(file))])),
  );
  const { chain } = node.service(Ethereum);
  return world(geth, node, { chain, isLondon: true, key: namedKey("engine user") });
}

const world = (geth: Geth, node: Node, facts: Facts): World => ({
  ...{ geth, facts, client: node.attach() },
  [Symbol.asyncDispose]: async () => {
    await geth[Symbol.asyncDispose]();
    await node.stop();
  },
});

const settle = (ask: Promise<unknown>): Promise<Json> =>
  ask.then(
    (result) => ({ result: (result ?? null) as Json }),
    // as: both clients throw errors with the members of the reply
    (error: { code: number; message: string; data?: Json }) => ({
      error: {
        code: error.code,
        message: error.message.replace(/^\w+_\w+: (.*) \(-?\d+\)$/s, "$1"),
        ...(error.data === undefined ? {} : { data: error.data }),
      },
    }),
  );

const isMissing = (answer: Json) =>
  JSON.stringify(answer).startsWith(`{"error":{"code":${METHOD_NOT_FOUND},`);

/** Asks everything; what differs by method. */
async function compareAll({ geth, client, facts }: World) {
  const found = new Map<string, Difference[]>();
  const absent = new Set<string>();
  const ofOurs = (method: string, params: readonly unknown[]) => client.request({ method, params });
  const note = (method: string, list: readonly Difference[]) =>
    found.set(method, [...(found.get(method) ?? []), ...list]);
  for (const [method, ...params] of questionsOf(facts)) {
    const theirs = await settle(geth.rpc(method, params));
    if (isMissing(theirs)) {
      absent.add(method);
      continue;
    }
    const ours = await settle(ofOurs(method, params));
    note(method, differences(theirs, ours, geth.version));
  }
  for (const dialogue of dialoguesOf(facts)) {
    const { methods } = dialogue;
    const theirs = await settle(dialogue.run((method, ...params) => geth.rpc(method, params)));
    const ours = await settle(dialogue.run((method, ...params) => ofOurs(method, params)));
    for (const method of methods) note(method, differences(theirs, ours, geth.version));
  }
  return { found, absent };
}

const seen: Table = {};
const notes: string[] = [];

function record(version: GethVersion, { found, absent }: Awaited<ReturnType<typeof compareAll>>): void {
  for (const method of absent) (seen[method] ??= {})[version] = "absent";
  for (const [method, list] of found) {
    const reason = reasonFor(method, version);
    if (list.length === 0 && reason?.isSure === true)
      notes.push(`${version} ${method}: said to differ (${reason.why}), and does not`);
    if (list.length > 0 && reason === undefined)
      notes.push(
        ...list
          .slice(0, 4)
          .map(({ path, theirs, ours }) => `${version} ${method}${path}: geth ${theirs} ours ${ours}`),
      );
    (seen[method] ??= {})[version] =
      list.length === 0 || reason === undefined ? "same" : { differs: reason.why };
  }
}

describe("every method, as geth answers it", () => {
  const worlds: readonly (readonly [GethVersion, () => Promise<World>])[] = [
    ["1.9.25", () => cliqueWorld("1.9.25")],
    ["1.11.6", () => cliqueWorld("1.11.6")],
    ["1.17.5", mergedWorld],
  ];
  const missing = new Map<GethVersion, string>();
  beforeAll(async () => {
    for (const [version] of worlds) await requireGeth(version, (why) => void missing.set(version, why));
  });

  test.each(worlds)(
    "geth %s",
    async (version, make) => {
      if (missing.has(version)) return;
      await using one = await make();
      record(version, await compareAll(one));
      expect(notes).toEqual([]);
    },
    300_000,
  );

  test("the table in the repository says the same", ({ skip }) => {
    for (const why of missing.values()) skip(why);
    const text = `${JSON.stringify(Object.fromEntries(Object.entries(seen).sort(([a], [b]) => (a < b ? -1 : 1))), null, 2)}\n`;
    if (process.env["GLIM_WRITE_TABLE"] !== undefined) writeFileSync(TABLE, text);
    expect(existsSync(TABLE) ? JSON.parse(readFileSync(TABLE, "utf8")) : undefined).toEqual(seen);
  });
});
