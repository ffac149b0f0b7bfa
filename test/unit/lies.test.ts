// A light node of ours beside servers of ours that lie, over real sockets. Alone with a liar a read fails with a clear error; with an honest
// server beside it the right value comes from there, and the liar is dropped. No wrong value reaches the caller.
import { LightEthereum } from "#les";
import type { KeyValue } from "#les/protocol";
import { Node } from "#node";
import type { RpcClient } from "#rpc";
import { type Body, encodeTransaction, type Header, type Receipt } from "#core/types";
import { keccak256 } from "#crypto";
import { encode } from "#rlp";
import { numberToBytes, toHex } from "#util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  eventContract,
  filledAccount,
  revertContract,
  type SealedWorld,
  stateContract,
} from "../kit/chains.ts";
import { type Asking, Liar, type LiarOptions, type Lies, type Replying, silence } from "../kit/liar.ts";
import { filledWorld } from "../kit/light-world.ts";
import { type SkipClock, skipHost } from "../kit/skip-clock.ts";
import { until } from "../kit/until.ts";

let world: SealedWorld;
let honest: Liar;
const open: AsyncDisposable[] = [];

beforeAll(async () => {
  world = await filledWorld();
  honest = await Liar.start({ chain: world.chain });
});
afterEach(async () => {
  for (const it of open.splice(0)) await it[Symbol.asyncDispose]();
});
afterAll(() => honest[Symbol.asyncDispose]());

interface LightNode {
  readonly light: LightEthereum;
  readonly rpc: RpcClient;
  readonly clock: SkipClock;
  readonly add: (server: Liar) => void;
  /** Resolves when so many servers are connected. */
  readonly servers: (count: number) => Promise<unknown>;
}

/** A light node, not yet in sync. */
async function lightNode(...servers: Liar[]): Promise<LightNode> {
  const host = skipHost();
  const node = new Node(
    {
      name: "lied-to",
      p2p: { maxPeers: 10, noDiscovery: true, staticNodes: servers.map(({ enode }) => enode) },
    },
    { host },
  );
  node.register((context) => new LightEthereum(context, { genesis: world.spec }));
  await node.start();
  open.push(node);
  const light = node.service(LightEthereum);
  return {
    light,
    rpc: node.attach(),
    clock: host.clock,
    add: (server) => node.server?.addPeer(server.enode),
    servers: (count) => until(`${count} servers`, () => light.status().servers.length === count, 20_000),
  };
}

async function liarOf(lies: Lies = {}, options: Omit<LiarOptions, "chain" | "lies"> = {}): Promise<Liar> {
  const liar = await Liar.start({ chain: world.chain, lies, ...options });
  open.push(liar);
  return liar;
}

/** A light node that a liar, honest until now, has brought to the head. */
async function synced(...servers: Liar[]): Promise<LightNode> {
  const node = await lightNode(...servers);
  await node.light.synced({ signal: AbortSignal.timeout(60_000) });
  expect(node.light.head.number).toBe(world.chain.head.number);
  return node;
}

const header = (number: number): Header => {
  const found = world.chain.headerByNumber(number);
  if (found === undefined) throw new Error(`no block ${number}`);
  return found;
};
const transactions = (number: number) => world.chain.body(header(number))?.transactions ?? [];

interface Read {
  readonly asks: Asking;
  readonly replies: Replying;
  /** Read before the lie begins, so that the lie meets the one request it is about. */
  readonly warm?: readonly [string, unknown[]];
  readonly ask: () => readonly [string, unknown[]];
  /** What of the answer is compared with the truth. */
  readonly part: (answer: never) => unknown;
  readonly truth: () => unknown;
}

