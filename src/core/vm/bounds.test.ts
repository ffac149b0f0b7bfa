// RP-12 what a call may take beside its gas: dear precompiles on other threads, memory of frames.
import { createEVM, EVMError } from "@ethereumjs/evm";
import fc from "fast-check";
import type { ThreadOptions, Threads } from "#host";
import { SimulatedClock } from "#host/sim";
import { bigintToBytes, bytesToBigint, concatBytes, toHex } from "#util";
import { describe, expect, test } from "vitest";
import { assemble } from "../../../test/kit/contract.ts";
import { testConfig } from "../../../test/kit/state-tests.ts";
import { emptyTxRoot, emptyUnclesHash, makeHeader } from "#core/types";
import { commonFor } from "./common.ts";
import { type CallOptions, MemoryBudget, PrecompileThreads, runCall, type StateReader } from "./index.ts";
import { takeMachine } from "./machine.ts";
import { MemoryMeter } from "./memory-meter.ts";
import { powerModulo, withOwnPower } from "./modexp.ts";
import { DEAR_MS, estimateMs, type PrecompileJob } from "./precompile-job.ts";
import { runPrecompile } from "./precompiles.ts";
import { slabs } from "./slabs.ts";

const target = concatBytes(new Uint8Array(19), Uint8Array.of(0x77));
const header = makeHeader({
  parentHash: new Uint8Array(32),
  unclesHash: emptyUnclesHash,
  coinbase: new Uint8Array(20),
  stateRoot: new Uint8Array(32),
  txRoot: emptyTxRoot,
  receiptRoot: emptyTxRoot,
  bloom: new Uint8Array(256),
  difficulty: 1n,
  number: 1,
  gasLimit: 30_000_000n,
  gasUsed: 0n,
  time: 1,
  extra: new Uint8Array(0),
  mixDigest: new Uint8Array(32),
  nonce: new Uint8Array(8),
  baseFee: 7n,
});
const nothing: StateReader = {
  account: () => undefined,
  storage: () => new Uint8Array(32),
  code: () => new Uint8Array(0),
};
const config = testConfig("London");

/** Runs code that stands at `target`; what it came to, or the code and text of what was thrown. */
async function runCode(code: Uint8Array, options: CallOptions = {}): Promise<string> {
  try {
    const { status, error } = await runCall({ config, header }, { to: target }, nothing, {
      ...options,
      overrides: [{ address: target, code }],
    });
    return error ?? status;
  } catch (error) {
    const { code: name, message, rpcCode } = error as { code?: string; message: string; rpcCode?: number };
    return `${name} ${rpcCode}: ${message}`;
  }
}

const MIB = 1024 * 1024;
/** A store whose word ends at `end`. */
const touch = (end: number) => assemble(`1 ${end - 32} MSTORE STOP`);
/** Touches 64 KiB, then calls itself as long as there is gas. */
const recursion = assemble(`1 ${65_536 - 32} MSTORE 0 0 0 0 0 ${toHex(target)} GAS CALL STOP`);

describe("RP-12 memory of frames", () => {
  test("a call at its bound runs, one byte more ends it with -32003, and nothing is kept", async () => {
    const memory = new MemoryBudget(2 * MIB);
    const bound = 2 * MIB;
    expect(await runCode(touch(bound), { memory })).toBe("ok");
    expect(await runCode(touch(bound + 1), { memory })).toBe(
      "VM_MEMORY -32003: execution aborted (memory limit = 2 MiB)",
    );
    expect(memory.usedBytes).toBe(0);
    expect(await runCode(touch(bound), { memory })).toBe("ok");
  });

  test("256 MiB unless told otherwise: at the bound, and a byte more", async () => {
    const gasCap = 10n ** 12n;
    const bound = 256 * MIB;
    expect(await runCode(touch(bound), { gasCap })).toBe("ok");
    expect(await runCode(touch(bound + 1), { gasCap })).toBe(
      "VM_MEMORY -32003: execution aborted (memory limit = 256 MiB)",
    );
  });

  test("the frames of a call count together, and those of calls that run at once", async () => {
    const memory = new MemoryBudget(4 * MIB);
    expect(await runCode(recursion, { memory })).toBe(
      "VM_MEMORY -32003: execution aborted (memory limit = 4 MiB)",
    );
    expect(memory.usedBytes).toBe(0);
    expect(await runCode(recursion, { memory: new MemoryBudget(256 * MIB) })).toBe("ok"); // out of gas inside
    memory.usedBytes = 4 * MIB; // others have it all
    expect(await runCode(touch(MIB), { memory })).toBe("ok"); // the first MiB is everybody's
    expect(await runCode(touch(MIB + 1), { memory })).toMatch(/^VM_MEMORY/);
    expect(memory.usedBytes).toBe(4 * MIB);
  });
});

