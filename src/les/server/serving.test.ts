import { beforeAll, describe, expect, test } from "vitest";
import { decodeAccount } from "#core/state";
import { emptyCodeHash, type Header, type Transaction } from "#core/types";
import { keccak256 } from "#crypto";
import {
  lesLimits,
  type ProofQuery,
  type RequestName,
  requestCodes,
  requestNames,
  type TxStatus,
} from "#les/protocol";
import { encode } from "#rlp";
import { verifyProof } from "#trie";
import { bigintToBytes, defineErrors, numberToBytes } from "#util";
import { eventContract, filledAccount, type SealedWorld, stateContract } from "../../../test/kit/chains.ts";
import { LesWorld, type LesWorldOptions, type PipeClient } from "../../../test/kit/les-pipe.ts";
import { filledWorld } from "../../../test/kit/light-world.ts";
import { limits } from "./limits.ts";

let world: SealedWorld;
let head: Header;
beforeAll(async () => {
  world = await filledWorld();
  head = world.chain.head;
});

const serve = (options: Omit<LesWorldOptions, "chain"> = {}) =>
  new LesWorld({ chain: world.chain, ...options });
const hash = (byte: number) => new Uint8Array(32).fill(byte);
const PoolError = defineErrors("POOL", {
  LOW: { message: (d: { text: string }) => `nonce too low: ${d.text}`, blame: "caller" },
});
const slot = (i: number) => keccak256(numberToBytes(i, 32));
const most = 2n ** 64n - 1n;
const noKey = new Uint8Array(0);
const header = (number: number): Header => {
  const found = world.chain.headerByNumber(number);
  if (found === undefined) throw new Error(`no block ${number}`);
  return found;
};
async function bodyOf<T>(client: PipeClient, name: RequestName, body: unknown): Promise<T> {
  return (await client.request(name, body)).body as T; // of the reply to that request
}

describe("headers", () => {
  const numbers = async (query: object) => {
    const client = await serve().connect();
    return (
      await bodyOf<Header[]>(client, "getBlockHeaders", { skip: 0n, reverse: false, amount: 5, ...query })
    ).map(({ number }) => number);
  };

  test("by number and by hash, forward and backward, with gaps", async () => {
    expect(await numbers({ origin: 3 })).toEqual([3, 4, 5, 6, 7]);
    expect(await numbers({ origin: 3, reverse: true })).toEqual([3, 2, 1, 0]);
    expect(await numbers({ origin: 3, skip: 4n })).toEqual([3, 8, 13, 18, 23]);
    expect(await numbers({ origin: header(12).hash, skip: 2n })).toEqual([12, 15, 18, 21, 24]);
    expect(await numbers({ origin: header(12).hash, skip: 2n, reverse: true })).toEqual([12, 9, 6, 3, 0]);
    expect(await numbers({ origin: head.number, amount: 192 })).toEqual([head.number]);
    expect(await numbers({ origin: head.number + 1 })).toEqual([]);
    expect(await numbers({ origin: hash(9) })).toEqual([]);
    expect(await numbers({ origin: 3, amount: 0 })).toEqual([]);
  });

  test.each([
    ["a number", () => 5],
    ["a hash", () => header(5).hash],
  ])("LE-01 a skip of 2^64 − 1 and its neighbours from %s: the first header alone", async (_, origin) => {
    for (const reverse of [false, true])
      for (const skip of [
        most,
        most - 1n,
        2n ** 63n,
        2n ** 53n,
        2n ** 53n - 1n,
        2n ** 53n - 2n,
        2n ** 32n,
        24n,
      ])
        expect(await numbers({ origin: origin(), amount: 192, skip, reverse })).toEqual([5]);
  });

  test("LE-01 origin and skip at the edge of what a number holds", async () => {
    for (const reverse of [false, true])
      expect(await numbers({ origin: Number.MAX_SAFE_INTEGER, skip: most, reverse })).toEqual([]);
  });

  test("a chain that was left is walked a hundred steps, and forward not at all", async () => {
    const own = await filledWorld(6);
    const root = own.chain.headerByNumber(3);
    if (root === undefined) throw new Error("no block 3");
    const old = own.chain.head;
    for (let i = 0, parent = root; i < 5; i++) parent = (await own.seal(parent, [], "other")).header;
    expect(own.chain.isCanonical(old)).toBe(false);
    const client = await new LesWorld({ chain: own.chain }).connect();
    const ask = { origin: old.hash, amount: 10, skip: 0n, reverse: true };
    const back = await bodyOf<Header[]>(client, "getBlockHeaders", ask);
    expect(back.map(({ number }) => number)).toEqual([6, 5, 4, 3, 2, 1, 0]);
    expect(back.map((it) => own.chain.isCanonical(it))).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
    const forward = await bodyOf<Header[]>(client, "getBlockHeaders", { ...ask, reverse: false });
    expect(forward).toHaveLength(1);
  });
});

