import { decodeAccount } from "#core/state";
import { emptyCodeHash, type Header, type Transaction } from "#core/types";
import { type CodeQuery, lesLimits, type ProofQuery, type TxStatus, txStatusCodes } from "#les/protocol";
import { emptyRoot, ProofBuilder, readPath, TrieError } from "#trie";
import { equalBytes, GlimError } from "#util";
import type { LesBackend, LesChain } from "./backend.ts";

/** An answer, and how many of the items could not be answered because the client named a block we do not have. */
export interface Answer<T> {
  readonly body: T;
  readonly unknownBlocks: number;
}

/** Longest text of a refusal that goes to the client. */
const MAX_REASON = 256;

/** Room that is left in a message for what stands around its items. */
const ENVELOPE = 64;

/** Collects per-block answers up to the soft limit, and never past what a message holds; blocks that are not here are left out, as geth does. */
function perBlock(
  chain: LesChain,
  hashes: readonly Uint8Array[],
  read: (header: Header) => Uint8Array | undefined,
): Answer<readonly Uint8Array[]> {
  const body: Uint8Array[] = [];
  let unknownBlocks = 0;
  let bytes = 0;
  for (const hash of hashes) {
    if (bytes >= lesLimits.softReplyBytes) break;
    const header = chain.headerByHash(hash);
    const item = header === undefined ? undefined : read(header);
    if (item === undefined) {
      unknownBlocks++;
      continue;
    }
    if (body.length > 0 && bytes + item.length > lesLimits.messageBytes - ENVELOPE) break;
    body.push(item);
    bytes += item.length;
  }
  return { body, unknownBlocks };
}

/** RLP of each body. */
export function bodiesFor(chain: LesChain, hashes: readonly Uint8Array[]): Answer<readonly Uint8Array[]> {
  return perBlock(chain, hashes, (header) => chain.bodyRlp(header));
}

/** RLP list of receipts of each block. */
export function receiptsFor(chain: LesChain, hashes: readonly Uint8Array[]): Answer<readonly Uint8Array[]> {
  return perBlock(chain, hashes, (header) => chain.receiptsRlp(header));
}

/**
 * States this server answers for: `recent` blocks back from the head, 0 = all that are kept. A few more are answered than
 * promised: a client learns of a head later than we do.
 */
export interface StateWindow {
  readonly chain: LesChain;
  readonly recent: number;
}

/** The header of a block whose state is served. `unknown`: no such block; undefined: too old, or pruned. */
function servedHeader({ chain, recent }: StateWindow, hash: Uint8Array): Header | "unknown" | undefined {
  const header = chain.headerByHash(hash);
  if (header === undefined) return "unknown";
  const oldest = recent === 0 ? 0 : chain.head.number - recent - lesLimits.blockSafetyMargin + 1;
  if (header.number < oldest) return undefined;
  return chain.hasState(header) ? header : undefined;
}

/** Account leaf at the hashed address; undefined: none, or the key is no hash (LE-02). */
function accountAt(chain: LesChain, header: Header, accountKey: Uint8Array) {
  if (accountKey.length !== 32) return undefined;
  const leaf = readPath(chain.nodes, header.stateRoot, accountKey, () => {});
  return leaf === undefined ? undefined : decodeAccount(leaf);
}

/** Reads of a trie whose nodes may be pruned meanwhile: that item is left out. */
function unlessPruned<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (TrieError.is(error, "MISSING_NODE")) return undefined;
    throw error;
  }
}

/** Code of each account, by block and hashed address; what is not here is left out. */
export function codesFor(window: StateWindow, queries: readonly CodeQuery[]): Answer<readonly Uint8Array[]> {
  const body: Uint8Array[] = [];
  let unknownBlocks = 0;
  let bytes = 0;
  for (const { blockHash, accountKey } of queries) {
    if (bytes >= lesLimits.softReplyBytes) break;
    const header = servedHeader(window, blockHash);
    if (header === "unknown") unknownBlocks++;
    if (header === undefined || header === "unknown") continue;
    const account = unlessPruned(() => accountAt(window.chain, header, accountKey));
    if (account === undefined || equalBytes(account.codeHash, emptyCodeHash)) continue;
    const code = window.chain.codes.get(account.codeHash);
    if (code === undefined) continue;
    body.push(code);
    bytes += code.length;
  }
  return { body, unknownBlocks };
}

/** One flat set of the nodes on all paths asked for, each once. */
export function proofsFor(
  window: StateWindow,
  queries: readonly ProofQuery[],
): Answer<readonly Uint8Array[]> {
  const builder = new ProofBuilder(window.chain.nodes);
  let unknownBlocks = 0;
  for (const query of queries) {
    if (builder.sizeBytes >= lesLimits.softReplyBytes) break;
    const header = servedHeader(window, query.blockHash);
    if (header === "unknown") unknownBlocks++;
    if (header === undefined || header === "unknown" || query.key.length !== 32) continue;
    unlessPruned(() => addProof(builder, window.chain, header, query));
  }
  return { body: builder.nodes, unknownBlocks };
}

function addProof(builder: ProofBuilder, chain: LesChain, header: Header, query: ProofQuery): void {
  const fromLevel = query.fromLevel < 256n ? Number(query.fromLevel) : 256; // no path is longer than 64 nodes
  if (query.accountKey.length === 0) {
    builder.add(header.stateRoot, query.key, { fromLevel });
    return;
  }
  const account = accountAt(chain, header, query.accountKey);
  if (account === undefined || equalBytes(account.storageRoot, emptyRoot)) return;
  builder.add(account.storageRoot, query.key, { fromLevel });
}

/** Where each transaction is, by what this node knows. */
export function txStatusesFor(backend: LesBackend, hashes: readonly Uint8Array[]): readonly TxStatus[] {
  return hashes.map((hash) => txStatusOf(backend, hash));
}

function txStatusOf(backend: LesBackend, hash: Uint8Array): TxStatus {
  const place = backend.chain.transaction(hash);
  if (place !== undefined) {
    const lookup = { blockHash: place.header.hash, blockNumber: place.header.number, index: place.index };
    return { status: txStatusCodes.included, lookup, error: "" };
  }
  const status =
    backend.pendingTransaction(hash) === undefined ? txStatusCodes.unknown : txStatusCodes.pending;
  return { status, error: "" };
}

/** Hands each transaction to the pool, if this server relays at all; a refusal is told in the pool's words. */
export async function sendTxsFor(
  backend: LesBackend,
  txs: readonly Transaction[],
  relays: boolean,
): Promise<readonly TxStatus[]> {
  const statuses: TxStatus[] = [];
  for (const tx of txs) {
    const known = txStatusOf(backend, tx.hash);
    const isNew = known.status === txStatusCodes.unknown;
    if (isNew && !relays) statuses.push({ ...known, error: "this server relays no transactions" });
    else statuses.push(isNew ? await sendOne(backend, tx) : known);
  }
  return statuses;
}

async function sendOne(backend: LesBackend, tx: Transaction): Promise<TxStatus> {
  try {
    await backend.relayTransaction(tx);
    return txStatusOf(backend, tx.hash);
  } catch (error) {
    if (!(error instanceof GlimError)) throw error;
    return { status: txStatusCodes.unknown, error: error.message.slice(0, MAX_REASON) };
  }
}