const proofs = { asks: "getProofsV2", replies: "proofsV2", part: (answer: unknown) => answer } as const;
const reads = {
  balance: {
    ...proofs,
    ask: () => ["eth_getBalance", [toHex(filledAccount(3)), "latest"]],
    truth: () => "0x1",
  },
  absence: {
    ...proofs,
    ask: () => ["eth_getBalance", [toHex(filledAccount(99_999)), "latest"]],
    truth: () => "0x0",
  },
  slot: {
    ...proofs,
    warm: ["eth_getBalance", [toHex(stateContract), "latest"]],
    ask: () => ["eth_getStorageAt", [toHex(stateContract), "0x7", "latest"]],
    truth: () => toHex(numberToBytes(8, 32)),
  },
  call: {
    ...proofs,
    ask: () => ["eth_call", [{ to: toHex(stateContract), data: toHex(numberToBytes(7, 32)) }, "latest"]],
    truth: () => toHex(numberToBytes(8, 32)),
  },
  code: {
    asks: "getCode",
    replies: "code",
    warm: ["eth_getBalance", [toHex(revertContract), "latest"]],
    ask: () => ["eth_getCode", [toHex(revertContract), "latest"]],
    part: (answer: string) => toHex(keccak256(Buffer.from(answer.slice(2), "hex"))),
    truth: () => toHex(codeHash()),
  },
  block: {
    asks: "getBlockBodies",
    replies: "blockBodies",
    ask: () => ["eth_getBlockByNumber", ["0x9", false]],
    part: (block: { transactions: string[] }) => block.transactions,
    truth: () => transactions(9).map((tx) => toHex(tx.hash)),
  },
  receipts: {
    asks: "getReceipts",
    replies: "receipts",
    warm: ["eth_getBlockByNumber", ["0x9", false]],
    ask: () => ["eth_getBlockReceipts", ["0x9"]],
    part: (all: { cumulativeGasUsed: string; status: string; logs: unknown[] }[]) =>
      all.map((it) => [BigInt(it.cumulativeGasUsed), Number(it.status), it.logs.length]),
    truth: () =>
      (world.chain.receipts(header(9)) ?? []).map((it) => [
        it.cumulativeGasUsed,
        Number(it.status),
        it.logs.length,
      ]),
  },
  transaction: {
    asks: "getTxStatus",
    replies: "txStatus",
    ask: () => ["eth_getTransactionByHash", [toHex(transactions(9)[1]?.hash ?? new Uint8Array())]],
    part: (tx: { blockNumber: string; transactionIndex: string }) => [tx.blockNumber, tx.transactionIndex],
    truth: () => ["0x9", "0x1"],
  },
} satisfies Record<string, Read>;

const codeHash = (): Uint8Array => {
  const account = world.chain.state(world.chain.head).account(revertContract);
  if (account instanceof Promise || account === undefined) throw new Error("the state is in memory");
  return account.codeHash;
};

/** The one lie that breaks the protocol and not only the truth. */
const undecodable = "undecodable bytes";

type Nodes = Uint8Array[];
type Queries = { blockHash: Uint8Array; accountKey: Uint8Array; key: Uint8Array; fromLevel: bigint }[];
type Statuses = {
  status: number;
  lookup?: { blockHash: Uint8Array; blockNumber: number; index: number };
  error: string;
}[];