describe("LE-02 proofs", () => {
  const account = (i: number) => keccak256(filledAccount(i));
  const query = (changes: Partial<ProofQuery>): ProofQuery => ({
    blockHash: head.hash,
    accountKey: noKey,
    key: account(3),
    fromLevel: 0n,
    ...changes,
  });
  const nodesOf = async (queries: readonly ProofQuery[]) =>
    bodyOf<Uint8Array[]>(await serve().connect(), "getProofsV2", queries);

  test("an unknown block, a known one, and that one again: each item by itself, every node once", async () => {
    const nodes = await nodesOf([
      query({ blockHash: hash(1) }),
      query({}),
      query({ key: account(4) }),
      query({}),
    ]);
    for (const key of [account(3), account(4)]) {
      const value = verifyProof(head.stateRoot, key, nodes);
      expect(value === undefined ? undefined : decodeAccount(value).balance).toBe(1n);
    }
    expect(new Set(nodes.map((node) => keccak256(node).join())).size).toBe(nodes.length);
    // the block that failed is asked for again
    expect(await nodesOf([query({ blockHash: hash(1) }), query({ blockHash: hash(1) })])).toEqual([]);
  });

  test("slots by the account they belong to, absent ones and those of absent accounts too", async () => {
    const contract = keccak256(stateContract);
    const nodes = await nodesOf([
      query({ key: contract }),
      query({ accountKey: contract, key: slot(7) }),
      query({ accountKey: contract, key: slot(100_000) }),
      query({ accountKey: account(100_000), key: slot(7) }),
      query({ accountKey: account(3), key: slot(7) }),
    ]);
    const value = verifyProof(head.stateRoot, contract, nodes);
    if (value === undefined) throw new Error("no account");
    const { storageRoot } = decodeAccount(value);
    expect(verifyProof(storageRoot, slot(7), nodes)).toEqual(Uint8Array.of(8));
    expect(verifyProof(storageRoot, slot(100_000), nodes)).toBeUndefined();
  });

  test.each([0, 1, 31, 33, 64])(
    "a key of %i bytes, as path or as account, proves nothing and harms nobody",
    async (length) => {
      const odd = new Uint8Array(length).fill(0xab);
      const alone = await nodesOf([query({})]);
      const queries = [query({ key: odd }), query({}), ...(length === 0 ? [] : [query({ accountKey: odd })])];
      expect(await nodesOf(queries)).toEqual(alone);
    },
  );

  test("fromLevel leaves out the nodes nearest the root, up to all of them", async () => {
    const all = await nodesOf([query({})]);
    expect(all.length).toBeGreaterThan(2);
    expect(await nodesOf([query({ fromLevel: 1n })])).toEqual(all.slice(1));
    for (const fromLevel of [64n, 255n, 256n, 2n ** 53n, most])
      expect(await nodesOf([query({ fromLevel })])).toEqual([]);
  });

  test("code: the same rules", async () => {
    const client = await serve().connect();
    const ask = (blockHash: Uint8Array, accountKey: Uint8Array) => ({ blockHash, accountKey });
    const codes = await bodyOf<Uint8Array[]>(client, "getCode", [
      ask(hash(1), keccak256(eventContract)),
      ask(head.hash, keccak256(eventContract)),
      ask(head.hash, account(3)), // an account without code
      ask(head.hash, noKey),
      ask(head.hash, new Uint8Array(31)),
      ask(head.hash, account(100_000)),
      ask(header(2).hash, keccak256(stateContract)),
    ]);
    const state = world.chain.state(head);
    const expected = [eventContract, stateContract].map(async (address) => {
      const codeHash = (await state.account(address))?.codeHash ?? emptyCodeHash;
      return await state.code(address, codeHash);
    });
    expect(codes).toEqual(await Promise.all(expected));
  });

  test("with a limit, states too old are left out; a few more are served than promised", async () => {
    const client = await serve({ recentState: 5 }).connect();
    const proofAt = (number: number) =>
      bodyOf<Uint8Array[]>(client, "getProofsV2", [query({ blockHash: header(number).hash })]);
    const promised = head.number - 5 + 1;
    expect(await proofAt(promised)).not.toEqual([]);
    expect(await proofAt(promised - lesLimits.blockSafetyMargin)).not.toEqual([]);
    expect(await proofAt(promised - lesLimits.blockSafetyMargin - 1)).toEqual([]);
    // an honest reader of old blocks is not held to be a liar
    for (let i = 0; i < 30; i++) expect(await proofAt(2)).toEqual([]);
  });
});

