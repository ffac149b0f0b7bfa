import { queryHeaders } from "#core";
import { emptyTxRoot, encodeHeader, encodeTransaction, type Header } from "#core/types";
import { bytes, encodeAs, list, raw } from "#rlp";
import { ByteSet, equalBytes } from "#util";
import type { EthBackend, EthChain } from "./backend.ts";
import { ethLimits as limits } from "./limits.ts";
import type { HeadersQuery } from "./messages.ts";
import { receipt69Rlp } from "./receipt69.ts";

/** Room that is left in a message for what stands around its items. */
const ENVELOPE = 64;

const items = list(raw);
const strings = list(bytes());
const receipts69 = list(receipt69Rlp);
const emptyList = Uint8Array.of(0xc0);

/**
 * Takes items until the reply is full: at most `limits.served`, none beyond 2 MiB, never more than a message holds.
 */
function* upToLimits(parts: Iterable<Uint8Array>): Generator<Uint8Array> {
  let count = 0;
  let size = 0;
  for (const part of parts) {
    if (count > 0 && size + part.length > limits.messageBytes - ENVELOPE) return;
    yield part;
    size += part.length;
    if (++count >= limits.served || size >= limits.softReplyBytes) return;
  }
}

/** Each hash once, at most `limits.served` of them; what is not here is left out, as geth does (ET-02). */
function* lookedUp(
  hashes: readonly Uint8Array[],
  read: (hash: Uint8Array) => Uint8Array | undefined,
): Generator<Uint8Array> {
  const seen = new ByteSet();
  for (const hash of hashes.slice(0, limits.served)) {
    if (seen.has(hash)) continue;
    seen.add(hash);
    const found = read(hash);
    if (found !== undefined) yield found;
  }
}

function perBlock(
  chain: EthChain,
  hashes: readonly Uint8Array[],
  read: (header: Header) => Uint8Array | undefined,
): Uint8Array {
  const found = lookedUp(hashes, (hash) => {
    const header = chain.headerByHash(hash);
    return header === undefined ? undefined : read(header);
  });
  return encodeAs(items, [...upToLimits(found)]);
}

/** Headers as they go out, as long as the chain keeps them in memory: many peers ask for the same ones. */
const encoded = new WeakMap<Header, Uint8Array>();

function* headersOf(chain: EthChain, query: HeadersQuery): Generator<Uint8Array> {
  for (const header of queryHeaders(chain, query, limits.served)) {
    let rlp = encoded.get(header);
    if (rlp === undefined) encoded.set(header, (rlp = encodeHeader(header)));
    yield rlp;
  }
}

function receiptsOf(chain: EthChain, header: Header, withoutBloom: boolean): Uint8Array | undefined {
  if (equalBytes(header.receiptRoot, emptyTxRoot)) return emptyList;
  if (!withoutBloom) return chain.receiptsRlp(header);
  const receipts = chain.receipts(header);
  return receipts === undefined ? undefined : encodeAs(receipts69, receipts);
}

/** Trie nodes and codes, by hash. geth eth/handler.go:548@v1.8.27, codes as eth/handler.go@v1.9.25 */
function nodesOf({ nodes, codes }: EthChain, hashes: readonly Uint8Array[]): Uint8Array {
  const found = lookedUp(hashes, (hash) => nodes.get(hash) ?? codes.get(hash));
  return encodeAs(strings, [...upToLimits(found)]);
}

function pooledOf({ pool }: EthBackend, hashes: readonly Uint8Array[]): Uint8Array {
  const found = lookedUp(hashes, (hash) => {
    const tx = pool.get(hash);
    if (tx === undefined) return undefined;
    const encoded = encodeTransaction(tx);
    return tx.type === 0 ? encoded : encodeAs(bytes(), encoded);
  });
  return encodeAs(items, [...upToLimits(found)]);
}

/** Bodies of the requests we answer. */
export interface Requests {
  readonly getBlockHeaders: HeadersQuery;
  readonly getBlockBodies: readonly Uint8Array[];
  readonly getReceipts: readonly Uint8Array[];
  readonly getNodeData: readonly Uint8Array[];
  readonly getPooledTransactions: readonly Uint8Array[];
}

/** The answer to a request, as RLP of the reply's body. Positions of bodies, receipts, nodes are not preserved. */
export const answers: {
  readonly [Name in keyof Requests]: (
    backend: EthBackend,
    body: Requests[Name],
    version: number,
  ) => Uint8Array;
} = {
  getBlockHeaders: ({ chain }, query) => encodeAs(items, [...upToLimits(headersOf(chain, query))]),
  getBlockBodies: ({ chain }, hashes) => perBlock(chain, hashes, (header) => chain.bodyRlp(header)),
  getReceipts: ({ chain }, hashes, version) =>
    perBlock(chain, hashes, (header) => receiptsOf(chain, header, version >= 69)),
  getNodeData: ({ chain }, hashes) => nodesOf(chain, hashes),
  getPooledTransactions: (backend, hashes) => pooledOf(backend, hashes),
};