test("RP-12 nothing holds the EVM of a run that was broken off, or of a trace", async () => {
  const memory = new MemoryBudget(MIB);
  for (let i = 0; i < 3; i++) expect(await runCode(touch(2 * MIB), { memory })).toMatch(/^VM_MEMORY/);
  expect(await runCode(touch(MIB), { tracer: {} })).toBe("ok");
  const { evm } = await takeMachine(config, "london");
  expect(evm.common.events.listenerCount("hardforkChanged")).toBe(0);
});

test("RP-12 the memory of large frames is kept for the next run, and let go of a quarter of a second after the last", async () => {
  const clock = new SimulatedClock();
  using memory = new MemoryBudget(4 * MIB, clock);
  const large = () => runCode(touch(2 * MIB), { memory });
  slabs.trim();
  expect(await runCode(touch(MIB / 2), { memory })).toBe("ok"); // has room in what stays
  const { heldBytes } = slabs.figures;
  expect([heldBytes, clock.activeTimers]).toEqual([MIB, 0]);
  expect(await large()).toBe("ok");
  const kept = slabs.figures;
  expect(kept.heldBytes).toBeGreaterThanOrEqual(3 * MIB);
  expect(kept.lent).toBe(0);
  await clock.advance(200);
  expect(await large()).toBe("ok");
  await clock.advance(249);
  expect(slabs.figures).toEqual(kept);
  await clock.advance(1);
  expect(slabs.figures.heldBytes).toBe(heldBytes);
  expect(clock.activeTimers).toBe(0);
  expect(await large()).toBe("ok");
  memory[Symbol.dispose]();
  expect([slabs.isTrimmed, clock.activeTimers]).toEqual([true, 0]);
});

test("RP-12 of runs with much memory one goes on at a time; the others wait before their next message, until their time is over", async () => {
  const memory = new MemoryBudget(64 * MIB);
  let used = 0;
  let most = 0;
  Object.defineProperty(memory, "usedBytes", {
    get: () => used,
    set(bytes: number) {
      used = bytes;
      most = Math.max(most, bytes);
    },
  });
  expect(await runCode(recursion, { memory })).toBe("ok");
  const alone = most;
  expect(alone).toBeGreaterThan(8 * MIB);
  const eight = await Promise.all(Array.from({ length: 8 }, () => runCode(recursion, { memory })));
  expect(eight).toEqual(eight.map(() => "ok"));
  expect(most).toBeLessThan(alone + 8 * MIB);
  const endless = new MemoryMeter(memory);
  memory.heavy = endless;
  let now = 0;
  const clock = { now: () => now };
  const behind = runCode(recursion, { memory, clock, timeoutMs: 50 });
  await new Promise<void>((resolve) => setImmediate(resolve));
  endless.nudge();
  now = 51;
  endless.nudge();
  expect(await behind).toMatch(/^VM_TIMEOUT -32002/);
  expect(await runCode(touch(MIB), { memory })).toBe("ok"); // has it, and asks for no more
});

test("RP-12 who waits for a run that does not give way ends with its own time, or when its caller leaves", async () => {
  const memory = new MemoryBudget(64 * MIB);
  memory.heavy = new MemoryMeter(memory); // in a precompile on another thread, say
  let now = 0;
  const alarms = new Set<() => void>();
  const clock = {
    now: () => now,
    after(delayMs: number, fn: () => void) {
      const due = () => {
        if (now >= delayMs) fn();
      };
      alarms.add(due);
      return { cancel: () => void alarms.delete(due) };
    },
  };
  const leaving = new AbortController();
  const timed = runCode(recursion, { memory, clock, timeoutMs: 50 });
  const left = runCode(recursion, { memory, clock, timeoutMs: 5000, signal: leaving.signal });
  while (alarms.size < 2) await new Promise<void>((resolve) => setImmediate(resolve));
  now = 51;
  for (const due of alarms) due();
  expect(await timed).toMatch(/^VM_TIMEOUT -32002/);
  leaving.abort();
  expect(await left).toMatch(/abort/i);
  expect(alarms.size).toBe(0);
  expect(memory.usedBytes).toBe(0);
});

