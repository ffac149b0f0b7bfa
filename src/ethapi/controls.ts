/**
 * What only a node that owns its chain can do, each as a small interface that `Ethereum` fits. A table exists with its
 * interface: a light node hands in none of them and lists none of their methods.
 */
import type { Block, Header, Transaction } from "#core/types";
import type { Account, StateDiff } from "#core/vm";
import type { CallContext } from "./backend.ts";
import type { Hex } from "#util";

type BySender = readonly (readonly [sender: Uint8Array, txs: readonly Transaction[]])[];

/** Behind txpool_: waiting transactions by sender, nonces ascending. */
export interface PoolContents {
  content(): { readonly pending: BySender; readonly queued: BySender };
  stats(): { readonly pending: number; readonly queued: number };
}

/** Votes that a node casts in the blocks it seals. */
export interface CliqueVotes {
  proposals(): ReadonlyMap<Hex, boolean>;
  propose(address: Uint8Array, authorize: boolean): void;
  discard(address: Uint8Array): void;
}

/** Behind clique_: votes and who may seal (EIP-225), which headers alone tell. */
export interface CliqueControl {
  /** @throws what the engine says of a header that does not hold */
  snapshot(header: Header): CliqueSnapshot;
  /** Who sealed it; undefined for the genesis. */
  signer(header: Header): Uint8Array | undefined;
  /** Absent: a node that seals nothing. */
  readonly votes?: CliqueVotes | undefined;
}

export interface CliqueSnapshot {
  readonly number: number;
  readonly hash: Uint8Array;
  readonly signers: readonly Hex[];
  readonly recents: ReadonlyMap<number, Hex>;
  readonly votes: readonly {
    readonly signer: Hex;
    readonly block: number;
    readonly address: Hex;
    readonly authorize: boolean;
  }[];
  readonly tally: ReadonlyMap<Hex, { readonly authorize: boolean; readonly votes: number }>;
}

/** Behind miner_. */
export interface MinerControl {
  readonly isMining: boolean;
  /** Twice is fine. @throws when this node has no signer */
  start(): void;
  stop(): Promise<void>;
  /** Vanity of the blocks sealed from now on, at most 32 bytes. */
  setExtra(extra: Uint8Array): void;
  /** Least tip of other people's transactions, wei. */
  setGasPrice(wei: bigint): void;
  /** What sealed blocks' gas limits move towards. */
  setGasLimit(gas: bigint): void;
  /** Address that is paid; undefined without signer. */
  readonly etherbase: Uint8Array | undefined;
}

/** Behind the debug_ methods that need a chain of one's own. */
export interface ChainControl {
  /** Goes back to that canonical block. */
  setHead(number: number): Promise<void>;
  /** Storage of an account by hashed slot, from `start` on, in the state after `header` and that change. Values are RLP. */
  storageRange(
    header: Header,
    diff: StateDiff,
    address: Uint8Array,
    start: Uint8Array,
  ): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
  hasState(header: Header): boolean;
  /** Blocks before the head whose states are kept; undefined: all. */
  stateWindow(): number | undefined;
  /** Accounts of a state by hashed address, from `start` (32 bytes) on. */
  accounts(
    stateRoot: Uint8Array,
    start: Uint8Array,
  ): Iterable<{ readonly key: Uint8Array; readonly account: Account }>;
  /** Slots of a storage by hashed slot. Values are RLP. */
  slots(storageRoot: Uint8Array): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
  /** Hashed addresses of the accounts that two states do not have in common. */
  changedAccounts(before: Uint8Array, after: Uint8Array): Iterable<Uint8Array>;
  code(codeHash: Uint8Array): Uint8Array | undefined;
  /** The address or slot of that hash; undefined when it was not kept. */
  preimage(hash: Uint8Array): Uint8Array | undefined;
  /**
   * What executing a block reads of the state before it, in the order of bytes; headers ascending, the parent last.
   * @throws when the block is bad, or that state is not here and not to be made again
   */
  witness(
    block: Block,
    ctx: CallContext,
  ): Promise<{
    readonly headers: readonly Header[];
    readonly codes: readonly Uint8Array[];
    readonly state: readonly Uint8Array[];
  }>;
  /** Blocks that were refused for what is in them, newest first. */
  badBlocks(): readonly Block[];
  readonly database: {
    get(key: Uint8Array): Uint8Array | undefined;
    /** In the words of whoever keeps it; undefined: it is in memory. */
    stats(): string | undefined;
    compact(): Promise<void>;
  };
}

/** Behind admin_exportChain, admin_importChain and the traces of files: reached over IPC and in process only. */
export interface ChainFiles {
  /**
   * Writes canonical blocks as `geth export` does; `.gz` compresses. Never over an existing file.
   * @throws when the path, links followed, is outside the data directory
   */
  exportChain(
    file: string,
    from: number | undefined,
    to: number | undefined,
    ctx: CallContext,
  ): Promise<void>;
  /** Takes in such a file, gzip or not. @throws likewise; the engine's errors for a bad block */
  importChain(file: string, ctx: CallContext): Promise<void>;
  /** A whole file. @throws likewise, and for one of more than 64 MiB */
  readFile(file: string): Promise<Uint8Array>;
  /** A new file in the folder `traces`, its name made unique. @returns its path */
  writeTrace(name: string, text: string): Promise<string>;
}

export interface NodeControls {
  readonly pool?: PoolContents | undefined;
  readonly clique?: CliqueControl | undefined;
  readonly miner?: MinerControl | undefined;
  readonly chain?: ChainControl | undefined;
  readonly files?: ChainFiles | undefined;
  /** True on a proof-of-work chain: eth_getWork and its kin exist. */
  readonly hasWork?: boolean | undefined;
}
