// long: a table of requests and their limits
import { beforeAll, describe, expect, test } from "vitest";
import {
  bloomOf,
  emptyTxRoot,
  encodeReceipts,
  type Header,
  type Receipt,
  signTransaction,
  type Transaction,
} from "#core/types";
import { SimulatedClock } from "#host/sim";
import { decodeAs, encode, encodeAs, list, raw } from "#rlp";
import { ByteMap, bigintToBytes } from "#util";
import { namedKey } from "../../../test/kit/clique.ts";
import { anyHeader, EthRemote, PaperChain } from "../../../test/kit/eth-pipe.ts";
import { ethLimits as limits } from "./limits.ts";
import { type EthVersion, ethVersions } from "./messages.ts";
import { EthPeer } from "./peer.ts";

const NUMBERS = 1100;
let chain: PaperChain;
const pool = new ByteMap<Transaction>();
const most = 2n ** 64n - 1n;
const handlers = { newBlockHashes() {}, newBlock() {}, transactions() {}, newPooledTransactionHashes() {} };

beforeAll(() => {
  chain = new PaperChain(NUMBERS);
});

function serving(version: EthVersion, served: PaperChain = chain): EthRemote {
  const clock = new SimulatedClock();
  return new EthRemote({
    version,
    clock,
    run: (peer, rw, signal) =>
      new EthPeer({ peer, rw, version, clock, backend: { chain: served, pool } }).run(handlers, signal),
  });
}

const numbers = async (query: object, version: EthVersion = 66, served?: PaperChain): Promise<number[]> => {
  const body = { origin: 0n, amount: 5n, skip: 0n, reverse: false, ...query };
  const headers = (await serving(version, served).request("getBlockHeaders", body)) as Header[];
  return headers.map(({ number }) => number);
};

describe.each([62, 66, 69] as const)("headers over eth/%i", (version) => {
  const ask = (query: object) => numbers(query, version);

  test("by number and by hash, forward and backward, with gaps", async () => {
    const at = (number: number) => chain.headers[number]?.hash;
    expect(await ask({ origin: 3n })).toEqual([3, 4, 5, 6, 7]);
    expect(await ask({ origin: 3n, reverse: true })).toEqual([3, 2, 1, 0]);
    expect(await ask({ origin: 3n, skip: 4n })).toEqual([3, 8, 13, 18, 23]);
    expect(await ask({ origin: at(12), skip: 2n })).toEqual([12, 15, 18, 21, 24]);
    expect(await ask({ origin: at(12), skip: 2n, reverse: true })).toEqual([12, 9, 6, 3, 0]);
    expect(await ask({ origin: BigInt(NUMBERS - 2) })).toEqual([NUMBERS - 2, NUMBERS - 1]);
  });

  test("ET-01 any amount, skip and origin: bounded, and nothing overflows", async () => {
    expect(await ask({ amount: 0n })).toEqual([]);
    expect(await ask({ amount: 1n })).toEqual([0]);
    expect(await ask({ amount: 1024n })).toHaveLength(1024);
    expect(await ask({ amount: most })).toHaveLength(limits.served);
    expect(await ask({ origin: 3n, skip: most })).toEqual([3]);
    expect(await ask({ origin: 3n, skip: most, reverse: true })).toEqual([3]);
    expect(await ask({ origin: 3n, skip: most - 1n })).toEqual([3]);
    expect(await ask({ origin: chain.headers[3]?.hash, skip: most, amount: most })).toEqual([3]);
    expect(await ask({ origin: chain.headers[3]?.hash, skip: most, amount: most, reverse: true })).toEqual([
      3,
    ]);
    expect(await ask({ origin: new Uint8Array(32).fill(7) })).toEqual([]);
    expect(await ask({ origin: most, amount: most })).toEqual([]);
    expect(await ask({ origin: BigInt(NUMBERS) })).toEqual([]);
    expect(await ask({ origin: 2n, reverse: true, amount: most })).toEqual([2, 1, 0]);
  });
});

