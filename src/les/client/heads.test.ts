import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Header, makeHeader } from "#core/types";
import { generateKey } from "#crypto";
import { signAnnounce } from "#les/protocol";
import { equalBytes } from "#util";
import { type SealedWorld, sealedWorld } from "../../../test/kit/chains.ts";
import { filledWorld, type LightWorld, lightWorld } from "../../../test/kit/light-world.ts";
import { type ScriptedServer, silence } from "../../../test/kit/scripted-server.ts";

let world: SealedWorld;
let light: LightWorld;

beforeAll(async () => {
  world = await filledWorld(24);
});
beforeEach(async () => {
  light = await lightWorld(world);
});
afterEach(async () => {
  await light[Symbol.asyncDispose]();
  expect(light.clock.activeTimers).toBe(0);
});

const blockAt = (number: number): Header => {
  const header = world.chain.headerByNumber(number);
  if (header === undefined) throw new Error(`no block ${number}`);
  return header;
};
const headNumber = () => light.headers.head.number;

describe("the handshake", () => {
  test("T17 an empty status names the first key that is missing", async () => {
    const server = light.serve({ keys: () => [] });
    await light.settle();
    expect(await server.ended.promise).toMatchObject({
      code: "LES_MISSING_KEY",
      data: { key: "protocolVersion" },
    });
  });

  test("T17 silence for 5 s ends it, and whoever listens is told why", async () => {
    const refused: string[] = [];
    using _ = light.client.refusedEvents.subscribe(({ error }) => refused.push(error.code));
    const silent = light.serve({ isMute: true });
    await light.clock.advance(4_999);
    let over = false;
    void silent.ended.promise.then(() => {
      over = true;
    });
    await light.settle();
    expect(over).toBe(false);
    await light.clock.advance(1);
    expect(await silent.ended.promise).toMatchObject({ code: "LES_HANDSHAKE_TIMEOUT", disconnect: 0x0b });
    expect(refused).toEqual(["LES_HANDSHAKE_TIMEOUT"]);
  });

  test("a sixth server is too many, unless it is trusted", async () => {
    for (let i = 0; i < 5; i++) light.serve();
    await light.settle();
    const sixth = light.serve();
    const trusted = light.serve({ isTrusted: true, name: "9" });
    await light.settle();
    expect(await sixth.ended.promise).toMatchObject({ code: "P2P_TOO_MANY_PEERS" });
    expect(light.client.serverCount).toBe(6);
    expect(trusted.disconnected).toBeUndefined();
  });

  test("strangers keep out each other, never a server that was named", async () => {
    for (let i = 0; i < 5; i++) light.serve({ isStatic: false });
    await light.settle();
    const stranger = light.serve({ isStatic: false });
    const named = light.serve({ name: "9" });
    await light.settle();
    expect(await stranger.ended.promise).toMatchObject({ code: "P2P_TOO_MANY_PEERS" });
    expect(named.disconnected).toBeUndefined();
    expect(light.client.servers().map(({ id }) => id)).toContain(named.id);
  });

  test("a second status ends the connection", async () => {
    const server = light.serve();
    await light.settle();
    server.send("status", server.status());
    await light.settle();
    expect(await server.ended.promise).toMatchObject({ code: "LES_EXTRA_STATUS" });
  });
});

describe("following heads", () => {
  test("the head in the status is fetched, then each one that is announced", async () => {
    const server = light.serve({ head: blockAt(20) });
    await light.settle();
    expect(headNumber()).toBe(20);
    expect(light.client.isSynced).toBe(true);
    server.announce(blockAt(22));
    await light.settle();
    expect(headNumber()).toBe(22);
    expect(server.requests.filter(({ name }) => name === "getBlockHeaders")).toHaveLength(2);
  });

  test("a reorg is followed, whatever depth the announcement names", async () => {
    const other = sealedWorld({ transactions: 2 });
    while (other.chain.head.number < 3) await other.seal(other.chain.head, [], "common");
    const fork = other.chain.head;
    let first = fork;
    for (let i = 0; i < 2; i++) first = (await other.seal(first, [], "one")).header;
    let second = fork;
    for (let i = 0; i < 4; i++) second = (await other.seal(second, [], "two")).header;
    await light[Symbol.asyncDispose]();
    light = await lightWorld(other);
    const server = light.serve({ head: first });
    await light.settle();
    expect(equalBytes(light.headers.head.hash, first.hash)).toBe(true);
    const removed: number[] = [];
    using _ = light.headers.headEvents.subscribe((event) =>
      removed.push(...event.removed.map(({ number }) => number)),
    );
    server.announce(second, { reorgDepth: 2n ** 64n - 1n });
    await light.settle();
    expect(equalBytes(light.headers.head.hash, second.hash)).toBe(true);
    expect(removed).toEqual([4, 5]);
  });

  test("an announcement of zeros changes parameters only", async () => {
    const server = light.serve({ head: blockAt(20) });
    await light.settle();
    const update = [
      { key: "flowControl/BL", value: Uint8Array.of(0x83, 1, 0, 0) },
      { key: "flowControl/MRR", value: Uint8Array.of(9) },
    ];
    server.send("announce", { hash: new Uint8Array(32), number: 0, td: 0n, reorgDepth: 0n, update });
    await light.settle();
    expect(light.client.servers()[0]?.buffer.limit).toBe(65_536);
    expect(headNumber()).toBe(20);
  });

  test("a head nobody serves: after three the server is useless", async () => {
    const server = light.serve({ head: blockAt(19), scripts: { getBlockHeaders: () => [] } });
    await light.settle();
    expect(headNumber()).toBe(0);
    expect(light.client.isSynced).toBe(false);
    server.announce(blockAt(20));
    await light.settle();
    server.announce(blockAt(21));
    await light.settle();
    expect(server.disconnected).toBe("uselessPeer");
  });

  test("the best of several heads wins; one that dies in mid-sync is replaced by another", async () => {
    const dying = light.serve({ head: blockAt(24), scripts: { getBlockHeaders: () => silence } });
    await light.settle();
    const other = light.serve({ head: blockAt(22) });
    dying.kill();
    await light.settle();
    expect(headNumber()).toBe(22);
    expect(other.disconnected).toBeUndefined();
  });
});

