// long: a table: each version is a difference to the one before
import {
  type Block,
  type Body,
  blockRlp,
  bodyRlp,
  type Header,
  headerRlp,
  type Receipt,
  receiptRlp,
  type Transaction,
  transactionRlp,
} from "#core/types";
import { type Messages, type WireTable, wire } from "#p2p";
import {
  bool,
  bytes,
  fixed,
  list,
  mapped,
  RlpError,
  type Schema,
  struct,
  uint53,
  uint64,
  uint256,
} from "#rlp";
import { ethLimits as limits } from "./limits.ts";
import { receipt69Rlp } from "./receipt69.ts";
import { blockRangeRlp, status62, status64, status69 } from "./status.ts";

const hash = fixed(32);

/** Headers from `origin` on, `skip` blocks apart. All three numbers go up to 2^64−1 on the wire: never add to them unchecked (ET-01). */
export interface HeadersQuery {
  readonly origin: Uint8Array | bigint;
  readonly amount: bigint;
  readonly skip: bigint;
  readonly reverse: boolean;
}

export interface BlockAnnouncement {
  readonly hash: Uint8Array;
  readonly number: number;
}

export interface NewBlock {
  readonly block: Block;
  /** Total difficulty up to and including the block, as the sender claims. */
  readonly td: bigint;
}

/** Type and size are told from eth/68 on. Size: bytes of the canonical form. */
export interface TxAnnouncement {
  readonly hash: Uint8Array;
  readonly type?: number | undefined;
  readonly size?: number | undefined;
}

const origin: Schema<Uint8Array | bigint> = {
  shape: { kind: "choice", of: [hash, uint64] },
  read: (reader) => (reader.bytes[reader.pos] === 0xa0 ? hash.read(reader) : uint64.read(reader)),
  write: (writer, value) =>
    typeof value === "bigint" ? uint64.write(writer, value) : hash.write(writer, value),
};
const headersQuery: Schema<HeadersQuery> = struct({ origin, amount: uint64, skip: uint64, reverse: bool });

/**
 * The first `most` items of a list of any length. What follows is stepped over in one: not read, not checked, nothing made of it (ET-02).
 */
function firstOf<T>(of: Schema<T>, most: number): Schema<readonly T[]> {
  const all = list(of);
  return {
    shape: { kind: "list", of, max: most },
    read(reader) {
      reader.next();
      if (!reader.isList) throw RlpError("EXPECTED_LIST", { offset: reader.start });
      const { stop } = reader;
      const outer = reader.end;
      reader.pos = reader.start;
      reader.end = stop;
      const first: T[] = [];
      while (reader.pos < stop && first.length < most) first.push(of.read(reader));
      reader.pos = stop;
      reader.end = outer;
      return first;
    },
    write: (writer, values) => all.write(writer, values),
  };
}

const headers: Schema<readonly Header[]> = list(headerRlp, { max: limits.served });
const hashes: Schema<readonly Uint8Array[]> = firstOf(hash, limits.served);
const bodies: Schema<readonly Body[]> = list(bodyRlp, { max: limits.served });
const receipts: Schema<readonly (readonly Receipt[])[]> = list(list(receiptRlp), { max: limits.served });
const receipts69: Schema<readonly (readonly Receipt[])[]> = list(list(receipt69Rlp), { max: limits.served });
const nodes: Schema<readonly Uint8Array[]> = list(bytes({ max: limits.nodeBytes }), { max: limits.served });
const transactions: Schema<readonly Transaction[]> = list(transactionRlp, { max: limits.transactions });
const announcements: Schema<readonly BlockAnnouncement[]> = firstOf(
  struct({ hash, number: uint53 }),
  limits.announcedBlocks,
);
const newBlock: Schema<NewBlock> = struct({ block: blockRlp, td: uint256 });

