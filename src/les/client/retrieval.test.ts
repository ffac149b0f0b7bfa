import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { emptyCodeHash } from "#core/types";
import { keccak256 } from "#crypto";
import { memoryStore } from "#ethdb";
import { LightError, Odr, RetrievedCache } from "#light";
import { concatBytes, equalBytes, numberToBytes } from "#util";
import { filledAccount, type SealedWorld, stateContract } from "../../../test/kit/chains.ts";
import { filledWorld, type LightWorld, lightWorld } from "../../../test/kit/light-world.ts";
import { silence } from "../../../test/kit/scripted-server.ts";
import { clientLimits } from "./limits.ts";

let world: SealedWorld;
let light: LightWorld;

beforeAll(async () => {
  world = await filledWorld();
});
afterEach(async () => {
  await light[Symbol.asyncDispose]();
  expect(light.clock.activeTimers).toBe(0);
});

const slot = (i: number) => numberToBytes(i, 32);
/** A light world whose chain has reached the head, over servers made by `connect`. */
async function synced(connect: (light: LightWorld) => void): Promise<LightWorld> {
  light = await lightWorld(world);
  connect(light);
  await light.clock.advance(50);
  expect(light.headers.head.number).toBe(world.chain.head.number);
  return light;
}
const balanceOf = async (i: number) =>
  (await light.odr.account(light.headers.head, filledAccount(i)))?.balance;

describe("T19 retrieval with scripted servers", () => {
  test("a prompt server is the only one asked", async () => {
    const servers: ReturnType<LightWorld["serve"]>[] = [];
    await synced((it) => servers.push(it.serve(), it.serve()));
    expect(await balanceOf(3)).toBe(1n);
    expect(servers[0]?.count("getProofsV2")).toBe(servers[1]?.count("getProofsV2") === 0 ? 1 : 0);
  });

  test("none: an error at once, and no timer is left", async () => {
    light = await lightWorld(world);
    await expect(balanceOf(3)).rejects.toMatchObject({ code: "LIGHT_NO_SERVER", rpcCode: -32000 });
  });

  test("soft: 500 ms without an answer, and another server is asked as well", async () => {
    await synced((it) => it.serve({ scripts: { getProofsV2: () => silence } }));
    const asked = balanceOf(3);
    await light.clock.advance(499);
    const second = light.serve();
    await light.clock.advance(0);
    expect(second.count("getProofsV2")).toBe(0);
    await light.clock.advance(1);
    expect(second.count("getProofsV2")).toBe(1);
    expect(await asked).toBe(1n);
  });

  test("late: a reply after the soft timeout still counts, whoever else was asked", async () => {
    let slow: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      slow = it.serve();
    });
    slow?.script("getProofsV2", { delayMs: 600 });
    const read = balanceOf(3);
    await light.settle();
    const second = light.serve({ name: "9", scripts: { getProofsV2: () => silence } });
    await light.clock.advance(599);
    expect(second.count("getProofsV2")).toBe(1);
    await light.clock.advance(1);
    expect(await read).toBe(1n);
    expect(light.client.servers().map((server) => server.badReplies)).toEqual([0, 0]);
    // what the second owes it is still waited for: 10 s, then it is dropped
    await light.clock.advance(10_500);
    expect(second.disconnected).toBe("readTimeout");
  });

  test("hard: 10 s after the soft timeout the silent server is dropped, and the read fails if it was the only one", async () => {
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      server = it.serve({ scripts: { getProofsV2: () => silence } });
    });
    const failing = expect(balanceOf(3)).rejects.toMatchObject({
      code: "LIGHT_NO_VERIFIED_ANSWER",
      data: { what: "account", asked: 1 },
    });
    await light.clock.advance(clientLimits.softTimeoutMs + clientLimits.hardTimeoutMs - 1);
    expect(server?.disconnected).toBeUndefined();
    await light.clock.advance(1);
    expect(server?.disconnected).toBe("readTimeout");
    await failing;
  });

  test("each server is asked once for the same thing", async () => {
    const servers: ReturnType<LightWorld["serve"]>[] = [];
    await synced((it) => {
      for (let i = 0; i < 3; i++) servers.push(it.serve({ scripts: { getProofsV2: () => [] } }));
    });
    await expect(balanceOf(3)).rejects.toMatchObject({
      code: "LIGHT_NO_VERIFIED_ANSWER",
      data: { asked: 3 },
    });
    expect(servers.map((server) => server.count("getProofsV2"))).toEqual([1, 1, 1]);
  });

  test("a caller that gives up gets its own reason; the answer that comes later harms nobody", async () => {
    await synced((it) => it.serve().script("getProofsV2", { delayMs: 100 }));
    const mine = new AbortController();
    const read = Promise.resolve(
      light.odr.account(light.headers.head, filledAccount(5), { signal: mine.signal }),
    );
    const gone = expect(read).rejects.toThrow("enough");
    await light.clock.advance(10);
    mine.abort(new Error("enough"));
    await gone;
    await light.clock.advance(200);
    expect(await balanceOf(5)).toBe(1n);
    expect(light.client.servers()[0]).toMatchObject({ badReplies: 0, replies: expect.any(Number) });
  });

  test("a server that dies in mid-read loses nothing: the other is asked", async () => {
    await synced((it) => it.serve({ scripts: { getProofsV2: () => silence } }));
    const reads = Promise.all([1, 2, 3].map(balanceOf));
    await light.settle();
    const [first] = light.client.servers();
    const other = light.serve();
    await light.settle();
    expect(other.count("getProofsV2")).toBe(0);
    expect(first?.id).not.toBe(other.id);
    await light.clock.advance(500);
    expect(await reads).toEqual([1n, 1n, 1n]);
  });
});

