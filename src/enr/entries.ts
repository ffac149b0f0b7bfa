import {
  bytes,
  decodeAs,
  encodeAs,
  fixed,
  mapped,
  optional,
  RlpError,
  type Schema,
  struct,
  uint53,
  uint64,
  utf8,
} from "#rlp";
import { formatIp, GlimError, parseIp } from "#util";

/** A key of node records and what stands under it. */
export interface EnrEntry<T> {
  /** At most some ASCII characters; records are sorted by it. */
  readonly key: string;
  readonly schema: Schema<T>;
}

/** A key with its value as it stands in a record: one RLP item. */
export interface EnrPair {
  readonly key: string;
  readonly value: Uint8Array;
}

/** Declares an entry of one's own: what a protocol tells of itself. */
export function enrEntry<T>(key: string, schema: Schema<T>): EnrEntry<T> {
  return { key, schema };
}

/** An entry with its value, to be put into a record. @throws RLP_ENCODE if the entry cannot hold the value */
export function enrPair<T>(entry: EnrEntry<T>, value: T): EnrPair {
  return { key: entry.key, value: encodeAs(entry.schema, value) };
}

const refuse = (reason: string) => RlpError("VALUE", { offset: 0, reason });

/** A port: 0 … 65535. */
export const port: Schema<number> = mapped(uint53, {
  decode(value) {
    if (value > 65_535) throw refuse("port above 65535");
    return value;
  },
  encode: (value) => value,
});

/** An IP address of exactly `length` bytes as text. */
function ipOf(length: 4 | 16): Schema<string> {
  return mapped(fixed(length), {
    decode: (address) => formatIp(address),
    encode(text) {
      const address = parseIp(text);
      if (address === undefined) throw RlpError("ENCODE", { reason: "not an IP address" });
      return address;
    },
  });
}

/** geth p2p/enr/entries.go@v1.17.5; eth: eth/protocols/eth/discovery.go, snap: eth/protocols/snap/discovery.go, les: les/enr_entry.go@v1.11.6 */
export const enrEntries = {
  /** Name of the identity scheme; only "v4" is valid. */
  id: enrEntry("id", utf8(300)),
  /** Compressed public key. */
  secp256k1: enrEntry("secp256k1", fixed(33)),
  ip: enrEntry("ip", ipOf(4)),
  ip6: enrEntry("ip6", ipOf(16)),
  tcp: enrEntry("tcp", port),
  tcp6: enrEntry("tcp6", port),
  udp: enrEntry("udp", port),
  udp6: enrEntry("udp6", port),
  /** The fork id (EIP-2124) of the chain an eth node is on. */
  eth: enrEntry(
    "eth",
    struct({ forkId: struct({ hash: fixed(4), next: uint64 }, { extra: "ignore" }) }, { extra: "ignore" }),
  ),
  /** Present on nodes that serve snap/1. */
  snap: enrEntry("snap", struct({}, { extra: "ignore" })),
  /** Present on LES servers; the version of the value-fx extension since geth 1.10. */
  les: enrEntry("les", struct({ vfxVersion: optional(uint53) }, { extra: "ignore" })),
  /** Client name and version (EIP-7636). */
  client: enrEntry(
    "client",
    struct({ name: bytes(), version: bytes(), build: optional(bytes()) }, { extra: "ignore" }),
  ),
} as const;

/** The value under an entry; undefined if the record has none, or one that is not of the entry's shape. */
export function readEntry<T>(
  { pairs }: { readonly pairs: ReadonlyMap<string, Uint8Array> },
  entry: EnrEntry<T>,
): T | undefined {
  const value = pairs.get(entry.key);
  if (value === undefined) return undefined;
  try {
    return decodeAs(entry.schema, value);
  } catch (error) {
    if (error instanceof GlimError && error.code.startsWith("RLP_")) return undefined;
    throw error;
  }
}
