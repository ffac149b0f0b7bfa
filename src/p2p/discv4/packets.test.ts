import { keccak256, parsePrivateKey, publicKeyOf } from "#crypto";
import { encode } from "#rlp";
import { fromHex, toHex } from "#util";
import { describe, expect, test } from "vitest";
import { openPacket, packets, sealPacket, signerOf } from "./index.ts";
import { isTimely, ipOf } from "./packets.ts";

const KEY = parsePrivateKey(fromHex("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"));

function open(hex: string) {
  const packet = openPacket(fromHex(hex));
  if (typeof packet === "string") throw new Error(packet);
  return packet;
}

// EIP-8, as geth p2p/discover/v4wire/v4wire_test.go@v1.17.5 has them
const PING =
  "71dbda3a79554728d4f94411e42ee1f8b0d561c10e1e5f5893367948c6a7d70bb87b235fa28a77070271b6c164a2dce8c7e13a5739b53b5e96f2e5acb0e458a02902f5965d55ecbeb2ebb6cabb8b2b232896a36b737666c55265ad0a68412f250001ea04cb847f000001820cfa8215a8d790000000000000000000000000000000018208ae820d058443b9a355";
const PING_GROWN =
  "e9614ccfd9fc3e74360018522d30e1419a143407ffcce748de3e22116b7e8dc92ff74788c0b6663aaa3d67d641936511c8f8d6ad8698b820a7cf9e1be7155e9a241f556658c55428ec0563514365799a4be2be5a685a80971ddcfa80cb422cdd0101ec04cb847f000001820cfa8215a8d790000000000000000000000000000000018208ae820d058443b9a3550102";
const FINDNODE =
  "c7c44041b9f7c7e41934417ebac9a8e1a4c6298f74553f2fcfdcae6ed6fe53163eb3d2b52e39fe91831b8a927bf4fc222c3902202027e5e9eb812195f95d20061ef5cd31d502e47ecb61183f74a504fe04c51e73df81f25c4d506b26db4517490103f84eb840ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd31387574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f8443b9a35582999983999999280dc62cc8255c73471e0a61da0c89acdc0e035e260add7fc0c04ad9ebf3919644c91cb247affc82b69bd2ca235c71eab8e49737c937a2c396";
const NEIGHBORS =
  "c679fc8fe0b8b12f06577f2e802d34f6fa257e6137a995f6f4cbfc9ee50ed3710faf6e66f932c4c8d81d64343f429651328758b47d3dbc02c4042f0fff6946a50f4a49037a72bb550f3a7872363a83e1b9ee6469856c24eb4ef80b7535bcf99c0004f9015bf90150f84d846321163782115c82115db8403155e1427f85f10a5c9a7755877748041af1bcd8d474ec065eb33df57a97babf54bfd2103575fa829115d224c523596b401065a97f74010610fce76382c0bf32f84984010203040101b840312c55512422cf9b8a4097e9a6ad79402e87a15ae909a4bfefa22398f03d20951933beea1e4dfa6f968212385e829f04c2d314fc2d4e255e0d3bc08792b069dbf8599020010db83c4d001500000000abcdef12820d05820d05b84038643200b172dcfef857492156971f0e6aa2c538d8b74010f8e140811d53b98c765dd2d96126051913f44582e8c199ad7c6d6819e9a56483f637feaac9448aacf8599020010db885a308d313198a2e037073488203e78203e8b8408dcab8618c3253b558d459da53bd8fa68935a719aff8b811197101a4b2b47dd2d47295286fc00cc081bb542d760717d1bdd6bec2c37cd72eca367d6dd3b9df738443b9a355010203b525a138aa34383fec3d2719a0";

describe("the packets of EIP-8", () => {
  test("ping, with items that came later and without", () => {
    const from = { ip: fromHex("0x7f000001"), udp: 3322, tcp: 5544 };
    const to = { ip: fromHex("0x00000000000000000000000000000001"), udp: 2222, tcp: 3333 };
    const body = { version: 4, from, to, expiration: 1_136_239_445n };
    expect(open(PING)).toMatchObject({ name: "ping", body });
    expect(open(PING).body).toEqual(body);
    expect(open(PING_GROWN).body).toEqual({ ...body, enrSeq: 1n });
  });

  test("findnode, with junk behind it", () => {
    expect(open(FINDNODE)).toMatchObject({
      name: "findnode",
      body: { target: publicKeyOf(KEY), expiration: 1_136_239_445n },
    });
  });

  test("neighbors, with items that came later and junk behind", () => {
    const packet = open(NEIGHBORS);
    if (packet.name !== "neighbors") throw new Error(packet.name);
    expect(
      packet.body.nodes.map((node) => [ipOf(node), node.udp, node.tcp, toHex(node.publicKey).slice(2, 10)]),
    ).toEqual([
      ["99.33.22.55", 4444, 4445, "3155e142"],
      ["1.2.3.4", 1, 1, "312c5551"],
      ["2001:db8:3c4d:15::abcd:ef12", 3333, 3333, "38643200"],
      ["2001:db8:85a3:8d3:1319:8a2e:370:7348", 999, 1000, "8dcab861"],
    ]);
    expect(packet.body.expiration).toBe(1_136_239_445n);
  });

  test.each([PING, PING_GROWN, FINDNODE, NEIGHBORS])("signed by the key of the vectors (%#)", (hex) => {
    expect(signerOf(open(hex))).toEqual(publicKeyOf(KEY));
  });
});

