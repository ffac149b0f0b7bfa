import { beforeAll, describe, expect, test } from "vitest";
import { Clique } from "#consensus/clique";
import { BlockChain, exportChain, importChain } from "#core";
import { memoryStore } from "#ethdb";
import { LesServer } from "#les";
import { type KeyValue, type LesVersion, lesVersions, serverStatusEntries } from "#les/protocol";
import type { ServiceContext } from "#node";
import type { SealedWorld } from "../../../test/kit/chains.ts";
import { LesWorld, type LesWorldOptions, type PipeClient } from "../../../test/kit/les-pipe.ts";
import { filledWorld } from "../../../test/kit/light-world.ts";

let world: SealedWorld;
beforeAll(async () => {
  world = await filledWorld();
});

const serve = (options: Omit<LesWorldOptions, "chain"> = {}) =>
  new LesWorld({ chain: world.chain, ...options });
const without = (entries: readonly KeyValue[], key: string) => entries.filter((entry) => entry.key !== key);
const withValue = (entries: readonly KeyValue[], key: string, value: Uint8Array) => [
  ...without(entries, key),
  { key, value },
];

/** Both statuses are sent; resolves with what the server ended with. */
async function refusal(client: PipeClient, entries: readonly KeyValue[]): Promise<unknown> {
  client.send("status", entries);
  return await client.ended;
}

test("a pruned chain promises its recent states: a few fewer than are here", async () => {
  const { spec } = world;
  const db = memoryStore();
  const clock = { unixSeconds: () => spec.timestamp + 1_000_000_000, now: () => 0, sleep: async () => {} };
  const open = () => {
    const { clique } = spec.config;
    if (clique === undefined) throw new TypeError("no clique chain");
    return new BlockChain({ db, genesis: spec, engine: new Clique(clique, db), clock, gcMode: "full" });
  };
  const promised = async (chain: BlockChain, recentState?: number) => {
    const client = new LesWorld({ chain, recentState }).dial({ version: 4 });
    const status = client.readStatus((await client.nextBody("status")) as KeyValue[]);
    return [status.serveStateSince, status.serveRecentState];
  };
  const chain = open();
  await importChain(chain, exportChain(world.chain));
  expect(await promised(chain)).toEqual([0, 124]);
  expect(await promised(chain, 10)).toEqual([0, 10]);
  // after a start only the last states are here, and old ones that were written
  expect(await promised(open())).toEqual([0, 1]);
});

