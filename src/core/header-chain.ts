// long: links, difficulties and the canonical rows change together
import { ConsensusError, type Engine, type HeaderReader } from "#consensus";
import {
  checkSchemaVersion,
  deleteCanonicalHash,
  deleteHeader,
  readCanonicalHash,
  readHeader,
  readHeaderNumber,
  readHeadHeaderHash,
  readTd,
  type Writer,
  writeCanonicalHash,
  writeHeader,
  writeHeadHeaderHash,
  writeTd,
} from "#core/rawdb";
import type { Block, Header } from "#core/types";
import type { KeyValueStore } from "#ethdb";
import { Feed } from "#event";
import type { Clock } from "#host";
import { type Logger, silentLogger } from "#log";
import type { ChainConfig } from "#params";
import { ByteMap, equalBytes, LruByteMap, toHex } from "#util";
import { CoreError } from "./errors.ts";
import type { HeadEvent, InsertResult } from "./head-event.ts";
import { limits } from "./limits.ts";

export interface HeaderChainOptions {
  readonly db: KeyValueStore;
  readonly config: ChainConfig;
  readonly engine: Engine;
  /** The header of block 0; written into an empty database. */
  readonly genesis: Header;
  readonly clock: Pick<Clock, "unixSeconds">;
  readonly log?: Logger | undefined;
}

/** A planned change of chain, made by `stage`; nothing has happened yet. */
export interface StagedHeaders extends InsertResult {
  /** Total difficulties of the new headers. */
  readonly tds: readonly (readonly [hash: Uint8Array, td: bigint])[];
  readonly headers: readonly Header[];
}

/**
 * Headers with fork choice by total difficulty: what a light client follows and a full chain stands on. Every
 * header in it was verified by the engine, its seal included; side chains are kept at any depth. After the merge,
 * where difficulties are 0, the longer chain is taken, until whoever knows better says otherwise (`setCanonical`).
 * All calls but `checkSeals` are synchronous and change the database in one batch; `db.flush()` makes it durable.
 */
export class HeaderChain implements HeaderReader {
  readonly config: ChainConfig;
  readonly engine: Engine;
  readonly genesis: Header;
  /** One event per change of head, sent after the database has changed. */
  readonly headEvents: Feed<HeadEvent>;
  readonly #db: KeyValueStore;
  readonly #clock: Pick<Clock, "unixSeconds">;
  readonly #log: Logger;
  /** BOUNDED: limits.headerCache, by hash. */
  readonly #headers = new LruByteMap<Header>(limits.headerCache);
  /** BOUNDED: limits.tdCache, by hash. */
  readonly #tds = new LruByteMap<bigint>(limits.tdCache);
  #head: Header;

