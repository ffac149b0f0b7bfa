import type { Clock, Rand, Timer } from "#host";

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/** Lets promise chains run until they wait for something that is not a promise. */
async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Virtual time. `advance` fires timers in order and lets promise chains settle between them. */
export class SimulatedClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #startUnixSeconds: number;
  readonly #timers = new Set<Entry>();

  constructor(startUnixSeconds = 1_700_000_000) {
    this.#startUnixSeconds = startUnixSeconds;
  }

  /** Timers not yet fired or cancelled: 0 after a clean stop. */
  get activeTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  unixSeconds(): number {
    return this.#startUnixSeconds + Math.floor(this.#now / 1000);
  }

  after(delayMs: number, fn: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, delayMs), order: this.#order++, fn };
    this.#timers.add(entry);
    return { cancel: () => void this.#timers.delete(entry) };
  }

  sleep(delayMs: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        timer.cancel();
        reject(signal?.reason);
      };
      const timer = this.after(delayMs, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Moves time by `byMs`, firing what falls due, in order. */
  async advance(byMs: number): Promise<void> {
    const end = this.#now + byMs;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = next.at;
      next.fn();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  #next(end: number): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#timers) {
      if (entry.at > end) continue;
      if (first === undefined || entry.at < first.at || (entry.at === first.at && entry.order < first.order))
        first = entry;
    }
    return first;
  }
}

/** Reproducible chance: mulberry32. */
export function seededRand(seed: number): Rand {
  let state = seed >>> 0;
  const float = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const int = (bound: number) => Math.floor(float() * bound);
  return {
    float,
    int,
    shuffle(values) {
      const rest = [...values];
      const shuffled: typeof rest = [];
      while (rest.length > 0) shuffled.push(...rest.splice(int(rest.length), 1));
      return shuffled;
    },
  };
}