describe("LE-03, T14 items of one request", () => {
  /** A request of n items that costs little to serve. */
  const bodyOfItems: Readonly<Record<RequestName, (n: number) => unknown>> = {
    getBlockHeaders: (amount) => ({ origin: 0, amount, skip: 0n, reverse: false }),
    getBlockBodies: (n) => Array.from({ length: n }, () => head.hash),
    getReceipts: (n) => Array.from({ length: n }, () => head.hash),
    getCode: (n) => Array.from({ length: n }, () => ({ blockHash: head.hash, accountKey: noKey })),
    getProofsV2: (n) =>
      Array.from({ length: n }, () => ({
        blockHash: head.hash,
        accountKey: noKey,
        key: hash(3),
        fromLevel: 0n,
      })),
    getHelperTrieProofs: (n) =>
      Array.from({ length: n }, () => ({ kind: 0n, section: 0n, key: noKey, fromLevel: 0n, aux: 0n })),
    sendTxV2: (n) => Array.from({ length: n }, () => transaction()),
    getTxStatus: (n) => Array.from({ length: n }, () => hash(3)),
  };
  let made: Transaction | undefined;
  const transaction = () => {
    made ??= world.maker.fork().send(3, eventContract, 100_000n, 0n, new Uint8Array(64));
    return made;
  };
  const caps: Readonly<Record<RequestName, number>> = {
    getBlockHeaders: 192,
    getBlockBodies: 32,
    getReceipts: 128,
    getCode: 64,
    getProofsV2: 64,
    getHelperTrieProofs: 64,
    sendTxV2: 64,
    getTxStatus: 256,
  };

  test.each(requestNames)("%s: its cap is answered", async (name) => {
    expect(requestCodes[name].maxItems).toBe(caps[name]);
    const client = await serve().connect();
    client.send(name, bodyOfItems[name](caps[name]), most);
    const reply = await client.next();
    expect(reply.name).toBe(client.table.messages[name].reply);
    expect(reply.reqId).toBe(most);
  });

  test.each(requestNames)("%s: one more ends the connection (0x02)", async (name) => {
    const client = await serve().connect();
    client.send(name, bodyOfItems[name](caps[name] + 1));
    expect(await client.ended).toMatchObject({
      code: "P2P_TOO_MANY_ITEMS",
      data: { name, items: caps[name] + 1, limit: caps[name] },
      disconnect: 0x02,
    });
  });

  test.each(requestNames)("%s: a hundred thousand are not even decoded (0x02)", async (name) => {
    const client = await serve().connect();
    const body =
      name === "getBlockHeaders"
        ? [noKey, numberToBytes(100_000), noKey, noKey]
        : Array.from({ length: 100_000 }, () => noKey);
    client.sendRaw(requestCodes[name].code, encode([Uint8Array.of(1), body]));
    expect(await client.ended).toMatchObject({ blame: "peer", disconnect: 0x02 });
  });

  test.each(requestNames)("%s: of nothing is answered with nothing, and not for free", async (name) => {
    const { messages } = (await serve().connect()).table;
    expect(messages[name].reply).toBeDefined();
    const les = serve({ relayTransaction: async () => {} });
    const client = await les.connect();
    let least = Number.POSITIVE_INFINITY;
    client.send(name, bodyOfItems[name](0));
    for (let i = 0; i < 20; i++) {
      least = Math.min(least, client.connection.bufferValue());
      await Promise.resolve();
    }
    expect((await client.next()).name).toBe(messages[name].reply);
    expect(least).toBeLessThan(300_000_000);
  });
});