/** The node with one bit changed, well inside what it holds. */
const flipped = (node: Uint8Array): Uint8Array => {
  const copy = node.slice();
  copy[copy.length - 5] = (copy[copy.length - 5] ?? 0) ^ 1;
  return copy;
};
const inLast = (change: (node: Uint8Array) => Uint8Array) => (nodes: Nodes) => [
  ...nodes.slice(0, -1),
  ...nodes.slice(-1).map(change),
];
const proofLies: Record<string, Lies> = {
  "a node with one bit changed": { reply: { proofsV2: inLast(flipped) } },
  "a root with one bit changed": {
    reply: { proofsV2: ([root, ...rest]: Nodes) => [root && flipped(root), ...rest] },
  },
  "a missing last node": { reply: { proofsV2: (nodes: Nodes) => nodes.slice(0, -1) } },
  "a missing first node": { reply: { proofsV2: (nodes: Nodes) => nodes.slice(1) } },
  "a node too many": {
    reply: { proofsV2: (nodes: Nodes) => [...nodes, encode([new Uint8Array(32), new Uint8Array(3)])] },
  },
  "each node twice": { reply: { proofsV2: (nodes: Nodes) => [...nodes, ...nodes] } },
  "the proof of another key": {
    ask: {
      getProofsV2: (all: Queries) => all.map((query) => ({ ...query, key: keccak256(filledAccount(100)) })),
    },
  },
  "the proof in another state": {
    ask: { getProofsV2: (all: Queries) => all.map((query) => ({ ...query, blockHash: header(2).hash })) },
  },
  "a node of ten thousand bytes": { reply: { proofsV2: inLast(() => encode([new Uint8Array(10_000)])) } },
};
// the storage that is read was the same in that state
const { "the proof in another state": _, ...sameState } = proofLies;
const block2 = () => [header(2).hash];
const lies: Record<keyof typeof reads, Record<string, Lies>> = {
  balance: {
    ...proofLies,
    [undecodable]: { raw: { proofsV2: (payload) => payload.slice(0, -1) } },
  },
  absence: proofLies,
  slot: {
    ...sameState,
    "the slot of another account": {
      ask: {
        getProofsV2: (all: Queries) =>
          all.map((query) => ({ ...query, accountKey: keccak256(eventContract) })),
      },
    },
  },
  call: { "a node with one bit changed": { reply: { proofsV2: inLast(flipped) } } },
  code: {
    "the code of another account": {
      ask: {
        getCode: (all: { accountKey: Uint8Array }[]) =>
          all.map((it) => ({ ...it, accountKey: keccak256(eventContract) })),
      },
    },
    "code with a byte changed": { reply: { code: inLast(flipped) } },
    "no code at all, as code": { reply: { code: () => [new Uint8Array(0)] } },
    "more codes than asked for": { reply: { code: (codes: Nodes) => [...codes, ...codes] } },
  },
  block: {
    "the body of another block": { ask: { getBlockBodies: block2 } },
    "a body without its last transaction": {
      reply: {
        blockBodies: ([body]: Body[]) => [{ ...body, transactions: body?.transactions.slice(0, -1) }],
      },
    },
    "a body in another order": {
      reply: {
        blockBodies: ([body]: Body[]) => [{ ...body, transactions: body?.transactions.toReversed() }],
      },
    },
    "an uncle that is none": {
      reply: { blockBodies: ([body]: Body[]) => [{ ...body, uncles: [header(3)] }] },
    },
    "more bodies than asked for": { reply: { blockBodies: (bodies: Body[]) => [...bodies, ...bodies] } },
  },
  receipts: {
    "the receipts of another block": { ask: { getReceipts: block2 } },
    "a receipt that says it failed": {
      reply: {
        receipts: ([all]: Receipt[][]) => [
          (all ?? []).map((it) => ({ ...it, status: 1 - Number(it.status) })),
        ],
      },
    },
    "receipts without their logs": {
      reply: { receipts: ([all]: Receipt[][]) => [(all ?? []).map((it) => ({ ...it, logs: [] }))] },
    },
    "one receipt less": { reply: { receipts: ([all]: Receipt[][]) => [(all ?? []).slice(1)] } },
  },
  transaction: {
    "another block": {
      reply: {
        txStatus: (all: Statuses) =>
          all.map((it) => ({ ...it, lookup: { blockHash: header(8).hash, blockNumber: 8, index: 0 } })),
      },
    },
    "another place in its block": {
      reply: {
        txStatus: (all: Statuses) => all.map((it) => ({ ...it, lookup: { ...it.lookup, index: 0 } })),
      },
    },
    "a place beyond the block": {
      reply: {
        txStatus: (all: Statuses) => all.map((it) => ({ ...it, lookup: { ...it.lookup, index: 2 ** 50 } })),
      },
    },
    "a block hash that is none": {
      reply: {
        txStatus: (all: Statuses) =>
          all.map((it) => ({
            ...it,
            lookup: {
              ...it.lookup,
              blockHash: keccak256(it.error === "" ? new Uint8Array(1) : new Uint8Array(2)),
            },
          })),
      },
    },
    "included, but nowhere": {
      reply: { txStatus: (all: Statuses) => all.map(({ status, error }) => ({ status, error })) },
    },
    "a status that is none": { reply: { txStatus: () => [{ status: 9, error: "" }] } },
    "two statuses": { reply: { txStatus: (all: Statuses) => [...all, ...all] } },
  },
};

