// long: one net of nodes, and all that travels in it
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { BlockChain } from "#core";
import { type Block, type Header, signTransaction, type Transaction } from "#core/types";
import type { DownloaderDoor } from "#eth/downloader";
import type { BlockFetcherHooks } from "#eth/fetcher";
import { type BlockAnnouncement, type EthStatus, type EthVersion, ethLimits } from "#eth/protocols";
import { Feed } from "#event";
import { SimulatedClock, seededRand } from "#host/sim";
import { silentLogger } from "#log";
import { encode } from "#rlp";
import { ByteMap, deferred } from "#util";
import { sealedWorld, type SealedWorld } from "../../../test/kit/chains.ts";
import { namedKey } from "../../../test/kit/clique.ts";
import { anyHeader, EthRemote, settled, statusOn } from "../../../test/kit/eth-pipe.ts";
import type { ProtocolManagerOptions } from "./options.ts";
import { ProtocolManager } from "./protocol-manager.ts";

let world: SealedWorld;
let head: Block;
beforeAll(async () => {
  world = sealedWorld({ transactions: 1 });
  for (let i = 0; i < 4; i++) head = await world.next();
});

/** A pool of what the test puts in. */
class Pool {
  readonly all = new ByteMap<Transaction>();
  readonly txEvents = new Feed<readonly Transaction[]>();
  get = (hash: Uint8Array) => this.all.get(hash);
  has = (hash: Uint8Array) => this.all.has(hash);
  pending = () => [...this.all.values()];
  addRemotes = (txs: readonly Transaction[]) => txs.map((tx) => void this.all.set(tx.hash, tx));
  /** Puts them in and tells of them. */
  take(...txs: Transaction[]): void {
    this.addRemotes(txs);
    this.txEvents.send(txs);
  }
}

interface Setup {
  readonly clock: SimulatedClock;
  readonly pool: Pool;
  readonly manager: ProtocolManager;
  readonly calls: string[];
  readonly infos: string[];
  readonly hooks: () => BlockFetcherHooks;
  readonly announced: BlockAnnouncement[];
  /** The synchronisation that runs, if one does. */
  readonly sync: { end?: ReturnType<typeof deferred<Header>>; mode?: string | undefined };
  connect(version?: EthVersion, options?: ConnectOptions): Promise<EthRemote>;
  dial(version?: EthVersion, options?: ConnectOptions): EthRemote;
}

interface ConnectOptions {
  readonly isTrusted?: boolean;
  readonly status?: Partial<EthStatus>;
}

let count = 0;
let setup: Setup;
beforeEach(() => {
  setup = make();
});

function make(options: Partial<ProtocolManagerOptions> = {}): Setup {
  const clock = new SimulatedClock();
  const pool = new Pool();
  const calls: string[] = [];
  const infos: string[] = [];
  const announced: BlockAnnouncement[] = [];
  const sync: Setup["sync"] = {};
  let hooks: BlockFetcherHooks | undefined;
  const downloader = {
    register: () => calls.push("register"),
    unregister: () => calls.push("unregister"),
    async synchronise(_: string, { mode }: { mode?: string } = {}) {
      calls.push("synchronise");
      sync.mode = mode;
      sync.end = deferred<Header>();
      return await sync.end.promise;
    },
    isBusy: false,
    progress: undefined,
    async cancel() {
      calls.push("cancel");
      sync.end?.reject(new Error("cancelled"));
    },
  } as unknown as DownloaderDoor; // the manager uses no more of it
  const manager = new ProtocolManager({
    chain: world.chain,
    pool,
    networkId: world.chain.config.chainId,
    maxPeers: 200,
    downloader,
    makeBlockFetcher(given) {
      hooks = given;
      return {
        notify: (_, blocks) => void announced.push(...blocks),
        enqueue: (_, block) => void calls.push(`block ${block.header.number}`),
        removePeer: () => void calls.push("removePeer"),
        headChanged: () => void calls.push("headChanged"),
        stop: async () => void calls.push("stop blocks"),
      };
    },
    makeTxFetcher: (given) => ({
      notify: (_, txs) => void calls.push(`announced ${txs.length}`),
      enqueue: async (peer, txs) => void (await given.addTransactions(txs, peer.id)),
      removePeer() {},
      stop: async () => void calls.push("stop txs"),
    }),
    host: { clock, rand: seededRand(1) },
    log: { ...silentLogger, info: (message) => void infos.push(message) },
    ...options,
  });
  manager.start();
  const dial = (version: EthVersion = 68, { isTrusted = false }: ConnectOptions = {}): EthRemote => {
    const protocol = manager.protocols.find((it) => it.version === version);
    if (protocol === undefined) throw new Error(`eth/${version} is not offered`);
    const run = protocol.run.bind(protocol);
    return new EthRemote({ version, clock, isTrusted, name: `remote ${count++}`, run });
  };
  const connect = async (version: EthVersion = 68, options: ConnectOptions = {}): Promise<EthRemote> => {
    const remote = dial(version, options);
    remote.send("status", statusOn(manager.chain, version, options.status));
    await remote.expect("status");
    await settled();
    return remote;
  };
  return {
    ...{ clock, pool, manager, calls, infos, announced, sync, connect, dial },
    hooks() {
      if (hooks === undefined) throw new Error("no fetcher was made");
      return hooks;
    },
  };
}

