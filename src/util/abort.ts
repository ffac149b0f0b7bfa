/** Who waits on a signal: one listener per signal, whatever number of reads hang on it. */
const waiting = new WeakMap<AbortSignal, Set<(reason: unknown) => void>>();

/**
 * Calls `fn` with the signal's reason when it aborts; the result undoes that. Many reads share one connection's signal: a listener for each
 * would cost more than the read, and Node warns past ten.
 */
export function onAbort(signal: AbortSignal, fn: (reason: unknown) => void): () => void {
  let fns = waiting.get(signal);
  if (fns === undefined) {
    const all = new Set<(reason: unknown) => void>();
    fns = all;
    waiting.set(signal, all);
    signal.addEventListener(
      "abort",
      () => {
        for (const each of all) each(signal.reason);
        all.clear();
      },
      { once: true },
    );
  }
  const held = fns;
  held.add(fn);
  return () => held.delete(fn);
}

/** The promise, or the signal's reason if that comes first. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.reject(signal.reason);
  }
  return new Promise<T>((resolve, reject) => {
    const release = onAbort(signal, reject);
    promise.then(
      (value) => {
        release();
        resolve(value);
      },
      (error: unknown) => {
        release();
        reject(error);
      },
    );
  });
}
