import { expect, test } from "vitest";
import { deferred } from "#util";
import type { CallContext } from "./backend.ts";
import { Gate } from "./gate.ts";

const caller: CallContext = { signal: new AbortController().signal };

test("RP-12 so many calls run, so many wait, the next is refused with -32005", async () => {
  const gate = new Gate(1, 1);
  const first = deferred<string>();
  const order: string[] = [];
  const running = gate.run(caller, () => first.promise);
  const waiting = gate.run(caller, async () => void order.push("second"));
  await expect(gate.run(caller, async () => {})).rejects.toMatchObject({
    code: "ETHAPI_BUSY",
    rpcCode: -32005,
  });
  expect(order).toEqual([]);
  first.resolve("done");
  expect(await running).toBe("done");
  await waiting;
  expect(order).toEqual(["second"]);
  await gate.run(caller, async () => void order.push("third")); // all places are free again
  expect(order).toEqual(["second", "third"]);
});

test("RP-12 what those that run and wait bring along is bounded: at the bound, a byte more, small ones, and one alone", async () => {
  const KIB = 1024;
  const gate = new Gate(1, 10, 64 * KIB);
  const first = deferred<void>();
  const running = gate.run(caller, () => first.promise, 32 * KIB);
  const nothing = async (): Promise<void> => {};
  await expect(gate.run(caller, nothing, 32 * KIB + 1)).rejects.toMatchObject({
    code: "ETHAPI_TOO_HEAVY",
    rpcCode: -32005,
    message: expect.stringContaining("0.0625 MiB") as string,
  });
  const waiting = gate.run(caller, nothing, 32 * KIB); // at the bound
  await expect(gate.run(caller, nothing, 16 * KIB + 1)).rejects.toMatchObject({ code: "ETHAPI_TOO_HEAVY" });
  const small = gate.run(caller, nothing, 16 * KIB);
  const leaving = new AbortController();
  const left = gate.run(leaving, nothing, 16 * KIB);
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  first.reject(new Error("failed"));
  await expect(running).rejects.toThrow("failed");
  await Promise.all([waiting, small]);
  await gate.run(caller, nothing, 1024 * KIB); // alone
  await gate.run(caller, nothing, 64 * KIB); // and nothing of all that is held
});

test("who leaves the line frees the place in it; a failing call frees its own", async () => {
  const gate = new Gate(1, 1);
  const first = deferred<void>();
  const running = gate.run(caller, () => first.promise);
  const leaving = new AbortController();
  const left = gate.run(leaving, async () => {});
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  const waiting = gate.run(caller, async () => "mine");
  first.reject(new Error("failed"));
  await expect(running).rejects.toThrow("failed");
  expect(await waiting).toBe("mine");
});

test("hundreds of calls of one connection wait on one listener of its signal", async () => {
  const connection = new AbortController();
  const gate = new Gate(1, 1_000);
  const first = deferred<void>();
  const running = gate.run(connection, () => first.promise);
  const waiting = Array.from({ length: 500 }, () => gate.run(connection, async () => {}));
  connection.abort(new Error("gone")); // Node would have warned past ten listeners, and the test run fails on warnings
  for (const one of await Promise.allSettled(waiting)) expect(one.status).toBe("rejected");
  first.resolve();
  await running;
  await gate.run(caller, async () => {});
});

const from = (remote: string): CallContext => ({ ...caller, connection: { transport: "http", remote } });

test("RP-19 1,000 of one caller wait: another's one is next, wherever it comes from", async () => {
  const gate = new Gate(1, 1_024);
  const first = deferred<void>();
  const order: string[] = [];
  const many = from("192.0.2.1:1000");
  const running = gate.run(many, () => first.promise);
  const waiting = Array.from({ length: 1_000 }, (_, i) =>
    gate.run(many, async () => void order.push(`many ${i}`)),
  );
  waiting.push(gate.run(from("192.0.2.1:1001"), async () => void order.push("another connection")));
  waiting.push(gate.run(from("192.0.2.2:1000"), async () => void order.push("another address")));
  waiting.push(gate.run(caller, async () => void order.push("inside")));
  first.resolve();
  await Promise.all([running, ...waiting]);
  expect(order.slice(0, 5)).toEqual(["many 0", "another address", "inside", "another connection", "many 1"]);
  expect(order).toHaveLength(1_003);
});

test("RP-19 a full line: the youngest of who has most is refused for another's; who has as many is refused itself", async () => {
  const gate = new Gate(1, 3);
  const first = deferred<void>();
  const order: string[] = [];
  const ask = (name: string, ctx: CallContext) => gate.run(ctx, async () => void order.push(name));
  const many = from("192.0.2.1:1000");
  const running = gate.run(many, () => first.promise);
  const waiting = [1, 2, 3].map((n) => ask(`many ${n}`, many));
  const busy = { code: "ETHAPI_BUSY", rpcCode: -32005 };
  const refused = expect(waiting[2]).rejects.toMatchObject(busy);
  const others = ask("other", from("192.0.2.2:1000"));
  await refused;
  await expect(ask("many 4", many)).rejects.toMatchObject(busy);
  await expect(ask("other again", from("192.0.2.2:1001"))).rejects.toMatchObject(busy);
  first.resolve();
  await Promise.all([running, others, waiting[0], waiting[1]]);
  expect(order).toEqual(["many 1", "other", "many 2"]);
});