describe.each(Object.entries(reads) as [keyof typeof reads, Read][])("%s", (name, read) => {
  describe.each(Object.entries(lies[name]))("%s", (title, lie) => {
    const reason = title === undecodable ? 0x02 : 0x10;

    test("LE-09 F20 alone: the read fails and says that nothing is verified; the liar is dropped", async () => {
      const liar = await liarOf();
      const { rpc, light } = await synced(liar);
      const [method, params] = read.ask();
      if (read.warm !== undefined) await rpc.request({ method: read.warm[0], params: read.warm[1] });
      liar.lies = lie;
      await expect(rpc.request({ method, params })).rejects.toMatchObject({
        code: -32000,
        message: expect.stringMatching(/^no verified answer for .*: \d server\(s\) asked, last failure: /),
      });
      expect(await liar.dropped.promise).toBe(reason);
      expect(light.status().servers).toEqual([]);
    });

    test("LE-08 F20 beside an honest server: the truth comes from there; the liar is dropped", async () => {
      const liar = await liarOf();
      const { rpc, light, add, servers } = await synced(liar);
      const [method, params] = read.ask();
      if (read.warm !== undefined) await rpc.request({ method: read.warm[0], params: read.warm[1] });
      liar.lies = { ...lie, holds: [read.replies] };
      // who says where a transaction is must be there from the start; it is asked after who has answered before
      if (name === "transaction") add(honest);
      if (name === "transaction") await servers(2);
      const answer = rpc.request({ method, params });
      await liar.asked(read.asks);
      if (name !== "transaction") add(honest);
      await servers(2);
      liar.release();
      expect(read.part((await answer) as never)).toEqual(read.truth());
      expect(await liar.dropped.promise).toBe(reason);
      expect(light.status().servers).toHaveLength(1);
    });
  });
});

describe("claims that nothing proves", () => {
  const find = (rpc: RpcClient) => {
    const [method, params] = reads.transaction.ask();
    return rpc.request({ method, params });
  };
  const unknown: Lies = { reply: { txStatus: () => [{ status: 0, error: "" }] } };

  test("a transaction said to be unknown: found all the same where another server knows it", async () => {
    const liar = await liarOf();
    const { rpc, add, servers } = await synced(liar);
    add(honest);
    await servers(2);
    liar.lies = unknown;
    expect(reads.transaction.part((await find(rpc)) as never)).toEqual(["0x9", "0x1"]);
    expect(liar.requests).toContain("getTxStatus");
  });

  test("a transaction said to be unknown by the only server: null, and light_status counts it", async () => {
    const liar = await liarOf(unknown);
    const { rpc, light } = await synced(liar);
    expect(await find(rpc)).toBeNull();
    expect(light.status().unprovenAbsences).toBe(1);
  });

  test("LE-08 an own transaction said to be mined: it is pending until a block proves it", async () => {
    const place = { blockHash: header(9).hash, blockNumber: 9, index: 0 };
    const liar = await liarOf({ reply: { txStatus: () => [{ status: 3, lookup: place, error: "" }] } });
    const { rpc } = await synced(liar);
    const tx = world.maker.fork().send(2, eventContract, 100_000n, 0n, new Uint8Array(64));
    const raw = toHex(encodeTransaction(tx));
    expect(await rpc.request({ method: "eth_sendRawTransaction", params: [raw] })).toBe(toHex(tx.hash));
    expect(await rpc.request({ method: "eth_getTransactionReceipt", params: [toHex(tx.hash)] })).toBeNull();
    expect(await rpc.request({ method: "eth_getTransactionByHash", params: [toHex(tx.hash)] })).toMatchObject(
      {
        blockNumber: null,
        blockHash: null,
      },
    );
  });

  test("an own transaction said to be invalid: the caller hears the server's words, unless another takes it", async () => {
    const refusal: Lies = { reply: { txStatus: () => [{ status: 0, error: "nonce too low, I say" }] } };
    const liar = await liarOf(refusal);
    const { rpc, add, servers } = await synced(liar);
    const [one, two] = [2, 3].map((user) =>
      toHex(
        encodeTransaction(world.maker.fork().send(user, eventContract, 100_000n, 0n, new Uint8Array(64))),
      ),
    );
    const send = (raw: unknown) => rpc.request({ method: "eth_sendRawTransaction", params: [raw] });
    await expect(send(one)).rejects.toMatchObject({ code: -32000, message: "nonce too low, I say" });
    add(honest);
    await servers(2);
    expect(await send(two)).toMatch(/^0x[0-9a-f]{64}$/);
  });
});