const txHashes: Schema<readonly TxAnnouncement[]> = mapped(
  list(hash, { max: limits.announcedTransactions }),
  {
    decode: (all): readonly TxAnnouncement[] => all.map((txHash) => ({ hash: txHash })),
    encode: (all) => all.map((tx) => tx.hash),
  },
);
/** @see https://eips.ethereum.org/EIPS/eip-5793 */
const txHashes68: Schema<readonly TxAnnouncement[]> = mapped(
  struct({
    types: bytes({ max: limits.announcedTransactions }),
    sizes: list(uint53, { max: limits.announcedTransactions }),
    hashes: list(hash, { max: limits.announcedTransactions }),
  }),
  {
    decode: ({ types, sizes, hashes: all }): readonly TxAnnouncement[] => {
      if (types.length !== all.length || sizes.length !== all.length)
        throw RlpError("VALUE", {
          offset: 0,
          reason: `${types.length} types and ${sizes.length} sizes for ${all.length} hashes`,
        });
      return all.map((txHash, i) => ({ hash: txHash, type: types[i], size: sizes[i] }));
    },
    encode: (all) => ({
      types: Uint8Array.from(all, (tx) => tx.type ?? 0),
      sizes: all.map((tx) => tx.size ?? 0),
      hashes: all.map((tx) => tx.hash),
    }),
  },
);

/**
 * eth/62: headers and bodies, blocks and transactions as they appear.
 * @see https://github.com/ethereum/devp2p/blob/master/caps/eth.md · geth eth/protocol.go:41@v1.8.27
 */
export const eth62 = wire({
  name: "eth",
  version: 62,
  length: 8,
  maxMessageBytes: limits.messageBytes,
  messages: {
    status: { code: 0x00, body: status62 },
    newBlockHashes: { code: 0x01, body: announcements },
    transactions: { code: 0x02, body: transactions },
    getBlockHeaders: { code: 0x03, body: headersQuery, reply: "blockHeaders" },
    blockHeaders: { code: 0x04, body: headers },
    getBlockBodies: { code: 0x05, body: hashes, reply: "blockBodies" },
    blockBodies: { code: 0x06, body: bodies },
    newBlock: { code: 0x07, body: newBlock },
  },
});

/** eth/63: state and receipts, for fast sync. */
export const eth63 = eth62.next(
  63,
  {
    getNodeData: { code: 0x0d, body: hashes, reply: "nodeData" },
    nodeData: { code: 0x0e, body: nodes },
    getReceipts: { code: 0x0f, body: hashes, reply: "receipts" },
    receipts: { code: 0x10, body: receipts },
  },
  { length: 17 },
);

/** eth/64: the fork id in the status, EIP-2364. */
export const eth64 = eth63.next(64, { status: { code: 0x00, body: status64 } });

/** eth/65: transactions announced by hash, EIP-2464. */
export const eth65 = eth64.next(65, {
  newPooledTransactionHashes: { code: 0x08, body: txHashes },
  getPooledTransactions: { code: 0x09, body: hashes, reply: "pooledTransactions" },
  pooledTransactions: { code: 0x0a, body: transactions },
});

/** eth/66: request ids, EIP-2481. */
export const eth66 = eth65.next(66, {}, { envelope: "request-id" });

/** eth/67: no node data, EIP-4938. */
export const eth67 = eth66.next(67, { getNodeData: null, nodeData: null });

/** eth/68: announcements with type and size, EIP-5793. */
export const eth68 = eth67.next(68, { newPooledTransactionHashes: { code: 0x08, body: txHashes68 } });

/** eth/69: block range instead of total difficulty, receipts without bloom, EIP-7642. */
export const eth69 = eth68.next(
  69,
  {
    status: { code: 0x00, body: status69 },
    receipts: { code: 0x10, body: receipts69 },
    blockRangeUpdate: { code: 0x11, body: blockRangeRlp },
  },
  { length: 18 },
);

const tables = { 62: eth62, 63: eth63, 64: eth64, 65: eth65, 66: eth66, 67: eth67, 68: eth68, 69: eth69 };

export type EthVersion = keyof typeof tables;

/** Newest first. */
export const ethVersions: readonly EthVersion[] = [69, 68, 67, 66, 65, 64, 63, 62];

/** All rows that any version has. Bodies of one name have one type in all versions, whatever they look like on the wire. */
type AllMessages = (typeof eth69)["messages"] & Pick<(typeof eth66)["messages"], "getNodeData" | "nodeData">;
export type EthTable = WireTable<AllMessages>;
export type EthMessageName = keyof AllMessages;

/** The table of a version. A row it lacks is never decoded; who wants to write one asks `hasMessage` first. */
export function ethTable(version: EthVersion): EthTable {
  return tables[version] as unknown as EthTable;
}

/** True if that version has the message. */
export function hasMessage(version: EthVersion, name: EthMessageName): boolean {
  return Object.hasOwn(tables[version].messages satisfies Messages, name);
}
