import { expect, test } from "vitest";
import { deferred } from "#util";
import { Gate } from "./gate.ts";

const { signal } = new AbortController();

test("RP-12 so many calls run, so many wait, the next is refused with -32005", async () => {
  const gate = new Gate(1, 1);
  const first = deferred<string>();
  const order: string[] = [];
  const running = gate.run(signal, () => first.promise);
  const waiting = gate.run(signal, async () => void order.push("second"));
  await expect(gate.run(signal, async () => {})).rejects.toMatchObject({
    code: "ETHAPI_BUSY",
    rpcCode: -32005,
  });
  expect(order).toEqual([]);
  first.resolve("done");
  expect(await running).toBe("done");
  await waiting;
  expect(order).toEqual(["second"]);
  await gate.run(signal, async () => void order.push("third")); // all places are free again
  expect(order).toEqual(["second", "third"]);
});

test("who leaves the line frees the place in it; a failing call frees its own", async () => {
  const gate = new Gate(1, 1);
  const first = deferred<void>();
  const running = gate.run(signal, () => first.promise);
  const leaving = new AbortController();
  const left = gate.run(leaving.signal, async () => {});
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  const waiting = gate.run(signal, async () => "mine");
  first.reject(new Error("failed"));
  await expect(running).rejects.toThrow("failed");
  expect(await waiting).toBe("mine");
});

test("hundreds of calls of one connection wait on one listener of its signal", async () => {
  const connection = new AbortController();
  const gate = new Gate(1, 1_000);
  const first = deferred<void>();
  const running = gate.run(connection.signal, () => first.promise);
  const waiting = Array.from({ length: 500 }, () => gate.run(connection.signal, async () => {}));
  connection.abort(new Error("gone")); // Node would have warned past ten listeners, and the test run fails on warnings
  for (const one of await Promise.allSettled(waiting)) expect(one.status).toBe("rejected");
  first.resolve();
  await running;
  await gate.run(signal, async () => {});
});