test("F20 three of four servers lie: every read is true or fails, and each liar that was asked is dropped", async () => {
  const liars = await Promise.all([liarOf(), liarOf(), liarOf()]);
  const { rpc, add, servers } = await synced(...liars);
  add(honest);
  await servers(4);
  for (const liar of liars) liar.lies = { reply: { proofsV2: inLast(flipped) } };
  let wasRight = 0;
  for (let i = 0; i < 30; i++) {
    const address = toHex(filledAccount(i));
    const answer = await rpc
      .request({ method: "eth_getBalance", params: [address, "latest"] })
      .catch((error: { code: number }) => error.code);
    expect(["0x1", -32000]).toContain(answer);
    if (answer === "0x1") wasRight++;
  }
  expect(wasRight).toBeGreaterThan(20);
  for (const liar of liars)
    if (liar.requests.includes("getProofsV2")) expect(await liar.dropped.promise).toBe(0x10);
});

describe("timing", () => {
  const [method, params] = reads.balance.ask();

  test("LE-10 F16 silent: another is asked after 500 ms, and the silent one is dropped after 10 s more (0x0b)", async () => {
    const liar = await liarOf();
    const { rpc, clock, add, servers, light } = await synced(liar);
    liar.lies = { reply: { proofsV2: () => silence } };
    const answer = rpc.request({ method, params });
    await liar.asked("getProofsV2");
    add(honest);
    await servers(2);
    await clock.skip(500);
    expect(await answer).toBe("0x1");
    expect(light.status().servers.reduce((sum, server) => sum + server.softTimeouts, 0)).toBe(1);
    await clock.skip(10_000);
    expect(await liar.dropped.promise).toBe(0x0b);
  });

  test("LE-10 F16 silent and alone: the read fails when it is dropped", async () => {
    const liar = await liarOf();
    const { rpc, clock } = await synced(liar);
    liar.lies = { reply: { proofsV2: () => silence } };
    const failing = expect(rpc.request({ method, params })).rejects.toMatchObject({
      code: -32000,
      message: expect.stringContaining("no verified answer"),
    });
    await liar.asked("getProofsV2");
    await clock.skip(10_500);
    await failing;
    expect(await liar.dropped.promise).toBe(0x0b);
  });

  test("late: a true answer after the soft time-out is taken; a false one is still a lie", async () => {
    const liar = await liarOf();
    const { rpc, clock } = await synced(liar);
    liar.lies = { holds: ["proofsV2"] };
    const late = rpc.request({ method, params });
    await liar.asked("getProofsV2");
    await clock.skip(9_000);
    liar.release();
    expect(await late).toBe("0x1");
    liar.lies = { holds: ["proofsV2"], reply: { proofsV2: inLast(flipped) } };
    const [, other] = reads.slot.ask();
    const failing = expect(rpc.request({ method: "eth_getStorageAt", params: other })).rejects.toMatchObject({
      code: -32000,
    });
    await until(
      "the second request",
      () => liar.requests.filter((name) => name === "getProofsV2").length === 2,
    );
    await clock.skip(9_000);
    liar.release();
    await failing;
    expect(await liar.dropped.promise).toBe(0x10);
  });

  test("F17 dripping: a reply that comes by the byte is given up, the honest server asked", async () => {
    const liar = await liarOf();
    const { rpc, clock, add, servers } = await synced(liar);
    liar.stall();
    const answer = rpc.request({ method, params });
    await liar.asked("getProofsV2");
    liar.drip(1);
    add(honest);
    await servers(2);
    for (let i = 0; i < 22; i++) {
      await clock.skip(500);
      liar.drip(1);
    }
    expect(await answer).toBe("0x1");
    await servers(1);
  });

  test("stopped and never resumed: dropped after 10 s (0x0b); the read goes elsewhere at once", async () => {
    const liar = await liarOf();
    const { rpc, clock, add, servers } = await synced(liar);
    liar.lies = { holds: ["proofsV2"] };
    const answer = rpc.request({ method, params });
    await liar.asked("getProofsV2");
    add(honest);
    await servers(2);
    liar.send("stop", undefined);
    expect(await answer).toBe("0x1");
    await clock.skip(10_000);
    expect(await liar.dropped.promise).toBe(0x0b);
  });

  test("stopped and never resumed, alone: the read fails", async () => {
    const liar = await liarOf();
    const { rpc, clock } = await synced(liar);
    liar.lies = { holds: ["proofsV2"] };
    const failing = expect(rpc.request({ method, params })).rejects.toMatchObject({ code: -32000 });
    await liar.asked("getProofsV2");
    liar.send("stop", undefined);
    await until("the stop", () => liar.requests.length > 0);
    await clock.skip(10_500);
    await failing;
    expect(await liar.dropped.promise).toBe(0x0b);
  });

  const balances = (rpc: RpcClient, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, i) =>
        rpc.request({ method: "eth_getBalance", params: [toHex(filledAccount(i)), "latest"] }),
      ),
    );

  test("LE-04 a buffer said to be empty: it is not believed below what we know, and reads go on", async () => {
    const liar = await liarOf({ bufferValue: () => 0n });
    const { rpc } = await synced(liar);
    expect(await balances(rpc, 100)).toEqual(Array.from({ length: 100 }, () => "0x1"));
  });

  test("LE-04 a buffer said to be endless counts as the limit; when that stops us, reads wait and are right", async () => {
    const liar = await liarOf(
      { bufferValue: () => 2n ** 64n - 1n },
      { server: { flow: { bufferLimit: 80_000_000, minRecharge: 40_000 } } },
    );
    const { rpc } = await synced(liar);
    expect(await balances(rpc, 200)).toEqual(Array.from({ length: 200 }, () => "0x1"));
  });

  test("doubled: the second is thrown away; the 51st drops the server (0x10)", async () => {
    const liar = await liarOf();
    const { rpc, light } = await synced(liar);
    liar.lies = { times: 2 };
    for (let i = 0; i < 50; i++)
      expect(
        await rpc.request({ method: "eth_getBalance", params: [toHex(filledAccount(i)), "latest"] }),
      ).toBe("0x1");
    await until("50 counted", () => light.status().servers[0]?.badReplies === 50);
    expect(
      await rpc.request({ method: "eth_getBalance", params: [toHex(filledAccount(60)), "latest"] }),
    ).toBe("0x1");
    expect(await liar.dropped.promise).toBe(0x10);
  });

  test("unasked: proofs nobody asked for change nothing; the 51st drops the server (0x10)", async () => {
    const liar = await liarOf();
    const { rpc } = await synced(liar);
    for (let i = 0; i < 50; i++)
      liar.send("proofsV2", [encode([new Uint8Array(40)])], { reqId: 5_000n + BigInt(i), bv: 1n });
    expect(await rpc.request({ method, params })).toBe("0x1");
    liar.send("code", [], { reqId: 1n, bv: 1n });
    expect(await liar.dropped.promise).toBe(0x10);
  });

  test("empty: nothing for a state it promised; the next is asked, alone it fails, and it is counted", async () => {
    const liar = await liarOf();
    const { rpc, light } = await synced(liar);
    liar.lies = { reply: { proofsV2: () => [] } };
    await expect(rpc.request({ method, params })).rejects.toMatchObject({
      code: -32000,
      message: expect.stringContaining("nothing in the reply"),
    });
    expect(light.status().servers[0]?.badReplies).toBe(1);
  });
});

