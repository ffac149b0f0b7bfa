// long: two peers over a pipe, and every message between them
import { describe, expect, test } from "vitest";
import { encodeBlock, type Header, signTransaction, type Transaction } from "#core/types";
import { SimulatedClock } from "#host/sim";
import { encode } from "#rlp";
import { ByteMap, deferred, isError } from "#util";
import { namedKey } from "../../../test/kit/clique.ts";
import { anyHeader, EthRemote, PaperChain, settled, statusOn } from "../../../test/kit/eth-pipe.ts";
import { EthProtocolError } from "./errors.ts";
import { ethLimits as limits } from "./limits.ts";
import { type EthVersion, hasMessage } from "./messages.ts";
import { EthPeer } from "./peer.ts";
import type { EthHandlers } from "./peer-types.ts";

const chain = new PaperChain(20);
const hash = (byte: number) => new Uint8Array(32).fill(byte);

interface Link {
  readonly clock: SimulatedClock;
  readonly remote: EthRemote;
  readonly peer: EthPeer;
  readonly pool: ByteMap<Transaction>;
}

/** Two ends after the handshake. */
async function link(version: EthVersion, handlers: Partial<EthHandlers> = {}): Promise<Link> {
  const clock = new SimulatedClock();
  const pool = new ByteMap<Transaction>();
  const made = deferred<EthPeer>();
  const remote = new EthRemote({
    version,
    clock,
    async run(peer, rw, signal) {
      const eth = new EthPeer({ peer, rw, version, clock, backend: { chain, pool } });
      await eth.handshake(1337n);
      made.resolve(eth);
      const idle = { newBlockHashes() {}, newBlock() {}, transactions() {}, newPooledTransactionHashes() {} };
      await eth.run({ ...idle, ...handlers }, signal);
    },
  });
  remote.send("status", statusOn(chain, version));
  await remote.expect("status");
  return { clock, remote, pool, peer: await made.promise };
}

const caught = (promise: Promise<unknown>) =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

function transfer(nonce: bigint, input = new Uint8Array()): Transaction {
  return signTransaction(
    { type: 0, chainId: 1337n, nonce, gasPrice: 1n, gas: 21_000n, to: new Uint8Array(20), value: 1n, input },
    namedKey("sender"),
  );
}