const endpoint = { ip: Uint8Array.of(9, 8, 7, 6), udp: 1, tcp: 65_535 };
const pingHash = new Uint8Array(32).fill(7);
const expiration = 2n ** 64n - 1n;
const wireNode = { ip: new Uint8Array(16).fill(0xff), udp: 65_535, tcp: 65_535, publicKey: publicKeyOf(KEY) };

describe("every packet there and back", () => {
  const sealed = [
    sealPacket("ping", { version: 4, from: endpoint, to: endpoint, expiration, enrSeq: expiration }, KEY),
    sealPacket("pong", { to: endpoint, pingHash, expiration }, KEY),
    sealPacket("findnode", { target: publicKeyOf(KEY), expiration }, KEY),
    sealPacket("neighbors", { nodes: Array.from({ length: 12 }, () => wireNode), expiration }, KEY),
    sealPacket("enrRequest", { expiration }, KEY),
    sealPacket("enrResponse", { requestHash: pingHash, record: encode([1, [2, 3]]) }, KEY),
  ];
  test.each(Object.keys(packets).map((name, i) => ({ name, ...sealed[i] })))(
    "$name",
    ({ name, packet, hash }) => {
      const read = openPacket(packet ?? new Uint8Array());
      if (typeof read === "string") throw new Error(read);
      expect([read.name, read.hash, signerOf(read)]).toEqual([name, hash, publicKeyOf(KEY)]);
      expect(packet?.length).toBeLessThanOrEqual(1280);
    },
  );

  test("13 of the longest neighbors would not fit", () => {
    const nodes = Array.from({ length: 13 }, () => wireNode);
    expect(sealPacket("neighbors", { nodes, expiration }, KEY).packet.length).toBeGreaterThan(1280);
  });
});

describe("what is no packet", () => {
  const good = sealPacket("enrRequest", { expiration }, KEY).packet;
  const changed = (at: number, value: number) => good.map((byte, i) => (i === at ? value : byte));

  test.each([
    ["nothing", new Uint8Array(), "junk"],
    ["the head alone", good.slice(0, 97), "junk"],
    ["a wrong hash", changed(0, (good[0] ?? 0) ^ 1), "junk"],
    ["a type that does not exist", changed(97, 7), "junk"],
    ["1281 bytes", new Uint8Array(1281).fill(1), "junk"],
    ["a body of another kind", reseal(Uint8Array.of(5, 0x80)), "malformed"],
    ["no body", reseal(Uint8Array.of(5)), "malformed"],
    ["an empty list", reseal(Uint8Array.of(5, 0xc0)), "malformed"],
    ["a number with a leading zero", reseal(Uint8Array.of(5, 0xc2, 0x81, 0x00)), "malformed"],
  ])("%s", (_, bytes, want) => {
    expect(openPacket(bytes)).toBe(want);
  });

  /** A packet with a right hash over anything. */
  function reseal(signed: Uint8Array): Uint8Array {
    const { packet } = sealPacket("enrRequest", { expiration }, KEY);
    const bytes = new Uint8Array(97 + signed.length);
    bytes.set(packet.subarray(0, 97));
    bytes.set(signed, 97);
    bytes.set(keccak256(bytes.subarray(32)));
    return bytes;
  }

  test("random bytes, and changed packets with right hashes, never throw (seed 21)", () => {
    let state = 21;
    const next = (bound: number) => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % bound;
    const models = [PING, FINDNODE, NEIGHBORS].map((hex) => fromHex(hex));
    for (let i = 0; i < 3000; i++) {
      const bytes = (models[i % 3] ?? new Uint8Array()).slice(0, 98 + next(400));
      for (let k = next(6); k >= 0; k--) bytes[97 + next(bytes.length - 97)] = next(256);
      if (next(3) > 0) bytes.set(keccak256(bytes.subarray(32)));
      const packet = openPacket(bytes);
      if (typeof packet !== "string") signerOf(packet);
    }
  });
});

test("DI-03 a packet is for now", () => {
  const { body } = open(FINDNODE);
  const at = (when: bigint) =>
    isTimely(
      { name: "findnode", body: { ...body, expiration: when } } as Parameters<typeof isTimely>[0],
      1000,
    );
  expect([999n, 1000n, 1020n, 87_400n, 87_401n, 1000n + 315_360_000n, 2n ** 64n - 1n].map(at)).toEqual([
    false,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
