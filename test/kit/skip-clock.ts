// Real time that a test may skip over: sockets work as ever, and a ten-second time-out takes no time.
import type { Clock, Host, Timer } from "#host";
import { nodeHost } from "#host/node";

interface Entry {
  readonly at: number;
  readonly fn: () => void;
  timer: Timer;
}

export class SkipClock implements Clock {
  readonly #real: Clock;
  #skippedMs = 0;
  readonly #entries = new Set<Entry>();

  constructor(real: Clock = nodeHost().clock) {
    this.#real = real;
  }

  now(): number {
    return this.#real.now() + this.#skippedMs;
  }

  unixSeconds(): number {
    return this.#real.unixSeconds() + Math.floor(this.#skippedMs / 1000);
  }

  after(delayMs: number, fn: () => void): Timer {
    const entry: Entry = { at: this.now() + Math.max(0, delayMs), fn, timer: { cancel() {} } };
    this.#entries.add(entry);
    this.#arm(entry);
    return {
      cancel: () => {
        entry.timer.cancel();
        this.#entries.delete(entry);
      },
    };
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

  /** Moves time on by `byMs` at once; fires what falls due, in order. Promise chains go on between two timers. */
  async skip(byMs: number): Promise<void> {
    const end = this.now() + byMs;
    for (;;) {
      const next = [...this.#entries].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#skippedMs += Math.max(0, next.at - this.now());
      next.timer.cancel();
      this.#entries.delete(next);
      next.fn();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#skippedMs += Math.max(0, end - this.now());
    for (const entry of this.#entries) {
      entry.timer.cancel();
      this.#arm(entry);
    }
  }

  #arm(entry: Entry): void {
    entry.timer = this.#real.after(Math.max(0, entry.at - this.now()), () => {
      this.#entries.delete(entry);
      entry.fn();
    });
  }
}

/** The machine's host with such a clock. */
export function skipHost(): Host & { readonly clock: SkipClock } {
  return { ...nodeHost(), clock: new SkipClock() };
}
