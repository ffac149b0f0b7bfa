// long: every attack of attacks-and-faults §1.1, with the forger that makes their packets
import {
  aesEcbBlock,
  createAesCtr,
  ecdhX,
  eciesEncrypt,
  generateKey,
  hmacSha256,
  type PrivateKey,
  publicKeyOf,
  sha256,
  sign,
  systemEntropy as entropy,
} from "#crypto";
import { EnodeError, parseEnode } from "#enode";
import { SimulatedClock, seededRand } from "#host/sim";
import { encode, type RlpValue } from "#rlp";
import { concatBytes, GlimError, toHex } from "#util";
import { describe, expect, test } from "vitest";
import { socketPair } from "../../../test/kit/sockets.ts";
import { ChunkList } from "./chunks.ts";
import { RlpxConnection } from "./connection.ts";
import { FrameReader } from "./frames.ts";
import { deriveSecrets, sealAck, type Secrets } from "./handshake.ts";
import { limits } from "./limits.ts";
import { type Established, HandshakeMachine } from "./machine.ts";
import { compress, jsSnappy, nativeSnappy, uncompress } from "./snappy.ts";

const ours = generateKey();
const theirs = generateKey();
const recipient = (options = {}) => new HandshakeMachine({ key: ours, entropy, ...options });
const FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn;

/** What a machine does with a packet: "ok", "waits", or the code it throws. Nothing but our errors may come out. */
function outcome(machine: HandshakeMachine, packet: Uint8Array): string {
  try {
    return machine.push(packet) === undefined ? "waits" : "ok";
  } catch (error) {
    if (error instanceof GlimError) return error.code;
    throw error;
  }
}

/** An ECIES message with any point and any body, MAC computed as the key of `receiver` would check it. */
function forge(
  receiver: Uint8Array,
  { point, body = new Uint8Array(16), size }: { point?: Uint8Array; body?: Uint8Array; size?: number },
): Uint8Array {
  const ephemeral = generateKey();
  const shared = ecdhX(ephemeral, receiver) ?? new Uint8Array(32);
  const macKey = sha256(sha256(Uint8Array.of(0, 0, 0, 1), shared).subarray(16));
  const length = size ?? 65 + body.length + 32;
  const prefix = Uint8Array.of(length >>> 8, length & 0xff);
  return concatBytes(
    prefix,
    point ?? concatBytes(Uint8Array.of(4), publicKeyOf(ephemeral)),
    body,
    hmacSha256(macKey, body, prefix),
  );
}

function sealed(receiver: Uint8Array, body: RlpValue, padding = 100): Uint8Array {
  const message = concatBytes(encode(body), new Uint8Array(padding));
  const prefix = Uint8Array.of((message.length + 113) >>> 8, (message.length + 113) & 0xff);
  return concatBytes(prefix, eciesEncrypt(receiver, message, { macData: prefix, entropy }));
}

interface AuthChanges {
  readonly key?: Uint8Array;
  readonly version?: number;
  readonly extra?: RlpValue[];
  readonly padding?: number;
  readonly signature?: Uint8Array;
}

function auth(from: PrivateKey, to: Uint8Array, changes: AuthChanges = {}): Uint8Array {
  const nonce = entropy.bytes(32);
  const shared = ecdhX(from, to) ?? new Uint8Array(32);
  const ephemeral = generateKey();
  const signature =
    changes.signature ??
    sign(
      shared.map((byte, i) => byte ^ (nonce[i] ?? 0)),
      ephemeral,
    ).bytes;
  return sealed(
    to,
    [signature, changes.key ?? publicKeyOf(from), nonce, changes.version ?? 4, ...(changes.extra ?? [])],
    changes.padding,
  );
}

/** Two ends that have shaken hands. */
function shake(): { initiator: Established; recipient: Established } {
  const a = new HandshakeMachine({ key: theirs, entropy, remotePublicKey: publicKeyOf(ours) });
  const first = recipient().push(a.start() ?? new Uint8Array(0));
  const second = a.push(first?.send ?? new Uint8Array(0));
  if (first === undefined || second === undefined) throw new Error("no handshake");
  return { initiator: second.established, recipient: first.established };
}