describe("a server that lags behind", () => {
  const headerAt = (number: number) => {
    const header = world.chain.headerByNumber(number);
    if (header === undefined) throw new Error(`no block ${number}`);
    return header;
  };

  test("is waited for when nobody else has the block, and asked as soon as it has it", async () => {
    let ahead: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      ahead = it.serve();
    });
    const behind = light.serve({ head: headerAt(22) });
    await light.settle();
    ahead?.kill();
    await light.settle();
    const read = balanceOf(3);
    await light.clock.advance(clientLimits.lagMs - 1);
    behind.announce(headerAt(24));
    await light.settle();
    expect(await read).toBe(1n);
  });

  test("for two seconds, then the read fails and names the block", async () => {
    let ahead: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      ahead = it.serve();
    });
    light.serve({ head: headerAt(22) });
    await light.settle();
    ahead?.kill();
    await light.settle();
    const failed = expect(balanceOf(3)).rejects.toMatchObject({
      code: "LIGHT_NO_SUITABLE_SERVER",
      data: { what: "account", block: 24 },
    });
    await light.clock.advance(clientLimits.lagMs);
    await failed;
  });

  test("for two seconds again, after a server that had the block lied: no read waits for ever", async () => {
    let ahead: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      ahead = it.serve();
    });
    const behind = light.serve({ head: headerAt(22) });
    await light.settle();
    ahead?.kill();
    await light.settle();
    let outcome: unknown;
    void Promise.resolve(balanceOf(3)).catch((error: unknown) => {
      outcome = error;
    });
    await light.clock.advance(1_000);
    const liar = light.serve({ name: "9", scripts: { getProofsV2: () => [new Uint8Array([0xc0])] } });
    await light.settle();
    expect(liar.count("getProofsV2")).toBe(1);
    expect(behind.disconnected).toBeUndefined();
    await light.clock.advance(clientLimits.lagMs);
    expect(outcome).toMatchObject({ code: "LIGHT_NO_VERIFIED_ANSWER" });
  });
});

test("more reads than may wait are refused as busy, and the rest is answered", async () => {
  await synced((it) => it.serve().script("getProofsV2", { delayMs: 10 }));
  const keys = Array.from({ length: clientLimits.pending + 1 }, (_, i) =>
    keccak256(numberToBytes(i, 4)).slice(12),
  );
  const reads = Promise.allSettled(
    keys.map((key) => Promise.resolve(light.odr.account(light.headers.head, key))),
  );
  await light.clock.advance(60_000);
  const failed = (await reads).filter((result) => result.status === "rejected");
  expect(failed).toMatchObject([{ reason: { code: "LIGHT_BUSY", rpcCode: -32005 } }]);
});