describe("T14 replies stop at 2 MiB", () => {
  const big = (bytes: number) => encode([new Uint8Array(bytes)]);
  const hashes = (n: number) => Array.from({ length: n }, (_, i) => header(i % head.number).hash);
  /** What a connection of les/4 sends, uninterpreted. */
  const rawReply = async (les: LesWorld, name: RequestName, body: unknown) => {
    const client = await les.connect();
    const reply = await client.request(name, body);
    return reply.rawBody;
  };
  const countOf = (bytes: Uint8Array, each: number) => Math.floor(bytes.length / each);

  test.each([
    ["getBlockBodies", "bodyRlp"],
    ["getReceipts", "receiptsRlp"],
  ] as const)("%s: 21 of 100 kB, 1 of 2 MiB, 2 of a little less, 1 of 9 MiB", async (name, read) => {
    for (const [bytes, count] of [
      [100_000, 21],
      [lesLimits.softReplyBytes, 1],
      [lesLimits.softReplyBytes - 64, 2],
      [9 * 2 ** 20, 1],
    ] as const) {
      const item = big(bytes);
      const reply = await rawReply(serve({ served: { [read]: () => item } }), name, hashes(32));
      expect(countOf(reply, bytes)).toBe(count);
      expect(reply.length).toBeLessThan(lesLimits.messageBytes);
    }
  });

  test("an item that would not fit the message is left for the next request", async () => {
    const sizes = [1_500_000, 9 * 2 ** 20, 1_500_000];
    let at = 0;
    const les = serve({ served: { bodyRlp: () => big(sizes[at++ % 3] ?? 0) } });
    expect((await rawReply(les, "getBlockBodies", hashes(3))).length).toBeLessThan(1_500_100);
  });

  test("getCode: 21 of 100 kB", async () => {
    const codes = { get: () => new Uint8Array(100_000), has: () => true };
    const les = serve({ served: { codes } as LesWorldOptions["served"] & object });
    const client = await les.connect();
    const ask = { blockHash: head.hash, accountKey: keccak256(eventContract) };
    const reply = await bodyOf<Uint8Array[]>(
      client,
      "getCode",
      Array.from({ length: 64 }, () => ask),
    );
    expect(reply).toHaveLength(21);
  });

  test("headers, proofs, statuses: the item limits keep them far below", async () => {
    const client = await serve().connect();
    const keys = Array.from({ length: 64 }, (_, i) => keccak256(filledAccount(i * 3)));
    const nodes = await bodyOf<Uint8Array[]>(
      client,
      "getProofsV2",
      keys.map((key) => ({ blockHash: head.hash, accountKey: noKey, key, fromLevel: 0n })),
    );
    for (const key of keys) expect(verifyProof(head.stateRoot, key, nodes)).toBeDefined();
    // 64 paths of 64 branch nodes each would be 2.2 MB: no trie of keccak keys has them
    expect(nodes.reduce((sum, node) => sum + node.length, 0)).toBeLessThan(lesLimits.softReplyBytes);
  });
});