test("ET-01 an origin number of 2^256 is no number: breach of protocol", async () => {
  const remote = serving(66);
  remote.sendRaw(0x03, encode([1, [bigintToBytes(1n << 256n), 1, 0, 0]]));
  expect(await remote.ended).toMatchObject({ code: "RLP_INTEGER", disconnect: 0x02 });
});

test("ET-01 headers stop at 2 MiB", async () => {
  const fat = new PaperChain(60, () => ({ extra: new Uint8Array(100 * 1024) }));
  const size = 100 * 1024 + 500;
  const got = await numbers({ amount: 60n }, 66, fat);
  expect(got).toHaveLength(Math.ceil(limits.softReplyBytes / size));
});

test("by hash: a side block's parents are served, nothing after it, and walks off the chain end", async () => {
  const paper = new PaperChain(50);
  let parent = paper.headers[10]?.hash ?? new Uint8Array(32);
  let side = anyHeader();
  for (let number = 11; number < 200; number++) {
    side = anyHeader({ number, parentHash: parent, extra: Uint8Array.of(1) });
    paper.addSide(side);
    parent = side.hash;
  }
  expect(await numbers({ origin: side.hash }, 66, paper)).toEqual([199]);
  const walk = { origin: side.hash, reverse: true };
  expect(await numbers({ ...walk, amount: 3n }, 66, paper)).toEqual([199, 198, 197]);
  expect(await numbers({ ...walk, amount: 192n }, 66, paper)).toHaveLength(192);
  // with gaps: a hundred steps off the chain, no more
  expect(await numbers({ ...walk, skip: 49n }, 66, paper)).toEqual([199, 149, 99]);
});

describe("T14 limits of requests by hash", () => {
  const cases = [
    ["getBlockBodies", 62],
    ["getReceipts", 63],
    ["getNodeData", 66],
  ] as const;

  test.each(cases)("%s: 1,024 items, none past it, none beyond 2 MiB", async (name, version) => {
    const served = new PaperChain(NUMBERS);
    const item = (length: number) => encode(new Uint8Array(length).fill(0x11));
    let size = 100;
    served.bodyOf = served.receiptsOf = () => encode([new Uint8Array(size)]);
    for (const { hash } of served.headers) served.nodes.set(hash, item(size));
    const all = served.headers.map(({ hash }) => hash);
    const ask = async (count: number) =>
      (await raws(serving(version, served), name, all.slice(0, count))).length;
    expect(await ask(limits.served - 1)).toBe(limits.served - 1);
    expect(await ask(limits.served)).toBe(limits.served);
    expect(await ask(limits.served + 1)).toBe(limits.served);
    size = 64 * 1024;
    for (const { hash } of served.headers) served.nodes.set(hash, item(size));
    expect(await ask(limits.served)).toBe(32);
  });

  test.each(cases)(
    "ET-02 %s with 10^5 hashes, or one hash 10^5 times: 1,024 lookups, each once",
    async (name, version) => {
      const served = new PaperChain(5);
      const first = served.headers[1]?.hash ?? new Uint8Array(32);
      served.nodes.set(first, Uint8Array.of(1));
      const unknown = Array.from({ length: 100_000 }, (_, i) => bigintToBytes(BigInt(i) + 1n, 32));
      expect(await raws(serving(version, served), name, unknown)).toHaveLength(0);
      expect(served.lookups).toBeLessThanOrEqual(limits.served);
      served.lookups = 0;
      expect(
        await raws(serving(version, served), name, new Array<Uint8Array>(100_000).fill(first)),
      ).toHaveLength(1);
      expect(served.lookups).toBeLessThanOrEqual(1);
    },
  );

  test("ET-02 getPooledTransactions: the same bounds", async () => {
    const transactions = Array.from({ length: 1030 }, (_, i) => transfer(BigInt(i)));
    for (const tx of transactions) pool.set(tx.hash, tx);
    const ask = async (all: readonly Uint8Array[]) =>
      (await raws(serving(66), "getPooledTransactions", all)).length;
    const all = transactions.map(({ hash }) => hash);
    expect(await ask(all.slice(0, 1024))).toBe(1024);
    expect(await ask(all)).toBe(1024);
    expect(await ask(new Array<Uint8Array>(100_000).fill(all[0] ?? new Uint8Array(32)))).toBe(1);
    const fat = Array.from({ length: 40 }, (_, i) => transfer(BigInt(i), new Uint8Array(100_000)));
    for (const tx of fat) pool.set(tx.hash, tx);
    expect(await ask(fat.map(({ hash }) => hash))).toBe(21);
  });
});

