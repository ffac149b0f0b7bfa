import { generateKey, publicKeyOf, systemEntropy as entropy } from "#crypto";
import { SimulatedClock } from "#host/sim";
import { describe, expect, test } from "vitest";
import { type FakeSocket, settle, socketPair } from "../../../test/kit/sockets.ts";
import { RlpxConnection, type WireMsg } from "./connection.ts";
import { RlpxError } from "./errors.ts";

const stopped = RlpxError("CLOSED", { why: "test" });

function pair(maxBytes = 2048) {
  const clock = new SimulatedClock();
  const [near, far] = socketPair();
  const [alice, bob] = [generateKey(), generateKey()];
  const a = new RlpxConnection(near, {
    key: alice,
    entropy,
    clock,
    maxBytes,
    remotePublicKey: publicKeyOf(bob),
  });
  const b = new RlpxConnection(far, { key: bob, entropy, clock, maxBytes });
  return { clock, near, far, a, b, alice, bob };
}

/** Collects what a connection hands out. */
function listen(connection: RlpxConnection) {
  const got: WireMsg[] = [];
  const ends: Error[] = [];
  connection.setHandler({ onMessage: (msg) => got.push(msg), onEnd: (error) => ends.push(error) });
  return { got, ends };
}

const shut = async (clock: SimulatedClock, ...connections: RlpxConnection[]): Promise<void> => {
  for (const connection of connections) connection.close(stopped);
  await settle();
  expect(clock.activeTimers).toBe(0);
};

