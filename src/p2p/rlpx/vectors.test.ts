import { keccak256, parsePrivateKey, publicKeyOf, systemEntropy } from "#crypto";
import { fromHex, toHex } from "#util";
import { describe, expect, test } from "vitest";
import vectors from "../../../test/vectors/rlpx/handshakes.json" with { type: "json" };
import { FrameReader, FrameWriter } from "./frames.ts";
import { deriveSecrets, openAck, openAuth } from "./handshake.ts";
import { HandshakeMachine } from "./machine.ts";

const hex = (bytes: Uint8Array): string => toHex(bytes).slice(2);
const keyA = parsePrivateKey(fromHex(vectors.keyA));
const keyB = parsePrivateKey(fromHex(vectors.keyB));
const ephemeralA = parsePrivateKey(fromHex(vectors.ephemeralA));
const ephemeralB = parsePrivateKey(fromHex(vectors.ephemeralB));
const nonceA = fromHex(vectors.nonceA);
const nonceB = fromHex(vectors.nonceB);

describe("T11 published handshakes", () => {
  test.each(vectors.auth)("auth: $name", ({ packet, isPlain, version }) => {
    const auth = openAuth(fromHex(packet), keyB, { isPlain });
    expect(hex(auth.publicKey)).toBe(hex(publicKeyOf(keyA)));
    expect(hex(auth.nonce)).toBe(vectors.nonceA);
    expect(hex(auth.ephemeralPublicKey)).toBe(hex(publicKeyOf(ephemeralA)));
    expect(auth.version).toBe(version);
  });

  test.each(vectors.ack)("ack: $name", ({ packet, isPlain, version }) => {
    const ack = openAck(fromHex(packet), keyA, { isPlain });
    expect(hex(ack.ephemeralPublicKey)).toBe(hex(publicKeyOf(ephemeralB)));
    expect(hex(ack.nonce)).toBe(vectors.nonceB);
    expect(ack.version).toBe(version);
  });

  test("secrets of the recipient", () => {
    const secrets = deriveSecrets("recipient", {
      ephemeral: ephemeralB,
      remoteEphemeral: publicKeyOf(ephemeralA),
      initiatorNonce: nonceA,
      recipientNonce: nonceB,
      authPacket: fromHex(vectors.auth[1]?.packet ?? ""),
      ackPacket: fromHex(vectors.ack[1]?.packet ?? ""),
    });
    expect(hex(secrets.aes)).toBe(vectors.derived.aes);
    expect(hex(secrets.mac)).toBe(vectors.derived.mac);
    expect(hex(secrets.ingress.update(new TextEncoder().encode("foo")).digest())).toBe(
      vectors.derived.ingressAfterFoo,
    );
  });

  test.each(vectors.auth)(
    "the machine accepts it where allowed, in any cut: $name",
    ({ packet, isPlain }) => {
      const bytes = fromHex(packet);
      for (const step of [1, 7, 306, 307, 308, 5000]) {
        const machine = new HandshakeMachine({ key: keyB, entropy: systemEntropy, acceptPlain: true });
        let result: ReturnType<HandshakeMachine["push"]>;
        for (let at = 0; at < bytes.length; at += step) result = machine.push(bytes.subarray(at, at + step));
        expect(hex(result?.established.remotePublicKey ?? new Uint8Array(0))).toBe(hex(publicKeyOf(keyA)));
        if (isPlain) expect(result?.send?.length).toBe(210); // answered in the form the auth had
      }
    },
  );

  test("the published frame", () => {
    const { macDigest, code, payload, frame } = vectors.frame;
    const fixed = { update: () => fixed, digest: () => fromHex(macDigest) } as never; // a hash that never changes, as geth's test has it
    const keys = { aes: keccak256(), mac: keccak256() };
    const sealed = new FrameWriter({ ...keys, egress: fixed }).seal(code, fromHex(payload));
    expect(hex(sealed)).toBe(frame);
    const reader = new FrameReader({ ...keys, ingress: fixed });
    reader.push(fromHex(frame));
    const read = reader.next(2048);
    expect(read?.code).toBe(code);
    expect(hex(read?.payload ?? new Uint8Array(0))).toBe(payload);
  });
});
