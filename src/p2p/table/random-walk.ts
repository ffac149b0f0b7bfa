import type { Enode, NodeId, NodeSource } from "#enode";
import type { Clock } from "#host";
import { LruMap } from "#util";
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
  /** Nodes met lately. BOUNDED: limits.walkMemory. */
  readonly #met = new LruMap<NodeId, true>(limits.walkMemory);
  #lookup: Lookup | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;
  /** Time from one lookup to the next: longer while they bring nobody new, or a small network would be asked without end. */
  #intervalMs: number = limits.lookupIntervalMs;
  #bringsNew = true;

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
      if (node === undefined) {
        this.#lookup = undefined;
        continue;
      }
      this.#bringsNew ||= !this.#met.has(node.id);
      this.#met.set(node.id, true);
      return node;
    }
    return undefined;
  }

  close(): void {
    this.#stop.abort();
    this.#lookup?.cancel();
    this.#onClose();
  }

  /** A lookup a second after the last one began, later if that met nobody new or there was nobody to ask. */
  async #begin(): Promise<Lookup | undefined> {
    this.#intervalMs = this.#bringsNew
      ? limits.lookupIntervalMs
      : Math.min(this.#intervalMs * 2, limits.longestIntervalMs);
    const waitMs = this.#lastAt + this.#intervalMs - this.#clock.now();
    if (this.#bringsNew) await this.#sleep(waitMs);
    else await this.#newcomer(waitMs);
    if (this.#stop.signal.aborted) return undefined;
    this.#lastAt = this.#clock.now();
    this.#bringsNew = false;
    const lookup = this.#makeLookup();
    if (!lookup.isEmpty) return lookup;
    await this.#table.refresh();
    await this.#newcomer(limits.emptyTableMs);
    return undefined;
  }

  /** Waits until somebody enters the table and may be asked, a while at most. */
  async #newcomer(mostMs: number): Promise<void> {
    const entered = new AbortController();
    using _ = this.#table.events.subscribe(() => entered.abort());
    await this.#sleep(mostMs, entered.signal);
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