/** A point with coordinates of our choice. */
const point = (x: bigint, y: bigint): Uint8Array =>
  Buffer.from(x.toString(16).padStart(64, "0") + y.toString(16).padStart(64, "0"), "hex");

const badPoints: readonly [string, Uint8Array][] = [
  ["(0,0)", concatBytes(Uint8Array.of(4), new Uint8Array(64))],
  ["off the curve", concatBytes(Uint8Array.of(4), new Uint8Array(64).fill(7))],
  ["on the twist", concatBytes(Uint8Array.of(4), point(5n, 7n))],
  ["infinity", new Uint8Array(65)],
  ["compressed 02", concatBytes(Uint8Array.of(2), publicKeyOf(theirs))],
  ["compressed 03", concatBytes(Uint8Array.of(3), publicKeyOf(theirs))],
  ["hybrid 06", concatBytes(Uint8Array.of(6), publicKeyOf(theirs))],
  ["hybrid 07", concatBytes(Uint8Array.of(7), publicKeyOf(theirs))],
];

describe("handshake attacks", () => {
  test("RX-01 an ECIES part of 65 + n + 32 bytes with a good MAC is refused by its size", () => {
    for (let n = 0; n < 16; n++) {
      const packet = forge(publicKeyOf(ours), { body: new Uint8Array(n) });
      expect(outcome(recipient(), packet)).toBe("RLPX_HANDSHAKE_SIZE");
      const initiator = new HandshakeMachine({ key: ours, entropy, remotePublicKey: publicKeyOf(theirs) });
      initiator.start();
      expect(outcome(initiator, packet)).toBe("RLPX_HANDSHAKE_SIZE");
    }
  });

  test.each(badPoints)("RX-02 ephemeral key %s: one error, that of a bad MAC", (name, bad) => {
    const good = forge(publicKeyOf(ours), {});
    good.set([(good[80] ?? 0) ^ 1], 80);
    const badMac = outcome(recipient(), good);
    expect(badMac).toBe("RLPX_BAD_HANDSHAKE");
    expect(outcome(recipient(), forge(publicKeyOf(ours), { point: bad }))).toBe(badMac);
    const initiator = new HandshakeMachine({ key: ours, entropy, remotePublicKey: publicKeyOf(theirs) });
    initiator.start();
    expect(outcome(initiator, sealed(publicKeyOf(ours), [bad.subarray(1), entropy.bytes(32), 4]))).toBe(
      /compressed|hybrid/.test(name) ? "ok" : "RLPX_BAD_HANDSHAKE", // in the body the prefix does not exist
    );
  });

  test("RX-03 coordinates of p and above: static key, ack key, enode URL", () => {
    for (const bad of [point(FIELD + 1n, 1n), point(1n, FIELD), point(2n ** 256n - 1n, 2n ** 256n - 1n)]) {
      expect(outcome(recipient(), auth(theirs, publicKeyOf(ours), { key: bad }))).toBe("RLPX_BAD_HANDSHAKE");
      const initiator = new HandshakeMachine({ key: ours, entropy, remotePublicKey: publicKeyOf(theirs) });
      initiator.start();
      expect(outcome(initiator, sealed(publicKeyOf(ours), [bad, entropy.bytes(32), 4]))).toBe(
        "RLPX_BAD_HANDSHAKE",
      );
      expect(() => parseEnode(`enode://${toHex(bad).slice(2)}@127.0.0.1:1`)).toThrowError(
        EnodeError("BAD_KEY", { reason: "invalid public key (not on the curve)" }),
      );
    }
  });

  test("RX-04 valid or invalid curve, valid or invalid MAC: closed, and not one byte sent", async () => {
    const broken = auth(theirs, publicKeyOf(ours));
    broken.set([(broken[200] ?? 0) ^ 1], 200);
    const packets = [
      broken,
      forge(publicKeyOf(ours), {}),
      forge(publicKeyOf(ours), { point: concatBytes(Uint8Array.of(4), new Uint8Array(64).fill(7)) }),
      auth(theirs, publicKeyOf(ours), { key: new Uint8Array(64).fill(7) }),
      auth(theirs, publicKeyOf(ours), { signature: new Uint8Array(65) }),
    ];
    for (const packet of packets) {
      const [attacker, accepted] = socketPair();
      attacker.onData(() => {});
      const clock = new SimulatedClock();
      const connection = new RlpxConnection(accepted, { key: ours, entropy, clock, maxBytes: 2048 });
      attacker.write(packet);
      await expect(connection.established).rejects.toMatchObject({
        code: "RLPX_BAD_HANDSHAKE",
        message: "auth does not open",
      });
      // at the same time after its arrival, whatever is wrong with it
      await clock.advance(limits.refusalStepMs - 1);
      expect(attacker.isClosed).toBe(false);
      await clock.advance(1);
      expect([attacker.isClosed, attacker.received, clock.activeTimers]).toEqual([true, 0, 0]);
    }
  });

  test("RX-05 size prefixes: refused at once outside 113 … 2048, else waited for", () => {
    for (const [size, want] of [
      [0, "RLPX_HANDSHAKE_SIZE"],
      [1, "RLPX_HANDSHAKE_SIZE"],
      [112, "RLPX_HANDSHAKE_SIZE"],
      [113, "waits"],
      [2048, "waits"],
      [2049, "RLPX_HANDSHAKE_SIZE"],
      [65_535, "RLPX_HANDSHAKE_SIZE"],
    ] as const)
      expect([size, outcome(recipient(), Uint8Array.of(size >>> 8, size & 0xff))]).toEqual([size, want]);
  });

  test("RX-06 further items, bytes after the list, another version, padding to the full size: accepted in both roles", () => {
    const to = publicKeyOf(ours);
    const spare = 2048 - 113 - 169; // the list takes 169 bytes
    for (const changes of [
      { extra: [1, [2, 3], new Uint8Array(40)] },
      { version: 5 },
      { padding: 0 },
      { padding: 100 },
      { padding: spare },
    ])
      expect(outcome(recipient(), auth(theirs, to, changes))).toBe("ok");
    const full = auth(theirs, to, { padding: spare });
    expect([full.length, full[0], full[1]]).toEqual([2050, 8, 0]);
    for (const [extra, version, padding] of [
      [[1, [2]], 4, 0],
      [[], 57, 300],
      [[], 4, 1700],
    ] as const) {
      const initiator = new HandshakeMachine({ key: ours, entropy, remotePublicKey: publicKeyOf(theirs) });
      initiator.start();
      expect(
        outcome(
          initiator,
          sealed(to, [publicKeyOf(generateKey()), entropy.bytes(32), version, ...extra], padding),
        ),
      ).toBe("ok");
    }
  });

  test("RX-07 the form before EIP-8 is refused unless the config accepts it", () => {
    const shared = ecdhX(theirs, publicKeyOf(ours)) ?? new Uint8Array(32);
    const nonce = entropy.bytes(32);
    const ephemeral = generateKey();
    const signature = sign(
      shared.map((byte, i) => byte ^ (nonce[i] ?? 0)),
      ephemeral,
    ).bytes;
    const body = concatBytes(signature, new Uint8Array(32), publicKeyOf(theirs), nonce, Uint8Array.of(0));
    const wrongHash = eciesEncrypt(publicKeyOf(ours), body, { entropy });
    expect(outcome(recipient(), wrongHash)).toBe("waits"); // read as EIP-8 of 1,024 bytes and more, which never come: closed at 5 s
    expect(outcome(recipient({ acceptPlain: true }), wrongHash)).toBe("waits"); // its hash of the ephemeral key does not hold
  });

  test("RX-08 a replayed auth opens, but who replays it has no keys; a reflected one does not open", () => {
    const packet = auth(theirs, publicKeyOf(ours));
    for (let i = 0; i < 2; i++) {
      const result = recipient().push(packet);
      result?.established.reader.push(entropy.bytes(64));
      expect(() => result?.established.reader.next(2048)).toThrowError(
        expect.objectContaining({ code: "RLPX_BAD_HEADER_MAC" }),
      );
    }
    const initiator = new HandshakeMachine({ key: ours, entropy, remotePublicKey: publicKeyOf(theirs) });
    expect(outcome(initiator, initiator.start() ?? new Uint8Array(0))).toBe("RLPX_BAD_HANDSHAKE");
  });

  test("RX-09 ack of another handshake, zero nonce, ack before auth", () => {
    const make = () => new HandshakeMachine({ key: ours, entropy, remotePublicKey: publicKeyOf(theirs) });
    const initiator = make();
    initiator.start();
    const stranger = { ephemeral: generateKey(), nonce: entropy.bytes(32) };
    const other = make();
    const otherAuth = other.start() ?? new Uint8Array(0);
    const answer = new HandshakeMachine({ key: theirs, entropy }).push(otherAuth);
    const result = initiator.push(answer?.send ?? new Uint8Array(0)); // opens: it is to us
    result?.established.reader.push(
      answer?.established.writer.seal(0, Uint8Array.of(0xc0)) ?? new Uint8Array(0),
    );
    expect(() => result?.established.reader.next(2048)).toThrowError(
      expect.objectContaining({ code: "RLPX_BAD_HEADER_MAC" }),
    );

    const zero = make();
    zero.start();
    const auth0 = { publicKey: publicKeyOf(ours) };
    expect(outcome(zero, sealAck(auth0, { ...stranger, nonce: new Uint8Array(32) }, entropy))).toBe(
      "RLPX_BAD_HANDSHAKE",
    );
    expect(outcome(recipient(), sealAck(auth0, stranger, entropy))).toBe("RLPX_BAD_HANDSHAKE");
  });

  test("fuzz: changed, cut and random handshake packets throw RLPX errors only (seed 1)", () => {
    const random = mulberry(1);
    const packet = auth(theirs, publicKeyOf(ours));
    let opened = 0;
    for (let i = 0; i < 600; i++) {
      const bytes = packet.slice(0, random(3) === 0 ? random(packet.length) : packet.length);
      for (let k = random(4); k >= 0 && bytes.length > 0; k--) bytes[random(bytes.length)] = random(256);
      const said = outcome(recipient({ acceptPlain: random(2) === 0 }), bytes);
      if (said === "ok") opened++;
      else expect(["waits", "RLPX_HANDSHAKE_SIZE", "RLPX_BAD_HANDSHAKE"]).toContain(said);
    }
    expect(opened).toBeLessThan(30); // a byte set to the value it had
  });
});