describe("merging", () => {
  test("64 reads of one tick go out in one message; the rest follow, and every value is right", async () => {
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      server = it.serve({ delayMs: 5 });
    });
    const reads = Promise.all(Array.from({ length: 150 }, (_, i) => balanceOf(i)));
    await light.clock.advance(40);
    expect(await reads).toEqual(Array.from({ length: 150 }, () => 1n));
    const sizes =
      server?.requests.filter(({ name }) => name === "getProofsV2").map(({ items }) => items) ?? [];
    expect(Math.max(...sizes)).toBe(64);
    expect(sizes.length).toBeLessThanOrEqual(4);
  });

  test("what is known already is not asked for again", async () => {
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      server = it.serve();
    });
    await balanceOf(1);
    await balanceOf(1);
    expect(server?.count("getProofsV2")).toBe(1);
  });

  test("equal reads at the same time share one request", async () => {
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      server = it.serve({ delayMs: 5 });
    });
    const reads = Promise.all([balanceOf(1), balanceOf(1), balanceOf(1)]);
    await light.clock.advance(10);
    expect(await reads).toEqual([1n, 1n, 1n]);
    expect(server?.requests.filter(({ name }) => name === "getProofsV2").map(({ items }) => items)).toEqual([
      1,
    ]);
  });
});

test("stop in mid-read: what waits ends with LIGHT_STOPPED, and stop does not hang", async () => {
  await synced((it) => it.serve({ scripts: { getProofsV2: () => silence } }));
  const stopped = expect(balanceOf(3)).rejects.toMatchObject({ code: "LIGHT_STOPPED" });
  await light.settle();
  await light.client.stop();
  await stopped;
  await expect(balanceOf(4)).rejects.toMatchObject({ code: "LIGHT_STOPPED" });
});

describe("flow control", () => {
  test("LE-04 a small buffer is not overrun: the rest waits for its recharge", async () => {
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      // room for ten proofs; replies say that it is as empty as it may be
      server = it.serve({ status: { bufferLimit: 12_000_000, minRecharge: 6_000 }, bufferValue: () => 0n });
    });
    const reads = Promise.all(Array.from({ length: 30 }, (_, i) => balanceOf(i)));
    await light.clock.advance(10);
    const sent = () =>
      server?.requests
        .filter(({ name }) => name === "getProofsV2")
        .reduce((sum, { items }) => sum + items, 0) ?? 0;
    expect(sent()).toBeLessThanOrEqual(20);
    await light.clock.advance(10_000);
    expect(await reads).toHaveLength(30);
    expect(sent()).toBe(30);
  });

  test("stop cancels what is in flight; resume lets it be asked of the same server again", async () => {
    let isSilent = true;
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      server = it.serve({ scripts: { getProofsV2: (_, honest) => (isSilent ? silence : honest()) } });
    });
    const read = balanceOf(7);
    await light.settle();
    server?.send("stop", undefined);
    await light.settle();
    expect(light.client.servers()[0]?.isFrozen).toBe(true);
    isSilent = false;
    await light.clock.advance(3_000);
    expect(server?.count("getProofsV2")).toBe(1);
    server?.send("resume", 100_000_000n);
    await light.settle();
    expect(await read).toBe(1n);
    expect(server?.count("getProofsV2")).toBe(2);
  });

  test("a server that stops us and never resumes is dropped after 10 s", async () => {
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      server = it.serve();
    });
    server?.send("stop", undefined);
    await light.clock.advance(clientLimits.frozenMs);
    expect(server?.disconnected).toBe("readTimeout");
  });
});

/** Each lie: what the first server does, and the read that meets it. A second, honest server is there. */
const lies: [string, Parameters<LightWorld["serve"]>[0], () => Promise<unknown>, unknown][] = [
  [
    "a node with one bit changed",
    {
      scripts: { getProofsV2: (_: never, honest: () => Uint8Array[]) => honest().map(flipLastBit) } as never,
    },
    () => balanceOf(3),
    1n,
  ],
  [
    "a missing node",
    { scripts: { getProofsV2: (_: never, honest: () => Uint8Array[]) => honest().slice(0, -1) } as never },
    () => balanceOf(3),
    1n,
  ],
  [
    "a node too many",
    { scripts: { getProofsV2: (_: never, honest: () => Uint8Array[]) => [...honest(), extraNode] } as never },
    () => balanceOf(3),
    1n,
  ],
  [
    "a node twice",
    {
      scripts: {
        getProofsV2: (_: never, honest: () => Uint8Array[]) => [...honest(), ...honest().slice(-1)],
      } as never,
    },
    () => balanceOf(3),
    1n,
  ],
];
const extraNode = Uint8Array.of(0xc2, 0x80, 0x80);
function flipLastBit(node: Uint8Array): Uint8Array {
  const copy = node.slice();
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
}

