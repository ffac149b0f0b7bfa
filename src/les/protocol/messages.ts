import {
  type Body,
  bodyRlp,
  type Header,
  headerRlp,
  type Receipt,
  receiptRlp,
  type Transaction,
  transactionRlp,
} from "#core/types";
import { wire } from "#p2p";
import {
  bool,
  bytes,
  empty,
  fixed,
  hashOrNumber,
  list,
  raw,
  type Schema,
  struct,
  uint53,
  uint64,
} from "#rlp";
import { announceSchema } from "./announce.ts";
import { requestCodes } from "./costs.ts";
import { keyValueList } from "./handshake.ts";
import { lesLimits } from "./limits.ts";
import { type TxStatus, txStatusSchema } from "./tx-status.ts";

const hash = fixed(32);

/** Headers from `origin` on, `skip` blocks apart; `skip` up to 2^64−1 on the wire: never add to it unchecked (LE-01). */
export interface HeadersQuery {
  readonly origin: Uint8Array | number;
  readonly amount: number;
  readonly skip: bigint;
  readonly reverse: boolean;
}

/** Path of `key` in the state trie of a block, or in the storage trie of the account at `accountKey` if that is not empty. */
export interface ProofQuery {
  readonly blockHash: Uint8Array;
  /** keccak(address), or empty. Strangers send other lengths (LE-02). */
  readonly accountKey: Uint8Array;
  /** keccak(address) or keccak(slot). */
  readonly key: Uint8Array;
  /** Nodes nearest the root to leave out. We send 0. */
  readonly fromLevel: bigint;
}

export interface CodeQuery {
  readonly blockHash: Uint8Array;
  readonly accountKey: Uint8Array;
}

/** `kind` 0: canonical hash trie, 1: bloom trie. */
export interface HelperTrieQuery {
  readonly kind: bigint;
  readonly section: bigint;
  readonly key: Uint8Array;
  readonly fromLevel: bigint;
  readonly aux: bigint;
}

export interface HelperTrieProofs {
  readonly nodes: readonly Uint8Array[];
  readonly aux: readonly Uint8Array[];
}

const headersQuery: Schema<HeadersQuery> = struct({
  origin: hashOrNumber,
  amount: uint53,
  skip: uint64,
  reverse: bool,
});
const key = bytes({ max: 64 });
const proofQuery: Schema<ProofQuery> = struct({ blockHash: hash, accountKey: key, key, fromLevel: uint64 });
const codeQuery: Schema<CodeQuery> = struct({ blockHash: hash, accountKey: key });
const helperTrieQuery: Schema<HelperTrieQuery> = struct({
  kind: uint64,
  section: uint64,
  key,
  fromLevel: uint64,
  aux: uint64,
});
const anyBytes = bytes({ max: lesLimits.messageBytes });

const headers: Schema<readonly Header[]> = list(headerRlp, { max: lesLimits.headers });
const bodies: Schema<readonly Body[]> = list(bodyRlp, { max: lesLimits.bodies });
const receipts: Schema<readonly (readonly Receipt[])[]> = list(list(receiptRlp), { max: lesLimits.receipts });
const codes: Schema<readonly Uint8Array[]> = list(anyBytes, { max: lesLimits.codes });
/** Trie nodes stand in the reply as the lists they are, not as byte strings. geth light/nodeset.go:101@v1.11.6 (NodeList) */
const nodes: Schema<readonly Uint8Array[]> = list(raw, { max: lesLimits.proofNodes });
const helperProofs: Schema<HelperTrieProofs> = struct({
  nodes,
  aux: list(anyBytes, { max: lesLimits.helperProofs }),
});
const txs: Schema<readonly Transaction[]> = list(transactionRlp, { max: lesLimits.sendTxs + 1 });
const txStatuses: Schema<readonly TxStatus[]> = list(txStatusSchema, { max: lesLimits.txStatuses });

/** One more than allowed still decodes, so that the table's `maxItems` can say what was wrong. */
const upTo = <T>(of: Schema<T>, max: number): Schema<readonly T[]> => list(of, { max: max + 1 });

/**
 * les/2: 22 codes. Requests are `[reqID, body]`, replies `[reqID, BV, body]`.
 * @see https://github.com/ethereum/devp2p/blob/master/caps/les.md · geth les/protocol.go:58@v1.11.6
 */
export const les2 = wire({
  name: "les",
  version: 2,
  length: 22,
  envelope: "les",
  maxMessageBytes: lesLimits.messageBytes,
  messages: {
    status: { code: 0x00, body: keyValueList },
    announce: { code: 0x01, body: announceSchema },
    getBlockHeaders: {
      ...requestCodes.getBlockHeaders,
      body: headersQuery,
      reply: "blockHeaders",
      items: (query: HeadersQuery) => query.amount,
    },
    blockHeaders: { code: 0x03, body: headers },
    getBlockBodies: {
      ...requestCodes.getBlockBodies,
      body: upTo(hash, lesLimits.bodies),
      reply: "blockBodies",
    },
    blockBodies: { code: 0x05, body: bodies },
    getReceipts: { ...requestCodes.getReceipts, body: upTo(hash, lesLimits.receipts), reply: "receipts" },
    receipts: { code: 0x07, body: receipts },
    getCode: { ...requestCodes.getCode, body: upTo(codeQuery, lesLimits.codes), reply: "code" },
    code: { code: 0x0b, body: codes },
    getProofsV2: { ...requestCodes.getProofsV2, body: upTo(proofQuery, lesLimits.proofs), reply: "proofsV2" },
    proofsV2: { code: 0x10, body: nodes },
    getHelperTrieProofs: {
      ...requestCodes.getHelperTrieProofs,
      body: upTo(helperTrieQuery, lesLimits.helperProofs),
      reply: "helperTrieProofs",
    },
    helperTrieProofs: { code: 0x12, body: helperProofs },
    sendTxV2: { ...requestCodes.sendTxV2, body: txs, reply: "txStatus" },
    getTxStatus: { ...requestCodes.getTxStatus, body: upTo(hash, lesLimits.txStatuses), reply: "txStatus" },
    txStatus: { code: 0x15, body: txStatuses },
  },
});

/** les/3: the server may tell a client to stop and to go on. `resume` carries the buffer value. */
export const les3 = les2.next(
  3,
  { stop: { code: 0x16, body: empty }, resume: { code: 0x17, body: uint64 } },
  { length: 24 },
);

/** les/4: two more status keys (forkID, recentTxLookup), the same messages. */
export const les4 = les3.next(4, {});

/** Newest first, as geth offers them. */
export const lesVersions = [4, 3, 2] as const;
export type LesVersion = (typeof lesVersions)[number];

/** A table by version. les/2 has neither `stop` nor `resume`: writing them to it is P2P_INVALID_MSG_CODE. */
export function lesTable(version: LesVersion): typeof les3 {
  if (version === 4) return les4;
  if (version === 3) return les3;
  return les2 as unknown as typeof les3; // a row that a les/2 table lacks is never decoded, and nobody encodes it: canStop() says so
}

/** True if the version has `stop` and `resume`. */
export const canStop = (version: LesVersion): boolean => version >= 3;
