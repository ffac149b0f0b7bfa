import { nextBaseFee, nextGasLimit, type Signer } from "#consensus";
import { applyDiff, type TriesRunner } from "#core/state";
import {
  type Block,
  emptyTxRoot,
  emptyUnclesHash,
  type Header,
  type HeaderFields,
  makeHeader,
  mergeBlooms,
  type Receipt,
  receiptRoot,
  type Transaction,
  txRoot,
} from "#core/types";
import { type BlockResult, openBlock, type StateReader } from "#core/vm";
import type { Clock } from "#host";
import { rulesAt } from "#params";
import type { NodeStore } from "#trie";
import { GlimError } from "#util";
import type { HeaderChain } from "./header-chain.ts";
import { ancestorHashes, type Executed, updateOf } from "./process.ts";

export interface BuildOptions {
  /** Unix seconds; never earlier than the engine allows. Default: the clock's. */
  readonly time?: number | undefined;
  /** Who earns the fees where the engine has no signer. 20 bytes, default zero. */
  readonly coinbase?: Uint8Array | undefined;
  /** The free part of extra-data, at most 32 bytes. */
  readonly extra?: Uint8Array | undefined;
  /** Gas limit to move towards; default: the parent's. */
  readonly gasLimit?: bigint | undefined;
  /** Seals the block; clique needs one. */
  readonly signer?: Signer | undefined;
}

export interface BuiltBlock {
  readonly block: Block;
  readonly receipts: readonly Receipt[];
  /** Transactions that could not be in it, and why (VM_BAD_TRANSACTION). */
  readonly skipped: readonly { readonly tx: Transaction; readonly error: GlimError }[];
}

interface BuildInput {
  readonly chain: HeaderChain;
  readonly nodes: NodeStore;
  readonly reader: StateReader;
  readonly parent: Header;
  readonly transactions: readonly Transaction[];
  readonly options: BuildOptions;
  /** As in ProcessInput. */
  readonly tries?: TriesRunner | undefined;
  readonly clock?: Pick<Clock, "now"> | undefined;
}

const zeroHash = new Uint8Array(32);

function draftHeader({ chain, parent, options }: BuildInput): Header {
  const number = parent.number + 1;
  const time = options.time ?? parent.time;
  const { isLondon } = rulesAt(chain.config, { number, time, difficulty: 1n });
  const draft: HeaderFields = {
    parentHash: parent.hash,
    unclesHash: emptyUnclesHash,
    coinbase: options.coinbase ?? new Uint8Array(20),
    stateRoot: zeroHash,
    txRoot: emptyTxRoot,
    receiptRoot: emptyTxRoot,
    bloom: new Uint8Array(256),
    difficulty: 1n,
    number,
    gasLimit: nextGasLimit(chain.config, parent, isLondon, options.gasLimit ?? parent.gasLimit),
    gasUsed: 0n,
    time,
    extra: options.extra ?? new Uint8Array(0),
    mixDigest: zeroHash,
    nonce: new Uint8Array(8),
    ...(isLondon ? { baseFee: nextBaseFee(chain.config, parent) } : {}),
  };
  return makeHeader(chain.engine.prepare(chain, draft, parent, options.signer));
}

const isTransactionsFault = ({ code }: GlimError) =>
  code === "VM_BAD_TRANSACTION" || code.startsWith("TYPES_");

/** Runs the transactions that can be in the block, in order. */
async function fill(input: BuildInput, draft: Header) {
  const { chain, reader, parent, nodes } = input;
  const execution = await openBlock(chain.config, draft, reader, {
    coinbase: input.options.signer?.address ?? draft.coinbase,
    blockHash: ancestorHashes(chain, parent),
    intermediateRoot: (diff) => applyDiff(nodes, parent.stateRoot, diff).root,
  });
  const included: Transaction[] = [];
  const skipped: { tx: Transaction; error: GlimError }[] = [];
  for (const tx of input.transactions) {
    try {
      await execution.apply(tx);
      included.push(tx);
    } catch (error) {
      if (!(error instanceof GlimError) || !isTransactionsFault(error)) throw error;
      skipped.push({ tx, error });
    }
  }
  const result: BlockResult = await execution.finish();
  return { included, skipped, result };
}

/** A sealed block on top of `parent`, and its execution so that inserting it need not repeat it. */
export async function buildBlock(input: BuildInput): Promise<{ built: BuiltBlock; executed: Executed }> {
  const draft = draftHeader(input);
  const { included, skipped, result } = await fill(input, draft);
  const update = await updateOf(input, input.parent.stateRoot, result.diff);
  const filled = makeHeader({
    ...draft,
    stateRoot: update.root,
    txRoot: txRoot(included),
    receiptRoot: receiptRoot(result.receipts),
    bloom: mergeBlooms(result.receipts.map((receipt) => receipt.bloom)),
    gasUsed: result.gasUsed,
  });
  const header = input.chain.engine.seal(input.chain, filled, input.options.signer);
  const block: Block = { header, transactions: included, uncles: [] };
  return {
    built: { block, receipts: result.receipts, skipped },
    executed: { receipts: result.receipts, update, diff: result.diff },
  };
}
