// Waiting on a condition of another process: the only timer tests have, and always with a deadline.
import { setTimeout as pause } from "node:timers/promises";

/**
 * Asks `probe` until it gives something other than undefined or false; throws with `what` and the last failure
 * after `timeoutMs` (default 60 s).
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let failure: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: failure });
    await pause(25);
  }
}