describe.each([65, 66] as const)("requests over eth/%i", (version) => {
  test("several at once get their own answers", async () => {
    const { remote, peer } = await link(version);
    const first = peer.requestHeaders({ origin: 3, amount: 1 });
    const second = peer.requestBodies([hash(1), hash(2)]);
    const third = peer.requestHeaders({ origin: hash(9), amount: 2, skip: 7, reverse: true });
    const asked = [await remote.next(), await remote.next(), await remote.next()];
    expect(asked.map(({ name }) => name)).toEqual(["getBlockHeaders", "getBlockBodies", "getBlockHeaders"]);
    expect(asked[2]?.body).toEqual({ origin: hash(9), amount: 2n, skip: 7n, reverse: true });
    const empty = { transactions: [], uncles: [] };
    remote.send("blockBodies", [empty], asked[1]?.reqId);
    remote.send("blockHeaders", [chain.headers[3]], asked[0]?.reqId);
    remote.send("blockHeaders", [], asked[2]?.reqId);
    expect(await second).toEqual([empty]);
    expect((await first).map(({ number }) => number)).toEqual([3]);
    expect(await third).toEqual([]);
    expect(peer.openRequests).toBe(0);
  });

  test("ET-03 no answer in time: the request fails, the peer stays, a late answer is counted and not taken for the next", async () => {
    const { clock, remote, peer } = await link(version);
    const slow = caught(peer.requestHeaders({ origin: 1, amount: 1 }, { timeoutMs: 1_000 }));
    const { reqId } = await remote.next();
    await clock.advance(1_000);
    expect(await slow).toMatchObject({ error: { code: "P2P_REQUEST_TIMEOUT" } });
    const next = peer.requestHeaders({ origin: 2, amount: 1 });
    const asked = await remote.next();
    remote.send("blockHeaders", [chain.headers[1]], reqId);
    remote.send("blockHeaders", [chain.headers[2]], asked.reqId);
    expect((await next).map(({ number }) => number)).toEqual([2]);
    expect(peer.ignored).toEqual({ late: 1, unasked: 0 });
    expect(clock.activeTimers).toBe(0);
  });

  test("ET-03 a reply nobody asked for, or the same twice: counted, not decoded, the peer stays", async () => {
    const { remote, peer } = await link(version);
    remote.sendRaw(0x04, version === 65 ? encode([[1]]) : encode([77, [[1]]])); // a header of one field
    await settled();
    const asking = peer.requestHeaders({ origin: 1, amount: 1 });
    const { reqId } = await remote.next();
    remote.send("blockHeaders", [chain.headers[1]], reqId);
    remote.send("blockHeaders", [chain.headers[1]], reqId);
    expect(await asking).toHaveLength(1);
    await settled();
    expect([remote.isOver, peer.ignored]).toEqual([false, { late: 0, unasked: 2 }]);
  });

  test("ET-03 more items than asked for end the peer before one is made", async () => {
    const { remote, peer } = await link(version);
    const asking = caught(peer.requestHeaders({ origin: 1, amount: 1 }));
    const { reqId } = await remote.next();
    const two = [[1], [2]]; // not headers: decoding them would say so
    remote.sendRaw(0x04, version === 65 ? encode(two) : encode([reqId ?? 0n, two]));
    expect(await remote.ended).toMatchObject({ code: "ETHP_TOO_MANY_ITEMS", disconnect: 0x02 });
    expect(await asking).toMatchObject({ error: { code: "ETHP_TOO_MANY_ITEMS" } });
  });

  test("ET-03 an answer that cannot be read ends the peer, and all that wait for it", async () => {
    const { remote, peer } = await link(version);
    const asking = caught(peer.requestHeaders({ origin: 1, amount: 1 }));
    const other = caught(peer.requestBodies([hash(1)]));
    const { reqId } = await remote.next();
    remote.sendRaw(0x04, version === 65 ? encode([[1]]) : encode([reqId ?? 0n, [[1]]]));
    const ended = await remote.ended;
    expect(ended).toMatchObject({ blame: "peer", disconnect: 0x02 });
    expect([await asking, await other]).toEqual([{ error: ended }, { error: ended }]);
  });

  test("asking for more than old peers answer is the caller's error", async () => {
    const { peer } = await link(version);
    const many = (count: number) => Array.from({ length: count }, () => hash(1));
    const errors = await Promise.all([
      caught(peer.requestHeaders({ origin: 1, amount: limits.ask.headers + 1 })),
      caught(peer.requestBodies(many(limits.ask.bodies + 1))),
      caught(peer.requestReceipts(many(limits.ask.receipts + 1))),
      caught(peer.requestPooledTransactions(many(limits.ask.transactions + 1))),
    ]);
    for (const outcome of errors)
      expect(outcome).toMatchObject({ error: { code: "ETHP_ASK_TOO_MUCH", blame: "caller" } });
  });

  test("the caller's signal ends its request alone", async () => {
    const { remote, peer, clock } = await link(version);
    const stopping = new AbortController();
    const asking = caught(peer.requestHeaders({ origin: 1, amount: 1 }, { signal: stopping.signal }));
    await remote.next();
    stopping.abort(new Error("enough"));
    expect(await asking).toMatchObject({ error: { message: "enough" } });
    expect([remote.isOver, peer.openRequests, clock.activeTimers]).toEqual([false, 0, 0]);
  });
});

test("ET-03 a reply of another kind under an open id ends the peer", async () => {
  const { remote, peer } = await link(66);
  const asking = caught(peer.requestHeaders({ origin: 1, amount: 1 }));
  const { reqId } = await remote.next();
  remote.send("receipts", [], reqId);
  expect(await remote.ended).toMatchObject({ code: "ETHP_WRONG_REPLY", disconnect: 0x02 });
  expect(await asking).toMatchObject({ error: { code: "ETHP_WRONG_REPLY" } });
});