let nonce = 0n;
const transfer = (input = new Uint8Array()): Transaction =>
  signTransaction(
    {
      type: 0,
      chainId: 1337n,
      nonce: nonce++,
      gasPrice: 1n,
      gas: 21_000n,
      to: new Uint8Array(20),
      value: 1n,
      input,
    },
    namedKey("sender"),
  );

/** How many of the remotes got a message of that name. */
async function told(remotes: readonly EthRemote[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const remote of remotes)
    for (const { name } of await remote.drain()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

const many = async (n: number, version: EthVersion = 68) => {
  const remotes: EthRemote[] = [];
  for (let i = 0; i < n; i++) remotes.push(await setup.connect(version));
  return remotes;
};

describe("T15 who is told of what", () => {
  const counts = [
    [0, 0, 0],
    [1, 1, 1],
    [3, 3, 1],
    [4, 4, 2],
    [16, 4, 4],
    [25, 5, 5],
    [100, 10, 10],
  ] as const;

  test.each(counts)("%i peers: a sealed block whole to %i, the hash to the rest", async (n, whole) => {
    const remotes = await many(n);
    setup.manager.broadcastMined(head);
    const got = await told(remotes);
    expect([got["newBlock"] ?? 0, got["newBlockHashes"] ?? 0]).toEqual([whole, n - whole]);
    setup.manager.broadcastMined(head);
    expect(await told(remotes)).toEqual({}); // everybody has it now
  });

  test.each(counts)("%i peers: a transaction whole to √n, the hash to the rest", async (n, _, whole) => {
    const remotes = await many(n);
    const tx = transfer();
    setup.pool.take(tx);
    const got = await told(remotes);
    expect([got["transactions"] ?? 0, got["newPooledTransactionHashes"] ?? 0]).toEqual([whole, n - whole]);
    setup.pool.txEvents.send([tx]);
    expect(await told(remotes)).toEqual({});
  });

  test("before eth/65 all get transactions whole", async () => {
    const remotes = await many(9, 64);
    setup.pool.take(transfer());
    expect(await told(remotes)).toEqual({ transactions: 9 });
  });

  test("never back to who sent it: transactions, announced ones, blocks, announced blocks", async () => {
    const s = (setup = make({ acceptTxs: true }));
    const [tx, announced] = [transfer(), transfer()];
    const remote = await s.connect();
    remote.send("transactions", [tx]);
    remote.send("newPooledTransactionHashes", [{ hash: announced.hash, type: 0, size: 100 }]);
    remote.send("newBlockHashes", [{ hash: head.header.hash, number: 4 }]);
    await settled();
    expect(s.pool.has(tx.hash)).toBe(true);
    s.pool.take(tx, announced);
    s.manager.broadcastMined(head);
    expect(await told([remote])).toEqual({});
    const other = await s.connect();
    other.send("newBlock", { block: head, td: 9n });
    await settled();
    await other.drain();
    s.manager.broadcastMined(head);
    expect(await told([other])).toEqual({});
  });

  test("a block whose parent is unknown is not propagated", async () => {
    const remotes = await many(2);
    const orphan = { ...head, header: { ...head.header, parentHash: new Uint8Array(32).fill(1) } };
    setup.hooks().propagate(orphan);
    expect(await told(remotes)).toEqual({});
  });
});

describe("a new peer", () => {
  test("is registered, told of the pool, and forgotten when it goes", async () => {
    for (let i = 0; i < 3; i++) setup.pool.take(transfer());
    const remote = await setup.connect();
    expect([setup.manager.peers.size, setup.calls]).toEqual([1, ["register"]]);
    expect((await remote.expect("newPooledTransactionHashes")).body).toHaveLength(3);
    remote.close();
    await remote.ended;
    await settled();
    expect([setup.manager.peers.size, setup.calls]).toEqual([0, ["register", "unregister", "removePeer"]]);
    expect(setup.clock.activeTimers).toBe(2); // the next round of sync, the end of a burst
  });

  test("Trap 34: is asked for no header of the DAO fork or of a checkpoint, and its own question is answered", async () => {
    const remote = await setup.connect(63);
    expect(await remote.drain()).toEqual([]);
    remote.send("getBlockHeaders", { origin: 0n, amount: 1n, skip: 0n, reverse: false });
    expect((await remote.expect("blockHeaders")).body).toEqual([world.chain.genesis]);
  });

  test("of eth/62 to 64 gets the pool in packs of about 100 KiB", async () => {
    const txs = Array.from({ length: 5 }, () => transfer(new Uint8Array(60_000)));
    setup.pool.take(...txs, transfer(new Uint8Array(150_000)), transfer());
    const [one, two] = await many(2, 63);
    for (const remote of [one, two]) {
      const packs = (await remote?.drain())?.map(({ body }) => (body as Transaction[]).length);
      expect(packs).toEqual([2, 2, 2, 1]);
    }
  });

  test("beyond maxPeers is told so, before and after the handshake; a trusted one is not (Trap 13)", async () => {
    const s = (setup = make({ maxPeers: 2 }));
    const racing = [s.dial(), s.dial(), s.dial()];
    for (const remote of racing) remote.send("status", statusOn(s.manager.chain, 68));
    await settled();
    expect(racing.map(({ isOver }) => isOver)).toEqual([false, false, true]);
    expect(await racing[2]?.ended).toMatchObject({ code: "ETHP_TOO_MANY_PEERS", disconnect: 0x04 });
    expect(await s.dial().ended).toMatchObject({ code: "ETHP_TOO_MANY_PEERS" });
    await s.connect(68, { isTrusted: true });
    expect(s.manager.peers.size).toBe(3);
  });

  test("offers eth/62 to 68; while fast sync runs those with node data, eth/63 to 66", async () => {
    const versions = (m: ProtocolManager) =>
      m.protocols.filter(({ isOffered }) => isOffered?.() === true).map(({ version }) => version);
    const all = [68, 67, 66, 65, 64, 63, 62];
    expect(versions(setup.manager)).toEqual(all);
    expect(setup.manager.protocols.at(-1)).toMatchObject({ version: 62, length: 8 });
    const withBlocks = make({ fastSync: true }).manager;
    expect([withBlocks.fastSync, versions(withBlocks)]).toEqual([false, all]);

    const fresh = sealedWorld({ transactions: 1 });
    const s = (setup = make({ chain: fresh.chain, fastSync: true }));
    expect([s.manager.fastSync, versions(s.manager)]).toEqual([true, [66, 65, 64, 63]]);
    await s.connect(66, { status: { td: 100n } });
    await s.clock.advance(10_000);
    expect(s.sync.mode).toBe("fast");
    s.sync.end?.resolve(fresh.chain.head);
    await settled();
    expect([s.manager.fastSync, versions(s.manager)]).toEqual([false, all]);
  });
});

describe("transactions of peers", () => {
  test("are ignored, not even decoded, until the node has synced; that is said once (Trap 19)", async () => {
    const remote = await setup.connect();
    remote.sendRaw(0x02, encode([1, 2, 3]));
    remote.sendRaw(0x08, encode([1]));
    remote.send("transactions", [transfer()]);
    await settled();
    expect([remote.isOver, setup.pool.all.size, setup.infos.length, setup.manager.acceptTxs]).toEqual([
      false,
      0,
      1,
      false,
    ]);
  });

  test.each(["sync", "import", "seal"])("are taken after a %s", async (what) => {
    const remote = await setup.connect(68, { status: { td: 1_000n } });
    if (what === "seal") setup.manager.broadcastMined(head);
    if (what === "import") await setup.hooks().insert(head);
    if (what === "sync") {
      await setup.clock.advance(10_000);
      setup.sync.end?.resolve(head.header);
      await settled();
    }
    expect(setup.manager.acceptTxs).toBe(true);
    const tx = transfer();
    remote.send("transactions", [tx]);
    remote.send("newPooledTransactionHashes", [{ hash: transfer().hash, type: 0, size: 1 }]);
    await settled();
    expect([setup.pool.has(tx.hash), setup.calls.includes("announced 1")]).toEqual([true, true]);
  });
});

describe("blocks of peers", () => {
  const announce = (n: number) =>
    Array.from({ length: n }, (_, i) => ({ hash: new Uint8Array(32).fill(i + 1), number: 5 }));

  test("ET-06 known hashes are left out, and no more than 256 of a message are looked at", async () => {
    const remote = await setup.connect();
    remote.send("newBlockHashes", [{ hash: head.header.hash, number: 4 }, ...announce(1)]);
    await settled();
    expect(setup.announced).toHaveLength(1);
    const flood = encode(Array.from({ length: 100_000 }, (_, i) => [new Uint8Array(32).fill(i % 251), 5]));
    remote.sendRaw(0x01, flood);
    await settled();
    expect(setup.announced).toHaveLength(1 + ethLimits.announcedBlocks);
  });

  test("a whole block goes to the fetcher; the peer's head becomes its parent, and a heavier chain starts a sync", async () => {
    const remote = await setup.connect();
    const td = world.chain.td(head.header.hash) ?? 0n;
    remote.send("newBlock", { block: head, td: td + 100n });
    await settled();
    const [peer] = setup.manager.peers;
    expect(peer?.head).toEqual({
      hash: head.header.parentHash,
      td: td + 100n - head.header.difficulty,
      number: head.header.number - 1,
    });
    expect(setup.calls.slice(1)).toEqual(["block 4", "synchronise"]);
  });

  test("a claim that is not higher changes nothing", async () => {
    const remote = await setup.connect();
    remote.send("newBlock", { block: head, td: 2n });
    await settled();
    expect(setup.calls.slice(1)).toEqual(["block 4"]);
    expect([...setup.manager.peers][0]?.head.hash).toEqual(head.header.hash);
  });

  test("ET-04 a body that is not the header's, or an absurd total difficulty, ends the peer; nothing is queued", async () => {
    const bad = await setup.connect();
    bad.send("newBlock", { block: { ...head, transactions: [] }, td: 9n });
    expect(await bad.ended).toMatchObject({ code: "ETHP_BAD_BLOCK", disconnect: 0x02 });
    const absurd = await setup.connect();
    absurd.send("newBlock", { block: head, td: 1n << 100n });
    expect(await absurd.ended).toMatchObject({ code: "ETHP_BAD_DIFFICULTY" });
    expect(setup.calls.filter((call) => call.startsWith("block"))).toEqual([]);
  });

  test("ET-06 after the merge whoever sends a block or its hash is dropped", async () => {
    const s = (setup = make({ chain: merged(world.chain), versions: [68, 69] }));
    expect(make({ chain: merged(world.chain) }).manager.protocols.map(({ version }) => version)).toEqual([
      69, 68,
    ]);
    for (const version of [68, 69] as const) {
      const one = await s.connect(version);
      one.send("newBlock", { block: head, td: 9n });
      expect(await one.ended).toMatchObject({ code: "ETHP_MERGED", disconnect: 0x02 });
      const two = await s.connect(version);
      two.send("newBlockHashes", announce(1));
      expect(await two.ended).toMatchObject({ code: "ETHP_MERGED", disconnect: 0x02 });
    }
  });

  test("while fast sync is on, blocks are not imported", async () => {
    const s = make({ chain: sealedWorld({ transactions: 1 }).chain, fastSync: true });
    await s.hooks().insert(head);
    expect([s.manager.chain.head.number, s.manager.acceptTxs]).toEqual([0, false]);
  });
});

describe("synchronising", () => {
  const ahead = { status: { td: 1_000n } };
  const syncs = () => setup.calls.filter((call) => call === "synchronise").length;

  test("at once with the fifth peer, every ten seconds with fewer, one at a time, and only with a heavier chain", async () => {
    for (let i = 0; i < 4; i++) await setup.connect();
    await setup.clock.advance(10_000);
    expect(syncs()).toBe(0); // nobody is ahead
    await setup.connect(68, ahead);
    expect(syncs()).toBe(1);
    await setup.connect(68, ahead);
    await setup.clock.advance(30_000);
    expect(syncs()).toBe(1);
    setup.sync.end?.resolve(head.header);
    await settled();
    await setup.clock.advance(10_000);
    expect([syncs(), setup.sync.mode]).toEqual([2, "full"]);
  });

  test("Trap 21: eth_syncing is an object from the start until the first one has ended, or nobody turns out to be ahead", async () => {
    const unknown = { startingBlock: 4, currentBlock: 4, highestBlock: 4 };
    expect(setup.manager.syncing).toEqual(unknown);
    await setup.clock.advance(60_000);
    expect(setup.manager.syncing).toEqual(unknown); // without a peer nothing is known
    await setup.connect(68, ahead);
    await setup.clock.advance(10_000);
    expect([syncs(), setup.manager.syncing]).toEqual([1, unknown]);
    setup.sync.end?.reject(new Error("no luck"));
    await settled();
    expect(setup.manager.syncing).toEqual(unknown);
    await setup.clock.advance(10_000);
    setup.sync.end?.resolve(head.header);
    await settled();
    expect(setup.manager.syncing).toBeUndefined();

    const level = (setup = make());
    await level.connect();
    expect(level.manager.syncing).toEqual(unknown);
    await level.clock.advance(10_000);
    expect([level.manager.syncing, level.manager.acceptTxs]).toEqual([undefined, false]);
    // one that seals, one that was given its chain, one that takes no peers
    for (const options of [{ acceptTxs: true }, { hasSynced: true }, { maxPeers: 0 }])
      expect(make(options).manager.syncing).toBeUndefined();
  });

  test("after it the head is announced, and fast sync is over", async () => {
    const fresh = sealedWorld({ transactions: 1 });
    const s = (setup = make({ chain: fresh.chain, fastSync: true }));
    const remote = await s.connect(68, ahead);
    await s.clock.advance(10_000);
    expect(s.sync.mode).toBe("fast");
    const block = await fresh.next();
    s.sync.end?.resolve(block.header);
    await settled();
    expect([s.manager.fastSync, s.manager.acceptTxs]).toEqual([false, true]);
    expect((await remote.drain()).map(({ name }) => name)).toEqual(["newBlockHashes"]);
  });

  test("a failed one is tried again", async () => {
    await setup.connect(68, ahead);
    await setup.clock.advance(10_000);
    setup.sync.end?.reject(new Error("no luck"));
    await setup.clock.advance(10_000);
    expect(syncs()).toBe(2);
    expect(setup.manager.acceptTxs).toBe(false);
  });
});

describe("after the merge, with no consensus layer", () => {
  const syncs = () => setup.calls.filter((call) => call === "synchronise").length;
  const range = (latest: number) => ({ range: { earliest: 0, latest }, head: new Uint8Array(32).fill(9) });
  beforeEach(() => {
    setup = make({ chain: merged(world.chain), versions: [69, 68] });
  });

  test("a peer with a higher head is followed at once, and when it tells of one", async () => {
    await setup.connect(69, { status: range(5) });
    expect(syncs()).toBe(1);
    setup.sync.end?.resolve(head.header);
    const other = await setup.connect(69);
    expect(syncs()).toBe(1);
    other.send("blockRangeUpdate", { earliest: 0, latest: 6, latestHash: new Uint8Array(32).fill(8) });
    await settled();
    expect(syncs()).toBe(2);
  });

  test("peers are asked for the block after ours; one that has it is followed, and nothing is announced", async () => {
    const remote = await setup.connect(68);
    await setup.clock.advance(2_000);
    const { body, reqId } = await remote.expect("getBlockHeaders");
    expect(body).toMatchObject({ origin: 5n, amount: 1n });
    const next = anyHeader({ number: 5, parentHash: head.header.hash });
    remote.send("blockHeaders", [next], reqId);
    await settled();
    expect([syncs(), [...setup.manager.peers][0]?.head.number]).toEqual([1, 5]);
    setup.sync.end?.resolve(head.header);
    await settled();
    setup.hooks().announce(head);
    setup.hooks().propagate(head);
    expect(await remote.drain()).toEqual([]);
  });

  test("a peer that has no more ends the waiting: eth_syncing is false; transactions are taken with the first merged block", async () => {
    const remote = await setup.connect(68);
    expect(setup.manager.acceptTxs).toBe(true);
    expect(make({ chain: merged(sealedWorld().chain), fastSync: true }).manager.acceptTxs).toBe(false);
    await setup.clock.advance(2_000);
    const { reqId } = await remote.expect("getBlockHeaders");
    remote.send("blockHeaders", [], reqId);
    await settled();
    expect([setup.manager.acceptTxs, setup.manager.syncing, syncs()]).toEqual([true, undefined, 0]);
  });

  test("four peers a round, one round at a time, and none while a cycle runs", async () => {
    const remotes = await Promise.all(Array.from({ length: 10 }, () => setup.connect(68)));
    await setup.clock.advance(2_000);
    expect(await told(remotes)).toEqual({ getBlockHeaders: 4 });
    await setup.clock.advance(2_000);
    expect(await told(remotes)).toEqual({});
    await setup.clock.advance(5_000); // their time is over
    await setup.clock.advance(2_000);
    expect(await told(remotes)).toEqual({ getBlockHeaders: 4 });
    await setup.clock.advance(5_000);
    await setup.connect(69, { status: range(5) });
    await told(remotes);
    await setup.clock.advance(10_000);
    expect([syncs(), await told(remotes)]).toEqual([1, {}]);
  });
});

test("eth/69 peers are told of the range when the head has moved by 32, or back", async () => {
  const own = sealedWorld({ transactions: 0 });
  const s = (setup = make({ chain: own.chain, versions: [69, 68] }));
  const remotes = [await s.connect(69), await s.connect(68)];
  for (let i = 0; i < 33; i++) await own.next(0);
  const got = await remotes[0]?.drain();
  expect(got?.map(({ name, body }) => [name, (body as { latest: number }).latest])).toEqual([
    ["blockRangeUpdate", 32],
  ]);
  expect(await told([remotes[1] as EthRemote])).toEqual({});
  await own.chain.setHead(3);
  expect((await remotes[0]?.drain())?.[0]?.body).toMatchObject({ earliest: 0, latest: 3 });
});

describe("stop", () => {
  test("ends sync, fetchers and peers, also those in their handshake, and leaves no timer", async () => {
    const peers = [await setup.connect(68, { status: { td: 1_000n } }), setup.dial()];
    await setup.clock.advance(3_000);
    await setup.clock.advance(7_000);
    const waiting = setup.dial();
    await setup.manager.stop();
    await setup.manager.stop();
    expect(await peers[0]?.ended).toMatchObject({ code: "ETHP_QUITTING", disconnect: 0x08 });
    expect(await waiting.ended).toMatchObject({ code: "ETHP_QUITTING" });
    expect(await setup.dial().ended).toMatchObject({ code: "ETHP_QUITTING" });
    expect(setup.calls).toContain("cancel");
    expect(setup.calls).toContain("stop blocks");
    expect(setup.calls).toContain("stop txs");
    expect([setup.clock.activeTimers, setup.manager.peers.size, setup.pool.txEvents.listenerCount]).toEqual([
      0, 0, 0,
    ]);
  });
});

/** The chain as if it had merged at its genesis. */
function merged(chain: BlockChain): BlockChain {
  return new Proxy(chain, {
    get(target, name) {
      if (name === "config") return { ...target.config, terminalTotalDifficulty: 0n };
      if (name === "head") return { ...target.head, difficulty: 0n };
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
