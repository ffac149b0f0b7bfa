import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { encodeTransaction } from "#core/types";
import { SimulatedClock, simHost } from "#host/sim";
import { nodeHost } from "#host/node";
import { LesClient } from "#les/client";
import { Node } from "#node";
import type { RpcClient } from "#rpc";
import { toHex } from "#util";
import { filledAccount, type SealedWorld } from "../../../test/kit/chains.ts";
import { filledWorld } from "../../../test/kit/light-world.ts";
import { ScriptedServer, type ScriptedOptions } from "../../../test/kit/scripted-server.ts";
import { LightEthereum } from "./light-ethereum.ts";

let world: SealedWorld;
let clock: SimulatedClock;
let node: Node;
let light: LightEthereum;
let client: LesClient;
let rpc: RpcClient;
let servers: ScriptedServer[];
let isStopped = false;

beforeAll(async () => {
  world = await filledWorld(24);
});
beforeEach(async () => {
  clock = new SimulatedClock(world.chain.head.time + 60);
  node = new Node({ name: "light", p2p: { listenAddr: "" } }, { host: simHost(1, clock) });
  node.register(
    (context) =>
      new LightEthereum(context, {
        genesis: world.spec,
        source: (parts) => {
          client = new LesClient(parts);
          return client;
        },
      }),
  );
  await node.start();
  light = node.service(LightEthereum);
  rpc = node.attach();
  servers = [];
});
afterEach(async () => {
  for (const server of servers) server.kill();
  if (!isStopped) await node.stop();
  isStopped = false;
});

async function serve(options: Partial<ScriptedOptions> = {}): Promise<ScriptedServer> {
  const name = options.name ?? "abcdef"[servers.length];
  const server = new ScriptedServer({ chain: world.chain, clock, ...options, name }).connect(client);
  servers.push(server);
  await clock.advance(0);
  return server;
}
const ask = (method: string, ...params: unknown[]) => rpc.request({ method, params });

describe("synced", () => {
  test("resolves with the head, at once when it is reached already", async () => {
    const first = light.synced();
    expect(await ask("eth_syncing")).toMatchObject({ currentBlock: "0x0" });
    await serve();
    expect((await first).number).toBe(24);
    expect((await light.synced()).number).toBe(24);
    expect(light.head.number).toBe(24);
    expect(await ask("eth_syncing")).toBe(false);
  });

  test("ends with the signal's reason", async () => {
    const mine = new AbortController();
    const waiting = expect(light.synced({ signal: mine.signal })).rejects.toThrow("no more");
    mine.abort(new Error("no more"));
    await waiting;
  });
});

