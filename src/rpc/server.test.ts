import { nodeHost } from "#host/node";
import { SimulatedClock } from "#host/sim";
import { type Logger, silentLogger } from "#log";
import { GlimError } from "#util";
import { describe, expect, test, vi } from "vitest";
import { call } from "../../test/kit/rpc.ts";
import { TestService } from "../../test/kit/rpc-service.ts";
import { until } from "../../test/kit/until.ts";
import { json, text } from "./codec.ts";
import type { RpcLimits } from "./limits.ts";
import { api, method } from "./method.ts";
import { RpcServer, type RpcServerOptions, selectApis } from "./server.ts";

function serve(options: Partial<RpcServerOptions> = {}) {
  const service = new TestService();
  const server = new RpcServer({ apis: service.apis, host: nodeHost(), ...options });
  const sent: string[] = [];
  const connection = server.connect({ transport: "inproc", remote: "" }, (reply) => sent.push(reply));
  /** All that is said to one message until its reply. */
  const ask = async (message: string) => {
    const from = sent.length;
    await connection.receive(message);
    return sent.slice(from);
  };
  const one = async (message: string): Promise<unknown> => JSON.parse((await ask(message))[0] ?? "null");
  return { service, server, connection, sent, ask, one };
}

const error = (code: number, message?: RegExp) => ({
  error: { code, message: expect.stringMatching(message ?? /./) as string },
});