describe.each(lesVersions)("the handshake of les/%i", (version: LesVersion) => {
  test("statuses cross: the server's comes first and a client takes it", async () => {
    const les = serve();
    const client = les.dial({ version });
    const status = client.readStatus((await client.nextBody("status")) as KeyValue[]);
    const { head } = world.chain;
    expect(status).toMatchObject({
      protocolVersion: version,
      headNumber: head.number,
      headHash: head.hash,
      headTd: world.chain.td(head.hash),
      serveChainSince: 0,
      serveStateSince: 0,
      serveRecentState: 0,
      txRelay: true,
      bufferLimit: 300_000_000,
      minRecharge: 50_000,
    });
    expect(status.forkId === undefined).toBe(version < 4);
    // geth's prices: twice its averages
    expect(status.costs.getProofsV2).toEqual({ base: 0, perItem: 1_200_000 });
    client.send("status", client.status());
    expect((await client.request("getTxStatus", [])).name).toBe("txStatus");
  });

  const keys = ["protocolVersion", "networkId", "headTd", "headHash", "headNum", "genesisHash"];
  test.each(version >= 4 ? [...keys, "forkID"] : keys)(
    "T17 a status without %s is refused (0x10)",
    async (key) => {
      const client = serve().dial({ version });
      expect(await refusal(client, without(client.status(), key))).toMatchObject({
        code: "LES_MISSING_KEY",
        data: { key },
        disconnect: 0x10,
      });
    },
  );

  test.each(keys)("T17 a status with a list as %s is refused (0x10)", async (key) => {
    const client = serve().dial({ version });
    expect(await refusal(client, withValue(client.status(), key, Uint8Array.of(0xc1, 0x01)))).toMatchObject({
      code: "LES_BAD_KEY",
      data: { key },
      disconnect: 0x10,
    });
  });

  test("T17 without an announceType, or with one nobody knows, a client is told of heads", async () => {
    const les = serve();
    for (const entries of [
      (client: PipeClient) => without(client.status(), "announceType"),
      (client: PipeClient) => withValue(client.status(), "announceType", Uint8Array.of(0x07)),
      (client: PipeClient) => withValue(client.status(), "announceType", Uint8Array.of(0xc0)),
    ]) {
      const client = les.dial({ version });
      client.send("status", entries(client));
      await client.next();
      client.send("getTxStatus", []);
      await client.next();
      expect(client.connection).toBeDefined();
    }
  });

  test.each([
    ["another genesis", { genesisHash: new Uint8Array(32).fill(7) }, "LES_GENESIS_MISMATCH"],
    ["another network", { networkId: 7n }, "LES_NETWORK_MISMATCH"],
  ] as const)("%s is refused (0x10)", async (_, changes, code) => {
    const client = serve().dial({ version });
    expect(await refusal(client, client.status(changes))).toMatchObject({ code, disconnect: 0x10 });
  });

  test("the version that was agreed on must be named (0x10)", async () => {
    const client = serve().dial({ version });
    const entries = withValue(client.status(), "protocolVersion", Uint8Array.of(version - 1));
    expect(await refusal(client, entries)).toMatchObject({ code: "LES_VERSION_MISMATCH", disconnect: 0x10 });
  });

  test("a client that is silent for 5 s is let go (0x0b), and not a moment before", async () => {
    const les = serve();
    const client = les.dial({ version });
    await les.clock.advance(4_999);
    expect(client.isOver).toBe(false);
    await les.clock.advance(1);
    expect(await client.ended).toMatchObject({ code: "LES_HANDSHAKE_TIMEOUT", disconnect: 0x0b });
    expect(les.clock.activeTimers).toBe(0);
  });

  test("a first message that is no status is refused (0x10)", async () => {
    const client = serve().dial({ version });
    client.send("getTxStatus", []);
    expect(await client.ended).toMatchObject({
      code: "LES_NO_STATUS",
      data: { code: 0x14 },
      disconnect: 0x10,
    });
  });

  test("a second status is refused (0x10)", async () => {
    const client = await serve().connect({ version });
    expect(await refusal(client, client.status())).toMatchObject({
      code: "LES_EXTRA_STATUS",
      disconnect: 0x10,
    });
  });

  test.each([
    "announce",
    "blockHeaders",
    "blockBodies",
    "receipts",
    "code",
    "proofsV2",
    "helperTrieProofs",
    "txStatus",
  ])("a %s, which only servers send, breaks the protocol (0x02)", async (name) => {
    const client = await serve().connect({ version });
    const { code } = client.table.messages[name as "announce"];
    client.sendRaw(code, name === "announce" ? Uint8Array.of(0xc0) : Uint8Array.of(0xc3, 0x01, 0x80, 0xc0));
    expect(await client.ended).toMatchObject({ code: "LES_INVALID_CODE", data: { code }, disconnect: 0x02 });
  });

  test.each([0x08, 0x09, 0x0c, 0x0d, 0x0e])(
    "code 0x%s of les/1, which nobody speaks, breaks the protocol",
    async (code) => {
      const client = await serve().connect({ version });
      client.sendRaw(code, Uint8Array.of(0xc2, 0x01, 0xc0));
      expect(await client.ended).toMatchObject({
        code: "P2P_UNKNOWN_CODE",
        data: { code },
        disconnect: 0x02,
      });
    },
  );
});

test("stop and resume are the server's to send (0x02)", async () => {
  for (const [code, payload] of [
    [0x16, Uint8Array.of(0xc0)],
    [0x17, Uint8Array.of(0x01)],
  ] as const) {
    const client = await serve().connect();
    client.sendRaw(code, payload);
    expect(await client.ended).toMatchObject({ code: "LES_INVALID_CODE", data: { code }, disconnect: 0x02 });
  }
});

