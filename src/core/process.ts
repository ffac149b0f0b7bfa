import type { BlockReader, Engine } from "#consensus";
import { applyDiff, applyDiffPaced, type Pace, type StateUpdate, type TriesRunner } from "#core/state";
import {
  type Block,
  blockSize,
  emptyUnclesHash,
  type Header,
  mergeBlooms,
  prepareReceiptRoot,
  prepareTxRoot,
  type Receipt,
  receiptRoot,
  txRoot,
  unclesHash,
  withdrawalsRoot,
} from "#core/types";
import {
  type BlockResult,
  executeBlock,
  type PrecompileRunner,
  type StateDiff,
  type StateReader,
} from "#core/vm";
import { type Clock, turnsOf } from "#host";
import { type ChainConfig, rulesAt } from "#params";
import type { NodeStore } from "#trie";
import { equalBytes, GlimError, toHex } from "#util";
import { CoreError } from "./errors.ts";
import type { HeaderChain } from "./header-chain.ts";
import { limits } from "./limits.ts";

/** What execution needs of a chain. */
export interface ProcessInput {
  readonly chain: HeaderChain;
  readonly nodes: NodeStore;
  /** State after the parent. */
  readonly reader: StateReader;
  readonly parent: Header;
  readonly block: Block;
  /** Where dear precompiles run; absent: in place. */
  readonly precompiles?: PrecompileRunner | undefined;
  /** Where the tries of a large block are made; absent: in place. */
  readonly tries?: TriesRunner | undefined;
  /** Stops the work on its tries. */
  readonly signal?: AbortSignal | undefined;
  /** With it, execution lets others run every few milliseconds. */
  readonly clock?: Pick<Clock, "now"> | undefined;
  /** For BLOCKHASH; default: the last 256 blocks of the block's own chain. */
  readonly blockHash?: ((number: number) => Uint8Array | undefined) | undefined;
}

/** A block that was executed and matches its header. */
export interface Executed {
  readonly receipts: readonly Receipt[];
  readonly update: StateUpdate;
  /** What `update` was made of. */
  readonly diff: StateDiff;
}

/**
 * The body belongs to the header.
 * @throws CORE_BODY_MISMATCH naming the field of the header
 */
export function verifyBody(block: Block): void {
  const { header } = block;
  const refuse = (field: string) => CoreError("BODY_MISMATCH", { number: header.number, field });
  if (!equalBytes(txRoot(block.transactions), header.txRoot)) throw refuse("txRoot");
  const uncles = block.uncles.length === 0 ? emptyUnclesHash : unclesHash(block.uncles);
  if (!equalBytes(uncles, header.unclesHash)) throw refuse("unclesHash");
  const { withdrawals } = block;
  if ((withdrawals === undefined) !== (header.withdrawalsRoot === undefined)) throw refuse("withdrawalsRoot");
  if (withdrawals === undefined || header.withdrawalsRoot === undefined) return;
  if (!equalBytes(withdrawalsRoot(withdrawals), header.withdrawalsRoot)) throw refuse("withdrawalsRoot");
}

/**
 * Uncles by the rules of the engine, of a block whose header was verified.
 * @throws CORE_BODY_MISMATCH when they are not those of the header; the engine's
 */
export function verifyUncles(
  chain: BlockReader & { readonly engine: Engine },
  block: Block,
  now: number,
): void {
  if (block.uncles.length === 0) return;
  if (!equalBytes(unclesHash(block.uncles), block.header.unclesHash))
    throw CoreError("BODY_MISMATCH", { number: block.header.number, field: "unclesHash" });
  chain.engine.verifyUncles?.(chain, block, { now });
}

/** EIP-7934: a block is at most this long from Osaka on. @throws CORE_BODY_MISMATCH */
function verifySize(config: ChainConfig, block: Block): void {
  if (rulesAt(config, block.header).isOsaka && blockSize(block.header, block) > limits.maxBlockBytes)
    throw CoreError("BODY_MISMATCH", { number: block.header.number, field: "size" });
}

