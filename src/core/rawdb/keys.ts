import { concatBytes, utf8Encode } from "#util";

/*
 * The table of keys. Letters are geth's (core/rawdb/schema.go:112@v1.11.6), so that a reader of one
 * knows the other; the values are ours where the comment says so. Two rows can not collide: the fixed
 * names are longer than one byte and start with a letter in upper case that no prefix uses with the
 * same length, trie nodes are the only keys of exactly 32 bytes.
 */
const prefix = {
  header: utf8Encode("h"), // h + number(8) + hash → header RLP
  tdSuffix: utf8Encode("t"), // h + number(8) + hash + t → total difficulty, big endian, shortest
  canonicalSuffix: utf8Encode("n"), // h + number(8) + n → hash of the canonical header
  headerNumber: utf8Encode("H"), // H + hash → number(8)
  body: utf8Encode("b"), // b + number(8) + hash → body RLP
  receipts: utf8Encode("r"), // r + number(8) + hash → receipts as sent on the wire (geth keeps a shorter form)
  txLookup: utf8Encode("l"), // l + transaction hash → number(8) of the canonical block
  bloomBits: utf8Encode("B"), // B + bit(2) + section(8) + hash of the section's last header → that bit of 4096 blooms
  bloomSection: utf8Encode("iB"), // iB + section(8) → hash of its last header, when its bits are stored
  aside: utf8Encode("iA"), // iA + number(8) + hash → size(8) and parent's hash of a block that was put aside, not executed
  flatAccount: utf8Encode("a"), // a + account hash → account RLP, of the state FlatRoot names
  flatSlot: utf8Encode("o"), // o + account hash + slot hash → minimal value
  code: utf8Encode("c"), // c + code hash → code
  preimage: utf8Encode("secure-key-"), // secure-key- + hash → the address or slot that the state keeps under it
  config: utf8Encode("ethereum-config-"), // + genesis hash → chain configuration, JSON text
  cliqueSnapshot: utf8Encode("clique-"), // + block hash → snapshot, JSON text of consensus/clique
} as const;

/** Keys with no variable part. */
export const fixedKeys = {
  schemaVersion: utf8Encode("DatabaseVersion"),
  headHeader: utf8Encode("LastHeader"),
  headBlock: utf8Encode("LastBlock"),
  fastHead: utf8Encode("LastFast"), // last block that fast sync stored without its state
  pivot: utf8Encode("LastPivot"), // number(8) of the first block whose state came over the network
  recovery: utf8Encode("LastRecovery"), // hash of the head whose state a crash took, until it is executed again
  flatRoot: utf8Encode("FlatRoot"), // root of the state that is flat in a- and o-rows; two: on the way from one to the other
  pruning: utf8Encode("StatePruning"), // 1: not every block's state was kept
} as const;

/** @returns 8 bytes, big endian, so that keys sort by number */
export function encodeNumber(number: number): Uint8Array {
  const out = new Uint8Array(8);
  const view = new DataView(out.buffer);
  view.setUint32(0, Math.floor(number / 0x1_0000_0000));
  view.setUint32(4, number >>> 0);
  return out;
}

/** @returns undefined when the bytes are not a number(8) below 2^53 */
export function decodeNumber(bytes: Uint8Array): number | undefined {
  if (bytes.length !== 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const high = view.getUint32(0);
  return high > 0x1f_ffff ? undefined : high * 0x1_0000_0000 + view.getUint32(4);
}

const numbered = (p: Uint8Array, number: number, hash: Uint8Array) =>
  concatBytes(p, encodeNumber(number), hash);

export const keys = {
  header: (number: number, hash: Uint8Array) => numbered(prefix.header, number, hash),
  td: (number: number, hash: Uint8Array) =>
    concatBytes(prefix.header, encodeNumber(number), hash, prefix.tdSuffix),
  canonical: (number: number) => concatBytes(prefix.header, encodeNumber(number), prefix.canonicalSuffix),
  headerNumber: (hash: Uint8Array) => concatBytes(prefix.headerNumber, hash),
  body: (number: number, hash: Uint8Array) => numbered(prefix.body, number, hash),
  receipts: (number: number, hash: Uint8Array) => numbered(prefix.receipts, number, hash),
  aside: (number: number, hash: Uint8Array) => numbered(prefix.aside, number, hash),
  txLookup: (txHash: Uint8Array) => concatBytes(prefix.txLookup, txHash),
  flatAccount: (account: Uint8Array) => concatBytes(prefix.flatAccount, account),
  flatSlot: (account: Uint8Array, slot: Uint8Array) => concatBytes(prefix.flatSlot, account, slot),
  code: (codeHash: Uint8Array) => concatBytes(prefix.code, codeHash),
  trieNode: (hash: Uint8Array) => hash,
  preimage: (hash: Uint8Array) => concatBytes(prefix.preimage, hash),
  config: (genesisHash: Uint8Array) => concatBytes(prefix.config, genesisHash),
  cliqueSnapshot: (hash: Uint8Array) => concatBytes(prefix.cliqueSnapshot, hash),
} as const;

/** Keys of the bloom index: by number, not by hash. */
export const bloomKeys = {
  bits: (bit: number, section: number, hash: Uint8Array) =>
    concatBytes(prefix.bloomBits, Uint8Array.of(bit >> 8, bit & 0xff), encodeNumber(section), hash),
  section: (section: number) => concatBytes(prefix.bloomSection, encodeNumber(section)),
} as const;

/** Where the rows of blocks put aside are; trie nodes lie between them. */
export const asideRange = { gte: prefix.aside, lt: prefix.bloomSection } as const;

/** Where the flat rows of all accounts are; trie nodes lie between them. */
export const flatAccountRange = { gte: prefix.flatAccount, lt: utf8Encode("b") } as const;

/** Where the flat rows of all slots are. */
export const flatSlotRange = { gte: prefix.flatSlot, lt: utf8Encode("p") } as const;

/** Where the rows of transaction lookups are; trie nodes lie between them. */
export const txLookupRange = { gte: prefix.txLookup, lt: utf8Encode("m") } as const;
