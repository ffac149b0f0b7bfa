// long: one walk through a database, and all that may be wrong with it
import { ConsensusError, type Engine, type HeaderReader } from "#consensus";
import { keccak256 } from "#crypto";
import {
  iterateTxLookups,
  readBody,
  readCanonicalHash,
  readCode,
  readFastHeadHash,
  readHeadBlockHash,
  readHeader,
  readHeaderNumber,
  readHeadHeaderHash,
  readPivotNumber,
  readPruning,
  readReceipts,
  readTd,
  readTrieNode,
  readTxLookup,
} from "#core/rawdb";
import { decodeAccount, decodeSlot } from "#core/state";
import { type Body, emptyCodeHash, type Header } from "#core/types";
import type { KeyValueStore } from "#ethdb";
import type { Clock } from "#host";
import type { ChainConfig } from "#params";
import { emptyRoot, nodeChildren } from "#trie";
import { ByteSet, equalBytes, GlimError, type Hex, toHex } from "#util";
import { CoreError } from "./errors.ts";
import { verifyReceipts } from "./fast-chain.ts";
import { readStoredGenesis } from "./genesis.ts";
import { limits } from "./limits.ts";
import { verifyBody } from "./process.ts";
import { flatFindings } from "./verify-flat.ts";

export interface VerifyOptions {
  readonly db: KeyValueStore;
  /** Makes the engine whose rules the headers must keep. It must not write to `db`. */
  readonly engine: (config: ChainConfig) => Engine;
  readonly clock: Pick<Clock, "unixSeconds" | "now" | "sleep">;
  /** Walk the state of every so many blocks, besides the head's. Default: the head's only. */
  readonly statesEvery?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

export interface VerifyProgress {
  readonly phase: "blocks" | "states";
  /** Block reached. */
  readonly number: number;
  readonly head: number;
  /** Trie nodes read so far. */
  readonly nodes: number;
}

export interface VerifyReport {
  /** Number and hash of the last block. */
  readonly head: number;
  readonly hash: Hex;
  readonly blocks: number;
  readonly transactions: number;
  readonly states: number;
  /** States that were not looked at, because this database does not keep every one. */
  readonly prunedStates: number;
  readonly nodes: number;
  readonly codes: number;
  /** What is wrong, the first `limits.findings` of it. */
  readonly findings: readonly string[];
  readonly findingCount: number;
}

/**
 * Proves a database of a full chain whole, or says what is wrong with it: every canonical header links, keeps the engine's
 * rules, and adds up to its total difficulty; bodies and receipts match their roots; every transaction is found, and
 * nothing else is; states are walked node by node, each by its hash, down to the codes; flat rows are as their trie. Believes no derived row; reads only.
 *
 * @throws CORE_NO_CHAIN, RAWDB_SCHEMA; whatever is wrong inside is a finding, not an error
 */
export async function verifyChain(options: VerifyOptions): Promise<VerifyReport> {
  return new Verifier(options).run();
}

class Verifier {
  readonly #options: VerifyOptions;
  readonly #db: KeyValueStore;
  /** BOUNDED: limits.findings. */
  readonly #findings: string[] = [];
  #findingCount = 0;
  #transactions = 0;
  #nodes = 0;
  #codes = 0;
  #states = 0;
  #prunedStates = 0;
  /** Parts of states that were walked. BOUNDED: limits.verifySeen; beyond it they are walked again. */
  readonly #seen = new ByteSet();
  #busySince = 0;
  #reportedAt = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#db = options.db;
  }

