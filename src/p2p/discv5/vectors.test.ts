// The vectors of devp2p discv5/discv5-wire-test-vectors.md.
import { describe, expect, test } from "vitest";
import {
  aesGcmOpen,
  aesGcmSeal,
  compressPublicKey,
  decompressPublicKey,
  ecdhPoint,
  parsePrivateKey,
  publicKeyOf,
} from "#crypto";
import { nodeIdOf, readNode } from "#enode";
import { concatBytes, fromHex, toHex } from "#util";
import { acceptAnswer, answerChallenge, deriveKeys, signIdentity } from "./handshake.ts";
import { decodeMessage } from "./messages.ts";
import { clearOf, maskPacket, openPacket } from "./packets.ts";

const hex = (...parts: string[]) => fromHex(`0x${parts.join("")}`);
const keyA = parsePrivateKey(hex("eef77acb6c6a6eebc5b363a475ac583ec7eccdb42b6481424c60f59aa326547f"));
const keyB = parsePrivateKey(hex("66fb62bfbd66b9177a138c1e5cddbe4f7c30c343e94e68df8769459cb1cde628"));
const idA = hex("aaaa8419e9f49d0083561b48287df592939a8d19947d8c0ef88f2a4856a69fbb");
const idB = hex("bbbb9d047f0488c0b5a93c1c3f2d8bafc7c8ff337024a55434a0d0555de64db9");
const ephemeralKey = parsePrivateKey(hex("0288ef00023598499cb6c940146d050d2b1fb914198c327f76aad590bead68b6"));
const challengeOf = (seq: number) =>
  hex(
    "000000000000000000000000000000006469736376350001010102030405060708090a0b0c00180102030405060708090a0b0c0d0e0f10",
    seq.toString(16).padStart(16, "0"),
  );
const open = (packet: Uint8Array) => {
  const opened = openPacket(packet, idB);
  if (opened === undefined) throw new Error("no packet");
  return opened;
};

test("ids", () => {
  expect([nodeIdOf(publicKeyOf(keyA)), nodeIdOf(publicKeyOf(keyB))]).toEqual(
    [idA, idB].map((id) => toHex(id).slice(2)),
  );
});

describe("packets", () => {
  test("ping, flag 0, both ways", () => {
    const packet = hex(
      "00000000000000000000000000000000088b3d4342774649325f313964a39e55",
      "ea96c005ad52be8c7560413a7008f16c9e6d2f43bbea8814a546b7409ce783d3",
      "4c4f53245d08dab84102ed931f66d1492acb308fa1c6715b9d139b81acbdcc",
    );
    const { header, clear, sealed } = open(packet);
    expect(header).toEqual({ kind: "message", nonce: hex("ff".repeat(12)), source: idA });
    const text = aesGcmOpen(new Uint8Array(16), header.nonce, sealed, clear) ?? new Uint8Array();
    expect(decodeMessage(text)).toEqual({ name: "ping", body: { requestId: hex("00000001"), enrSeq: 2n } });
    const made = clearOf(header, new Uint8Array(16));
    expect(maskPacket(made, aesGcmSeal(new Uint8Array(16), header.nonce, text, made), idB)).toEqual(packet);
  });

  test("WHOAREYOU, flag 1, both ways", () => {
    const packet = hex(
      "00000000000000000000000000000000088b3d434277464933a1ccc59f5967ad",
      "1d6035f15e528627dde75cd68292f9e6c27d6b66c8100a873fcbaed4e16b8d",
    );
    const { header, clear } = open(packet);
    expect(header).toEqual({
      ...{ kind: "whoareyou", nonce: hex("0102030405060708090a0b0c") },
      ...{ idNonce: hex("0102030405060708090a0b0c0d0e0f10"), enrSeq: 0n },
    });
    expect(clear).toEqual(challengeOf(0));
    expect(maskPacket(clearOf(header, new Uint8Array(16)), new Uint8Array(), idB)).toEqual(packet);
  });

  const handshakes = [
    [1, "4f9fac6de7567d1e3b1241dffe90f662", [
      "00000000000000000000000000000000088b3d4342774649305f313964a39e55", "ea96c005ad521d8c7560413a7008f16c9e6d2f43bbea8814a546b7409ce783d3",
      "4c4f53245d08da4bb252012b2cba3f4f374a90a75cff91f142fa9be3e0a5f3ef", "268ccb9065aeecfd67a999e7fdc137e062b2ec4a0eb92947f0d9a74bfbf44dfb",
      "a776b21301f8b65efd5796706adff216ab862a9186875f9494150c4ae06fa4d1", "f0396c93f215fa4ef524f1eadf5f0f4126b79336671cbcf7a885b1f8bd2a5d83",
      "9cf8",
    ]],
    [0, "53b1c075f41876423154e157470c2f48", [
      "00000000000000000000000000000000088b3d4342774649305f313964a39e55", "ea96c005ad539c8c7560413a7008f16c9e6d2f43bbea8814a546b7409ce783d3",
      "4c4f53245d08da4bb23698868350aaad22e3ab8dd034f548a1c43cd246be9856", "2fafa0a1fa86d8e7a3b95ae78cc2b988ded6a5b59eb83ad58097252188b902b2",
      "1481e30e5e285f19735796706adff216ab862a9186875f9494150c4ae06fa4d1", "f0396c93f215fa4ef524e0ed04c3c21e39b1868e1ca8105e585ec17315e755e6",
      "cfc4dd6cb7fd8e1a1f55e49b4b5eb024221482105346f3c82b15fdaae36a3bb1", "2a494683b4a3c7f2ae41306252fed84785e2bbff3b022812d0882f06978df84a",
      "80d443972213342d04b9048fc3b1d5fcb1df0f822152eced6da4d3f6df27e70e", "4539717307a0208cd208d65093ccab5aa596a34d7511401987662d8cf62b1394",
      "71",
    ]],
  ] as const; // biome-ignore format: bytes
  test.each(handshakes)("handshake to a challenge of our record %i, flag 2", (seq, readKey, lines) => {
    const { header, clear, sealed } = open(hex(...lines));
    if (header.kind !== "handshake") throw new Error(header.kind);
    const parties = { challenge: challengeOf(seq), initiator: idA, recipient: idB };
    const keys = acceptAnswer(header, { key: keyB, remote: publicKeyOf(keyA), ...parties });
    expect(keys?.read).toEqual(hex(readKey));
    const text = aesGcmOpen(hex(readKey), header.nonce, sealed, clear) ?? new Uint8Array();
    expect(decodeMessage(text)).toEqual({ name: "ping", body: { requestId: hex("00000001"), enrSeq: 1n } });
    expect(header.record === undefined).toBe(seq === 1);
    if (header.record !== undefined) expect(readNode(header.record)?.publicKey).toEqual(publicKeyOf(keyA));
    const answer = answerChallenge(ephemeralKey, { key: keyA, remote: publicKeyOf(keyB), ...parties });
    expect(answer).toEqual({
      ephemeral: header.ephemeral,
      signature: header.signature,
      keys: { write: keys?.read, read: keys?.write },
    });
    expect(
      acceptAnswer(
        { ...header, signature: header.ephemeral },
        { key: keyB, remote: publicKeyOf(keyA), ...parties },
      ),
    ).toBeUndefined();
  });
});