describe("LE-08 lies in proofs", () => {
  test.each(lies)(
    "%s: the server is dropped, the next one asked, the value is right",
    async (_, options, read, value) => {
      let liar: ReturnType<LightWorld["serve"]> | undefined;
      await synced((it) => {
        liar = it.serve(options);
      });
      const asked = read();
      const honest = light.serve({ name: "7" });
      await light.settle();
      expect(await asked).toBe(value);
      expect(liar?.disconnected).toBe("subprotocol");
      expect(honest.disconnected).toBeUndefined();
      expect(light.client.counters.lies).toBe(1);
    },
  );

  test("the proof of another key", async () => {
    let liar: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      liar = it.serve();
      const server = liar;
      server.scripts.getProofsV2 = (ask: { key: Uint8Array }[]) =>
        server.honest(
          "getProofsV2",
          ask.map((query) => ({ ...query, key: keccak256(filledAccount(100)) })),
        );
    });
    const asked = balanceOf(3);
    light.serve({ name: "7" });
    await light.settle();
    expect(await asked).toBe(1n);
    expect(liar?.disconnected).toBe("subprotocol");
  });

  test.each([
    ["body", "getBlockBodies"],
    ["receipts", "getReceipts"],
  ] as const)("the %s of another block", async (what, message) => {
    const other = () => world.chain.headerByNumber(2)?.hash ?? new Uint8Array(32);
    let liar: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      const server = it.serve();
      liar = server;
      server.scripts[message] = () => server.honest(message, [other()]);
    });
    const header = light.headers.headerByNumber(9);
    if (header === undefined) throw new Error("no block 9");
    const asked = what === "body" ? light.odr.body(header) : light.odr.receipts(header);
    light.serve({ name: "7" });
    await light.settle();
    const [answer, truth] = [
      await asked,
      what === "body" ? world.chain.body(header) : world.chain.receipts(header),
    ];
    expect(answer).toEqual(truth);
    expect(liar?.disconnected).toBe("subprotocol");
  });

  test("code with another hash", async () => {
    let liar: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      liar = it.serve({ scripts: { getCode: () => [Uint8Array.of(0x60, 0x00)] } });
    });
    const account = await light.odr.account(light.headers.head, stateContract);
    const codeHash = account?.codeHash ?? emptyCodeHash;
    const asked = Promise.resolve(light.odr.code(light.headers.head, stateContract, codeHash));
    light.serve({ name: "7" });
    await light.settle();
    expect(equalBytes(keccak256(await asked), codeHash)).toBe(true);
    expect(liar?.disconnected).toBe("subprotocol");
  });

  test("a reply that does not decode ends the connection", async () => {
    let liar: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      liar = it.serve({ scripts: { getBlockBodies: () => silence } });
    });
    const header = light.headers.headerByNumber(9);
    if (header === undefined) throw new Error("no block 9");
    const asked = Promise.resolve(light.odr.body(header));
    await light.settle();
    const reqId = liar?.requests.at(-1)?.reqId ?? 0n;
    light.serve({ name: "7" });
    await light.settle();
    liar?.sendRaw(0x05, concatBytes(Uint8Array.of(0xc4, Number(reqId), 0x80, 0xc1, 0x01)));
    await light.settle();
    expect((await asked).transactions.length).toBe(2);
    expect(await liar?.ended.promise).toMatchObject({ blame: "peer" });
  });

  test("storage of an absent account's slot is proven absent, not asked for", async () => {
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      server = it.serve();
    });
    const reader = light.odr.stateReader(light.headers.head);
    expect(await reader.account(filledAccount(5_000))).toBeUndefined();
    expect(await reader.storage(filledAccount(5_000), slot(1))).toHaveLength(0);
    expect(server?.count("getProofsV2")).toBe(1);
  });
});

test("LE-09 all servers lie in the same way: the read fails, and says so", async () => {
  const servers: ReturnType<LightWorld["serve"]>[] = [];
  await synced((it) => {
    for (let i = 0; i < 3; i++)
      servers.push(
        it.serve({
          scripts: {
            getProofsV2: (_: never, honest: () => Uint8Array[]) => honest().map(flipLastBit),
          } as never,
        }),
      );
  });
  const error = await balanceOf(3).catch((it: unknown) => it);
  expect(LightError.is(error, "NO_VERIFIED_ANSWER")).toBe(true);
  expect(servers.every((server) => server.disconnected === "subprotocol")).toBe(true);
  await expect(balanceOf(3)).rejects.toMatchObject({ code: "LIGHT_NO_SERVER" });
});