describe("MODEXP with a long exponent", () => {
  const naive = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
    let result = 1n % modulus;
    for (let square = base % modulus, rest = exponent; rest > 0n; rest >>= 1n) {
      if ((rest & 1n) === 1n) result = (result * square) % modulus;
      square = (square * square) % modulus;
    }
    return result;
  };

  test("by windows as bit by bit (seed 7)", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 1n << 300n }),
        fc.uint8Array({ maxLength: 90 }),
        fc.bigInt({ min: 1n, max: 1n << 260n }),
        (base, exponent, modulus) => {
          expect(powerModulo(base, exponent, modulus)).toBe(naive(base, bytesToBigint(exponent), modulus));
        },
      ),
      { seed: 7, numRuns: 200 },
    );
  });

  test("ours gives what the library gives: result, gas, errors (seed 8)", async () => {
    const evm = await createEVM({ common: commonFor(1n, "cancun") });
    const library = evm.precompiles.get("5".padStart(40, "0"));
    if (library === undefined) throw new Error("no modexp");
    const ours = withOwnPower(library);
    const length = fc.nat({ max: 100 });
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(length, fc.nat({ max: 300 }), length),
        fc.uint8Array({ maxLength: 600 }),
        fc.constantFrom(0n, 200n, 5_000n, 10n ** 9n),
        async (lengths, rest, gasLimit) => {
          const head = lengths.map((value) => bigintToBytes(BigInt(value), 32));
          const input = { data: concatBytes(...head, rest), gasLimit, common: evm.common, _EVM: evm };
          expect(await ours(input)).toEqual(await library(input));
        },
      ),
      { seed: 8, numRuns: 300 },
    );
  });

  test("RP-12 operands of 16 MiB are not looked at before they are paid for", async () => {
    const evm = await createEVM({ common: commonFor(1n, "cancun") });
    const seen: number[] = [];
    const ours = withOwnPower(async (input) => {
      seen.push(input.data.length);
      const error = new EVMError(EVMError.errorMessages.OUT_OF_GAS);
      return { executionGasUsed: input.gasLimit, returnValue: new Uint8Array(0), exceptionError: error };
    });
    let copied = 0;
    const data = new Uint8Array(96);
    const view = new DataView(data.buffer);
    for (const at of [28, 60, 92]) view.setUint32(at, 1 << 24);
    const subarray = data.subarray.bind(data);
    data.subarray = (...range) => {
      copied++;
      return subarray(...range);
    };
    const result = await ours({ data, gasLimit: 100n, common: evm.common, _EVM: evm });
    expect(result.exceptionError?.error).toBe("out of gas");
    expect(seen).toEqual([96]);
    expect(copied).toBe(4); // three lengths and what the library was given
  });

  test("RP-12 32 MiB of exponent before Berlin, 13 million gas, are ours too", async () => {
    const evm = await createEVM({ common: commonFor(1n, "istanbul") });
    let asked = 0;
    const ours = withOwnPower(async (input) => {
      asked = input.data.length;
      return { executionGasUsed: 1n, returnValue: new Uint8Array(1) };
    });
    const data = new Uint8Array(98);
    const view = new DataView(data.buffer);
    for (const [at, length] of [
      [28, 1],
      [60, 1 << 25],
      [92, 1],
    ] as const)
      view.setUint32(at, length);
    await ours({ data, gasLimit: 1n << 40n, common: evm.common, _EVM: evm });
    expect(asked).toBeLessThan(data.length + 32); // without the modulus, so that nothing is computed
  });

  test("128 KiB of exponent take less than a second, not eight", async () => {
    const input = new Uint8Array(96 + 8 + 131_072 + 8).fill(0xff, 96);
    const view = new DataView(input.buffer);
    for (const [at, value] of [
      [28, 8],
      [60, 131_072],
      [92, 8],
    ] as const)
      view.setUint32(at, value);
    let steps = 0;
    const exponent = new Proxy(input.subarray(104, 104 + 131_072), {
      get(bytes, name) {
        if (name === Symbol.iterator)
          return function* () {
            for (const byte of bytes) {
              steps++;
              yield byte;
            }
          };
        return Reflect.get(bytes, name) as unknown;
      },
    });
    powerModulo(3n, exponent, (1n << 64n) - 1n);
    expect(steps).toBe(131_072); // each byte is looked at once
    const outcome = await runPrecompile({ fork: "cancun", precompile: 5, input, gasLimit: 10n ** 9n });
    expect(outcome.error).toBeUndefined();
  });
});