describe("frame attacks", () => {
  test("RX-10 one bit of either MAC or of the ciphertext: nothing is delivered", () => {
    for (const [at, code] of [
      [0, "RLPX_BAD_HEADER_MAC"],
      [16, "RLPX_BAD_HEADER_MAC"],
      [31, "RLPX_BAD_HEADER_MAC"],
      [32, "RLPX_BAD_FRAME_MAC"],
      [48, "RLPX_BAD_FRAME_MAC"],
      [63, "RLPX_BAD_FRAME_MAC"],
    ] as const) {
      const { initiator, recipient: reader } = shake();
      const frame = initiator.writer.seal(1, Uint8Array.of(0xc1, 5));
      frame[at] = (frame[at] ?? 0) ^ 1;
      reader.reader.push(frame);
      expect(() => reader.reader.next(2048)).toThrowError(expect.objectContaining({ code }));
    }
  });

  test("RX-10 size over the cap is refused at the header; size 0 has no code; header data and padding are ignored, as geth does", () => {
    const { initiator, recipient: big } = shake();
    const frame = initiator.writer.seal(1, new Uint8Array(4096));
    big.reader.push(frame.subarray(0, 32));
    expect(() => big.reader.next(2048)).toThrowError(
      expect.objectContaining({ code: "RLPX_FRAME_TOO_BIG", disconnect: 2 }),
    );

    const raw = (header: number[], body: number[]): string => {
      const pair = rawPair();
      pair.reader.push(pair.frame(Uint8Array.from(header), Uint8Array.from(body)));
      try {
        return String(pair.reader.next(2048)?.code);
      } catch (error) {
        return error instanceof GlimError ? error.code : "?";
      }
    };
    expect(raw([0, 0, 0], [])).toBe("RLPX_BAD_CODE");
    expect(raw([0, 0, 1, 0xc2, 0x80, 0x80], [9])).toBe("9");
    expect(raw([0, 0, 1, 0xc3, 1, 2, 3], [9, 1, 1, 1])).toBe("9");
  });

  test("BP-05 message codes: canonical integers only", () => {
    const codeOf = (...body: number[]): string => {
      const pair = rawPair();
      pair.reader.push(pair.frame(Uint8Array.of(0, 0, body.length), Uint8Array.from(body)));
      try {
        return String(pair.reader.next(2048)?.code);
      } catch (error) {
        return error instanceof GlimError ? `${error.code} ${error.disconnect}` : "?";
      }
    };
    expect(codeOf(0x80)).toBe("0");
    expect(codeOf(0x81, 0x80)).toBe("128");
    expect(codeOf(0x84, 0xff, 0xff, 0xff, 0xff)).toBe("4294967295");
    for (const bad of [[0], [0x81, 5], [0x82, 0, 5], [0x85, 1, 1, 1, 1, 1], [0x82, 1], [0xc0], [0xff, 1]])
      expect(codeOf(...bad)).toBe("RLPX_BAD_CODE 2");
  });

  test("RX-11 F17 a drip: the announced size costs nothing, and below 8 KiB/s it ends after 10 s", async () => {
    const { clock, attacker, victim, frames } = await connected();
    const ended = expect(victim.read()).rejects.toMatchObject({ code: "RLPX_TOO_SLOW" });
    const frame = frames.writer.seal(20, new Uint8Array(0xff_0000));
    victim.setLimits(0xff_ffff, () => 0xff_ffff);
    attacker.write(frame.subarray(0, 33));
    for (let second = 0; second < 12; second++) {
      attacker.write(frame.subarray(33 + second, 34 + second));
      await clock.advance(1_000);
    }
    await ended;
    expect(attacker.isClosed).toBe(true);
    expect(clock.activeTimers).toBe(0);
  });

  test("RX-11 silence ends the connection after 30 s, but not while we do not read", async () => {
    const { clock, victim } = await connected();
    const ended = expect(victim.read()).rejects.toMatchObject({ code: "RLPX_READ_TIMEOUT" });
    victim.pause();
    await clock.advance(60_000);
    victim.resume();
    await clock.advance(29_000);
    expect(victim.hasEnded).toBe(false);
    await clock.advance(2_000);
    await ended;
  });

  test("a peer that takes nothing for 20 s of what we wrote is dropped", async () => {
    const { clock, attacker, victim } = await connected();
    attacker.pause();
    victim.write(20, new Uint8Array(100));
    const ended = victim.read().catch((error: unknown) => error);
    await clock.advance(25_000);
    expect(await ended).toMatchObject({ code: "RLPX_WRITE_TIMEOUT" });
  });

  test("RX-12 16 MiB in pieces of 1,448 bytes are put together once, in linear time", () => {
    const total = 0xff_fff0;
    const piece = new Uint8Array(1448).fill(3);
    const once = (): number => {
      const list = new ChunkList();
      const start = performance.now();
      for (let at = 0; at < total; at += piece.length)
        list.push(piece.subarray(0, Math.min(piece.length, total - at)));
      expect(list.take(total).length).toBe(total);
      return performance.now() - start;
    };
    expect(Math.min(once(), once(), once())).toBeLessThan(2_000); // 11 ms alone, 75 under load; joining at every piece takes over 20 s
  });

  test("RX-12 pieces of one byte cost no object each", () => {
    const list = new ChunkList();
    const byte = Uint8Array.of(1);
    for (let i = 0; i < 100_000; i++) list.push(byte);
    expect(list.length).toBe(100_000);
    let sum = 0;
    for (let left = 100_000; left > 0; left -= 50) for (const value of list.take(50)) sum += value;
    expect([sum, list.length]).toEqual([100_000, 0]);
  });

  test("RX-15 one key stream for both directions: who knows one plaintext reads the other (so nothing secret goes here)", () => {
    const { initiator, recipient: other } = shake();
    const a = initiator.writer.seal(1, Uint8Array.of(0xc0)).subarray(32, 48);
    const b = other.writer.seal(2, Uint8Array.of(0xc1, 7)).subarray(32, 48);
    const difference = a.map((byte, i) => byte ^ (b[i] ?? 0));
    expect([...difference.subarray(0, 3)]).toEqual([1 ^ 2, 0xc0 ^ 0xc1, 7]);
  });

  test("T11 the largest frame: 2^24 − 1 bytes with its code pass, one more does not leave", () => {
    const { initiator, recipient: other } = shake();
    const largest = new Uint8Array(limits.frameMax - 1);
    largest[largest.length - 1] = 9;
    other.reader.push(initiator.writer.seal(1, largest));
    const frame = other.reader.next(limits.frameMax);
    expect([frame?.payload.length, frame?.payload.at(-1)]).toEqual([largest.length, 9]);
    expect(() => initiator.writer.seal(1, new Uint8Array(limits.frameMax))).toThrowError(
      expect.objectContaining({ code: "RLPX_SEND_TOO_BIG" }),
    );
  });

  test("fuzz: any cut of a stream gives the same messages; any change ends it with an RLPX error (seed 2)", () => {
    const random = mulberry(2);
    for (let round = 0; round < 60; round++) {
      const { initiator, recipient: other } = shake();
      const messages = Array.from({ length: 1 + random(5) }, () => ({
        code: random(300),
        payload: entropy.bytes(random(5000)),
      }));
      const stream = concatBytes(
        ...messages.map(({ code, payload }) => initiator.writer.seal(code, payload)),
      );
      const change = random(2) === 0 ? random(stream.length) : undefined;
      if (change !== undefined) stream[change] = (stream[change] ?? 0) ^ (1 + random(255));
      const got: { code: number; payload: Uint8Array }[] = [];
      try {
        for (let at = 0; at < stream.length; ) {
          const step = 1 + random(700);
          other.reader.push(stream.subarray(at, at + step));
          at += step;
          for (let frame = other.reader.next(0xffff); frame !== undefined; frame = other.reader.next(0xffff))
            got.push(frame);
        }
        expect(change).toBeUndefined();
        expect(got.map(({ code, payload }) => [code, toHex(payload)])).toEqual(
          messages.map(({ code, payload }) => [code, toHex(payload)]),
        );
      } catch (error) {
        if (change === undefined) throw error;
        expect(error).toMatchObject({ code: expect.stringMatching(/^RLPX_BAD_(HEADER|FRAME)_MAC$/) });
        expect(got.length).toBeLessThan(messages.length);
      }
    }
  });
});

