import { VmError } from "#core/vm";

/** Most text the traces of one request may come to, bytes: a little below what one reply may hold (#rpc limits.replyBytes). */
export const MAX_TRACE_BYTES = 24_000_000;

/** What the traces of one request may still take. */
export class TraceBudget {
  readonly #max: number;
  #left: number;

  constructor(max: number = MAX_TRACE_BYTES) {
    this.#max = max;
    this.#left = max;
  }

  /** @throws VM_TRACE_TOO_LARGE */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw VmError("TRACE_TOO_LARGE", { max: this.#max });
  }
}