describe("primitives", () => {
  const secret = parsePrivateKey(hex("fb757dc581730490a1d7a00deea65e9b1936924caaea8f44d476014856b68736"));
  const point = (text: string) => decompressPublicKey(hex(text)) ?? new Uint8Array();

  test("ECDH", () => {
    const other = point("039961e4c2356d61bedb83052c115d311acb3a96f5777296dcf297351130266231");
    expect(toHex(ecdhPoint(secret, other) ?? new Uint8Array())).toBe(
      "0x033b11a2a1f214567e1537ce5e509ffd9b21373247f2a3ff6841f4976f53165e7e",
    );
  });

  test("key derivation", () => {
    const remote = point("0317931e6e0840220642f230037d285d122bc59063221ef3226b1f403ddc69ca91");
    expect(deriveKeys(secret, remote, { challenge: challengeOf(0), initiator: idA, recipient: idB })).toEqual(
      {
        initiatorKey: hex("dccc82d81bd610f4f76d3ebe97a40571"),
        recipientKey: hex("ac74bb8773749920b0d3a8881c173ec5"),
      },
    );
  });

  test("identity proof", () => {
    const ephemeral = hex("039961e4c2356d61bedb83052c115d311acb3a96f5777296dcf297351130266231");
    expect(compressPublicKey(point(toHex(ephemeral).slice(2)))).toEqual(ephemeral);
    expect(toHex(signIdentity(secret, { challenge: challengeOf(0), recipient: idB }, ephemeral))).toBe(
      "0x94852a1e2318c4e5e9d422c98eaf19d1d90d876b29cd06ca7cb7546d0fff7b484fe86c09a064fe72bdbef73ba8e9c34df0cd2b53e9d65528c2c7f336d5dfc6e6",
    );
  });

  test("AES-GCM", () => {
    const [key, nonce, ad] = [
      hex("9f2d77db7004bf8a1a85107ac686990b"),
      hex("27b5af763c446acd2749fe8e"),
      hex("93a7400fa0d6a694ebc24d5cf570f65d04215b6ac00757875e3f3a5f42107903"),
    ];
    const sealed = hex("a5d12a2d94b8ccb3ba55558229867dc13bfa3648");
    expect(aesGcmSeal(key, nonce, hex("01c20101"), ad)).toEqual(sealed);
    expect(aesGcmOpen(key, nonce, sealed, ad)).toEqual(hex("01c20101"));
    expect(aesGcmOpen(key, nonce, concatBytes(sealed.subarray(0, 19), hex("49")), ad)).toBeUndefined();
    expect(aesGcmOpen(key, nonce, sealed.subarray(0, 15), ad)).toBeUndefined();
  });
});