describe("transactions", () => {
  const statuses = (client: PipeClient, name: RequestName, body: unknown) =>
    bodyOf<TxStatus[]>(client, name, body);
  const place = async () => {
    const [tx] = world.chain.body(header(9))?.transactions ?? [];
    if (tx === undefined) throw new Error("block 9 is empty");
    return { tx, lookup: { blockHash: header(9).hash, blockNumber: 9, index: 0 } };
  };

  test("known ones are where they are, waiting ones wait, others are unknown", async () => {
    const { tx, lookup } = await place();
    const waiting = world.maker.fork().send(5, eventContract, 100_000n, 0n, new Uint8Array(64));
    const client = await serve({
      pendingTransaction: (it) => (it.every((byte, i) => byte === waiting.hash[i]) ? waiting : undefined),
    }).connect();
    expect(await statuses(client, "getTxStatus", [tx.hash, waiting.hash, hash(1)])).toEqual([
      { status: 3, lookup, error: "" },
      { status: 2, lookup: undefined, error: "" },
      { status: 0, lookup: undefined, error: "" },
    ]);
  });

  test("one that is refused comes back with the pool's own words, cut at 256; a mined one is not sent again", async () => {
    const { tx, lookup } = await place();
    const sent: Transaction[] = [];
    const [low, good] = [1, 2].map((i) =>
      world.maker.fork().send(i, eventContract, 100_000n, 0n, new Uint8Array(64)),
    );
    if (low === undefined || good === undefined) throw new Error("two were made");
    const client = await serve({
      relayTransaction: async (it) => {
        sent.push(it);
        if (it === sent[0]) throw PoolError("LOW", { text: "x".repeat(300) });
      },
      pendingTransaction: (it) =>
        sent.find((other, i) => i > 0 && other.hash.every((byte, at) => byte === it[at])),
    }).connect();
    const answers = await statuses(client, "sendTxV2", [low, tx, good]);
    expect(answers.map(({ status }) => status)).toEqual([0, 3, 2]);
    expect(answers[0]?.error).toMatch(/^nonce too low: x{241}$/);
    expect(answers[1]).toEqual({ status: 3, lookup, error: "" });
    expect(sent).toHaveLength(2);
  });

  test("a bug in the pool is not the client's fault, and its text does not go out", async () => {
    const tx = world.maker.fork().send(1, eventContract, 100_000n, 0n, new Uint8Array(64));
    const client = await serve({
      relayTransaction: async () => {
        throw new TypeError("secret");
      },
    }).connect();
    client.send("sendTxV2", [tx]);
    expect(await client.ended).toBeInstanceOf(TypeError);
  });

  test("a server that does not relay says so in its status and to who sends all the same", async () => {
    const les = serve({ txRelay: false });
    const tx = world.maker.fork().send(1, eventContract, 100_000n, 0n, new Uint8Array(64));
    const fresh = les.dial();
    const status = (await fresh.nextBody("status")) as { key: string }[];
    expect(status.map(({ key }) => key)).not.toContain("txRelay");
    const client = await les.connect();
    const [answer] = await statuses(client, "sendTxV2", [tx]);
    expect(answer).toMatchObject({ status: 0, error: "this server relays no transactions" });
  });
});

test("helper tries are decoded and answered empty", async () => {
  const client = await serve().connect();
  const query = { kind: 0n, section: 4n, key: bigintToBytes(7n, 8), fromLevel: 0n, aux: 2n };
  expect(await bodyOf(client, "getHelperTrieProofs", [query, query])).toEqual({ nodes: [], aux: [] });
});

test("bodies and receipts are what the chain has, in order; unknown blocks are left out", async () => {
  const client = await serve().connect();
  const asked = [header(3).hash, hash(1), header(0).hash, header(7).hash];
  const known = [3, 0, 7].map(header);
  expect(await bodyOf(client, "getBlockBodies", asked)).toEqual(known.map((it) => world.chain.body(it)));
  const receipts = await bodyOf<unknown[][]>(client, "getReceipts", asked);
  expect(receipts).toHaveLength(3);
  expect(receipts.map((of) => of.length)).toEqual(known.map((it) => world.chain.receipts(it)?.length));
});

test("LE-07 a client that asks for a thousand blocks that are not is let go (0x10); the other is served", async () => {
  const les = serve();
  const [bad, good] = [await les.connect(), await les.connect()];
  let answered = 0;
  for (let i = 0; i < 1_000 && !bad.isOver; i++) {
    bad.send("getBlockBodies", [hash(i % 256)]);
    const reply = await Promise.race([bad.next().catch(() => undefined), bad.ended.then(() => undefined)]);
    if (reply !== undefined) answered++;
    expect(await bodyOf<unknown[]>(good, "getBlockBodies", [head.hash])).toHaveLength(1);
  }
  expect(await bad.ended).toMatchObject({ code: "LES_REQUEST_REJECTED", disconnect: 0x10 });
  expect(answered).toBe(limits.unknownBlocks);
  expect(good.isOver).toBe(false);
});

test("LE-07 one such request an hour is forgiven, and a message counts once however many blocks it names", async () => {
  const les = serve();
  const client = await les.connect();
  const ask = () =>
    client.request(
      "getReceipts",
      Array.from({ length: 64 }, () => hash(1)),
    );
  for (let i = 0; i < limits.unknownBlocks; i++) await ask();
  for (let hours = 0; hours < 3; hours++) {
    await les.clock.advance(limits.forgiveAfterMs);
    await ask();
  }
  client.send("getReceipts", [hash(1)]);
  expect(await client.ended).toMatchObject({ code: "LES_REQUEST_REJECTED" });
});
