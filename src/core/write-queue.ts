import type { Batch, KeyValueStore } from "#ethdb";
import { type Clock, type Slice, turnsOf } from "#host";
import { limits } from "./limits.ts";

/**
 * The one line of all that changes a chain: a job has the chain to itself until it has ended. What it writes is in the
 * store at once, and on disk when enough of it waits.
 */
export class WriteQueue {
  readonly #db: KeyValueStore;
  /** What is left until others have to be let run. */
  readonly #slice: Slice;
  #last: Promise<unknown> = Promise.resolve();
  /** Bytes handed to the store since the last flush. BOUNDED: limits.unflushedBytes, and a block. */
  #unflushedBytes = 0;

  constructor(db: KeyValueStore, clock: Pick<Clock, "now">) {
    this.#db = db;
    this.#slice = turnsOf(clock).slice();
  }

  /** Runs `job` after all that came before it, however those ended. */
  run<T>(job: () => Promise<T>): Promise<T> {
    const next = this.#last.then(job, job);
    this.#last = next.catch(() => {});
    return next;
  }

  /** Resolves when the jobs that wait now have ended. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /** Writes a batch, whole or not at all. */
  write(batch: Batch): void {
    this.#unflushedBytes += batch.sizeBytes;
    batch.write();
  }

  /** Makes a batch and writes it, to the disk when enough waits; lets others run when it is time. */
  async writePaced(make: () => Batch): Promise<void> {
    this.write(make());
    await this.flushIfFull();
    await this.giveWay();
  }

  /** Lets others run when it is time; undefined: there is nothing to wait for. */
  giveWay(): Promise<void> | undefined {
    return this.#slice.giveWay();
  }

  async flushIfFull(): Promise<void> {
    if (this.#unflushedBytes > limits.unflushedBytes) await this.flush();
  }

  /** Resolves when all that was written is on disk. */
  async flush(): Promise<void> {
    this.#unflushedBytes = 0;
    await this.#db.flush();
  }
}