describe("RlpxConnection", () => {
  test("both learn the other's key; messages in both directions, plain and compressed", async () => {
    const { clock, a, b, alice, bob } = pair();
    expect(await a.established).toEqual(publicKeyOf(bob));
    expect(await b.established).toEqual(publicKeyOf(alice));
    a.write(0, Uint8Array.of(0xc1, 7));
    const first = await b.read();
    expect([first.code, ...first.payload]).toEqual([0, 0xc1, 7]);
    a.enableSnappy();
    b.enableSnappy();
    const [left, right] = [listen(a), listen(b)];
    a.write(17, new Uint8Array(1500).fill(9));
    b.write(18, Uint8Array.of(0xc0));
    await settle();
    expect(right.got).toMatchObject([{ code: 17, payload: new Uint8Array(1500).fill(9) }]);
    expect(left.got).toMatchObject([{ code: 18 }]);
    expect(a.bytesOut).toBe(b.bytesIn);
    await shut(clock, a, b);
  });

  test("the ack and what is said at once after it go out in one write", async () => {
    const { clock, a, b, near } = pair();
    const chunks: number[] = [];
    near.onData((chunk) => chunks.push(chunk.length)); // instead of a's: it is only counted
    await b.established;
    b.write(0, Uint8Array.of(0xc0));
    await settle();
    expect(chunks).toEqual([b.bytesOut]);
    await shut(clock, a, b);
  });

  test("what comes in one segment is read message by message until the handler takes over", async () => {
    const { clock, a, b } = pair();
    await Promise.all([a.established, b.established]);
    for (const code of [1, 2, 3, 4]) a.write(code, Uint8Array.of(0xc0));
    await settle();
    expect([(await b.read()).code, (await b.read()).code]).toEqual([1, 2]);
    const { got } = listen(b);
    expect(got.map(({ code }) => code)).toEqual([3, 4]); // at once
    await shut(clock, a, b);
  });

  test("limits apply from where they are set, per code, before anything is uncompressed", async () => {
    const { clock, a, b } = pair();
    await Promise.all([a.established, b.established]);
    a.enableSnappy();
    b.enableSnappy();
    b.setLimits(1 << 20, (code) => (code === 20 ? 1 << 20 : 100));
    const { got, ends } = listen(b);
    a.write(20, new Uint8Array(1 << 20));
    a.write(21, new Uint8Array(100));
    await settle();
    expect(got).toHaveLength(2);
    a.write(21, new Uint8Array(101));
    await settle();
    expect(ends).toMatchObject([
      { code: "RLPX_MSG_TOO_BIG", disconnect: 2, data: { code: 21, size: 101, limit: 100 } },
    ]);
    await shut(clock, a, b);
  });

  test("pause stops between two messages; resume goes on there", async () => {
    const { clock, a, b } = pair();
    await Promise.all([a.established, b.established]);
    const got: number[] = [];
    b.setHandler({
      onMessage: ({ code }) => {
        got.push(code);
        if (code === 2) b.pause();
      },
      onEnd: () => {},
    });
    for (const code of [1, 2, 3]) a.write(code, Uint8Array.of(0xc0));
    await settle();
    expect(got).toEqual([1, 2]);
    b.resume();
    await settle();
    expect(got).toEqual([1, 2, 3]);
    await shut(clock, a, b);
  });

  test("close tells the reason once; the first close decides; the other end reads it before the end", async () => {
    const { clock, a, b } = pair();
    await Promise.all([a.established, b.established]);
    const { got, ends } = listen(b);
    const waiting = a.read().catch((error: unknown) => error);
    a.close(stopped, { code: 1, payload: Uint8Array.of(0xc1, 4) });
    a.close(stopped, { code: 1, payload: Uint8Array.of(0xc1, 5) });
    expect(await waiting).toBe(stopped);
    expect(a.write(1, Uint8Array.of(0xc0))).toBe(true); // nothing happens
    await settle();
    expect(got.map(({ payload }) => payload[1])).toEqual([4]);
    expect(ends).toMatchObject([{ code: "RLPX_CLOSED" }]);
    await Promise.all([a.closed, b.closed]);
    expect(clock.activeTimers).toBe(0);
  });

  test("an end that does not read our reason is cut off after a second", async () => {
    const { clock, near, far, a, b } = pair();
    await Promise.all([a.established, b.established]);
    far.pause();
    a.close(stopped, { code: 1, payload: Uint8Array.of(0xc1, 4) });
    await settle();
    expect(near.isClosed).toBe(false);
    await clock.advance(1_000);
    expect(near.isClosed).toBe(true);
    await shut(clock, b);
  });

  test("the socket's end before, during and after the handshake", async () => {
    const { clock, near, far, a, b } = pair();
    far.pause(); // the auth has not arrived
    near.destroy();
    await expect(a.established).rejects.toMatchObject({ code: "RLPX_CLOSED" });
    await expect(b.established).rejects.toMatchObject({ code: "RLPX_CLOSED" });
    await expect(a.read()).rejects.toMatchObject({ code: "RLPX_CLOSED" });
    const { ends } = listen(a); // told even if it comes late
    expect(ends).toHaveLength(1);
    expect(clock.activeTimers).toBe(0);
  });

  test("a write above the socket's queue says so, and drain is told", async () => {
    const { clock, far, a, b } = pair(1 << 20);
    await Promise.all([a.established, b.established]);
    listen(b);
    let drained = 0;
    a.onDrain(() => drained++);
    far.pause();
    expect(a.write(20, entropy.bytes(100_000))).toBe(false);
    expect(a.queuedBytes).toBeGreaterThan(100_000);
    far.resume();
    await settle();
    expect([drained > 0, a.queuedBytes]).toEqual([true, 0]);
    await shut(clock, a, b);
  });

  test("bytes that are no handshake close the socket without an answer", async () => {
    const clock = new SimulatedClock();
    const [attacker, accepted]: [FakeSocket, FakeSocket] = socketPair();
    const connection = new RlpxConnection(accepted, { key: generateKey(), entropy, clock, maxBytes: 2048 });
    attacker.onData(() => {});
    attacker.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    await expect(connection.established).rejects.toMatchObject({ code: "RLPX_HANDSHAKE_SIZE" });
    await settle();
    expect([attacker.isClosed, attacker.received, clock.activeTimers]).toEqual([true, 0, 0]);
  });
});
