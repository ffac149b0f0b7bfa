import type { Clock, Timer } from "#host";
import { type Deferred, deferred } from "#util";
import { P2pError } from "./errors.ts";

/** A request that waits for its reply. */
interface Open<T> {
  readonly kind: string;
  readonly deferred: Deferred<T>;
  readonly timer: Timer;
  readonly sentAt: number;
}

/** Open requests of one peer at most (attacks-and-faults §3.2). */
const MAX_OPEN = 1024;

export interface Ticket<T> {
  readonly id: bigint;
  readonly promise: Promise<T>;
  /** Gives up waiting: a reply that still comes counts as late. */
  abandon(error: unknown): void;
}

/** How a reply met the tracker. `late`: its request had timed out. `unasked`: nobody asked, the peer is in breach. */
export type Matched<T> =
  | { readonly status: "open"; settle(value: T): void; fail(error: unknown): void; readonly sentAt: number }
  | { readonly status: "late" }
  | { readonly status: "unasked" };

/**
 * Requests sent to one peer and not answered, by id and kind of the reply.
 *
 * BOUNDED: 1,024 open; the next `open` throws P2P_TOO_MANY_REQUESTS. Emptied: reply, time-out, `close`.
 * BOUNDED: 1,024 ids that timed out are remembered (oldest forgotten), so that a late reply is no breach.
 */
export class RequestTracker<T> {
  readonly #clock: Clock;
  readonly #open = new Map<bigint, Open<T>>();
  readonly #late = new Map<bigint, string>();
  #lastId = 0n;
  #closed: { readonly error: unknown } | undefined;

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Message name of the reply that the open request of that id waits for. */
  kindOf(id: bigint): string | undefined {
    return this.#open.get(id)?.kind;
  }

  /** Makes a request id; `kind` is the reply's message name. */
  open(kind: string, timeoutMs: number): Ticket<T> {
    if (this.#closed !== undefined) throw this.#closed.error;
    if (this.#open.size >= MAX_OPEN) throw P2pError("TOO_MANY_REQUESTS", { limit: MAX_OPEN });
    const id = ++this.#lastId;
    const answer = deferred<T>();
    const abandon = (error: unknown) => {
      if (!this.#forget(id)) return;
      this.#rememberLate(id, kind);
      answer.reject(error);
    };
    const timer = this.#clock.after(timeoutMs, () =>
      abandon(P2pError("REQUEST_TIMEOUT", { name: kind, timeoutMs })),
    );
    this.#open.set(id, { kind, deferred: answer, timer, sentAt: this.#clock.now() });
    return { id, promise: answer.promise, abandon };
  }

  /** Finds the request a reply answers and takes it out. Without id: the oldest of its kind. */
  match(kind: string, id: bigint | undefined): Matched<T> {
    const key = id ?? this.#oldest(kind);
    const entry = key === undefined ? undefined : this.#open.get(key);
    if (key !== undefined && entry?.kind === kind) {
      this.#forget(key);
      const { deferred: answer, sentAt } = entry;
      return { status: "open", settle: answer.resolve, fail: answer.reject, sentAt };
    }
    return this.#takeLate(kind, id) ? { status: "late" } : { status: "unasked" };
  }

  /** Ends all waiting with `error`. */
  close(error: unknown): void {
    this.#closed ??= { error };
    for (const [id, { deferred: answer }] of [...this.#open]) {
      this.#forget(id);
      answer.reject(error);
    }
    this.#late.clear();
  }

  #oldest(kind: string): bigint | undefined {
    // without ids replies come in order: one to a request that timed out comes before those still open
    for (const late of this.#late.values()) if (late === kind) return undefined;
    for (const [id, entry] of this.#open) if (entry.kind === kind) return id;
    return undefined;
  }

  #forget(id: bigint): boolean {
    this.#open.get(id)?.timer.cancel();
    return this.#open.delete(id);
  }

  #rememberLate(id: bigint, kind: string): void {
    this.#late.set(id, kind);
    if (this.#late.size > MAX_OPEN)
      for (const oldest of this.#late.keys()) return void this.#late.delete(oldest);
  }

  #takeLate(kind: string, id: bigint | undefined): boolean {
    if (id !== undefined) return this.#late.get(id) === kind && this.#late.delete(id);
    for (const [late, lateKind] of this.#late) if (lateKind === kind) return this.#late.delete(late);
    return false;
  }
}