const blake = (rounds: number): PrecompileJob => {
  const input = new Uint8Array(213);
  new DataView(input.buffer).setUint32(0, rounds);
  return { fork: "cancun", precompile: 9, input, gasLimit: 50_000_000n };
};

describe("RP-12 which precompiles are dear", () => {
  test.each<[string, number, Uint8Array, boolean]>([
    ["BLAKE2F of 12 rounds", 9, blake(12).input, false],
    ["BLAKE2F of 40 million", 9, blake(40_000_000).input, true],
    ["BLAKE2F of more rounds than gas", 9, blake(4_000_000_000).input, false],
    ["BLAKE2F of another length", 9, new Uint8Array(212), false],
    ["a pairing check of two", 8, new Uint8Array(384), true],
    ["a pairing check of none", 8, new Uint8Array(0), false],
    ["identity of a megabyte", 4, new Uint8Array(MIB), false],
    ["KZG", 10, new Uint8Array(192), true],
    ["BLS12-381 G2 sums of 16", 14, new Uint8Array(16 * 288), true],
    ["recovery of a signer", 1, new Uint8Array(128), false],
    ["MODEXP of an RSA check", 5, modexp(256, 3, 256), false],
    ["MODEXP of 2,048 bits", 5, modexp(256, 256, 256), true],
    ["MODEXP of lengths without end", 5, new Uint8Array(96).fill(0xff), true],
  ])("%s", (_, precompile, input, isDear) => {
    expect(estimateMs(precompile, input, 50_000_000n) >= DEAR_MS).toBe(isDear);
  });
});

function modexp(base: number, exponent: number, modulus: number): Uint8Array {
  const input = new Uint8Array(96 + base + exponent + modulus).fill(0xff, 96);
  const view = new DataView(input.buffer);
  for (const [i, length] of [base, exponent, modulus].entries()) view.setUint32(i * 32 + 28, length);
  return input;
}

/** Threads that answer when told to. (Real ones: test/unit/call-threads.test.ts.) */
function slowThreads() {
  const made: { jobs: PrecompileJob[]; options: ThreadOptions; isBusy: boolean; hasEnded: boolean }[] = [];
  const threads: Threads = {
    start(_module, options) {
      const one = { jobs: [] as PrecompileJob[], options, isBusy: false, hasEnded: false };
      made.push(one);
      return {
        post: (message) => void one.jobs.push(message as PrecompileJob),
        setBusy(isBusy) {
          one.isBusy = isBusy;
        },
        async end() {
          one.hasEnded = true;
        },
      };
    },
  };
  return { threads, made };
}

const outcome = { returnValue: Uint8Array.of(1), gasUsed: 1n };
const order = { ms: 5_000, timeLeftMs: 5_000, timeoutMs: 5_000 };