test("requests of another version are the caller's error", async () => {
  const old = await link(62);
  expect(await caught(old.peer.requestReceipts([hash(1)]))).toMatchObject({
    error: { code: "ETHP_NOT_SPOKEN" },
  });
  expect(await caught(old.peer.requestPooledTransactions([hash(1)]))).toMatchObject({
    error: { code: "ETHP_NOT_SPOKEN" },
  });
  for (const version of [62, 63, 66, 67, 69] as const)
    expect((await link(version)).peer.requestNodeData !== undefined).toBe(hasMessage(version, "getNodeData"));
});

test("the end of the connection ends all that wait, and leaves no timer", async () => {
  const { clock, remote, peer } = await link(68);
  const asking = [
    caught(peer.requestHeaders({ origin: 1, amount: 1 })),
    caught(peer.requestBodies([hash(1)])),
  ];
  await remote.next();
  remote.close();
  for (const outcome of await Promise.all(asking)) expect(outcome).toHaveProperty("error");
  expect(clock.activeTimers).toBe(0);
  expect(await caught(peer.requestHeaders({ origin: 1, amount: 1 }))).toHaveProperty("error");
});

test("a second status and messages after it", async () => {
  const { remote } = await link(68);
  remote.send("status", statusOn(chain, 68));
  expect(await remote.ended).toMatchObject({ code: "ETHP_EXTRA_STATUS", disconnect: 0x10 });
});

test("ET-09 a message of 10 MiB and one byte ends the peer", async () => {
  const { remote } = await link(68);
  remote.sendRaw(0x02, new Uint8Array(limits.messageBytes + 1));
  expect(await remote.ended).toMatchObject({ code: "P2P_MSG_TOO_BIG", disconnect: 0x02 });
});

test("ET-09 reading stops while four replies are owed to a peer that does not read", async () => {
  const { remote, clock } = await link(68);
  for (let i = 0; i < 600; i++)
    remote.send("getBlockHeaders", { origin: 1n, amount: 1n, skip: 0n, reverse: false });
  await settled();
  await clock.advance(100);
  const replies = await remote.drain();
  expect(replies.length).toBeGreaterThan(255); // a pipe holds 256
  await clock.advance(100);
  let total = replies.length;
  for (let more = await remote.drain(); more.length > 0; more = await remote.drain()) {
    total += more.length;
    await clock.advance(100);
  }
  expect(total).toBe(600);
});

test("ET-05 transactions beyond 5,000, announcements beyond 5,000, lists of unequal length end the peer", async () => {
  let read: unknown;
  const handlers: Partial<EthHandlers> = {
    transactions: ({ body }) => void (read = body),
    newPooledTransactionHashes: ({ body }) => void (read = body),
  };
  const one = await link(68, handlers);
  one.remote.send("newPooledTransactionHashes", [{ hash: hash(1), type: 2, size: 110 }]);
  await settled();
  expect(read).toEqual([{ hash: hash(1), type: 2, size: 110 }]);
  const unequal = [
    encode([Uint8Array.of(2, 2), [110], [hash(1)]]),
    encode([Uint8Array.of(2), [110, 1], [hash(1)]]),
  ];
  for (const payload of unequal) {
    const { remote } = await link(68, handlers);
    remote.sendRaw(0x08, payload);
    expect(await remote.ended).toMatchObject({ code: "RLP_VALUE", disconnect: 0x02 });
  }
  const many = Array.from({ length: limits.announcedTransactions + 1 }, () => hash(1));
  const old = await link(65, handlers);
  old.remote.sendRaw(0x08, encode(many));
  expect(await old.remote.ended).toMatchObject({ code: "RLP_ITEMS", disconnect: 0x02 });
  const full = await link(65, handlers);
  full.remote.sendRaw(0x02, encode(many));
  expect(await full.remote.ended).toMatchObject({ code: "RLP_ITEMS", disconnect: 0x02 });
});

test("a handler that ignores a message never decodes it", async () => {
  const { remote } = await link(68);
  remote.sendRaw(0x02, encode([1, 2, 3]));
  await settled();
  expect(remote.isOver).toBe(false);
});

