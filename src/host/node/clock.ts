import { randomBytes } from "node:crypto";
import type { Clock, Entropy, Rand } from "#host";

/** Longest delay a Node.js timer holds; longer ones fire at once there, so they are cut here (JS-04). */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export const nodeClock: Clock = {
  now: () => performance.now(),
  unixSeconds: () => Math.floor(Date.now() / 1000),
  after(delayMs, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS));
    return { cancel: () => clearTimeout(timer) };
  },
  sleep(delayMs, options = {}) {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
        Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS),
      );
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  },
};

export const nodeRand: Rand = {
  float: () => Math.random(),
  int: (bound) => Math.floor(Math.random() * bound),
  shuffle(values) {
    const copy = [...values];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      const kept = copy[i];
      const other = copy[j];
      if (kept === undefined || other === undefined) continue;
      copy[i] = other;
      copy[j] = kept;
    }
    return copy;
  },
};

export const nodeEntropy: Entropy = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
};