describe("RP-12 threads for precompiles", () => {
  test("when its caller's time is over the thread is killed, and the next starts another", async () => {
    const { threads, made } = slowThreads();
    const clock = new SimulatedClock();
    await using pool = new PrecompileThreads({ threads, clock });
    const endless = pool.run(blake(4e7), order)?.catch((error: Error) => error);
    const behind = pool.run(blake(4e7), { ...order, timeLeftMs: 6_000 });
    expect(made.map(({ isBusy }) => isBusy)).toEqual([true]);
    await clock.advance(5_000);
    expect(await endless).toMatchObject({
      code: "VM_TIMEOUT",
      rpcCode: -32002,
      message: "execution aborted (timeout = 5s)",
    });
    expect(made.map(({ hasEnded }) => hasEnded)).toEqual([true, false]);
    made[1]?.options.onMessage({ outcome });
    expect(await behind).toEqual(outcome);
    expect(made[1]?.isBusy).toBe(false);
    await clock.advance(10_000);
    expect([made[1]?.hasEnded, clock.activeTimers]).toEqual([true, 0]);
  });

  test("short work has a thread of its own and does not wait for endless work", async () => {
    const { threads, made } = slowThreads();
    await using pool = new PrecompileThreads({ threads, clock: new SimulatedClock() });
    const endless = [pool.run(blake(4e7), order), pool.run(blake(4e7), order)];
    for (const one of endless) void one?.catch(() => {});
    const short = pool.run(blake(1e5), { ...order, ms: 50 });
    expect(made.map(({ jobs }) => jobs.length)).toEqual([1, 1]);
    made[1]?.options.onMessage({ outcome });
    expect(await short).toEqual(outcome);
    const [, second] = endless;
    made[0]?.options.onMessage({ outcome });
    expect(made[0]?.jobs).toHaveLength(2);
    made[0]?.options.onMessage({ outcome });
    expect(await second).toEqual(outcome);
  });

  test("a thread that is idle while the other one is killed ends too", async () => {
    const { threads, made } = slowThreads();
    const clock = new SimulatedClock();
    await using pool = new PrecompileThreads({ threads, clock });
    const short = pool.run(blake(1e5), { ...order, ms: 50 });
    const endless = pool.run(blake(4e7), order)?.catch((error: Error) => error);
    made[0]?.options.onMessage({ outcome });
    expect(await short).toEqual(outcome);
    await clock.advance(5_000);
    expect(await endless).toMatchObject({ code: "VM_TIMEOUT" });
    expect(made.map(({ hasEnded }) => hasEnded)).toEqual([false, true]);
    await clock.advance(10_000);
    expect([made[0]?.hasEnded, clock.activeTimers]).toEqual([true, 0]);
  });

  test("who leaves is forgotten; memory that runs out is said; a thread that only falls is tried three times", async () => {
    const { threads, made } = slowThreads();
    await using pool = new PrecompileThreads({ threads, clock: new SimulatedClock() });
    const leaving = new AbortController();
    const left = pool.run(blake(4e7), { ...order, signal: leaving.signal })?.catch((error: Error) => error);
    leaving.abort(new Error("gone"));
    expect(await left).toMatchObject({ message: "gone" });
    expect(made[0]?.hasEnded).toBe(true);

    const heavy = pool.run(blake(4e7), order);
    made[1]?.options.onEnd(Object.assign(new Error("heap"), { code: "ERR_WORKER_OUT_OF_MEMORY" }));
    await expect(heavy).rejects.toMatchObject({ code: "VM_MEMORY", rpcCode: -32003 });
    for (let i = 0; i < 3; i++) {
      const fell = pool.run(blake(4e7), order);
      made.at(-1)?.options.onEnd(new Error("no module"));
      await expect(fell).rejects.toMatchObject({ code: "VM_EXECUTION_FAILED" });
    }
    expect(pool.run(blake(4e7), order)).toBeUndefined();
  });

  test("the end of the node ends all", async () => {
    const { threads, made } = slowThreads();
    const pool = new PrecompileThreads({ threads, clock: new SimulatedClock() });
    const running = [pool.run(blake(4e7), order), pool.run(blake(4e7), order)];
    await pool[Symbol.asyncDispose]();
    for (const one of running) await expect(one).rejects.toMatchObject({ message: "the node stops" });
    expect(made.every(({ hasEnded }) => hasEnded)).toBe(true);
    expect(pool.run(blake(4e7), order)).toBeUndefined();
  });

  test("a call's dear precompile is asked of them with its time and its signal; where there are none it is done in place", async () => {
    const code = assemble(`${200_000n << 224n} 0 MSTORE 32 0 213 0 0 9 GAS CALL 0 MSTORE 32 0 RETURN`);
    const orders: unknown[] = [];
    const precompiles = {
      run(job: PrecompileJob, asked: unknown) {
        orders.push(asked);
        return runPrecompile(job);
      },
    };
    const istanbul = { ...config, petersburgBlock: 0, istanbulBlock: 0 };
    const call = (options: CallOptions) =>
      runCall({ config: istanbul, header }, { to: target }, nothing, {
        ...options,
        overrides: [{ address: target, code }],
      });
    const there = await call({ precompiles, clock: { now: () => 100 } });
    expect(orders).toEqual([{ ms: 100, timeLeftMs: 5_000, timeoutMs: 5_000, signal: undefined }]);
    const here = await call({});
    expect([there.status, there.returnData.at(-1)]).toEqual(["ok", 1]);
    expect(there).toEqual(here);
    const failing = await call({ precompiles: { run: async () => ({ ...outcome, error: "out of gas" }) } });
    expect([failing.status, failing.returnData.at(-1)]).toEqual(["ok", 0]);
  });
});