describe("snappy", () => {
  const backends = [jsSnappy, nativeSnappy()].filter((backend) => backend !== undefined);

  test.each(backends)(
    "BP-06 with $name: the claimed length is checked before anything is allocated",
    (backend) => {
      const varint = (value: number): number[] =>
        value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))];
      const gigabyte = Uint8Array.from([...varint(2 ** 30), 0, 0]);
      expect(gigabyte.length).toBe(7);
      expect(uncompress(gigabyte, 10 << 20, backend)).toEqual({ tooBig: 2 ** 30 });
      expect(uncompress(Uint8Array.from([...varint(0xff_ffff), 0]), 0xff_ffff, backend)).toBeUndefined(); // 5 bytes cannot make 16 MiB
      const text = new TextEncoder().encode("abcdabcdabcdabcdabcdabcdabcd".repeat(9));
      const good = backend.compress(text);
      expect(uncompress(good, 1000, backend)).toEqual({ bytes: text });
      expect(uncompress(good.subarray(0, -1), 1000, backend)).toBeUndefined(); // truncated
      expect(uncompress(concatBytes(good, Uint8Array.of(0, 1)), 1000, backend)).toBeUndefined(); // something behind
      expect(uncompress(Uint8Array.of(5, 0x00, 0x61, 0x01, 0x00), 1000, backend)).toBeUndefined(); // copy from offset 0
      expect(uncompress(Uint8Array.of(5, 0x00, 0x61, 0x01, 0x09), 1000, backend)).toBeUndefined(); // copy from before the start
      expect(uncompress(Uint8Array.of(9, 0x00, 0x61), 1000, backend)).toBeUndefined(); // makes less than it claims
      expect(uncompress(Uint8Array.of(), 1000, backend)).toBeUndefined();
      expect(uncompress(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0x0f), 1000, backend)).toBeUndefined();
      const overlap = Uint8Array.of(8, 0x00, 0x61, 0x01 | (3 << 2), 0x01); // "a", then 7 bytes from offset 1
      expect(uncompress(overlap, 1000, backend)).toEqual({ bytes: new Uint8Array(8).fill(0x61) });
      const bomb = backend.compress(new Uint8Array(8 << 20)); // about 21:1
      expect(bomb.length).toBeLessThan((8 << 20) / 20);
      expect(uncompress(bomb, (8 << 20) - 1, backend)).toEqual({ tooBig: 8 << 20 });
      expect(uncompress(bomb, 8 << 20, backend)).toMatchObject({ bytes: { length: 8 << 20 } });
    },
  );

  test("both backends agree on random and on changed blocks (seed 3)", () => {
    const native = nativeSnappy();
    if (native === undefined) return;
    const random = mulberry(3);
    for (let i = 0; i < 1500; i++) {
      const bytes = Uint8Array.from({ length: random(400) }, () => random(6));
      const block = compress(bytes).slice();
      for (let k = random(3); k > 0; k--) block[random(block.length)] = random(256);
      expect(uncompress(block, 4096, jsSnappy)).toEqual(uncompress(block, 4096, native));
    }
  });
});