test("what is not here is left out; the empty receipt root is answered without a look", async () => {
  const served = new PaperChain(4, (number) => (number === 2 ? { receiptRoot: emptyTxRoot } : {}));
  served.receiptsOf = () => undefined;
  served.bodyOf = (number) => (number === 1 ? undefined : Uint8Array.of(0xc2, 0xc0, 0xc0));
  const all = [...served.headers.map(({ hash }) => hash), new Uint8Array(32).fill(5)];
  expect(await raws(serving(66, served), "getBlockBodies", all)).toHaveLength(3);
  expect(await raws(serving(66, served), "getReceipts", all)).toHaveLength(1);
});

test("codes are served by hash like nodes", async () => {
  const served = new PaperChain(1);
  served.codes.set(new Uint8Array(32).fill(1), Uint8Array.of(0x60, 0x00));
  expect(await serving(63, served).request("getNodeData", [new Uint8Array(32).fill(1)])).toEqual([
    Uint8Array.of(0x60, 0x00),
  ]);
});

test("receipts go with bloom up to eth/68 and without from eth/69 on", async () => {
  const log = {
    address: new Uint8Array(20).fill(1),
    topics: [new Uint8Array(32).fill(2)],
    data: Uint8Array.of(3),
  };
  const receipts: Receipt[] = [
    { type: 0, status: 1, cumulativeGasUsed: 21_000n, bloom: bloomOf([log]), logs: [log] },
    { type: 2, status: 0, cumulativeGasUsed: 42_000n, bloom: bloomOf([]), logs: [] },
    {
      type: 0,
      postState: new Uint8Array(32).fill(9),
      cumulativeGasUsed: 63_000n,
      bloom: bloomOf([]),
      logs: [],
    },
  ];
  class Chain extends PaperChain {
    override receipts() {
      return receipts as unknown as undefined; // a paper chain has none of its own
    }
  }
  const served = new Chain(2);
  served.receiptsOf = () => encodeReceipts(receipts);
  const sizes: number[] = [];
  for (const version of [63, 68, 69] as const) {
    const remote = serving(version, served);
    remote.send("getReceipts", [served.head.hash]);
    const reply = await remote.expect("receipts");
    expect(reply.body).toEqual([receipts]);
    sizes.push(reply.rawBody.length);
  }
  expect(sizes[0]).toBe(sizes[1]);
  expect((sizes[1] ?? 0) - (sizes[2] ?? 0)).toBeGreaterThan(3 * 256);
});

test("requests a version does not have are a breach of protocol", async () => {
  for (const version of ethVersions) {
    const remote = serving(version);
    remote.sendRaw(0x0d, encode(version >= 66 ? [1, []] : []));
    if (version < 63 || version > 66) expect(await remote.ended).toMatchObject({ code: "P2P_UNKNOWN_CODE" });
    else expect((await remote.next()).name).toBe("nodeData");
  }
});

function transfer(nonce: bigint, input = new Uint8Array()): Transaction {
  return signTransaction(
    { type: 0, chainId: 1337n, nonce, gasPrice: 1n, gas: 21_000n, to: new Uint8Array(20), value: 1n, input },
    namedKey("sender"),
  );
}

/** The items of a reply, undecoded. */
async function raws(
  remote: EthRemote,
  name: "getBlockBodies" | "getReceipts" | "getNodeData" | "getPooledTransactions",
  all: readonly Uint8Array[],
) {
  const hash = list(raw);
  const { code, payload } = remote.table.encodeRaw(
    name,
    encodeAs(
      hash,
      all.map((h) => encode(h)),
    ),
    { reqId: 1n },
  );
  remote.sendRaw(code, payload);
  const { rawBody, reqId } = await remote.next();
  expect(remote.table.version >= 66 ? reqId : 1n).toBe(1n);
  return decodeAs(hash, rawBody);
}