  /**
   * Opens the chain: an empty database gets the genesis, any other must have it.
   * @throws CORE_GENESIS_MISMATCH, CORE_CORRUPT, RAWDB_SCHEMA
   */
  constructor(options: HeaderChainOptions) {
    this.config = options.config;
    this.engine = options.engine;
    this.genesis = options.genesis;
    this.#db = options.db;
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
    this.headEvents = new Feed((error) => this.#log.error("head listener failed", { error }));
    checkSchemaVersion(this.#db);
    this.#openGenesis();
    this.#head = this.#findHead();
  }

  /** The last header of the chain with the highest total difficulty. */
  get head(): Header {
    return this.#head;
  }

  /** A known header, on whichever chain. */
  headerByHash(hash: Uint8Array): Header | undefined {
    const kept = this.#headers.get(hash);
    if (kept !== undefined) return kept;
    const number = readHeaderNumber(this.#db, hash);
    const header = number === undefined ? undefined : readHeader(this.#db, number, hash);
    if (header !== undefined) this.#headers.set(header.hash, header);
    return header;
  }

  /** The canonical header of that number; undefined above the head. */
  headerByNumber(number: number): Header | undefined {
    const hash = this.canonicalHash(number);
    return hash === undefined ? undefined : this.headerByHash(hash);
  }

  /** Hash of the canonical header of that number. */
  canonicalHash(number: number): Uint8Array | undefined {
    // above the head there may be rows of a fast sync that has not ended
    if (!Number.isSafeInteger(number) || number < 0 || number > this.#head.number) return undefined;
    return readCanonicalHash(this.#db, number);
  }

  has(hash: Uint8Array): boolean {
    return this.#headers.has(hash) || readHeaderNumber(this.#db, hash) !== undefined;
  }

  /** Total difficulty up to and including that header; undefined when it is not known. */
  td(hash: Uint8Array): bigint | undefined {
    const kept = this.#tds.get(hash);
    if (kept !== undefined) return kept;
    const number = readHeaderNumber(this.#db, hash);
    const td = number === undefined ? undefined : readTd(this.#db, number, hash);
    if (td !== undefined) this.#tds.set(hash, td);
    return td;
  }

  isCanonical(header: Pick<Header, "number" | "hash">): boolean {
    const hash = this.canonicalHash(header.number);
    return hash !== undefined && equalBytes(hash, header.hash);
  }

  /** The ancestor `distance` blocks before `header` (0: itself), on its own chain; undefined before the genesis. */
  ancestor(header: Header, distance: number): Header | undefined {
    let at: Header | undefined = header;
    for (let left = distance; left > 0 && at !== undefined; left--) {
      if (this.isCanonical(at)) return this.headerByNumber(at.number - left);
      at = this.headerByHash(at.parentHash);
    }
    return at;
  }

  /** The last header both chains share. undefined when one of them is not connected here. */
  commonAncestor(a: Header, b: Header): Header | undefined {
    let left: Header | undefined = a;
    let right: Header | undefined = b;
    while (left !== undefined && right !== undefined && !equalBytes(left.hash, right.hash)) {
      const [l, r]: [number, number] = [left.number, right.number];
      if (l >= r) left = this.headerByHash(left.parentHash);
      if (r >= l) right = this.headerByHash(right.parentHash);
    }
    return left === undefined || right === undefined ? undefined : left;
  }

  /**
   * Verifies a segment (ascending, each the child of the one before) and takes it whole or not at all. The head
   * moves when the segment's chain has more total difficulty than the head's; at equal difficulty the first
   * stays. Known headers are skipped.
   * @throws CONSENSUS_*, or the engine's error, for the first header that breaks a rule: `data.number` names it
   * @throws CORE_SEGMENT_TOO_LONG
   */
  insert(headers: readonly Header[]): InsertResult {
    const fresh = this.verify(headers);
    const last = headers.at(-1);
    // all known: the last may still be the better head, after setHead
    const isOld = fresh.length === 0 && last !== undefined && last.number > 0 && !this.isCanonical(last);
    const batch = this.#db.batch();
    const staged = this.stage(isOld ? [last] : fresh, batch);
    batch.write();
    this.commit(staged);
    return { added: staged.added, removed: staged.removed, head: this.#head, imported: fresh.length };
  }

  /**
   * Makes `verify` of these blocks (ascending, each the child of the one before) quick, where seals are expensive and
   * can be computed beside this thread. Judges nothing.
   */
  async checkSeals(
    blocks: readonly Pick<Block, "header" | "uncles">[],
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const { engine } = this;
    if (engine.checkSeals === undefined) return;
    const fresh = blocks.findIndex(({ header }) => !this.has(header.hash));
    if (fresh >= 0) await engine.checkSeals(this, blocks.slice(fresh), options);
  }

  /** Verifies as `insert` does and changes nothing. @returns the headers not yet known */
  verify(headers: readonly Header[]): readonly Header[] {
    if (headers.length > limits.headersPerInsert)
      throw CoreError("SEGMENT_TOO_LONG", { count: headers.length, max: limits.headersPerInsert });
    let skip = 0;
    while (skip < headers.length && this.#isKnown(headers, skip)) skip++;
    const fresh = headers.slice(skip);
    const pending = new ByteMap<Header>();
    const tds = new ByteMap<bigint>();
    const view: HeaderReader = {
      config: this.config,
      headerByHash: (hash) => pending.get(hash) ?? this.headerByHash(hash),
      headerByNumber: (number) => this.headerByNumber(number),
      td: (hash) => tds.get(hash) ?? this.td(hash),
    };
    const now = this.#clock.unixSeconds();
    let parent = skip > 0 ? headers[skip - 1] : undefined;
    for (const header of fresh) {
      const { number } = header;
      parent ??= this.headerByHash(header.parentHash);
      if (number === 0 || parent === undefined) throw ConsensusError("UNKNOWN_ANCESTOR", { number });
      this.engine.verifyHeader(view, header, parent, { now });
      pending.set(header.hash, header);
      const td = view.td?.(parent.hash);
      if (td !== undefined) tds.set(header.hash, td + header.difficulty);
      parent = header;
    }
    return fresh;
  }

  /**
   * Writes verified headers and what follows for the canonical chain into `batch`, which the caller writes with
   * whatever belongs to them, then calls `commit`. Nothing else may be staged in between.
   */
  stage(headers: readonly Header[], batch: Writer): StagedHeaders {
    const first = headers[0];
    const last = headers.at(-1);
    const nothing = { added: [], removed: [], head: this.#head, imported: 0, tds: [], headers: [] };
    if (first === undefined || last === undefined) return nothing;
    let td = this.#tdOf(first.parentHash, first.number);
    const tds: [Uint8Array, bigint][] = [];
    for (const header of headers) {
      td += header.difficulty;
      tds.push([header.hash, td]);
      writeHeader(batch, header);
      writeTd(batch, header.number, header.hash, td);
    }
    const base = { ...nothing, imported: headers.length, tds, headers };
    if (!this.#isBetter(last, td)) return base;
    const { added, removed } = this.#reorgTo(headers);
    for (const header of removed) deleteCanonicalHash(batch, header.number);
    for (const header of added) writeCanonicalHash(batch, header.number, header.hash);
    writeHeadHeaderHash(batch, last.hash);
    return { ...base, added, removed, head: last };
  }

  /** A header whose parent is known would become the head. */
  wouldLead(header: Header): boolean {
    return this.#isBetter(header, this.#tdOf(header.parentHash, header.number - 1) + header.difficulty);
  }

  /** Removes headers of a side chain that turned out to be bad. */
  remove(headers: readonly Pick<Header, "number" | "hash">[], batch: Writer): void {
    for (const { number, hash } of headers) {
      deleteHeader(batch, number, hash);
      this.#headers.delete(hash);
      this.#tds.delete(hash);
    }
  }

  /**
   * Plans to make a stored header the head, whatever the difficulties say; the caller writes `batch`, then calls `commit`.
   * @throws CORE_UNKNOWN_BLOCK when it is not stored
   */
  stageCanonical(header: Header, batch: Writer): StagedHeaders {
    const nothing = { added: [], removed: [], head: this.#head, imported: 0, tds: [], headers: [] };
    if (equalBytes(header.hash, this.#head.hash)) return nothing;
    if (this.td(header.hash) === undefined) throw CoreError("UNKNOWN_BLOCK", { number: header.number });
    const { added, removed } = this.#reorgTo([header]);
    for (const gone of removed) deleteCanonicalHash(batch, gone.number);
    for (const come of added) writeCanonicalHash(batch, come.number, come.hash);
    writeHeadHeaderHash(batch, header.hash);
    return { ...nothing, added, removed, head: header };
  }

  /** Makes the staged change visible in memory and tells the listeners. */
  commit(staged: StagedHeaders): void {
    for (const header of staged.headers) this.#headers.set(header.hash, header);
    for (const [hash, td] of staged.tds) this.#tds.set(hash, td);
    if (staged.added.length === 0 && staged.removed.length === 0) return;
    this.#head = staged.head;
    this.headEvents.send({ type: "head", header: staged.head, added: staged.added, removed: staged.removed });
  }

  /**
   * Plans to go back to the canonical header of that number; the caller writes `batch`, then calls `commit`.
   * The headers above it stay, as a side chain that a later insert can choose again.
   * @throws CORE_UNKNOWN_BLOCK when there is none
   */
  stageSetHead(number: number, batch: Writer): StagedHeaders {
    const target = this.headerByNumber(number);
    if (target === undefined) throw CoreError("UNKNOWN_BLOCK", { number });
    const removed = this.#canonicalAbove(number);
    for (const header of removed) deleteCanonicalHash(batch, header.number);
    writeHeadHeaderHash(batch, target.hash);
    return { added: [], removed, head: target, imported: 0, tds: [], headers: [] };
  }

  /** Goes back to the canonical header of that number. @throws CORE_UNKNOWN_BLOCK */
  setHead(number: number): void {
    const batch = this.#db.batch();
    const staged = this.stageSetHead(number, batch);
    batch.write();
    this.commit(staged);
  }

  /**
   * Writes verified headers that follow a known one into `batch`, and the rows that will make them canonical, and
   * leaves the head where it is: nobody sees these rows until `stageJump`. After the write, call `keep`.
   */
  stageBeyond(headers: readonly Header[], batch: Writer): void {
    const first = headers[0];
    if (first === undefined) return;
    let td = this.#tdOf(first.parentHash, first.number);
    for (const header of headers) {
      td += header.difficulty;
      writeHeader(batch, header);
      writeTd(batch, header.number, header.hash, td);
      writeCanonicalHash(batch, header.number, header.hash);
    }
    // another branch than before: its rows down to where they agree
    let at = this.headerByHash(first.parentHash);
    while (at !== undefined && at.number > this.#head.number && !this.#hasRow(at)) {
      writeCanonicalHash(batch, at.number, at.hash);
      at = this.headerByHash(at.parentHash);
    }
  }

  /** Keeps headers in memory whose rows were written. */
  keep(headers: readonly Header[]): void {
    for (const header of headers) this.#headers.set(header.hash, header);
  }

  /**
   * Plans to make a header the head whose rows `stageBeyond` wrote; the caller writes `batch`, then calls `commit`.
   * `added` names that header alone: there may be millions before it.
   * @throws CORE_UNKNOWN_BLOCK when it is not on the chain of those rows
   */
  stageJump(header: Header, batch: Writer): StagedHeaders {
    if (header.number <= this.#head.number || !this.#hasRow(header))
      throw CoreError("UNKNOWN_BLOCK", { number: header.number });
    writeHeadHeaderHash(batch, header.hash);
    return { added: [header], removed: [], head: header, imported: 0, tds: [], headers: [] };
  }

  /**
   * More total difficulty than the head has; at equal difficulty the first stays. A merged chain gives way to no block
   * that was sealed, and to the longer of its kind.
   */
  #isBetter(header: Header, td: bigint): boolean {
    const headTd = this.#tdOf(this.#head.hash, this.#head.number);
    if (this.config.terminalTotalDifficulty === undefined) return td > headTd;
    const isMerged = header.difficulty === 0n;
    if (this.#head.number > 0 && this.#head.difficulty === 0n && !isMerged) return false;
    if (isMerged && (this.#head.difficulty > 0n || td === headTd)) return header.number > this.#head.number;
    return td > headTd;
  }

  #hasRow(header: Header): boolean {
    const hash = readCanonicalHash(this.#db, header.number);
    return hash !== undefined && equalBytes(hash, header.hash);
  }

  #isKnown(headers: readonly Header[], index: number): boolean {
    const header = headers[index];
    const before = headers[index - 1];
    if (header === undefined || !this.has(header.hash)) return false;
    return before === undefined || equalBytes(before.hash, header.parentHash);
  }

  #tdOf(hash: Uint8Array, number: number): bigint {
    const td = this.td(hash);
    if (td === undefined) throw ConsensusError("UNKNOWN_ANCESTOR", { number });
    return td;
  }

  /** What changes when the last of `headers`, not yet stored, becomes the head. Both lists ascending. */
  #reorgTo(headers: readonly Header[]): { added: Header[]; removed: Header[] } {
    const added: Header[] = [];
    let at = headers.at(-1);
    for (let i = headers.length - 1; at !== undefined && !this.isCanonical(at); i--) {
      added.push(at);
      at = i > 0 ? headers[i - 1] : this.headerByHash(at.parentHash);
    }
    if (at === undefined)
      throw CoreError("CORRUPT", { what: `no way from #${added.at(-1)?.number} to the genesis` });
    return { added: added.reverse(), removed: this.#canonicalAbove(at.number) };
  }

  /** Canonical headers above that number, ascending. */
  #canonicalAbove(number: number): Header[] {
    const above: Header[] = [];
    for (let at = number + 1; at <= this.#head.number; at++) {
      const header = this.headerByNumber(at);
      if (header === undefined) throw CoreError("CORRUPT", { what: `canonical header #${at} is missing` });
      above.push(header);
    }
    return above;
  }

  #openGenesis(): void {
    const { genesis } = this;
    const have = readCanonicalHash(this.#db, 0);
    if (have === undefined) {
      const batch = this.#db.batch();
      writeGenesisHeader(batch, genesis);
      batch.write();
    } else if (!equalBytes(have, genesis.hash)) {
      throw CoreError("GENESIS_MISMATCH", { have: toHex(have), want: toHex(genesis.hash) });
    }
  }

  /** The stored head; if its record is damaged, the highest canonical header with an unbroken record. */
  #findHead(): Header {
    const hash = readHeadHeaderHash(this.#db);
    const head = hash === undefined ? undefined : this.headerByHash(hash);
    if (head !== undefined && this.#hasRow(head) && this.td(head.hash) !== undefined) return head;
    const rowAt = (number: number) => {
      const row = readCanonicalHash(this.#db, number);
      return row === undefined ? undefined : this.headerByHash(row);
    };
    let found = this.genesis;
    for (let next = rowAt(1); next !== undefined; next = rowAt(next.number + 1)) {
      if (this.td(next.hash) === undefined || !equalBytes(next.parentHash, found.hash)) break;
      found = next;
    }
    this.#log.warn("head record was damaged; head found again", { number: found.number });
    writeHeadHeaderHash(this.#db, found.hash);
    return found;
  }
}

/** Header, difficulty and head of block 0. */
export function writeGenesisHeader(batch: Writer, genesis: Header): void {
  writeHeader(batch, genesis);
  writeTd(batch, genesis.number, genesis.hash, genesis.difficulty);
  writeCanonicalHash(batch, genesis.number, genesis.hash);
  writeHeadHeaderHash(batch, genesis.hash);
}