describe("heads and headers", () => {
  /** The liar comes first: nothing of it is believed. Then an honest server: the chain is the true one. */
  const refused = async (liar: Liar, reason: number) => {
    const node = await lightNode(liar);
    expect(await liar.dropped.promise).toBe(reason);
    expect(node.light.head.number).toBe(0);
    node.add(honest);
    await node.light.synced({ signal: AbortSignal.timeout(60_000) });
    expect(toHex(node.light.head.hash)).toBe(toHex(world.chain.head.hash));
  };
  const changed = (key: string, value: Uint8Array) => (keys: KeyValue[]) => [
    ...keys.filter((entry) => entry.key !== key),
    { key, value },
  ];
  const status = (keys: (entries: KeyValue[]) => KeyValue[]): Lies => ({ status: keys });

  test.each<[string, Lies, number]>([
    ["another genesis", status(changed("genesisHash", encode(new Uint8Array(32).fill(7)))), 0x10],
    ["another network", status(changed("networkId", encode(numberToBytes(7)))), 0x10],
    ["no state", status((keys) => keys.filter(({ key }) => key !== "serveStateSince")), 0x03],
    ["no transaction relay", status((keys) => keys.filter(({ key }) => key !== "txRelay")), 0x03],
    ["no prices", status((keys) => keys.filter(({ key }) => key !== "flowControl/MRC")), 0x10],
    [
      "LE-04 a price list without proofs",
      status(changed("flowControl/MRC", encode([[Uint8Array.of(2), Uint8Array.of(1), Uint8Array.of(1)]]))),
      0x03,
    ],
    ["LE-04 a buffer that never refills", status(changed("flowControl/MRR", Uint8Array.of(0x80))), 0x03],
    [
      "LE-05 a total difficulty of 2^300",
      status(changed("headTd", encode(new Uint8Array(38).fill(1)))),
      0x10,
    ],
    [
      "LE-05 a total difficulty of 2^120",
      status(changed("headTd", encode(new Uint8Array(15).fill(1)))),
      0x10,
    ],
  ])("a status with %s", async (_, lie, reason) => {
    await refused(await liarOf(lie), reason);
  });

  test.each<[string, (all: Header[]) => readonly Header[]]>([
    [
      "headers of another chain",
      (all) => all.map((it) => ({ ...it, stateRoot: new Uint8Array(32).fill(9) })),
    ],
    ["a gap", (all) => all.filter((_, i) => i !== 3)],
    ["another order", (all) => all.toReversed()],
    [
      "the last one changed",
      (all) => all.map((it, i) => (i === all.length - 1 ? { ...it, gasUsed: 7n } : it)),
    ],
    ["one too many", (all) => [...all, ...all.slice(-1)]],
  ])("a header reply with %s: the liar is dropped (0x10), the chain stays (LE-08)", async (_, reply) => {
    await refused(await liarOf({ reply: { blockHeaders: reply } }), 0x10);
  });

  test("headers that nobody signed are no chain (0x10)", async () => {
    // linked in themselves, up to a head of their own
    const forged: Header[] = [];
    const { decodeHeader, encodeHeader } = await import("#core/types");
    for (const it of Array.from({ length: world.chain.head.number }, (_, i) => header(i + 1))) {
      const extra = it.extra.slice();
      extra[extra.length - 10] = (extra[extra.length - 10] ?? 0) ^ 1;
      const parentHash = forged.at(-1)?.hash ?? it.parentHash;
      const bytes = encodeHeader({ ...it, extra, parentHash } as Header);
      forged.push(decodeHeader(bytes));
    }
    const tip = forged.at(-1);
    if (tip === undefined) throw new Error("no headers");
    const liar = await liarOf({
      status: changed("headHash", encode(tip.hash)),
      ask: { getBlockHeaders: (query: object) => ({ ...query, origin: world.chain.head.hash }) },
      reply: { blockHeaders: (all: Header[]) => all.map((it) => forged[it.number - 1] ?? it) },
    });
    await refused(liar, 0x10);
  });

  test("no headers for the heads it announces: nothing of it is believed, and the third drops it (0x03)", async () => {
    const liar = await liarOf({ reply: { blockHeaders: () => [] } });
    const { light, add, servers } = await lightNode(liar);
    await liar.asked("getBlockHeaders");
    add(honest);
    await light.synced({ signal: AbortSignal.timeout(60_000) });
    await servers(2);
    expect(toHex(light.head.hash)).toBe(toHex(world.chain.head.hash));
    for (let i = 1; i <= 2; i++) {
      const before = liar.requests.length;
      liar.announce(world.chain.head, {
        hash: new Uint8Array(32).fill(i),
        td: 1_000n + BigInt(i),
        number: 30 + i,
      });
      await until("its headers asked for", () => liar.requests.length > before, 20_000);
    }
    expect(await liar.dropped.promise).toBe(0x03);
    expect(toHex(light.head.hash)).toBe(toHex(world.chain.head.hash));
  });

  test.each<[string, (head: Header) => object, number]>([
    ["total difficulty that does not rise", () => ({ td: 1n }), 0x10],
    ["LE-05 total difficulty of 2^101", () => ({ td: 2n ** 101n }), 0x10],
    ["total difficulty that is not that of the header", (it) => ({ td: BigInt(it.number * 1000) }), 0x10],
    ["number that is not that of the header", (it) => ({ td: 10_000n, number: it.number + 5 }), 0x10],
  ])("an announcement with a %s drops the server (0x10)", async (_, changes, reason) => {
    const liar = await liarOf();
    const { light, rpc } = await synced(liar);
    liar.announce(world.chain.head, changes(world.chain.head));
    expect(await liar.dropped.promise).toBe(reason);
    expect(light.head.number).toBe(world.chain.head.number);
    await expect(
      rpc.request({ method: "eth_getBalance", params: [toHex(filledAccount(1)), "latest"] }),
    ).rejects.toMatchObject({
      code: -32000,
      message: "no server is connected that could be asked",
    });
  });

  test("LE-05 a reorg depth of 2^64 − 1 is no loop, and no harm", async () => {
    const liar = await liarOf();
    const { rpc } = await synced(liar);
    liar.announce(world.chain.head, { hash: new Uint8Array(32), reorgDepth: 2n ** 64n - 1n });
    expect(await rpc.request({ method: "eth_getBalance", params: [toHex(filledAccount(1)), "latest"] })).toBe(
      "0x1",
    );
  });

  test("a server that lied is refused when it comes again; what it says is true by then", async () => {
    const liar = await liarOf();
    const node = await synced(liar);
    liar.lies = proofLies["a node with one bit changed"] ?? {};
    const [method, params] = reads.balance.ask();
    await expect(node.rpc.request({ method, params })).rejects.toMatchObject({ code: -32000 });
    liar.lies = {};
    await node.clock.skip(60_000);
    node.add(liar);
    await node.clock.skip(60_000);
    expect(node.light.status().servers).toEqual([]);
  });
});

test("the liar's honest side is honest: what it serves unchanged is believed", async () => {
  const { rpc, light } = await synced(honest);
  for (const read of Object.values(reads) as Read[]) {
    const [method, params] = read.ask();
    expect(read.part((await rpc.request({ method, params })) as never)).toEqual(read.truth());
  }
  expect(light.status().lies).toBe(0);
});
