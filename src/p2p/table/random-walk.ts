import type { Enode, NodeSource } from "#enode";
import type { Clock } from "#host";
import { tableLimits as limits } from "./limits.ts";
import type { Lookup } from "./lookup.ts";
import type { Table } from "./table.ts";

/** Nodes met on one lookup after the other. Nobody is looked up unless somebody asks for the next node. */
export class RandomWalk implements NodeSource {
  readonly name: string;
  readonly #clock: Clock;
  readonly #table: Pick<Table, "refresh" | "events">;
  readonly #makeLookup: () => Lookup;
  readonly #onClose: () => void;
  readonly #stop = new AbortController();
  #lookup: Lookup | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(parts: {
    name: string;
    clock: Clock;
    table: Pick<Table, "refresh" | "events">;
    lookup: () => Lookup;
    onClose: () => void;
  }) {
    this.name = parts.name;
    this.#clock = parts.clock;
    this.#table = parts.table;
    this.#makeLookup = parts.lookup;
    this.#onClose = parts.onClose;
  }

  async next(): Promise<Enode | undefined> {
    while (!this.#stop.signal.aborted) {
      this.#lookup ??= await this.#begin();
      const node = await this.#lookup?.next();
      if (this.#stop.signal.aborted) break;
      if (node !== undefined) return node;
      this.#lookup = undefined;
    }
    return undefined;
  }

  close(): void {
    this.#stop.abort();
    this.#lookup?.cancel();
    this.#onClose();
  }

  /** A lookup a second after the last one began, later if there was nobody to ask. */
  async #begin(): Promise<Lookup | undefined> {
    await this.#sleep(this.#lastAt + limits.lookupIntervalMs - this.#clock.now());
    if (this.#stop.signal.aborted) return undefined;
    this.#lastAt = this.#clock.now();
    const lookup = this.#makeLookup();
    if (!lookup.isEmpty) return lookup;
    await this.#table.refresh();
    await this.#newcomer();
    return undefined;
  }

  /** Waits until somebody enters the table and may be asked, a while at most. */
  async #newcomer(): Promise<void> {
    const entered = new AbortController();
    using _ = this.#table.events.subscribe(() => entered.abort());
    await this.#sleep(limits.emptyTableMs, entered.signal);
    if (entered.signal.aborted) await this.#sleep(limits.quietMs);
  }

  /** Ends early, without error, when the walk or the other signal does. */
  async #sleep(ms: number, other?: AbortSignal): Promise<void> {
    const signal = other === undefined ? this.#stop.signal : AbortSignal.any([this.#stop.signal, other]);
    if (ms <= 0) return;
    await this.#clock.sleep(ms, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}
