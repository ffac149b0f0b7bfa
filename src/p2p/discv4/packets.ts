import { keccak256, type PrivateKey, recover, sign } from "#crypto";
import { port } from "#enr";
import {
  bytes,
  fixed,
  hash,
  type Infer,
  list,
  optional,
  raw,
  RlpReader,
  RlpWriter,
  type Schema,
  struct,
  uint53,
  uint64,
} from "#rlp";
import { equalBytes, formatIp, GlimError } from "#util";
import { discv4Limits as limits } from "./limits.ts";

/** Lists may have grown since: what is too much is ignored (EIP-8). */
const growing = { extra: "ignore" } as const;

const endpoint = struct({ ip: bytes({ max: 64 }), udp: port, tcp: port }, growing);
const neighbor = struct({ ip: bytes({ max: 64 }), udp: port, tcp: port, publicKey: fixed(64) }, growing);

/** Every packet of the protocol: one row each. @see devp2p discv4.md, EIP-868 */
export const packets = {
  ping: {
    code: 1,
    body: struct(
      { version: uint53, from: endpoint, to: endpoint, expiration: uint64, enrSeq: optional(uint64) },
      growing,
    ),
  },
  pong: {
    code: 2,
    body: struct({ to: endpoint, pingHash: hash, expiration: uint64, enrSeq: optional(uint64) }, growing),
  },
  findnode: { code: 3, body: struct({ target: fixed(64), expiration: uint64 }, growing) },
  neighbors: { code: 4, body: struct({ nodes: list(neighbor), expiration: uint64 }, growing) },
  enrRequest: { code: 5, body: struct({ expiration: uint64 }, growing) },
  enrResponse: { code: 6, body: struct({ requestHash: hash, record: raw }, growing) },
} as const;

export type PacketName = keyof typeof packets;
export type BodyOf<N extends PacketName> = Infer<(typeof packets)[N]["body"]>;
export type Packet = { [N in PacketName]: { readonly name: N; readonly body: BodyOf<N> } }[PacketName];
export type WireEndpoint = Infer<typeof endpoint>;
export type WireNode = Infer<typeof neighbor>;

const nameOf = new Map<number, PacketName>(
  (Object.keys(packets) as PacketName[]).map((name) => [packets[name].code, name]),
);

/** A packet whose hash is right and whose body is read; who signed it is not known yet. */
export type OpenPacket = Packet & {
  /** 32 bytes: what a reply names. */
  readonly hash: Uint8Array;
  /** 65 bytes. */
  readonly signature: Uint8Array;
  /** What was signed. */
  readonly signed: Uint8Array;
};

const HASH_BYTES = 32;

/** True if the bytes can be a packet of this protocol by length and type: costs nothing. */
function isPlausible(packet: Uint8Array): boolean {
  const type = packet[limits.headBytes];
  return packet.length <= limits.maxPacketBytes && type !== undefined && nameOf.has(type);
}

/**
 * Reads a packet but for its signer, who costs most: length, type, hash, body.
 *
 * @returns "junk" for what is no packet of this protocol, "malformed" for one whose body does not fit
 */
export function openPacket(packet: Uint8Array): OpenPacket | "junk" | "malformed" {
  if (!isPlausible(packet)) return "junk";
  const hash = packet.subarray(0, HASH_BYTES);
  if (!equalBytes(keccak256(packet.subarray(HASH_BYTES)), hash)) return "junk";
  const signed = packet.subarray(limits.headBytes);
  const name = nameOf.get(signed[0] ?? 0);
  if (name === undefined) return "junk";
  const body = readBody(packets[name].body as Schema<unknown>, signed.subarray(1));
  if (body === undefined) return "malformed";
  const signature = packet.subarray(HASH_BYTES, limits.headBytes);
  return { name, body, hash, signature, signed } as OpenPacket; // the body was read by the row of its name
}

/** The first item; more may follow (EIP-8). */
function readBody(schema: Schema<unknown>, encoded: Uint8Array): unknown {
  try {
    return schema.read(new RlpReader(encoded, { maxItems: limits.maxPacketBytes }));
  } catch (error) {
    if (error instanceof GlimError && error.code.startsWith("RLP_")) return undefined;
    throw error;
  }
}

/** The 64-byte key that signed a packet; undefined if there is none. */
export function signerOf({
  signed,
  signature,
}: Pick<OpenPacket, "signed" | "signature">): Uint8Array | undefined {
  return recover(keccak256(signed), signature);
}

/** Signs a packet. @returns its bytes and its hash, which the reply to it names */
export function sealPacket<N extends PacketName>(
  name: N,
  body: BodyOf<N>,
  key: PrivateKey,
): { readonly packet: Uint8Array; readonly hash: Uint8Array } {
  const writer = new RlpWriter();
  (packets[name].body as unknown as Schema<BodyOf<N>>).write(writer, body);
  writer.raw(Uint8Array.of(packets[name].code));
  const signed = writer.finish();
  const packet = new Uint8Array(limits.headBytes + signed.length);
  packet.set(signed, limits.headBytes);
  packet.set(sign(keccak256(signed), key).bytes, HASH_BYTES);
  const hash = keccak256(packet.subarray(HASH_BYTES));
  packet.set(hash);
  return { packet, hash };
}

/** When a packet ends to be valid, unix seconds; undefined for an enrResponse, which names its request instead. */
function expirationOf(packet: Packet): bigint | undefined {
  return packet.name === "enrResponse" ? undefined : packet.body.expiration;
}

/** Whether a packet is for now: not over, and not for a far future (DI-03). */
export function isTimely(packet: Packet, unixSeconds: number): boolean {
  const expiration = expirationOf(packet);
  if (expiration === undefined) return true;
  return (
    expiration >= BigInt(unixSeconds) && expiration <= BigInt(unixSeconds + limits.maxExpiryAheadSeconds)
  );
}

/** The address as text; undefined unless it has 4 or 16 bytes. */
export function ipOf({ ip }: Pick<WireEndpoint, "ip">): string | undefined {
  return ip.length === 4 || ip.length === 16 ? formatIp(ip) : undefined;
}