test("LE-08 a server that lied is refused when it comes back", async () => {
  const lie = { getProofsV2: (_: never, honest: () => never) => (honest() as Uint8Array[]).map(flipLastBit) };
  await synced((it) => it.serve({ scripts: lie }));
  await expect(balanceOf(3)).rejects.toMatchObject({ code: "LIGHT_NO_VERIFIED_ANSWER" });
  const again = light.serve({ name: "a" });
  await light.settle();
  expect(await again.ended.promise).toMatchObject({ code: "LES_USELESS_PEER" });
});

describe("unasked replies", () => {
  test("doubled and unasked ones are counted; the 51st drops the server", async () => {
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      server = it.serve();
    });
    await balanceOf(1);
    for (let i = 0; i < 50; i++)
      server?.send("proofsV2", [], { reqId: BigInt(i % 2 === 0 ? 2 : 9_999), bv: 0n });
    await light.settle();
    expect(light.client.servers()[0]?.badReplies).toBe(50);
    server?.send("proofsV2", [], { reqId: 2n ** 64n - 1n, bv: 0n });
    await light.settle();
    expect(await server?.ended.promise).toMatchObject({ code: "LES_TOO_MANY_BAD_RESPONSES" });
  });

  test("a reply of another kind than was asked is no answer", async () => {
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      server = it.serve({ scripts: { getProofsV2: () => silence } });
    });
    const read = balanceOf(4);
    await light.settle();
    server?.send("code", [], { reqId: server.requests.at(-1)?.reqId ?? 0n, bv: 0n });
    await light.settle();
    expect(light.client.servers()[0]?.badReplies).toBe(1);
    light.serve({ name: "7" });
    await light.clock.advance(500);
    expect(await read).toBe(1n);
  });

  test("a request to a client breaks the protocol", async () => {
    let server: ReturnType<LightWorld["serve"]> | undefined;
    await synced((it) => {
      server = it.serve();
    });
    server?.send("getBlockBodies", [], { reqId: 1n });
    await light.settle();
    expect(await server?.ended.promise).toMatchObject({ code: "LES_INVALID_CODE" });
  });
});

test("LE-10 a server that announces and never serves: its score falls, others are asked, and nothing is left after a thousand timeouts", async () => {
  let honest: ReturnType<LightWorld["serve"]> | undefined;
  await synced((it) => {
    honest = it.serve();
  });
  honest?.script("getProofsV2", { delayMs: 450 }); // a prompt one would be preferred, and the mute ones never asked
  let key = 0;
  const readNew = async (count: number) => {
    // nothing is known beforehand, or nobody would be asked
    const odr = new Odr(light.client, await RetrievedCache.open(memoryStore()));
    const { head } = light.headers;
    return Promise.allSettled(
      Array.from({ length: count }, async () =>
        odr.account(head, keccak256(numberToBytes(++key, 4)).slice(12)),
      ),
    );
  };
  for (let i = 0; i < 20; i++) await Promise.all([readNew(1), light.clock.advance(460)]);
  let unanswered = 0;
  for (let round = 0; round < 20; round++) {
    const mute = light.serve({
      name: round.toString(16).padStart(2, "0"),
      scripts: {
        getProofsV2(asked: readonly unknown[]) {
          unanswered += asked.length;
          return silence;
        },
      },
    });
    await light.settle();
    const scoreOf = () => light.client.servers().find(({ id }) => id === mute.id);
    const before = scoreOf()?.latencyMs ?? 0;
    const reads = readNew(50);
    await light.clock.advance(2_000);
    expect((await reads).every(({ status }) => status === "fulfilled")).toBe(true);
    expect(unanswered).toBe((round + 1) * 50);
    expect(scoreOf()?.softTimeouts).toBe(mute.count("getProofsV2"));
    expect(scoreOf()?.latencyMs).toBeGreaterThan(before);
    await light.clock.advance(clientLimits.softTimeoutMs + clientLimits.hardTimeoutMs - 2_000 - 1);
    expect(mute.disconnected).toBeUndefined();
    await light.clock.advance(1 + clientLimits.gatherMs.max);
    expect(mute.disconnected).toBe("readTimeout");
    expect(light.client.servers().map(({ id }) => id)).toEqual([honest?.id]);
  }
  expect(unanswered).toBe(1_000);
  expect(light.clock.activeTimers).toBe(0);
});