/** What the first server does wrong; it must be dropped, and the honest one followed. */
const headLies: [string, (server: ScriptedServer) => void][] = [
  ["a total difficulty that does not rise", (server) => server.announce(blockAt(19))],
  ["a wrong total difficulty", (server) => server.announce(blockAt(22), { td: 10_000n })],
  ["a wrong number", (server) => server.announce(blockAt(22), { number: 23 })],
  ["a number far ahead", (server) => server.announce(blockAt(22), { number: 2 ** 40 })],
  ["a total difficulty above 2^100", (server) => server.announce(blockAt(22), { td: 1n << 100n })],
];

describe("LE-05 lies about heads", () => {
  test.each(headLies)("%s: the server is dropped, the honest one is followed", async (_, lie) => {
    const liar = light.serve({ head: blockAt(20) });
    await light.settle();
    lie(liar);
    await light.settle();
    expect(liar.disconnected).toBe("subprotocol");
    const honest = light.serve({ name: "7" });
    await light.settle();
    expect(headNumber()).toBe(24);
    expect(honest.disconnected).toBeUndefined();
  });

  test("a header of somebody else's making is not taken", async () => {
    const forged = makeHeader({ ...blockAt(21), gasUsed: 1n });
    const liar = light.serve({ head: blockAt(20) });
    await light.settle();
    liar.scripts.getBlockHeaders = () => [forged];
    liar.send("announce", { hash: forged.hash, number: 21, td: 10_000n, reorgDepth: 0n, update: [] });
    await light.settle();
    expect(liar.disconnected).toBe("subprotocol");
    expect(headNumber()).toBe(20);
  });

  test.each<[string, (ask: never, honest: () => never) => unknown]>([
    ["headers of another place", () => [blockAt(5)]],
    ["headers in the wrong order", (_, honest) => [...(honest() as Header[])].reverse()],
    ["more headers than asked for", (_, honest) => [...(honest() as Header[]), blockAt(1)]],
  ])("%s", async (_, getBlockHeaders) => {
    const liar = light.serve({ scripts: { getBlockHeaders } });
    await light.settle();
    expect(liar.disconnected).toBe("subprotocol");
    expect(headNumber()).toBe(0);
    light.serve({ name: "7" });
    await light.settle();
    expect(headNumber()).toBe(24);
  });

  test("a trusted server must sign: its own key, or it goes", async () => {
    const server = light.serve({ head: blockAt(20), isTrusted: true });
    await light.settle();
    const td = world.chain.td(blockAt(21).hash) ?? 0n;
    const announce = { hash: blockAt(21).hash, number: 21, td, reorgDepth: 0n, update: [] };
    server.send("announce", signAnnounce(announce, generateKey()));
    await light.settle();
    expect(await server.ended.promise).toMatchObject({ code: "LES_BAD_SIGNATURE" });
    const unsigned = light.serve({ head: blockAt(20), isTrusted: true, name: "6" });
    await light.settle();
    unsigned.announce(blockAt(21));
    await light.settle();
    expect(await unsigned.ended.promise).toMatchObject({ code: "LES_MISSING_KEY" });
  });

  test("updates beyond 100 kB at once are refused", async () => {
    const server = light.serve({ head: blockAt(20) });
    await light.settle();
    const value = new Uint8Array(60_000);
    value.set([0xb9, 0xea, 0x5d]);
    for (const number of [21, 22]) server.announce(blockAt(number), { update: [{ key: "x", value }] });
    await light.settle();
    expect(await server.ended.promise).toMatchObject({ code: "LES_UPDATE_TOO_LARGE" });
  });
});

test("long gaps go forward by number, 192 headers a request, several in flight, and end at the head", async () => {
  const long = sealedWorld({ transactions: 0 });
  while (long.chain.head.number < 700) await long.seal(long.chain.head, []);
  await light[Symbol.asyncDispose]();
  light = await lightWorld(long);
  const server = light.serve({ delayMs: 10 });
  await light.clock.advance(5);
  expect(light.client.progress).toMatchObject({ startingBlock: 0, highestBlock: 700 });
  await light.clock.advance(100);
  expect(headNumber()).toBe(700);
  expect(light.client.progress).toBeUndefined();
  expect(server.requests.filter(({ name }) => name === "getBlockHeaders")).toHaveLength(4);
});