test("ET-04 eth/69: the range moves the head; an impossible one ends the peer", async () => {
  const { remote, peer } = await link(69);
  expect(peer.head).toMatchObject({ number: 19 });
  remote.send("blockRangeUpdate", { earliest: 5, latest: 40, latestHash: hash(3) });
  await settled();
  expect([peer.head.number, peer.range]).toEqual([40, { earliest: 5, latest: 40, latestHash: hash(3) }]);
  remote.send("blockRangeUpdate", { earliest: 41, latest: 40, latestHash: hash(3) });
  expect(await remote.ended).toMatchObject({ code: "ETHP_BAD_RANGE", disconnect: 0x02 });
});

describe("broadcasts", () => {
  const block = (number: number) => ({ header: anyHeader({ number }), transactions: [], uncles: [] });

  test("to a peer that reads: blocks, hashes, transactions in packs of 100 KiB, announcements with type and size", async () => {
    const { remote, peer, pool } = await link(68);
    const txs = [
      transfer(0n),
      transfer(1n, new Uint8Array(90_000)),
      transfer(2n, new Uint8Array(90_000)),
      transfer(3n),
    ];
    for (const tx of txs) pool.set(tx.hash, tx);
    peer.sendTransactions([...txs.map((tx) => tx.hash), hash(1)]);
    const [first] = txs;
    if (first === undefined) throw new Error("no transaction");
    peer.announceTransactions([first.hash, hash(2)]);
    peer.announceBlock(anyHeader({ number: 7 }));
    peer.sendBlock(block(8), 99n);
    const got = await remote.drain();
    expect(got.map(({ name }) => name)).toEqual([
      "newBlock",
      "newBlockHashes",
      "transactions",
      "transactions",
      "newPooledTransactionHashes",
    ]);
    expect(got[0]?.body).toMatchObject({ td: 99n });
    expect((got[2]?.body as Transaction[] | undefined)?.map(({ nonce }) => nonce)).toEqual([0n, 1n, 2n]);
    expect((got[3]?.body as Transaction[] | undefined)?.map(({ nonce }) => nonce)).toEqual([3n]);
    expect(got[4]?.body).toEqual([{ hash: first.hash, type: 0, size: expect.any(Number) as number }]);
    expect([peer.knowsBlock(block(8).header.hash), peer.knowsTransaction(first.hash)]).toEqual([true, true]);
    expect(encodeBlock(block(8)).length).toBeGreaterThan(500);
  });

  test("before eth/65 announced transactions go out whole", async () => {
    const { remote, peer, pool } = await link(64);
    const tx = transfer(0n);
    pool.set(tx.hash, tx);
    peer.announceTransactions([tx.hash]);
    expect((await remote.drain()).map(({ name }) => name)).toEqual(["transactions"]);
  });

  test("to a peer that does not read: four blocks and four hashes wait, later ones are dropped and not marked", async () => {
    const { peer, remote } = await link(68);
    for (let i = 0; i < 300; i++)
      remote.send("getBlockHeaders", { origin: 1n, amount: 1n, skip: 0n, reverse: false });
    await settled(); // the pipe is full of replies now
    const blocks = Array.from({ length: 10 }, (_, i) => block(i + 1));
    for (const each of blocks) peer.sendBlock(each, 1n);
    await settled();
    for (const each of blocks) peer.sendBlock(each, 1n);
    const known = blocks.filter(({ header }) => peer.knowsBlock(header.hash)).length;
    expect(known).toBeGreaterThanOrEqual(limits.queuedBlocks);
    expect(known).toBeLessThanOrEqual(limits.queuedBlocks * 2 + 1);
    const headers = blocks.map(({ header }): Header => anyHeader({ number: header.number + 100 }));
    for (const each of headers) peer.announceBlock(each);
    expect(headers.filter((each) => peer.knowsBlock(each.hash)).length).toBe(limits.queuedAnnouncements);
  });
});

test("dropping a peer ends its run with the reason, once", async () => {
  const { peer, remote } = await link(68);
  peer.drop(EthProtocolError("QUITTING"));
  peer.drop(EthProtocolError("TOO_MANY_PEERS"));
  expect(isError(await remote.ended, "ETHP_QUITTING")).toBe(true);
  expect(await caught(peer.requestHeaders({ origin: 1, amount: 1 }))).toMatchObject({
    error: { code: "ETHP_QUITTING" },
  });
});