/** A connection of ours whose other end writes bytes of its own. */
async function connected() {
  const clock = new SimulatedClock();
  const [attacker, accepted] = socketPair();
  const victim = new RlpxConnection(accepted, { key: ours, entropy, clock, maxBytes: 2048 });
  const machine = new HandshakeMachine({ key: theirs, entropy, remotePublicKey: publicKeyOf(ours) });
  const frames = new Promise<Established>((resolve) => {
    attacker.onData((chunk) => {
      const result = machine.push(chunk);
      if (result !== undefined) {
        attacker.onData(() => {});
        resolve(result.established);
      }
    });
  });
  attacker.write(machine.start() ?? new Uint8Array(0));
  await victim.established;
  return { clock, attacker, victim, frames: await frames };
}

/** Frames with any header and body, MACs right. */
function rawPair(): { reader: FrameReader; frame: (header: Uint8Array, body: Uint8Array) => Uint8Array } {
  const parts = {
    ephemeral: generateKey(),
    initiatorNonce: entropy.bytes(32),
    recipientNonce: entropy.bytes(32),
    authPacket: new Uint8Array(1),
    ackPacket: new Uint8Array(2),
  };
  const other = generateKey();
  const near: Secrets = deriveSecrets("recipient", { ...parts, remoteEphemeral: publicKeyOf(other) });
  const far: Secrets = deriveSecrets("initiator", {
    ...parts,
    ephemeral: other,
    remoteEphemeral: publicKeyOf(parts.ephemeral),
  });
  return {
    reader: new FrameReader(near),
    frame(header, body) {
      // the writer's own pieces, under a header of the test's making: a frame is sealed and its plaintext swapped by XOR
      const content = new Uint8Array(Math.max(16, (body.length + 15) & ~15));
      content.set(body);
      const size = ((header[0] ?? 0) << 16) | ((header[1] ?? 0) << 8) | (header[2] ?? 0);
      return sealRaw(far, header, content.subarray(0, (size + 15) & ~15));
    },
  };
}

function sealRaw(secrets: Secrets, header: Uint8Array, content: Uint8Array): Uint8Array {
  const cipher = createAesCtr(secrets.aes, new Uint8Array(16));
  const block = aesEcbBlock(secrets.mac);
  const { egress } = secrets;
  const fold = (seed: Uint8Array): Uint8Array => {
    const mixed = block(egress.digest().subarray(0, 16)).map((byte, i) => byte ^ (seed[i] ?? 0));
    return egress.update(mixed).digest().subarray(0, 16);
  };
  const plain = new Uint8Array(16);
  plain.set(header);
  const head = cipher.update(plain);
  const headMac = fold(head);
  const body = cipher.update(content);
  egress.update(body);
  const bodyMac = fold(egress.digest());
  return concatBytes(head, headMac, body, bodyMac);
}

function mulberry(seed: number): (bound: number) => number {
  const rand = seededRand(seed);
  return (bound) => rand.int(bound);
}
