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

test("RP-12 what those that run and wait bring along is bounded: at the bound, a byte more, small ones, and one alone", async () => {
  const KIB = 1024;
  const gate = new Gate(1, 10, 64 * KIB);
  const first = deferred<void>();
  const running = gate.run(signal, () => first.promise, 32 * KIB);
  const nothing = async (): Promise<void> => {};
  await expect(gate.run(signal, nothing, 32 * KIB + 1)).rejects.toMatchObject({
    code: "ETHAPI_TOO_HEAVY",
    rpcCode: -32005,
    message: expect.stringContaining("0.0625 MiB") as string,
  });
  const waiting = gate.run(signal, nothing, 32 * KIB); // at the bound
  await expect(gate.run(signal, nothing, 16 * KIB + 1)).rejects.toMatchObject({ code: "ETHAPI_TOO_HEAVY" });
  const small = gate.run(signal, nothing, 16 * KIB);
  const leaving = new AbortController();
  const left = gate.run(leaving.signal, nothing, 16 * KIB);
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  first.reject(new Error("failed"));
  await expect(running).rejects.toThrow("failed");
  await Promise.all([waiting, small]);
  await gate.run(signal, nothing, 1024 * KIB); // alone
  await gate.run(signal, nothing, 64 * KIB); // and nothing of all that is held
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
