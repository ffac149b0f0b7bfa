// geth 1.17.5, which knows chains after the merge only: its blocks, made through its Engine API, in our chain and over
// eth/69, and ours in an empty geth that has nobody else to ask.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BlockChain, importChain, readBlocks } from "#core";
import { type Header, makeHeader, receiptRoot, txRoot, unclesHash, withdrawalsRoot } from "#core/types";
import { makeEngine } from "#eth";
import { memoryStore } from "#ethdb";
import { nodeHost } from "#host/node";
import { parseGenesis } from "#params";
import { fromHex, toHex } from "#util";
import {
  engineRpc,
  type MadeBlock,
  makeMergedChain,
  mergedGenesis,
  newPayload,
  setHead,
} from "../kit/engine.ts";
import { startEthEnd } from "../kit/eth-peer.ts";
import { startFullNode } from "../kit/full-node.ts";
import { exportChain, type Geth, requireGeth, startGeth } from "../kit/geth.ts";
import { startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const genesis = mergedGenesis();
const count = 50;

/** An empty chain in memory, with the engine that the genesis names. */
function emptyChain(): BlockChain {
  const spec = parseGenesis(genesis);
  const db = memoryStore();
  return new BlockChain({ db, genesis: spec, engine: makeEngine(spec.config, db), clock: nodeHost().clock });
}

describe("geth 1.17.5", () => {
  let why: string | undefined;
  let folder = "";
  let made: MadeBlock[] = [];
  let file = "";
  /** What geth says of each block, by number. */
  let said: { stateRoot: string; receiptsRoot: string; hash: string }[] = [];

  beforeAll(async () => {
    if ((await requireGeth("1.17.5", (reason) => (why = reason))) === undefined) return;
    folder = mkdtempSync(join(tmpdir(), "glim-merged-"));
    const datadir = join(folder, "data");
    {
      await using geth = await startGeth({ version: "1.17.5", role: "full", genesis, datadir });
      made = await makeMergedChain(geth, count);
      for (let number = 0; number <= count; number++)
        said.push(await geth.rpc("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]));
    }
    file = join(folder, "chain.rlp");
    await exportChain("1.17.5", datadir, file);
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Our chain with geth's blocks, executed. */
  async function imported(): Promise<BlockChain> {
    const chain = emptyChain();
    await importChain(chain, [await readFile(file)]);
    return chain;
  }

  test("its chain of four forks is imported and executed, with equal state roots and receipts", async ({
    skip,
  }) => {
    if (why !== undefined) return skip(why);
    const chain = await imported();
    expect(chain.engine.name).toBe("beacon");
    expect(chain.head.number).toBe(count);
    const types = new Set<number>();
    let withdrawals = 0;
    for (let number = 0; number <= count; number++) {
      const header = chain.headerByNumber(number);
      if (header === undefined) throw new Error(`no header ${number}`);
      const { hash, stateRoot, receiptsRoot } = said[number] ?? {};
      expect([toHex(header.hash), toHex(header.stateRoot)]).toEqual([hash, stateRoot]);
      expect(chain.hasState(header)).toBe(true);
      if (number > 0) expect(toHex(receiptRoot(chain.receipts(header) ?? []))).toBe(receiptsRoot);
      const body = chain.body(header);
      for (const tx of body?.transactions ?? []) types.add(tx.type);
      withdrawals += body?.withdrawals?.length ?? 0;
    }
    expect(types).toEqual(new Set([0, 1, 2, 4]));
    expect(withdrawals).toBe(2 * count);
    // the last forks ask for their fields, and the requests are not those of an empty block
    const requests = new Set(
      Array.from({ length: count }, (_, i) => chain.headerByNumber(i + 1)?.requestsHash).map((hash) =>
        hash === undefined ? "none" : toHex(hash),
      ),
    );
    expect(requests.size).toBeGreaterThan(10);
    // the same last block with another state, requests, withdrawals, beacon root or blob gas is refused
    const last = chain.block(chain.head);
    if (last === undefined) throw new Error("no last block");
    const again = emptyChain();
    const parents = made.slice(0, -1).map(({ number }) => chain.headerByNumber(number));
    await again.insertBlocks(parents.flatMap((header) => (header && chain.block(header)) ?? []));
    const other = new Uint8Array(32).fill(1);
    const changes: readonly (readonly [Partial<Header>, string])[] = [
      [{ stateRoot: other }, "CORE_EXECUTION_MISMATCH"],
      [{ requestsHash: other }, "CORE_EXECUTION_MISMATCH"],
      [{ withdrawalsRoot: other }, "CORE_BODY_MISMATCH"],
      [{ parentBeaconRoot: other }, "CORE_EXECUTION_MISMATCH"],
      [{ parentBeaconRoot: undefined, requestsHash: undefined }, "CONSENSUS_MISSING_FIELD"],
      [{ excessBlobGas: 1n }, "CONSENSUS_INVALID_BLOB_GAS"],
      [{ blobGasUsed: 131_072n }, "CORE_EXECUTION_MISMATCH"],
      [{ difficulty: 1n }, "BEACON_INVALID_TERMINAL_BLOCK"],
    ];
    for (const [change, code] of changes) {
      const header = makeHeader({ ...last.header, ...change });
      await expect(again.insertBlocks([{ ...last, header }])).rejects.toMatchObject({ code });
    }
    await again.insertBlocks([last]);
    expect(again.head.hash).toEqual(chain.head.hash);
  });

  test("glim import takes the file in, glim verify finds nothing wrong", async ({ skip }) => {
    if (why !== undefined) return skip(why);
    const genesisFile = join(folder, "genesis.json");
    writeFileSync(genesisFile, JSON.stringify(genesis));
    const glim = async (...args: string[]) => {
      await using program = startProgram(["dist/cli/main.js", ...args, "--datadir", join(folder, "glim")]);
      return { code: await program.ended(), output: program.output() };
    };
    const run = await glim("import", file, "--genesis", genesisFile);
    expect(run).toMatchObject({ code: 0, output: expect.stringContaining(`#${count} ${made.at(-1)?.hash}`) });
    expect(await glim("verify")).toMatchObject({ code: 0, output: expect.stringContaining(`${count}`) });
  });

  test("eth/69: handshake; headers, bodies and receipts are read with all roots equal", async ({ skip }) => {
    if (why !== undefined) return skip(why);
    await using geth = await startServing(folder);
    await using end = await startEthEnd({ chain: emptyChain(), versions: [69] });
    end.server.addPeer(geth.enode);
    const peer = await end.connected();
    expect([peer.version, toHex(peer.head.hash)]).toEqual([69, made.at(-1)?.hash]);
    const headers = await peer.requestHeaders({ origin: 1, amount: count });
    expect(headers.map(({ hash }) => toHex(hash))).toEqual(made.map(({ hash }) => hash));
    const asked = headers.map(({ hash }) => hash);
    const bodies = await peer.requestBodies(asked);
    expect(bodies.length).toBe(count);
    const receipts = await peer.requestReceipts(asked);
    expect(receipts.length).toBe(count);
    for (const [index, header] of headers.entries()) {
      const { transactions, uncles, withdrawals } = bodies[index] ?? { transactions: [], uncles: [] };
      expect([
        toHex(txRoot(transactions)),
        toHex(unclesHash(uncles)),
        toHex(withdrawalsRoot(withdrawals ?? [])),
        toHex(receiptRoot(receipts[index] ?? [])),
      ]).toEqual(
        [header.txRoot, header.unclesHash, header.withdrawalsRoot, header.receiptRoot].map((root) =>
          toHex(root ?? fromHex("0x")),
        ),
      );
    }
    expect(peer.ignored).toEqual({ late: 0, unasked: 0 });
  });

  test("our node takes the whole chain from it, by itself", async ({ skip }) => {
    if (why !== undefined) return skip(why);
    await using geth = await startServing(folder);
    await using node = await startFullNode({ spec: parseGenesis(genesis), peers: [geth.enode] });
    const { chain } = node.ethereum;
    await until("the whole chain", () => (chain.head.number === count ? true : undefined), 60_000);
    expect([toHex(chain.head.hash), toHex(chain.head.stateRoot)]).toEqual([
      said[count]?.hash,
      said[count]?.stateRoot,
    ]);
  });

  test("an empty one, told the head by its Engine API, syncs the whole chain from us", async ({ skip }) => {
    if (why !== undefined) return skip(why);
    const blocks = [];
    for await (const { block } of readBlocks([await readFile(file)]))
      if (block.header.number > 0) blocks.push(block);
    await using node = await startFullNode({ spec: parseGenesis(genesis), blocks });
    const { chain } = node.ethereum;
    await using geth = await startGeth({ version: "1.17.5", role: "full", genesis, peers: [node.enode] });
    using engine = engineRpc(geth);
    const last = made.at(-1);
    if (last === undefined) throw new Error("no blocks were made");
    expect(await newPayload(engine, last)).toBe("SYNCING");
    expect(await setHead(engine, last)).toBe("SYNCING");
    await geth.atBlock(count, 120_000);
    const theirs = await geth.rpc<Record<string, string>>("eth_getBlockByNumber", ["latest", false]);
    expect([theirs["hash"], theirs["stateRoot"]]).toEqual([
      toHex(chain.head.hash),
      toHex(chain.head.stateRoot),
    ]);
    await until("geth to take the head for valid", async () => (await setHead(engine, last)) === "VALID");
    const peers = await geth.rpc<{ protocols: { eth: { version: number } } }[]>("admin_peers");
    expect(peers.map(({ protocols }) => protocols.eth.version)).toEqual([69]);
  });
});

/** The geth that made the chain, once more. */
function startServing(folder: string): Promise<Geth> {
  return startGeth({ version: "1.17.5", role: "full", genesis, datadir: join(folder, "data") });
}
