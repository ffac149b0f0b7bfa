import { generateKey, publicKeyOf, systemEntropy as entropy } from "#crypto";
import type { ThreadOptions, Threads } from "#host";
import { SimulatedClock } from "#host/sim";
import { describe, expect, test } from "vitest";
import { settle, socketPair } from "../../../test/kit/sockets.ts";
import { RlpxConnection } from "./connection.ts";
import { type HandshakeRunner, HandshakeThread, shareHandshakes } from "./handshake-pool.ts";
import type { HandshakeQuestion } from "./handshake-thread.ts";
import { type HandshakeJob, type HandshakeOutcome, runHandshakeJob } from "./job.ts";
import { limits } from "./limits.ts";
import { HandshakeMachine } from "./machine.ts";

const key = generateKey();

/** What a recipient has to compute for a good auth. */
function acceptJob(): HandshakeJob {
  const initiator = new HandshakeMachine({ key: generateKey(), entropy, remotePublicKey: publicKeyOf(key) });
  const step = new HandshakeMachine({ key, entropy }).feed(initiator.start() ?? new Uint8Array(0));
  if (step === undefined || !("job" in step)) throw new Error("no job");
  return step.job;
}

/** Asks at once; the outcome as a promise, wherever it is computed. */
const ask = async (by: HandshakeRunner, job: HandshakeJob): Promise<HandshakeOutcome> => by.run(job);

/** Threads whose work is done when the test says so, and that fall when it says so. (Real ones: test/unit/handshake-thread.test.ts.) */
function slowThreads() {
  const threads: { posted: HandshakeQuestion[]; options: ThreadOptions; hasEnded: boolean }[] = [];
  const source: Threads = {
    start(_module, options) {
      const thread = { posted: [] as HandshakeQuestion[], options, hasEnded: false };
      threads.push(thread);
      return {
        post: (message) => void thread.posted.push(message as HandshakeQuestion),
        setBusy: () => {},
        async end() {
          thread.hasEnded = true;
        },
      };
    },
  };
  /** Answers everything asked of the last thread. */
  const work = () => {
    const thread = threads.at(-1);
    for (const { id, job } of thread?.posted.splice(0) ?? [])
      thread?.options.onMessage({ id, outcome: runHandshakeJob(job) });
  };
  return { source, threads, work };
}

describe("RX-14 the thread for handshakes", () => {
  test("64 wait, the next is closed; an outcome frees its place", async () => {
    const { source, work } = slowThreads();
    const pool = new HandshakeThread({ threads: source, clock: new SimulatedClock() });
    const job = acceptJob();
    const waiting = Array.from({ length: limits.handshakeQueue }, () => ask(pool, job));
    await expect(ask(pool, job)).rejects.toMatchObject({
      code: "RLPX_HANDSHAKE_DROPPED",
      message: "handshake dropped: too many at once",
      disconnect: undefined,
    });
    work();
    for (const outcome of await Promise.all(waiting)) expect(outcome?.kind).toBe("accept");
    const next = ask(pool, job);
    work();
    expect((await next)?.kind).toBe("accept");
    await pool.end();
  });

  test("one thread for all; idle for 10 s it ends, and the next handshake starts another", async () => {
    const { source, threads, work } = slowThreads();
    const clock = new SimulatedClock();
    const one = shareHandshakes({ threads: source, clock });
    const two = shareHandshakes({ threads: source, clock });
    expect(threads).toHaveLength(0);
    const both = [ask(one, acceptJob()), ask(two, acceptJob())];
    work();
    await Promise.all(both);
    expect(threads).toHaveLength(1);
    await clock.advance(limits.handshakeIdleMs);
    expect([threads[0]?.hasEnded, clock.activeTimers]).toEqual([true, 0]);
    const again = ask(two, acceptJob());
    work();
    await again;
    await one[Symbol.asyncDispose]();
    await one[Symbol.asyncDispose]();
    expect(threads.map(({ hasEnded }) => hasEnded)).toEqual([true, false]);
    const late = ask(two, acceptJob()).catch((error: Error) => error.message);
    await two[Symbol.asyncDispose](); // the last server: the thread dies with it
    expect(threads.map(({ hasEnded }) => hasEnded)).toEqual([true, true]);
    expect(await late).toBe("handshake dropped: the node stops");
    expect(clock.activeTimers).toBe(0);
  });

  test("a thread that falls takes its handshakes with it; another is started, three times; then all is done here", async () => {
    const { source, threads } = slowThreads();
    const pool = new HandshakeThread({ threads: source, clock: new SimulatedClock() });
    for (let i = 1; i <= 3; i++) {
      const dropped = ask(pool, acceptJob());
      expect(threads).toHaveLength(i);
      threads.at(-1)?.options.onEnd(new Error("out of memory"));
      await expect(dropped).rejects.toMatchObject({ message: "handshake dropped: the thread fell" });
    }
    expect(pool.run(acceptJob())).toMatchObject({ kind: "accept" });
    expect(threads).toHaveLength(3);
  });

  test("where no thread can be made, and for our own dials, all is done here", () => {
    const none = new HandshakeThread({ threads: { start: () => undefined }, clock: new SimulatedClock() });
    expect(none.run(acceptJob())).toMatchObject({ kind: "accept" });
    const { source, threads } = slowThreads();
    const pool = new HandshakeThread({ threads: source, clock: new SimulatedClock() });
    const packet = new Uint8Array(400);
    expect(pool.run({ kind: "finish", packet, isPlain: false, key, ephemeral: key })).toBeUndefined();
    expect(threads).toHaveLength(0);
  });

  test("a connection waits for its outcome and reads nothing meanwhile; RX-04 an auth that does not open ends at the step after it came", async () => {
    const { source, work } = slowThreads();
    const clock = new SimulatedClock();
    const handshakes = new HandshakeThread({ threads: source, clock });
    const [near, far] = socketPair();
    const options = { entropy, clock, maxBytes: 2048 };
    const recipient = new RlpxConnection(far, { ...options, key, handshakes });
    const initiator = new RlpxConnection(near, {
      ...options,
      key: generateKey(),
      remotePublicKey: publicKeyOf(key),
    });
    await settle();
    near.write(new Uint8Array(64)); // no frame: looked at after the handshake
    await settle();
    expect(recipient.hasEnded).toBe(false);
    work();
    await Promise.all([recipient.established, initiator.established]);
    await expect(recipient.read()).rejects.toMatchObject({ code: "RLPX_BAD_HEADER_MAC" });

    const [stranger, accepted] = socketPair();
    stranger.onData(() => {});
    const bad = new RlpxConnection(accepted, { ...options, key, handshakes });
    stranger.write(Uint8Array.of(0, 200, ...entropy.bytes(200)));
    await clock.advance(60); // later than the first step
    work();
    await expect(bad.established).rejects.toMatchObject({ code: "RLPX_BAD_HANDSHAKE" });
    await clock.advance(2 * limits.refusalStepMs - 61);
    expect(stranger.isClosed).toBe(false);
    await clock.advance(1);
    expect([stranger.isClosed, stranger.received]).toEqual([true, 0]);
    await handshakes.end();
  });
});