describe("over RPC", () => {
  test("a read is proven, and the status says what it took", async () => {
    await serve();
    expect(await ask("eth_getBalance", toHex(filledAccount(3)), "latest")).toBe("0x1");
    expect(await ask("light_status")).toMatchObject({
      head: { number: 24, ageSeconds: 60 },
      isSynced: true,
      proofsChecked: 1,
      requests: 2,
      lies: 0,
      servers: [{ version: 4, head: { number: 24 }, badReplies: 0 }],
    });
  });

  test("Trap 26: without a server a read is an error that says so, never zero or null", async () => {
    await expect(ask("eth_getBalance", toHex(filledAccount(3)), "latest")).rejects.toMatchObject({
      code: -32000,
      message: "no server is connected that could be asked",
    });
    await expect(ask("eth_getTransactionByHash", toHex(new Uint8Array(32)))).rejects.toMatchObject({
      code: -32000,
    });
  });

  test("state older than servers keep: the error names the range that can be asked", async () => {
    await serve({ status: { serveRecentState: 5 } });
    await expect(ask("eth_getBalance", toHex(filledAccount(3)), "0x8")).rejects.toMatchObject({
      code: -32000,
      message: "state of block 8 is not served: the connected servers keep blocks 20 to 24",
    });
    expect(await ask("eth_getBalance", toHex(filledAccount(3)), "0x14")).toBe("0x1");
  });

  test("a foreign transaction nobody knows is null, and counted as unproven", async () => {
    await serve();
    await serve();
    expect(await ask("eth_getTransactionReceipt", toHex(new Uint8Array(32).fill(4)))).toBeNull();
    expect(light.status().unprovenAbsences).toBe(1);
  });

  test("an own transaction is a pending object without receipt, and counts in the pending nonce", async () => {
    const server = await serve();
    const tx = world.maker.fork().send(2, filledAccount(9_000), 30_000n, 5n, new Uint8Array(0));
    const sender = toHex(world.users[2]?.address ?? new Uint8Array(20));
    const before = BigInt((await ask("eth_getTransactionCount", sender, "latest")) as string);
    expect(await ask("eth_sendRawTransaction", toHex(encodeTransaction(tx)))).toBe(toHex(tx.hash));
    expect(server.sentTxs).toHaveLength(1);
    expect(await ask("eth_getTransactionByHash", toHex(tx.hash))).toMatchObject({
      blockHash: null,
      blockNumber: null,
      transactionIndex: null,
    });
    expect(await ask("eth_getTransactionReceipt", toHex(tx.hash))).toBeNull();
    expect(BigInt((await ask("eth_getTransactionCount", sender, "pending")) as string)).toBe(before + 1n);
  });

  test("a refused one carries the server's own reason", async () => {
    await serve({
      scripts: { sendTxV2: () => [{ status: 0, error: "max fee per gas less than block base fee" }] },
    });
    const tx = world.maker.fork().send(2, filledAccount(9_000), 30_000n, 5n, new Uint8Array(0));
    await expect(ask("eth_sendRawTransaction", toHex(encodeTransaction(tx)))).rejects.toMatchObject({
      code: -32000,
      message: "max fee per gas less than block base fee",
    });
    expect(light.status().ownTransactions).toEqual({ pending: 0, held: 0 });
  });
});

test("stop in the middle of a sync ends it", async () => {
  const long = await serve({ delayMs: 1_000 });
  await clock.advance(10);
  isStopped = true;
  await node.stop();
  expect(long.requests.length).toBeGreaterThan(0);
  expect(() => light.head).toThrow(expect.objectContaining({ code: "LIGHTNODE_NOT_STARTED" }));
});

describe("with a data directory", () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "glim-light-"));
  });
  afterEach(async () => {
    await rm(dataDir, { recursive: true, force: true });
  });

  async function run(genesis = world.spec) {
    const other = new Node({ name: "light", dataDir, p2p: { listenAddr: "" } }, { host: nodeHost() });
    let source: LesClient | undefined;
    other.register(
      (context) =>
        new LightEthereum(context, {
          genesis,
          source: (parts) => {
            source = new LesClient(parts);
            return source;
          },
        }),
    );
    await other.start();
    return { node: other, light: other.service(LightEthereum), source };
  }

  test("headers, proven data and own transactions are there after a restart", async () => {
    const first = await run();
    const server = new ScriptedServer({ chain: world.chain, clock }).connect(first.source ?? client);
    await first.light.synced();
    const reader = first.light.odr.stateReader(first.light.head);
    await reader.account(filledAccount(3));
    const tx = world.maker.fork().send(3, filledAccount(9_000), 30_000n, 5n, new Uint8Array(0));
    await first.light.backend.sendTransaction(tx, { signal: new AbortController().signal });
    server.kill();
    await first.node.stop();

    const second = await run();
    expect(second.light.head.number).toBe(24);
    expect(second.light.backend.pendingTransactions().map(({ hash }) => toHex(hash))).toEqual([
      toHex(tx.hash),
    ]);
    // no server is there: the answer comes from what was proven before
    const account = await second.light.odr.account(second.light.head, filledAccount(3));
    expect(account?.balance).toBe(1n);
    await second.node.stop();
  });

  test("a database of another genesis is refused at start", async () => {
    await (await run()).node.stop();
    await expect(run({ ...world.spec, timestamp: world.spec.timestamp + 1 })).rejects.toMatchObject({
      code: "CORE_GENESIS_MISMATCH",
      exitCode: 2,
    });
  });
});