test("T17 another server keeps its connection, takes no place, and has nothing to say", async () => {
  const les = serve({ lightPeers: 0 });
  const other = les.dial();
  const { chain } = world;
  const status = other.readStatus((await other.nextBody("status")) as KeyValue[]);
  other.send("status", serverStatusEntries(status));
  await les.clock.advance(60_000);
  expect(other.isOver).toBe(false);
  expect(les.server.clients.size).toBe(0);
  other.send("getBlockBodies", [chain.head.hash]);
  expect(await other.ended).toMatchObject({ code: "LES_INVALID_CODE", disconnect: 0x02 });
});

describe("admission", () => {
  const full = { code: "P2P_TOO_MANY_PEERS", disconnect: 0x04 };

  test.each([0, 1, 3])("lightPeers %i: so many clients, one more is too many (0x04)", async (lightPeers) => {
    const les = serve({ lightPeers });
    const clients: PipeClient[] = [];
    for (let i = 0; i < lightPeers; i++) clients.push(await les.connect());
    const oneMore = await les.connect();
    expect(await oneMore.ended).toMatchObject(full);
    expect(les.server.clients.size).toBe(lightPeers);
    for (const client of clients) expect((await client.request("getTxStatus", [])).name).toBe("txStatus");
    // a place that gets free is taken
    const [first] = clients;
    if (first === undefined) return;
    first.close();
    await first.ended;
    const next = await les.connect();
    expect((await next.request("getTxStatus", [])).name).toBe("txStatus");
  });

  test("a trusted client passes every cap and takes nobody's place", async () => {
    const les = serve({ lightPeers: 1 });
    for (let i = 0; i < 3; i++) {
      const trusted = await les.connect({ isTrusted: true, remoteAddress: "198.51.100.7:30303" });
      expect((await trusted.request("getTxStatus", [])).name).toBe("txStatus");
    }
    const client = await les.connect();
    expect((await client.request("getTxStatus", [])).name).toBe("txStatus");
  });

  test.each([
    ["198.51.100.7:1", "198.51.100.7:2"],
    ["[2001:db8::7]:1", "[2001:db8::7]:2"],
  ])("one client per address: %s, then %s (0x04)", async (one, two) => {
    const les = serve();
    const first = await les.connect({ remoteAddress: one });
    expect(await (await les.connect({ remoteAddress: two })).ended).toMatchObject(full);
    expect(
      (await (await les.connect({ remoteAddress: "198.51.100.8:1" })).request("getTxStatus", [])).name,
    ).toBe("txStatus");
    first.close();
    await first.ended;
    const again = await les.connect({ remoteAddress: two });
    expect((await again.request("getTxStatus", [])).name).toBe("txStatus");
  });

  test.each(["127.0.0.1", "[::1]", "10.1.2.3", "192.168.1.1"])(
    "clients of %s are told apart by their node id",
    async (address) => {
      const les = serve();
      for (let i = 1; i <= 3; i++) {
        const client = await les.connect({ remoteAddress: `${address}:${i}` });
        expect((await client.request("getTxStatus", [])).name).toBe("txStatus");
      }
      expect(les.server.clients.size).toBe(3);
    },
  );
});

test("the end of the server is the end of its clients (0x08), and whoever comes then is refused", async () => {
  const les = serve();
  const client = await les.connect();
  client.send("getTxStatus", []);
  await client.next();
  les.server.stop();
  expect(client.disconnected).toBe("quitting");
  await client.ended;
  expect(les.server.clients.size).toBe(0);
  expect(les.clock.activeTimers).toBe(0);
});

test.each([
  [{ lightServ: 0 }, "lightServ"],
  [{ lightServ: 101 }, "lightServ"],
  [{ lightServ: Number.NaN }, "lightServ"],
  [{ lightPeers: -1 }, "lightPeers"],
  [{ lightPeers: 1.5 }, "lightPeers"],
  [{ flow: { bufferLimit: 0, minRecharge: 1 } }, "flow"],
  [{ flow: { bufferLimit: 1, minRecharge: 0.5 } }, "flow"],
] as const)("the option %o cannot be", (options, named) => {
  const context = {} as ServiceContext; // refused before it is read
  expect(() => new LesServer(context, { ...options, eth: {} as never })).toThrow(named);
});

test("Trap 29: lightServ 100 and lightPeers 0 are ordinary values", () => {
  expect(serve({ lightServ: 100, lightPeers: 0 }).server.options).toMatchObject({
    lightServ: 100,
    lightPeers: 0,
  });
});
