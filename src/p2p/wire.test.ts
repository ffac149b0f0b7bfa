import { bool, bytes, empty, list, struct, uint53, uint64, utf8 } from "#rlp";
import { isError } from "#util";
import { describe, expect, expectTypeOf, test } from "vitest";
import { SimulatedClock } from "#host/sim";
import { messagePipe } from "./pipe.ts";
import { wire } from "./wire.ts";

const chat1 = wire({
  name: "chat",
  version: 1,
  messages: {
    hello: { code: 0x00, body: struct({ nick: utf8(32) }) },
    say: { code: 0x01, body: struct({ text: utf8(1024) }) },
    getHistory: { code: 0x02, body: struct({ max: uint53 }), reply: "history", maxItems: 256 },
    history: { code: 0x03, body: list(utf8(1024), { max: 256 }) },
  },
});

const les = wire({
  name: "les",
  version: 2,
  envelope: "les",
  length: 24,
  messages: {
    announce: { code: 1, body: list(bytes()) },
    getCode: { code: 10, body: list(bytes({ max: 32 })), reply: "code", maxItems: 2 },
    code: { code: 11, body: list(bytes()) },
  },
});

describe("wire", () => {
  test("types follow the rows", async () => {
    const [a, b] = messagePipe();
    const { signal } = new AbortController();
    const { code, payload } = chat1.encode("hello", { nick: "n" });
    await b.writeMsg(code, payload);
    const hello = await chat1.open(a, { signal }).receive("hello");
    expectTypeOf(hello).toEqualTypeOf<{ readonly nick: string }>();
    expect(hello).toEqual({ nick: "n" });
    // @ts-expect-error there is no such message
    expect(() => chat1.encode("nope", {})).toThrow("no message nope");
  });

  test("length is the highest code + 1 unless given", () => {
    expect(chat1.length).toBe(4);
    expect(les.length).toBe(24);
  });

  test("bad tables are refused", () => {
    const row = { code: 0, body: empty };
    expect(() => wire({ name: "x", version: 1, messages: { a: row, b: row } })).toThrow("code 0 used twice");
    expect(() => wire({ name: "x", version: 1, messages: { a: { ...row, reply: "b" } } })).toThrow(
      "no row b",
    );
    expect(() => wire({ name: "x", version: 1, length: 1, messages: { a: { ...row, code: 1 } } })).toThrow(
      "length 1",
    );
  });

  test("next adds, replaces and removes rows", () => {
    const les3 = les.next(3, {
      announce: null,
      stop: { code: 0x16, body: empty },
      resume: { code: 0x17, body: uint64 },
    });
    expect(les3).toMatchObject({ name: "les", version: 3, envelope: "les", length: 0x18 });
    expect(Object.keys(les3.messages)).toEqual(["getCode", "code", "stop", "resume"]);
    expect(les3.decode(les3.encode("resume", 5n)).body).toBe(5n);
    // @ts-expect-error gone
    expect(() => les3.encode("announce", [])).toThrow();
    const flag = chat1.next(2, { say: { code: 1, body: bool } });
    expect(flag.decode(flag.encode("say", true)).body).toBe(true);
  });

  test("les envelope: requests [id, body], replies [id, bv, body], others bare", () => {
    const request = les.encode("getCode", [Uint8Array.of(1)], { reqId: 7n });
    expect([...request.payload]).toEqual([0xc3, 7, 0xc1, 1]);
    const reply = les.encode("code", [Uint8Array.of(1)], { reqId: 7n, bv: 300n });
    expect([...reply.payload]).toEqual([0xc6, 7, 0x82, 1, 0x2c, 0xc1, 1]);
    expect([...les.encode("announce", []).payload]).toEqual([0xc0]);
    const message = les.decode(reply);
    expect(message).toMatchObject({ name: "code", kind: "reply", reqId: 7n, bv: 300n, size: 7 });
    expect([...message.rawBody]).toEqual([0xc1, 1]);
    const raw = les.encodeRaw("code", Uint8Array.of(0xc1, 1), { reqId: 7n, bv: 300n });
    expect(raw).toEqual(reply);
  });

  test("the body is not read before it is asked for", () => {
    const message = les.decode({ code: 11, payload: Uint8Array.of(0xc5, 7, 5, 0xc2, 0xc1, 0x05) }); // list where bytes are due
    expect(message.reqId).toBe(7n);
    expect(() => message.body).toThrowError(
      expect.objectContaining({ code: "RLP_EXPECTED_BYTES", disconnect: 2 }),
    );
  });

  test("maxItems, message size and unknown codes are breaches", () => {
    const three = les.encode("getCode", [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
    expect(() => les.decode(three).body).toThrowError(
      expect.objectContaining({ code: "P2P_TOO_MANY_ITEMS", disconnect: 2 }),
    );
    expect(() => les.decode({ code: 2, payload: Uint8Array.of(0xc0) })).toThrowError(
      expect.objectContaining({ code: "P2P_UNKNOWN_CODE" }),
    );
    const big = new Uint8Array(10 * 1024 * 1024 + 1);
    expect(() => les.decode({ code: 11, payload: big })).toThrowError(
      expect.objectContaining({ code: "P2P_MSG_TOO_BIG" }),
    );
  });

  test("garbage in an envelope throws RLP errors only", () => {
    for (let first = 0; first < 256; first++)
      for (const rest of [[], [0], [0x80], [1, 1], [1, 2, 0xc0], [0xff, 0xff, 0xff]])
        try {
          les.decode({ code: 11, payload: Uint8Array.of(first, ...rest) });
        } catch (error) {
          expect(error).toMatchObject({ blame: "peer", disconnect: 2 });
        }
  });
});

describe("session", () => {
  function pair() {
    const clock = new SimulatedClock();
    const [a, b] = messagePipe({ clock });
    const stop = new AbortController();
    const { signal } = stop;
    return { clock, a, b, stop, signal, alice: chat1.open(a, { signal }), bob: chat1.open(b, { signal }) };
  }

  test("hello, then serve while asking, both ends at once", async () => {
    const { alice, bob, stop } = pair();
    const run = async (session: typeof alice, nick: string, history: string[]) => {
      await session.send("hello", { nick });
      const them = await session.receive("hello", { timeoutMs: 5_000 });
      const serving = session
        .serve({ say: () => {}, getHistory: ({ max }) => history.slice(-max) })
        .catch(() => {});
      return { them, past: await session.request("getHistory", { max: 2 }), serving };
    };
    const [left, right] = await Promise.all([run(alice, "alice", ["a", "b", "c"]), run(bob, "bob", ["x"])]);
    expect(left).toMatchObject({ them: { nick: "bob" }, past: ["x"] });
    expect(right).toMatchObject({ them: { nick: "alice" }, past: ["b", "c"] });
    stop.abort();
    await Promise.all([left.serving, right.serving]);
  });

  test("receive times out by the host clock", async () => {
    const { alice, clock } = pair();
    const waiting = expect(alice.receive("hello", { timeoutMs: 5_000 })).rejects.toMatchObject({
      code: "P2P_RECEIVE_TIMEOUT",
      disconnect: 0x0b,
    });
    await clock.advance(5_000);
    await waiting;
  });

  test("a request times out, its late reply is no breach, the session goes on", async () => {
    const { alice, b, clock } = pair();
    const first = expect(alice.request("getHistory", { max: 1 }, { timeoutMs: 100 })).rejects.toMatchObject({
      code: "P2P_REQUEST_TIMEOUT",
    });
    await clock.advance(100);
    await first;
    const late = chat1.encode("history", ["late"]);
    const second = alice.request("getHistory", { max: 1 }, { timeoutMs: 100 });
    await b.writeMsg(late.code, late.payload);
    const due = chat1.encode("history", ["due"]);
    await b.writeMsg(due.code, due.payload);
    expect(await second).toEqual(["due"]);
  });

  test("an unasked reply ends the session", async () => {
    const { alice, b } = pair();
    const served = expect(alice.serve({})).rejects.toMatchObject({
      code: "P2P_UNASKED_REPLY",
      disconnect: 2,
    });
    const { code, payload } = chat1.encode("history", []);
    await b.writeMsg(code, payload);
    await served;
    await expect(alice.send("hello", { nick: "" })).rejects.toMatchObject({ code: "P2P_UNASKED_REPLY" });
  });

  test("BP-07 a second hello that nobody handles ends the session", async () => {
    const { alice, bob } = pair();
    await bob.send("hello", { nick: "b" });
    await bob.send("hello", { nick: "b" });
    await alice.receive("hello");
    await expect(alice.serve({})).rejects.toMatchObject({ code: "P2P_UNEXPECTED_MESSAGE", disconnect: 2 });
  });

  test("a bad reply body fails its request and the session", async () => {
    const { alice, b } = pair();
    const asked = expect(alice.request("getHistory", { max: 1 })).rejects.toMatchObject({
      code: "RLP_EXPECTED_LIST",
    });
    await b.writeMsg(3, Uint8Array.of(0x80));
    await asked;
    await expect(alice.serve({})).rejects.toMatchObject({ code: "RLP_EXPECTED_LIST" });
  });

  test("abort of the signal ends every wait; no timer is left", async () => {
    const { alice, clock, stop } = pair();
    const waits = [
      alice.request("getHistory", { max: 1 }),
      alice.receive("hello", { timeoutMs: 9 }),
      alice.serve({}),
    ].map((wait) =>
      wait.then(
        () => "no",
        (error: unknown) => error,
      ),
    );
    const reason = new Error("over");
    stop.abort(reason);
    expect(await Promise.all(waits)).toContain(reason);
    expect(clock.activeTimers).toBe(0);
  });

  test("BP-10 at most 4 handlers run at once; reading stops at 16 waiting", async () => {
    const { alice, b } = pair();
    let running = 0;
    alice
      .serve({
        getHistory: () => {
          running++;
          return new Promise(() => {});
        },
      })
      .catch(() => {});
    const { code, payload } = chat1.encode("getHistory", { max: 1 });
    let written = 0;
    for (let i = 0; i < 300; i++) void b.writeMsg(code, payload).then(() => written++);
    await new Promise((resolve) => setImmediate(resolve));
    expect(running).toBe(4);
    expect(written).toBeLessThan(300); // the writer feels it
  });

  test("what waits is bounded by bytes too; one who does not receive is not read past 2 MiB", async () => {
    const bulk = wire({ name: "bulk", version: 1, messages: { part: { code: 0, body: bytes() } } });
    const [a, b] = messagePipe();
    const session = bulk.open(a, { signal: new AbortController().signal });
    const { code, payload } = bulk.encode("part", new Uint8Array(700_000));
    for (let i = 0; i < 8; i++) void b.writeMsg(code, payload);
    await session.receive("part");
    await new Promise((resolve) => setImmediate(resolve));
    a.close(); // what is still in the pipe was not read: one received, three inside
    let left = 0;
    try {
      for (;;) {
        await a.readMsg();
        left++;
      }
    } catch {
      expect(left).toBe(4);
    }
  });

  test("after a receive that timed out the next one gets the message; two receives at once are refused", async () => {
    const { alice, bob, clock } = pair();
    const first = expect(alice.receive("hello", { timeoutMs: 10 })).rejects.toMatchObject({
      code: "P2P_RECEIVE_TIMEOUT",
    });
    await expect(alice.receive("hello")).rejects.toMatchObject({ code: "P2P_MISUSE" });
    await clock.advance(10);
    await first;
    await bob.send("hello", { nick: "late" });
    expect(await alice.receive("hello")).toEqual({ nick: "late" });
  });

  test("1,025th open request is refused", async () => {
    const { alice, a } = pair();
    const all = Array.from({ length: 1024 }, () => alice.request("getHistory", { max: 1 }).catch(() => {}));
    expect(alice.pendingRequests).toBe(1024);
    await expect(alice.request("getHistory", { max: 1 })).rejects.toMatchObject({
      code: "P2P_TOO_MANY_REQUESTS",
    });
    a.close();
    await Promise.all(all);
    expect(
      isError(
        await alice.request("getHistory", { max: 1 }).catch((error: unknown) => error),
        "P2P_PEER_CLOSED",
      ),
    ).toBe(true);
  });
});
