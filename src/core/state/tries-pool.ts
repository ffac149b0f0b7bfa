import type { StateDiff } from "#core/vm";
import type { Clock, Thread, Threads, Timer } from "#host";
import type { NodeStore } from "#trie";
import { type Deferred, deferred, onAbort } from "#util";
import { type Pace, paced } from "./pace.ts";
import { packList } from "./packed-list.ts";
import type { StateUpdate } from "./state.ts";
import { HASH, packDiff, type TriesAnswer, type TriesQuestion, unpackUpdate } from "./tries-job.ts";

export interface TriesOrder {
  readonly pace: Pace;
  readonly signal?: AbortSignal | undefined;
}

/** Does the work on tries of large blocks beside the main loop. */
export interface TriesRunner {
  /**
   * What `applyDiff` gives.
   * @returns undefined where it is not worth it or could not be done: do it yourself, which also tells what is wrong
   * @throws the signal's reason
   */
  update(
    nodes: NodeStore,
    root: Uint8Array,
    diff: StateDiff,
    order: TriesOrder,
  ): Promise<StateUpdate | undefined>;
  /** What `orderedRoot` of the items gives; undefined where it could not be done. */
  listRoot(items: readonly Uint8Array[], order: Pick<TriesOrder, "signal">): Promise<Uint8Array | undefined>;
}

/** Accounts and slots from which on another thread does it: docs/design/trie-hashing.md. */
const MIN_CHANGES = 256;
/** The heap of a thread; nodes and questions lie outside it. 20,000 changes need half. */
const HEAP_MB = 384;
/** Of it, for what has just been made: with the usual 4 MB the thread takes twice as long. */
const YOUNG_MB = 32;
/** A thread ends when there was nothing to do for so long. */
const IDLE_MS = 10_000;
/** Falls in a row without an answer, after which no thread is tried any more. */
const MAX_FALLS = 3;
/** Nodes between two looks at the clock. */
const STRIDE = 16;

type Told = TriesAnswer | undefined;

/**
 * One thread, started by the first large block and ended when idle. It does a job at a time; who comes meanwhile does its own. It has no way to
 * the store: it asks for nodes by hash, a level of all tries at a time, and gives back new ones, which the caller writes as it would its own.
 */
export class TriesThread implements TriesRunner, AsyncDisposable {
  readonly #threads: Threads;
  readonly #clock: Pick<Clock, "after">;
  #thread: Thread | undefined;
  /** What the thread is asked for; undefined: it is idle. */
  #next: Deferred<Told> | undefined;
  #isBusy = false;
  #idle: Timer | undefined;
  #falls = 0;

  constructor({
    threads,
    clock,
  }: {
    readonly threads: Threads;
    readonly clock: Pick<Clock, "after">;
  }) {
    this.#threads = threads;
    this.#clock = clock;
  }

  update(
    nodes: NodeStore,
    root: Uint8Array,
    diff: StateDiff,
    order: TriesOrder,
  ): Promise<StateUpdate | undefined> {
    let changes = diff.accounts.length;
    for (const { storage } of diff.accounts) changes += storage.length;
    if (changes < MIN_CHANGES) return Promise.resolve(undefined);
    return this.#work(order, async () => {
      const rows = await paced(packDiff(diff), order.pace);
      let told = await this.#ask({ kind: "update", root, rows }, [rows.buffer]);
      while (told?.kind === "need") {
        const found = packList(await nodesOf(nodes, told.hashes, order.pace));
        told = await this.#ask({ kind: "nodes", nodes: found }, [found.buffer]);
      }
      return told?.kind === "updated" ? await paced(unpackUpdate(diff, told.update), order.pace) : undefined;
    });
  }

  listRoot(items: readonly Uint8Array[], order: Pick<TriesOrder, "signal">): Promise<Uint8Array | undefined> {
    return this.#work(order, async () => {
      const packed = packList(items);
      const told = await this.#ask({ kind: "list", items: packed }, [packed.buffer]);
      return told?.kind === "root" ? told.root : undefined;
    });
  }

  /** Stops what runs; its caller does it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#falls = MAX_FALLS;
    await this.#end();
  }

  async #work<T>(
    { signal }: Pick<TriesOrder, "signal">,
    job: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    signal?.throwIfAborted();
    if (this.#isBusy || this.#falls >= MAX_FALLS) return undefined;
    this.#isBusy = true;
    this.#idle?.cancel();
    const release = signal === undefined ? undefined : onAbort(signal, () => void this.#end());
    try {
      const done = await job();
      signal?.throwIfAborted();
      return done;
    } finally {
      release?.();
      this.#isBusy = false;
      this.#thread?.setBusy(false);
      if (this.#thread !== undefined) this.#idle = this.#clock.after(IDLE_MS, () => void this.#end());
    }
  }

  /** Undefined: there is no thread, or it fell. */
  #ask(question: TriesQuestion, handedOver: readonly ArrayBuffer[]): Promise<Told> {
    // nodes belong to a job that a thread is at: one that fell takes it along
    if (question.kind !== "nodes") this.#thread ??= this.#start();
    if (this.#thread === undefined) return Promise.resolve(undefined);
    const next = (this.#next = deferred<Told>());
    this.#thread.setBusy(true);
    this.#thread.post(question, handedOver);
    return next.promise;
  }

  #start(): Thread | undefined {
    if (this.#falls >= MAX_FALLS) return undefined;
    const thread = this.#threads.start(new URL("./tries-thread.js", import.meta.url), {
      heapMb: HEAP_MB,
      youngMb: YOUNG_MB,
      onMessage: (message) => this.#take(message as TriesAnswer), // our own module's
      onEnd: () => {
        this.#falls++;
        this.#thread = undefined;
        this.#tell(undefined);
      },
    });
    if (thread === undefined) this.#falls = MAX_FALLS;
    return thread;
  }

  #take(told: TriesAnswer): void {
    if (told.kind !== "need") this.#falls = 0;
    this.#tell(told);
  }

  #tell(told: Told): void {
    const next = this.#next;
    this.#next = undefined;
    next?.resolve(told);
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    this.#idle?.cancel();
    this.#tell(undefined);
    await thread?.end();
  }
}

const NO_NODE = new Uint8Array(0);

async function nodesOf(nodes: NodeStore, hashes: Uint8Array, pace: Pace): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (let at = 0; at < hashes.length; at += HASH) {
    found.push(nodes.get(hashes.subarray(at, at + HASH)) ?? NO_NODE);
    const wait = found.length % STRIDE === 0 ? pace() : undefined;
    if (wait !== undefined) await wait;
  }
  return found;
}