describe("RP-07 batches", () => {
  test("a batch whose answers wait for nothing gives way every 2 ms", async () => {
    const { clock } = nodeHost();
    let now = 0;
    const { ask } = serve({ host: { ...nodeHost(), clock: { ...clock, now: () => now++ } } });
    let isOver = false;
    let turns = 0;
    const watch = (): void => {
      turns++;
      if (!isOver) setImmediate(watch);
    };
    setImmediate(watch);
    const items = Array.from({ length: 1_000 }, (_, i) => call(i, "test_noArgsRets"));
    const [reply = ""] = await ask(`[${items.join(",")}]`);
    isOver = true;
    expect(JSON.parse(reply)).toHaveLength(1_000);
    expect(turns).toBeGreaterThan(100);
  });

  test("1,000 items are served, 1,001 are refused with the first call's id", async () => {
    const { ask } = serve();
    const batch = (n: number) =>
      `[${Array.from({ length: n }, (_, i) => call(i + 1, "test_noArgsRets")).join(",")}]`;
    expect(JSON.parse((await ask(batch(1_000)))[0] ?? "")).toHaveLength(1_000);
    expect(JSON.parse((await ask(batch(1_001)))[0] ?? "")).toEqual([
      { jsonrpc: "2.0", id: 1, error: { code: -32600, message: "batch too large" } },
    ]);
  });

  test("the reply stops at the cap, the rest gets -32003 and is not run", async () => {
    const { ask, service } = serve({ limits: { replyBytes: 10_000 } });
    const big = call(1, "test_repeat", ["x", 4_000]);
    const [reply = ""] = await ask(`[${big},${big},${big},${call(4, "test_slow", ["late", 0])}]`);
    expect(reply.length).toBeLessThan(10_500);
    const items = JSON.parse(reply) as { result?: string; error?: { code: number } }[];
    expect(items.map((item) => item.error?.code ?? item.result?.length)).toEqual([
      4_000, 4_000, -32003, -32003,
    ]);
    expect(service.order).toEqual([]);
  });

  test("a single reply over the cap is -32003", async () => {
    const { one } = serve({ limits: { replyBytes: 10_000 } });
    expect(await one(call(1, "test_repeat", ["x", 10_000]))).toMatchObject(error(-32003, /too large/));
    expect(await one(call(1, "test_repeat", ["x", 9_900]))).toMatchObject({ id: 1 });
    expect(await one(call(1, "test_repeat", ["\u{20ac}", 9_900]))).toMatchObject(error(-32003)); // bytes, not characters
  });

  test("Trap 9: [] is -32600; a batch in a batch is an invalid item", async () => {
    const { one } = serve();
    expect(await one("[]")).toMatchObject({ id: null, ...error(-32600) });
    expect(await one(`[[${call(1, "test_noArgsRets")}]]`)).toMatchObject([{ id: null, ...error(-32600) }]);
  });

  test("notifications get no reply, 10^5 of them one error", async () => {
    const { ask } = serve();
    expect(await ask('{"jsonrpc":"2.0","method":"test_noArgsRets"}')).toEqual([]);
    expect(
      await ask('[{"jsonrpc":"2.0","method":"test_panic"},{"jsonrpc":"2.0","method":"nobody_knows"}]'),
    ).toEqual([]);
    const flood = `[${Array.from({ length: 20_000 }, () => '{"jsonrpc":"2.0","method":"test_noArgsRets"}').join(",")}]`;
    expect(await ask(flood)).toEqual([
      '[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}]',
    ]);
    const hundredThousand = `[${Array.from({ length: 100_000 }, () => '{"jsonrpc":"2.0","method":"x_y"}').join(",")}]`;
    expect(await ask(hundredThousand)).toHaveLength(1);
  });

  test("items run in order; reads that say so run side by side", async () => {
    const { ask, service } = serve();
    const read = (id: number) => call(id, "test_read", [`r${id}`, 2]);
    const slow = (id: number) => call(id, "test_slow", [`s${id}`, 2]);
    const [reply = ""] = await ask(`[${slow(1)},${slow(2)},${read(3)},${read(4)},${slow(5)}]`);
    expect((JSON.parse(reply) as { id: number }[]).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
    expect(service.order).toEqual(["+s1", "-s1", "+s2", "-s2", "+r3", "+r4", "-r3", "-r4", "+s5", "-s5"]);
  });
});

describe("RP-08 JSON bombs", () => {
  test("too deep or too many values: -32600 without parsing", async () => {
    const { one, ask } = serve();
    const parse = vi.spyOn(JSON, "parse");
    const [deep = ""] = await ask("[".repeat(2_500_000));
    const [wide = ""] = await ask(`[${"1,".repeat(200_000)}1]`);
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
    for (const reply of [deep, wide]) expect(JSON.parse(reply)).toMatchObject({ id: null, ...error(-32600) });
    expect(await one(call(1, "nftest_echo", [1]))).toMatchObject({ result: 1 });
  });

  test("BOM, trailing bytes, two values: -32700", async () => {
    for (const text of [
      `\ufeff${call(1, "test_noArgsRets")}`,
      `${call(1, "test_noArgsRets")}x`,
      "{} {}",
      "",
      "nul",
      '{"a":1,}',
    ]) {
      const { one } = serve();
      expect(await one(text), text).toMatchObject({ id: null, ...error(-32700) });
    }
  });

  test("doubled names take the last, lone surrogates and long numbers do no harm", async () => {
    const { one } = serve();
    expect(await one('{"jsonrpc":"2.0","id":1,"id":2,"method":"test_noArgsRets"}')).toMatchObject({
      id: 2,
      result: null,
    });
    expect(await one(call(1, "test_repeat", ["\ud800", 1]))).toMatchObject({ result: "\ud800" });
    expect(
      await one(`{"jsonrpc":"2.0","id":1,"method":"nftest_echo","params":[${"9".repeat(1_000_000)}]}`),
    ).toMatchObject(error(-32602));
    expect(
      await one(
        call(1, "test_echo", [
          "x",
          1,
          { S: "x", nested: JSON.parse("[".repeat(50) + "]".repeat(50)) as unknown },
        ]),
      ),
    ).toMatchObject({ result: { Args: { S: "x" } } });
  });
});

describe("RP-09 names of the language", () => {
  test("are methods nobody knows", async () => {
    const { one } = serve();
    for (const name of [
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "test___proto__",
      "test_constructor",
      "__proto___subscribe",
      "constructor_subscribe",
    ]) {
      expect(await one(call(1, name, [])), name).toMatchObject({
        error: { code: expect.toSatisfy((code: number) => code === -32601 || code === -32602) as number },
      });
    }
    expect(await one(call(1, "nftest_subscribe", ["__proto__"]))).toMatchObject(error(-32601));
    expect(await one(call(1, "nftest_unsubscribe", ["constructor"]))).toMatchObject(
      error(-32000, /subscription not found/),
    );
    expect(
      await one('{"jsonrpc":"2.0","id":"__proto__","method":"test_noArgsRets","__proto__":{"x":1}}'),
    ).toMatchObject({ id: "__proto__", result: null });
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe("RP-10 ids and method names", () => {
  test("an id that cannot be echoed is -32600 with null", async () => {
    const { one } = serve();
    for (const id of [
      "{}",
      "[]",
      "true",
      "1e309",
      "-0",
      "9007199254740993",
      `"${"x".repeat(1_048_576)}"`,
      `"${"x".repeat(1_025)}"`,
      `"${"\u{20ac}".repeat(400)}"`,
    ]) {
      const reply = await one(`{"jsonrpc":"2.0","id":${id},"method":"test_noArgsRets"}`);
      expect(reply, id.slice(0, 30)).toEqual({
        jsonrpc: "2.0",
        id: null,
        error: { code: -32600, message: "invalid request" },
      });
    }
  });

  test("an id that can is echoed as it came", async () => {
    const { one } = serve();
    for (const id of [
      "0",
      "-7",
      "1.5",
      "null",
      '""',
      '"\\u0000\\"\\\\"',
      "9007199254740991",
      `"${"x".repeat(1_024)}"`,
    ]) {
      expect(await one(`{"jsonrpc":"2.0","id":${id},"method":"test_noArgsRets"}`)).toEqual({
        jsonrpc: "2.0",
        id: JSON.parse(id) as unknown,
        result: null,
      });
    }
  });

  test("a method name is at most 128 bytes, checked before lookup", async () => {
    const { one, server } = serve();
    const lookup = vi.spyOn(server, "method");
    expect(await one(call(1, "x".repeat(129)))).toMatchObject(error(-32600, /method name too long/));
    expect(await one(call(1, "\u{20ac}".repeat(43)))).toMatchObject(error(-32600));
    expect(lookup).not.toHaveBeenCalled();
    expect(await one(call(1, "x".repeat(128)))).toMatchObject(error(-32601));
  });
});

test("Trap 22: a bigint in a result is a bare JSON number", async () => {
  const [reply] = await serve().ask(call(1, "test_big"));
  expect(reply).toBe(`{"jsonrpc":"2.0","id":1,"result":{"difficulty":${2n ** 80n}}}`);
});

describe("errors of handlers", () => {
  test("an RpcError goes out whole", async () => {
    const { one } = serve();
    expect(await one(call(1, "test_returnError"))).toEqual({
      jsonrpc: "2.0",
      id: 1,
      error: { code: 444, message: "testError", data: "testError data" },
    });
  });

  test("Trap 35, JS-01 an unexpected one is -32603 with an id; its text is in the log only", async () => {
    const lines: [string, unknown][] = [];
    const log: Logger = { ...silentLogger, error: (message, facts) => lines.push([message, facts]) };
    const { ask } = serve({ log });
    const [reply = ""] = await ask(call(1, "test_panic"));
    const id = /"message":"internal error, id ([0-9a-f]{12})"/.exec(reply)?.[1];
    expect(reply).not.toContain("operator");
    expect(lines).toMatchObject([
      ["rpc method failed", { method: "test_panic", id, error: { message: "a secret path /home/operator" } }],
    ]);
  });

  test("our own errors: expected ones tell their text, bugs do not", async () => {
    const fail = (policy: ConstructorParameters<typeof GlimError>[3]) =>
      api({
        namespace: "own",
        methods: {
          fail: method({
            doc: "",
            params: [],
            result: text,
            async handle() {
              throw new GlimError("X_Y", "what went wrong", undefined, policy);
            },
          }),
        },
      });
    const codeOf = async (policy: ConstructorParameters<typeof GlimError>[3]) =>
      (await serve({ apis: [fail(policy)] }).one(call(1, "own_fail"))) as {
        error: { code: number; message: string };
      };
    expect((await codeOf({ blame: "peer" })).error).toEqual({ code: -32000, message: "what went wrong" });
    expect((await codeOf({ blame: "network", rpcCode: 3 })).error.code).toBe(3);
    expect((await codeOf({ blame: "bug" })).error).toMatchObject({
      code: -32603,
      message: expect.not.stringContaining("wrong") as string,
    });
  });
});

describe("RP-14 subscriptions", () => {
  test("256 on one connection, the 257th is -32005; each can be ended", async () => {
    const { one, server, connection, service } = serve();
    const ids: string[] = [];
    for (let i = 0; i < 256; i++)
      ids.push(((await one(call(i, "nftest_subscribe", ["silent"]))) as { result: string }).result);
    expect(new Set(ids).size).toBe(256);
    expect(await one(call(1, "nftest_subscribe", ["silent"]))).toMatchObject(error(-32005));
    expect(connection.subscriptionCount).toBe(256);
    expect(await one(call(1, "other_unsubscribe", [ids[0]]))).toMatchObject({ result: true });
    expect(await one(call(1, "nftest_unsubscribe", [ids[0]]))).toMatchObject(
      error(-32000, /subscription not found/),
    );
    expect(await one(call(1, "nftest_subscribe", ["silent"]))).toMatchObject({
      id: 1,
      result: expect.any(String) as string,
    });
    connection.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(service.openStreams).toBe(0);
    expect(server.openConnections).toBe(0);
  });

  test("a bound over all connections of the server, given back when they end", async () => {
    const { one, server, connection } = serve({ limits: { subscriptions: 2 } });
    await one(call(1, "nftest_subscribe", ["silent"]));
    await one(call(2, "nftest_subscribe", ["silent"]));
    const replies: string[] = [];
    const other = server.connect({ transport: "inproc", remote: "" }, (reply) => replies.push(reply));
    await other.receive(call(3, "nftest_subscribe", ["silent"]));
    connection.close();
    await other.receive(call(4, "nftest_subscribe", ["silent"]));
    expect(replies.map((reply) => /"code":-32005/.test(reply))).toEqual([true, false]);
  });

  test("only the connection that made it can end it", async () => {
    const { one, server } = serve();
    const { result } = (await one(call(1, "nftest_subscribe", ["silent"]))) as { result: string };
    const replies: string[] = [];
    await server
      .connect({ transport: "inproc", remote: "" }, (reply) => replies.push(reply))
      .receive(call(1, "nftest_unsubscribe", [result]));
    expect(JSON.parse(replies[0] ?? "")).toMatchObject(error(-32000, /subscription not found/));
  });

  test("T8 a notification never comes before the id, also out of a batch", async () => {
    const { sent, connection } = serve();
    await connection.receive(
      `[${call(1, "nftest_subscribe", ["someSubscription", 3, 7])},${call(2, "test_slow", ["x", 5])}]`,
    );
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    const [reply, ...rest] = sent.map((line) => JSON.parse(line) as unknown);
    const id = (reply as { result: string }[])[0]?.result;
    expect(reply).toMatchObject([{ id: 1 }, { id: 2, result: "x" }]);
    expect(rest).toEqual(
      [7, 8, 9].map((result) => ({
        jsonrpc: "2.0",
        method: "nftest_subscription",
        params: { subscription: id, result },
      })),
    );
  });

  test("a source that breaks ends its subscription and nothing else", async () => {
    const { one, connection } = serve();
    await one(call(1, "nftest_subscribe", ["failing"]));
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(connection.subscriptionCount).toBe(0);
    expect(await one(call(2, "nftest_echo", [1]))).toMatchObject({ result: 1 });
  });
});

describe("RP-19 costly calls", () => {
  test("a few at once, a few waiting, the rest -32005; cheap ones go on", async () => {
    const { server, one } = serve({ limits: { heavyAtOnce: 2, heavyWaiting: 3 } });
    const replies: string[] = [];
    const flood = server.connect({ transport: "inproc", remote: "" }, (reply) => replies.push(reply));
    const running = Array.from({ length: 6 }, (_, i) => flood.receive(call(i, "test_heavy")));
    await Promise.resolve(running[5]);
    expect([server.heavy.running, server.heavy.waiting]).toEqual([2, 3]);
    expect(replies.map((reply) => JSON.parse(reply) as unknown)).toMatchObject([{ id: 5, ...error(-32005) }]);
    expect(await one(call(9, "nftest_echo", [9]))).toMatchObject({ result: 9 });
    flood.close();
    for (const one of running) await Promise.resolve(one);
    expect([server.heavy.running, server.heavy.waiting]).toEqual([0, 0]);
  });

  /** One place; calls by their clients' addresses, in the order in which they were served. */
  function oneByOne(limits: Partial<RpcLimits>) {
    const served: string[] = [];
    const places: (() => void)[] = [];
    const door = { isOpen: false };
    const hold = method({
      doc: "Takes a place until it is let go.",
      params: [],
      result: json,
      isHeavy: true,
      handle: (_params, { remote }) => {
        served.push(remote);
        if (door.isOpen) return null;
        return new Promise<null>((resolve) => places.push(() => resolve(null)));
      },
    });
    const apis = [api({ namespace: "work", methods: { hold } })];
    const server = new RpcServer({ apis, host: nodeHost(), limits: { heavyAtOnce: 1, ...limits } });
    const codes: string[] = [];
    const line = (remote: string) => {
      const connection = server.connect({ transport: "ws", remote }, (text) => {
        const reply = JSON.parse(text) as { error?: { code: number } };
        if (reply.error !== undefined) codes.push(`${remote} ${reply.error.code}`);
      });
      return async () => connection.receive(call(1, "work_hold"));
    };
    return { server, served, places, door, codes, line };
  }

  test("attack/RP-19 1,000 of one caller: it keeps no other's single call waiting behind more than one of its own", async () => {
    const { server, served, places, door, codes, line } = oneByOne({ heavyWaiting: 64 });
    const [greedy, neighbour, stranger] = ["192.0.2.1:1000", "192.0.2.1:2000", "192.0.2.2:1000"].map(line);
    const all = Array.from({ length: 1_000 }, async () => greedy?.());
    await until("the line to be full", () => server.heavy.waiting === 64);
    await until("those too many to be refused", () => codes.length === 1_000 - 65);
    expect(new Set(codes)).toEqual(new Set(["192.0.2.1:1000 -32005"]));
    all.push((async () => neighbour?.())(), (async () => stranger?.())());
    await until("both in the line, for two of the greedy one's", () => codes.length === 1_000 - 63);
    expect([server.heavy.running, server.heavy.waiting, new Set(codes).size]).toEqual([1, 64, 1]);
    door.isOpen = true;
    places[0]?.();
    await Promise.all(all);
    expect([served.length, server.heavy.running, server.heavy.waiting]).toEqual([65, 0, 0]);
    expect(served.indexOf("192.0.2.2:1000")).toBe(2); // after the one running, and one that waited
    expect(served.indexOf("192.0.2.1:2000")).toBe(3);
  });

  test("attack/RP-19 of subscriptions half a line may wait: whoever has one is not refused later", async () => {
    const { server } = oneByOne({ heavyWaiting: 4 });
    const { heavy } = server;
    const of = (address: string) => ({ address, connection: 1 });
    expect(heavy.enter(of("a"))).toBeUndefined();
    const sure = [heavy.enterForSure(of("a")), heavy.enterForSure(of("a"))];
    expect(heavy.enterForSure(of("a"))).toBe("refused");
    const calls = [heavy.enter(of("a")), heavy.enter(of("a"))].map((one) => Promise.resolve(one));
    expect(heavy.enter(of("a"))).toBe("refused");
    const refused = expect(calls[1]).rejects.toMatchObject({ code: -32005 });
    expect(heavy.enter(of("b"))).toBeInstanceOf(Promise);
    await refused;
    expect([heavy.running, heavy.waiting]).toEqual([1, 4]);
    for (let left = 0; left < 5; left++) heavy.leave();
    await Promise.all([...sure, calls[0]]);
    expect([heavy.running, heavy.waiting]).toEqual([0, 0]);
  });
});

describe("one-way answers", () => {
  test("past the time each open call gets -32002 and its signal aborts; done ones keep their result", async () => {
    const clock = new SimulatedClock();
    let aborted = 0;
    const apis = new TestService({ onAbort: () => aborted++ }).apis;
    const server = new RpcServer({ apis, host: { ...nodeHost(), clock } });
    const answer = server
      .connect({ transport: "http", remote: "" })
      .answer(`[${call(1, "nftest_echo", [1])},${call(2, "test_hang")}]`, 30_000);
    if (typeof answer !== "object") throw new Error("not pending");
    await clock.advance(30_000);
    expect(JSON.parse((await answer.text) ?? "")).toMatchObject([
      { id: 1, result: 1 },
      { id: 2, ...error(-32002) },
    ]);
    expect(aborted).toBe(1);
    expect(clock.activeTimers).toBe(0);
  });

  test("a client that leaves aborts its call; nothing is left", async () => {
    const clock = new SimulatedClock();
    let aborted = 0;
    const server = new RpcServer({
      apis: new TestService({ onAbort: () => aborted++ }).apis,
      host: { ...nodeHost(), clock },
    });
    const answer = server.connect({ transport: "http", remote: "" }).answer(call(2, "test_hang"), 30_000);
    if (typeof answer !== "object") throw new Error("not pending");
    answer.abort();
    await answer.text;
    server.close();
    expect([aborted, clock.activeTimers]).toEqual([1, 0]);
  });

  test("once nothing more will come, no timer outlasts what still runs", async () => {
    const clock = new SimulatedClock();
    const { server } = serve({ host: { ...nodeHost(), clock } });
    const http = server.connect({ transport: "http", remote: "" });
    const hanging = http.answer(call(1, "test_hang"), 30_000);
    if (hanging === undefined || typeof hanging === "string") throw new Error("it does not hang");
    server.finish();
    expect(clock.activeTimers).toBe(1);
    hanging.abort();
    await hanging.text;
    expect(clock.activeTimers).toBe(0);
  });
});

describe("T5 module rule", () => {
  const modules = (list?: readonly string[]) =>
    new RpcServer({ apis: selectApis(new TestService().apis, list), host: nodeHost() }).namespaces;
  test("none = all public; listed = whole namespace; an empty text = nothing; unknown names are ignored", () => {
    expect(modules()).toEqual(["nftest", "rpc", "test"]);
    expect(modules([])).toEqual(["nftest", "rpc", "test"]);
    expect(modules(["private"])).toEqual(["private", "rpc"]);
    expect(modules([""])).toEqual(["rpc"]);
    expect(modules(["nope", "test"])).toEqual(["rpc", "test"]);
  });

  test("of two rows of one name the later registered wins", async () => {
    const named = (name: string) =>
      api({
        namespace: "a",
        methods: { b: method({ doc: "", params: [], result: text, handle: () => name }) },
      });
    expect(await serve({ apis: [named("first"), named("second")] }).one(call(1, "a_b"))).toMatchObject({
      result: "second",
    });
  });
});

test("a closed server answers with an error, never with silence", async () => {
  const { server } = serve();
  const http = server.connect({ transport: "http", remote: "" });
  server.close();
  const answer = http.answer(call(1, "nftest_echo", [1]));
  // at once, or in a later turn of the event loop where this one's time is used up
  expect(typeof answer === "object" ? await answer.text : answer).toContain("server is shutting down");
});
