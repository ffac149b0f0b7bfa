// A chain that a test writes block by block: headers, bodies and receipts with right roots and blooms, nothing executed.
// It fits ethapi's Backend, can be reorganised, and can be told to fail. For what needs execution: full-backend.ts.
import type { HeadEvent } from "#core";
import {
  type Body,
  bloomOf,
  emptyUnclesHash,
  type Header,
  type Log,
  makeHeader,
  mergeBlooms,
  type Receipt,
  receiptRoot,
  signTransaction,
  type Transaction,
  type TransactionFields,
  txRoot,
} from "#core/types";
import type { StateReader } from "#core/vm";
import { generateKey } from "#crypto";
import type { AccountProof, Backend, FoundTransaction, SyncProgress } from "#ethapi";
import { Feed } from "#event";
import { type ChainConfig, devForks } from "#params";
import { ByteMap, equalBytes } from "#util";

/** One transaction of a block: its fields over the defaults, and what it logs. */
export interface ScriptedTransaction {
  readonly fields?: Partial<TransactionFields> | undefined;
  readonly logs?: readonly Log[] | undefined;
  readonly gasUsed?: bigint | undefined;
  readonly status?: 0 | 1 | undefined;
}

export interface ScriptedBlock {
  readonly transactions?: readonly ScriptedTransaction[] | undefined;
  readonly header?: Partial<Header> | undefined;
}

interface Stored {
  readonly header: Header;
  readonly body: Body;
  readonly receipts: readonly Receipt[];
}

const CHAIN_ID = 1337n;
const key = generateKey();
let salt = 0;

/** A signed EIP-1559 transfer with the given fields changed. */
export function scriptedTransaction(fields: Partial<TransactionFields> = {}, signer = key): Transaction {
  return signTransaction(
    {
      type: 2,
      chainId: CHAIN_ID,
      nonce: BigInt(salt++),
      maxFeePerGas: 3_000_000_000n,
      maxPriorityFeePerGas: 1_000_000_000n,
      gas: 21_000n,
      to: new Uint8Array(20).fill(0x11),
      value: 1n,
      input: new Uint8Array(0),
      accessList: [],
      ...fields,
    },
    signer,
  );
}

export class ScriptedChain implements Backend {
  kind: "light" | "full" = "full";
  chainConfig: ChainConfig = { ...devForks, chainId: CHAIN_ID };
  readonly chainId = CHAIN_ID;
  readonly networkId = CHAIN_ID;
  readonly headEvents = new Feed<HeadEvent>();
  readonly pendingEvents = new Feed<Transaction>();
  readonly pending: Transaction[] = [];
  readonly sent: Transaction[] = [];
  /** When set, bodies and receipts cannot be had. */
  failure: Error | undefined;
  progress: SyncProgress | undefined;
  /** Reads of receipts so far. */
  receiptReads = 0;
  readonly #byHash = new ByteMap<Stored>();
  #canonical: Stored[] = [];
  reader: StateReader = {
    account: () => undefined,
    storage: () => new Uint8Array(0),
    code: () => new Uint8Array(0),
  };

  constructor() {
    this.#canonical.push(this.#store(undefined, {}));
  }

  #store(parent: Header | undefined, { transactions = [], header = {} }: ScriptedBlock): Stored {
    let cumulativeGasUsed = 0n;
    const txs: Transaction[] = [];
    const receipts = transactions.map(({ fields, logs = [], gasUsed = 21_000n, status = 1 }): Receipt => {
      const tx = scriptedTransaction(fields);
      txs.push(tx);
      cumulativeGasUsed += gasUsed;
      return { type: tx.type, status, cumulativeGasUsed, bloom: bloomOf(logs), logs };
    });
    const number = (parent?.number ?? -1) + 1;
    const made = makeHeader({
      parentHash: parent?.hash ?? new Uint8Array(32),
      unclesHash: emptyUnclesHash,
      coinbase: new Uint8Array(20),
      stateRoot: new Uint8Array(32).fill(1),
      txRoot: txRoot(txs),
      receiptRoot: receiptRoot(receipts),
      bloom: mergeBlooms(receipts.map((receipt) => receipt.bloom)),
      difficulty: 2n,
      number,
      gasLimit: 30_000_000n,
      gasUsed: cumulativeGasUsed,
      time: 1_000 + number,
      extra: new Uint8Array([salt++ & 0xff, (salt >> 8) & 0xff, (salt >> 16) & 0xff]),
      mixDigest: new Uint8Array(32),
      nonce: new Uint8Array(8),
      baseFee: 1_000_000_000n,
      ...header,
    });
    const stored = { header: made, body: { transactions: txs, uncles: [] }, receipts };
    this.#byHash.set(made.hash, stored);
    return stored;
  }

  /** Adds blocks on top of the head, or on top of block `at`: then what was above it is removed. One event. */
  grow(blocks: readonly ScriptedBlock[], at = this.head().number): Header[] {
    const kept = this.#canonical.slice(0, at + 1);
    const removed = this.#canonical.slice(at + 1).map((stored) => stored.header);
    const added: Header[] = [];
    for (const script of blocks) {
      const stored = this.#store(kept.at(-1)?.header, script);
      kept.push(stored);
      added.push(stored.header);
    }
    this.#canonical = kept;
    this.headEvents.send({ type: "head", header: this.head(), added, removed });
    return added;
  }

  /** A transaction of this node that waits. */
  wait(tx: Transaction): void {
    this.pending.push(tx);
    this.pendingEvents.send(tx);
  }

  head(): Header {
    const last = this.#canonical.at(-1);
    if (last === undefined) throw new Error("no genesis");
    return last.header;
  }
  async headerByNumber(number: number): Promise<Header | undefined> {
    return this.#canonical[number]?.header;
  }
  async headerByHash(hash: Uint8Array): Promise<Header | undefined> {
    return this.#byHash.get(hash)?.header;
  }
  isCanonical(header: Header): boolean {
    const there = this.#canonical[header.number];
    return there !== undefined && equalBytes(there.header.hash, header.hash);
  }
  totalDifficulty(header: Header): bigint {
    return BigInt(header.number) * 2n + 1n;
  }
  #need(header: Header): Stored {
    const stored = this.#byHash.get(header.hash);
    if (this.failure !== undefined) throw this.failure;
    if (stored === undefined) throw new Error("unknown block asked for");
    return stored;
  }
  async body(header: Header): Promise<Body> {
    return this.#need(header).body;
  }
  async receipts(header: Header): Promise<readonly Receipt[]> {
    this.receiptReads++;
    return this.#need(header).receipts;
  }
  async state(): Promise<StateReader> {
    if (this.failure !== undefined) throw this.failure;
    return this.reader;
  }
  async prove(): Promise<AccountProof> {
    throw new Error("a scripted chain has no state");
  }
  async findTransaction(hash: Uint8Array): Promise<FoundTransaction | undefined> {
    if (this.failure !== undefined) throw this.failure;
    for (const { header, body } of this.#canonical) {
      const index = body.transactions.findIndex((tx) => equalBytes(tx.hash, hash));
      const tx = body.transactions[index];
      if (tx !== undefined) return { tx, header, index };
    }
    const waiting = this.pending.find((tx) => equalBytes(tx.hash, hash));
    return waiting === undefined ? undefined : { tx: waiting };
  }
  async sendTransaction(tx: Transaction): Promise<void> {
    this.sent.push(tx);
    this.wait(tx);
  }
  pendingTransactions(): readonly Transaction[] {
    return this.pending;
  }
  syncing(): SyncProgress | undefined {
    return this.progress;
  }
}