/** Runs a block whose header was verified, and compares all that the header says of it. Writes nothing. */
export async function processBlock(input: ProcessInput): Promise<Executed> {
  const { chain, block, reader, parent } = input;
  if (isLongList(block.transactions)) await prepareTxRoot(block.transactions, rootMaker(input));
  verifyBody(block);
  verifySize(chain.config, block);
  const result = await executeBlock(chain.config, block.header, block, reader, executeOptions(input)).catch(
    (cause) => {
      if (!(cause instanceof GlimError) || cause.blame !== "peer") throw cause;
      throw CoreError("EXECUTION_FAILED", { number: block.header.number, reason: cause.message }, { cause });
    },
  );
  if (isLongList(result.receipts)) await prepareReceiptRoot(result.receipts, rootMaker(input));
  verifyResult(block.header, result);
  const update = await updateOf(input, parent.stateRoot, result.diff);
  compare(block.header, "stateRoot", update.root, block.header.stateRoot);
  return { receipts: result.receipts, update, diff: result.diff };
}

const isLongList = ({ length }: readonly unknown[]): boolean => length >= limits.longList;

const rootMaker =
  ({ tries, signal }: Pick<ProcessInput, "tries" | "signal">) =>
  async (items: readonly Uint8Array[]): Promise<Uint8Array | undefined> =>
    tries?.listRoot(items, { signal });

/** The new state: of a large block from another thread, where there is one. */
export async function updateOf(
  { nodes, tries, signal, clock }: Pick<ProcessInput, "nodes" | "tries" | "signal" | "clock">,
  root: Uint8Array,
  diff: StateDiff,
): Promise<StateUpdate> {
  const pace = pacer(clock);
  const elsewhere = await tries?.update(nodes, root, diff, { pace, signal });
  return elsewhere ?? (await applyDiffPaced(nodes, root, diff, pace));
}

function pacer(clock: Pick<Clock, "now"> | undefined): Pace {
  if (clock === undefined) return () => undefined;
  const slice = turnsOf(clock).slice();
  return () => slice.giveWay();
}

function executeOptions({ precompiles, clock, chain, nodes, parent, block, blockHash }: ProcessInput) {
  return {
    coinbase: chain.engine.author(block.header),
    precompiles,
    clock,
    blockHash: blockHash ?? ancestorHashes(chain, parent),
    intermediateRoot: (diff: BlockResult["diff"]) => applyDiff(nodes, parent.stateRoot, diff).root,
  };
}

function verifyResult(header: Header, result: BlockResult): void {
  compareNumber(header, "gasUsed", result.gasUsed, header.gasUsed);
  if (header.blobGasUsed !== undefined)
    compareNumber(header, "blobGasUsed", result.blobGasUsed, header.blobGasUsed);
  compare(header, "bloom", mergeBlooms(result.receipts.map((receipt) => receipt.bloom)), header.bloom);
  compare(header, "receiptRoot", receiptRoot(result.receipts), header.receiptRoot);
  if (header.requestsHash !== undefined)
    compare(header, "requestsHash", result.requestsHash ?? new Uint8Array(0), header.requestsHash);
}

function compare(header: Header, field: string, have: Uint8Array, want: Uint8Array): void {
  if (equalBytes(have, want)) return;
  const short = (bytes: Uint8Array) => toHex(bytes.subarray(0, 32));
  throw CoreError("EXECUTION_MISMATCH", {
    number: header.number,
    field,
    have: short(have),
    want: short(want),
  });
}

function compareNumber(header: Header, field: string, have: bigint, want: bigint): void {
  if (have !== want)
    throw CoreError("EXECUTION_MISMATCH", {
      number: header.number,
      field,
      have: String(have),
      want: String(want),
    });
}

/** BLOCKHASH for a block on top of `parent`: the last 256 of its own chain, canonical or not. */
export function ancestorHashes(
  chain: {
    ancestor(header: Header, distance: number): Header | undefined;
    readonly engine: Engine;
    readonly config: ChainConfig;
  },
  parent: Header,
): (number: number) => Uint8Array | undefined {
  return (number) => {
    const distance = parent.number - number;
    return distance < 0 || distance >= limits.blockHashDepth
      ? undefined
      : chain.ancestor(parent, distance)?.hash;
  };
}