  async run(): Promise<VerifyReport> {
    const stored = readStoredGenesis(this.#db);
    if (stored === undefined) throw CoreError("NO_CHAIN");
    const head = this.#findHead(stored.header);
    this.#busySince = this.#options.clock.now();
    await this.#verifyBlocks(stored.header, stored.config, head);
    await this.#verifyLookups(head);
    await this.#verifyStates(head);
    await this.#verifyFlat(head);
    return {
      head: head.number,
      hash: toHex(head.hash),
      blocks: head.number + 1,
      transactions: this.#transactions,
      states: this.#states,
      prunedStates: this.#prunedStates,
      nodes: this.#nodes,
      codes: this.#codes,
      findings: this.#findings,
      findingCount: this.#findingCount,
    };
  }

  #found(what: string): void {
    this.#findingCount++;
    if (this.#findings.length < limits.findings) this.#findings.push(what);
  }

  /** Damage that a read or a check throws becomes a finding. */
  #attempt<T>(where: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof GlimError)) throw error;
      this.#found(`${where}: ${error.message}`);
      return undefined;
    }
  }

  /** Lets others run, stops when asked, reports every few seconds. */
  async #step(progress: Omit<VerifyProgress, "nodes">): Promise<void> {
    const { clock, signal, onProgress } = this.#options;
    const now = clock.now();
    if (now - this.#busySince < limits.yieldAfterMs) return;
    signal?.throwIfAborted();
    if (now - this.#reportedAt >= limits.verifyProgressMs) {
      this.#reportedAt = now;
      onProgress?.({ ...progress, nodes: this.#nodes });
    }
    await clock.sleep(0);
    this.#busySince = clock.now();
  }

  #findHead(genesis: Header): Header {
    const db = this.#db;
    const read = (what: string, hash: Uint8Array | undefined) => {
      if (hash === undefined) this.#found(`there is no record of the ${what}`);
      return hash;
    };
    const headHash = this.#attempt("head header", () => read("head header", readHeadHeaderHash(db)));
    const blockHash = this.#attempt("head block", () => {
      const hash = readHeadBlockHash(db);
      // a new database has none until its first block
      return hash === undefined && headHash !== undefined && equalBytes(headHash, genesis.hash)
        ? headHash
        : read("head block", hash);
    });
    if (headHash !== undefined && blockHash !== undefined && !equalBytes(headHash, blockHash))
      this.#found(`head header ${toHex(headHash)} is not the head block ${toHex(blockHash)}`);
    const head = headHash && this.#attempt("head header", () => this.#headerByHash(headHash));
    if (head === undefined) this.#found("the head is not a known header; block 0 is taken for it");
    const found = head ?? genesis;
    this.#attempt("rows above the head", () => {
      const above = readCanonicalHash(db, found.number + 1);
      if (above !== undefined && readFastHeadHash(db) === undefined)
        this.#found(`block #${found.number + 1} is canonical and above the head`);
    });
    return found;
  }

  #headerByHash(hash: Uint8Array): Header | undefined {
    const number = readHeaderNumber(this.#db, hash);
    return number === undefined ? undefined : readHeader(this.#db, number, hash);
  }

  async #verifyBlocks(genesis: Header, config: ChainConfig, head: Header): Promise<void> {
    const engine = this.#options.engine(config);
    const view: HeaderReader = {
      config,
      headerByHash: (hash) => this.#headerByHash(hash),
      headerByNumber: (number) => {
        const hash = readCanonicalHash(this.#db, number);
        return hash === undefined ? undefined : readHeader(this.#db, number, hash);
      },
    };
    let parent: Header | undefined;
    let td = 0n;
    for (let number = 0; number <= head.number; number++) {
      const where = `block #${number}`;
      const header = this.#attempt(where, () => view.headerByNumber(number));
      if (header === undefined) this.#found(`${where}: there is no canonical header`);
      else {
        td = this.#verifyHeader({ view, engine, header, parent, td, where });
        this.#verifyContent(header, where);
      }
      parent = header;
      await this.#step({ phase: "blocks", number, head: head.number });
    }
    if (parent !== undefined && !equalBytes(parent.hash, head.hash))
      this.#found(
        `block #${head.number} ${toHex(parent.hash)} is canonical, the head is ${toHex(head.hash)}`,
      );
    const first = this.#attempt("block #0", () => view.headerByNumber(0));
    if (first !== undefined && !equalBytes(first.hash, genesis.hash))
      this.#found("block #0 is not the genesis");
  }

  /** @returns the total difficulty up to this header */
  #verifyHeader(input: {
    readonly view: HeaderReader;
    readonly engine: Engine;
    readonly header: Header;
    readonly parent: Header | undefined;
    readonly td: bigint;
    readonly where: string;
  }): bigint {
    const { view, engine, header, parent, where } = input;
    const { number, hash } = header;
    const td = input.td + header.difficulty;
    this.#attempt(where, () => {
      const canonical = readCanonicalHash(this.#db, number);
      if (canonical === undefined || !equalBytes(canonical, hash))
        this.#found(`${where}: the header has another hash`);
      if (readHeaderNumber(this.#db, hash) !== number) this.#found(`${where}: is not found by its hash`);
      const stored = readTd(this.#db, number, hash);
      if (stored !== td) this.#found(`${where}: total difficulty is ${td}, stored is ${stored ?? "none"}`);
    });
    if (number === 0) return td;
    this.#attempt(where, () => {
      if (parent === undefined) throw ConsensusError("UNKNOWN_ANCESTOR", { number });
      engine.verifyHeader(view, header, parent, { now: this.#options.clock.unixSeconds() });
    });
    return td;
  }

  #verifyContent(header: Header, where: string): void {
    const { number, hash } = header;
    const body = this.#attempt(`${where} body`, () => readBody(this.#db, number, hash));
    if (body === undefined) this.#found(`${where}: there is no body`);
    else this.#verifyBody(header, body, where);
    const receipts = this.#attempt(`${where} receipts`, () => readReceipts(this.#db, number, hash));
    if (receipts === undefined) this.#found(`${where}: there are no receipts`);
    else this.#attempt(where, () => verifyReceipts(header, receipts));
  }

  #verifyBody(header: Header, body: Body, where: string): void {
    this.#attempt(where, () => verifyBody({ header, ...body }));
    this.#transactions += body.transactions.length;
    for (const tx of body.transactions)
      this.#attempt(where, () => {
        const at = readTxLookup(this.#db, tx.hash);
        if (at !== header.number)
          this.#found(
            `${where}: transaction ${toHex(tx.hash)} is looked up at ${at === undefined ? "no block" : `#${at}`}`,
          );
      });
  }

  /** Every transaction has its row; if there are more rows than transactions, some lead nowhere. */
  async #verifyLookups(head: Header): Promise<void> {
    if (this.#attempt("fast sync", () => readFastHeadHash(this.#db)) !== undefined) return; // rows ahead of the head
    let rows = 0;
    try {
      for await (const _row of iterateTxLookups(this.#db)) {
        rows++;
        await this.#step({ phase: "blocks", number: head.number, head: head.number });
      }
      if (rows <= this.#transactions) return;
      for await (const { txHash, number } of iterateTxLookups(this.#db)) {
        this.#verifyLookup(txHash, number);
        await this.#step({ phase: "blocks", number: head.number, head: head.number });
      }
    } catch (error) {
      if (!(error instanceof GlimError)) throw error;
      this.#found(`transaction lookups: ${error.message}`);
    }
  }

  #verifyLookup(txHash: Uint8Array, number: number): void {
    const where = `lookup of transaction ${toHex(txHash)}`;
    this.#attempt(where, () => {
      const hash = readCanonicalHash(this.#db, number);
      const body = hash === undefined ? undefined : readBody(this.#db, number, hash);
      if (!body?.transactions.some((tx) => equalBytes(tx.hash, txHash)))
        this.#found(`${where}: block #${number} does not hold it`);
    });
  }

  async #verifyStates(head: Header): Promise<void> {
    const every = this.#options.statesEvery;
    const pivot = this.#attempt("pivot", () => readPivotNumber(this.#db)) ?? 0;
    const isPruned = readPruning(this.#db);
    // the head's first: it is the one a node cannot do without
    await this.#verifyState(head, head.number);
    if (every === undefined) return;
    for (let number = Math.ceil(pivot / every) * every; number < head.number; number += every) {
      const header = this.#attempt(`block #${number}`, () => {
        const hash = readCanonicalHash(this.#db, number);
        return hash === undefined ? undefined : readHeader(this.#db, number, hash);
      });
      if (header === undefined) continue;
      if (isPruned && !this.#hasRoot(header)) this.#prunedStates++;
      else await this.#verifyState(header, head.number);
    }
  }

  async #verifyFlat(head: Header): Promise<void> {
    try {
      for await (const finding of flatFindings(this.#db)) {
        if (finding !== undefined) this.#found(finding);
        await this.#step({ phase: "states", number: head.number, head: head.number });
      }
    } catch (error) {
      if (!(error instanceof GlimError)) throw error;
      this.#found(`flat state: ${error.message}`);
    }
  }

  async #verifyState({ number, stateRoot }: Header, head: number): Promise<void> {
    this.#states++;
    const where = `state of block #${number}`;
    const pending: { readonly hash: Uint8Array; readonly isStorage: boolean }[] = [];
    const push = (hash: Uint8Array, isStorage: boolean) => {
      if (!equalBytes(hash, emptyRoot) && !this.#seen.has(hash)) pending.push({ hash, isStorage });
    };
    push(stateRoot, false);
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { hash, isStorage } = next;
      const node = this.#node(hash, where);
      if (node === undefined) continue;
      const children = this.#attempt(where, () => nodeChildren(node));
      for (const child of children?.hashes ?? []) push(child.hash, isStorage);
      for (const value of children?.values ?? [])
        this.#attempt(where, () => {
          if (isStorage) decodeSlot(value);
          else this.#verifyAccount(value, where, push);
        });
      await this.#step({ phase: "states", number, head });
    }
  }

  #hasRoot({ number, stateRoot }: Header): boolean {
    const read = () => equalBytes(stateRoot, emptyRoot) || readTrieNode(this.#db, stateRoot) !== undefined;
    return this.#attempt(`state of block #${number}`, read) ?? true;
  }

  #node(hash: Uint8Array, where: string): Uint8Array | undefined {
    const node = this.#attempt(where, () => readTrieNode(this.#db, hash));
    this.#nodes++;
    if (node === undefined) {
      this.#found(`${where}: trie node ${toHex(hash)} is missing`);
      return undefined;
    }
    if (!equalBytes(keccak256(node), hash))
      this.#found(`${where}: trie node ${toHex(hash)} has another hash`);
    this.#remember(hash);
    return node;
  }

  #verifyAccount(
    value: Uint8Array,
    where: string,
    push: (hash: Uint8Array, isStorage: boolean) => void,
  ): void {
    const { storageRoot, codeHash } = decodeAccount(value);
    push(storageRoot, true);
    if (equalBytes(codeHash, emptyCodeHash) || this.#seen.has(codeHash)) return;
    this.#codes++;
    const code = readCode(this.#db, codeHash);
    if (code === undefined) this.#found(`${where}: code ${toHex(codeHash)} is missing`);
    else if (!equalBytes(keccak256(code), codeHash))
      this.#found(`${where}: code ${toHex(codeHash)} has another hash`);
    else this.#remember(codeHash);
  }

  #remember(hash: Uint8Array): void {
    if (this.#seen.size < limits.verifySeen) this.#seen.add(hash);
  }
}
