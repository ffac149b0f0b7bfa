import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { ADDRESS_BYTES, QUESTION_BYTES } from "./addresses.ts";

/** Threads: one core is the caller's. */
const threads = Math.min(4, Math.max(1, availableParallelism() - 1));
/** Signatures of one message to a thread: about 4 ms of work. */
const PER_MESSAGE = 64;
/** Signatures under way, in all threads; who asks beyond that computes for itself. */
const MOST_WAITING = 16_384;

/** Falls in a row without an answer, after which no thread is tried any more: its module is not there, or cannot be loaded. */
const MAX_FALLS = 3;

/** What was signed, and the signature as r(32) ‖ s(32) ‖ recovery(1). */
export interface SignedHash {
  /** 32 bytes. */
  readonly hash: Uint8Array;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

type Addresses = readonly (Uint8Array | undefined)[];

interface Waiting {
  readonly worker: Worker;
  readonly count: number;
  readonly done: (addresses: Uint8Array | undefined) => void;
}

/**
 * Recovers signers in threads that start at the first question, are shared by all of this process, keep it alive only while they work,
 * and end when idle. BOUNDED: MOST_WAITING signatures under way.
 */
class RecoveryThreads {
  readonly #module: URL;
  readonly #workers = new Map<number, Worker>();
  readonly #waiting = new Map<number, Waiting>();
  #waitingCount = 0;
  #lastId = 0;
  #next = 0;
  #falls = 0;

  constructor(module: URL) {
    this.#module = module;
  }

  async addresses(signed: readonly SignedHash[]): Promise<Addresses> {
    if (this.#waitingCount + signed.length > MOST_WAITING) return [];
    const parts: Promise<Addresses>[] = [];
    for (let from = 0; from < signed.length; from += PER_MESSAGE) {
      const worker = this.#worker();
      if (worker === undefined) break; // what was asked so far is answered
      parts.push(this.#ask(worker, signed.slice(from, from + PER_MESSAGE)));
    }
    return (await Promise.all(parts)).flat();
  }

  #ask(worker: Worker, signed: readonly SignedHash[]): Promise<Addresses> {
    const questions = new Uint8Array(signed.length * QUESTION_BYTES);
    for (const [i, { hash, signature }] of signed.entries()) {
      questions.set(hash, i * QUESTION_BYTES);
      questions.set(signature, i * QUESTION_BYTES + 32);
    }
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const done = (all: Uint8Array | undefined) => resolve(signed.map((_, i) => addressAt(all, i)));
      this.#waiting.set(id, { worker, count: signed.length, done });
      this.#waitingCount += signed.length;
      worker.ref();
      worker.postMessage({ id, questions }, [questions.buffer]);
    });
  }

  /** Each in its turn; undefined where there are none. */
  #worker(): Worker | undefined {
    if (this.#falls >= MAX_FALLS) return undefined;
    const at = this.#next++ % threads;
    const running = this.#workers.get(at) ?? this.#start(at);
    if (running !== undefined) this.#workers.set(at, running);
    return running;
  }

  #make(): Worker | undefined {
    try {
      // flags of this process (--eval, --inspect) are not the thread's
      return new Worker(this.#module, { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 2 } });
    } catch {
      this.#falls = MAX_FALLS; // a process without leave to start threads (--permission)
      return undefined;
    }
  }

  #start(at: number): Worker | undefined {
    const worker = this.#make();
    if (worker === undefined) return undefined;
    worker.on("message", ({ id, addresses }: { id: number; addresses: Uint8Array }) => {
      this.#falls = 0;
      this.#settle(id, addresses);
      if (![...this.#waiting.values()].some((each) => each.worker === worker)) worker.unref();
    });
    const onEnd = () => {
      if (this.#workers.get(at) === worker) this.#workers.delete(at);
      for (const [id, each] of this.#waiting) if (each.worker === worker) this.#settle(id, undefined);
    };
    worker.on("error", () => {
      this.#falls++;
      onEnd();
    });
    worker.on("exit", onEnd);
    return worker;
  }

  #settle(id: number, addresses: Uint8Array | undefined): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    this.#waitingCount -= waiting.count;
    waiting.done(addresses);
  }
}

function addressAt(all: Uint8Array | undefined, index: number): Uint8Array | undefined {
  const address = all?.slice(index * ADDRESS_BYTES, (index + 1) * ADDRESS_BYTES);
  return address === undefined || address.every((byte) => byte === 0) ? undefined : address;
}

// Node 20 reads no TypeScript, so that from sources there are no threads
const pool = import.meta.url.endsWith(".js")
  ? new RecoveryThreads(new URL("./recover-worker.js", import.meta.url))
  : undefined;

/**
 * Addresses of those who signed, computed beside this thread. It is a favour and no verdict: undefined where nobody signed, and where no thread
 * was free to compute it (the list may be shorter, or empty); the caller computes what is missing by itself.
 */
export async function recoverAddresses(signed: readonly SignedHash[]): Promise<Addresses> {
  return pool === undefined || signed.length === 0 ? [] : await pool.addresses(signed);
}
