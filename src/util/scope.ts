/** A promise with its handles outside (Node 20 lacks Promise.withResolvers). */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** A promise to be settled later. A rejection that nobody awaits is not reported as unhandled. */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

type Cleanup = () => void | Promise<void>;

/** What was acquired, undone in reverse order. On success `move()` hands it to the owner. */
export class DisposeStack implements AsyncDisposable {
  #cleanups: Cleanup[] = [];

  /** Keeps a disposable and gives it back. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    this.defer(() =>
      Symbol.asyncDispose in resource
        ? Promise.resolve(resource[Symbol.asyncDispose]())
        : resource[Symbol.dispose](),
    );
    return resource;
  }

  /** Runs `cleanup` when the stack is disposed. */
  defer(cleanup: Cleanup): void {
    this.#cleanups.push(cleanup);
  }

  /** A new stack that owns everything; this one is empty then. */
  move(): DisposeStack {
    const moved = new DisposeStack();
    moved.#cleanups = this.#cleanups;
    this.#cleanups = [];
    return moved;
  }

  /** Undoes all, last first. Every cleanup runs; the first failure is thrown at the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let cleanup = this.#cleanups.pop(); cleanup !== undefined; cleanup = this.#cleanups.pop()) {
      try {
        await cleanup();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === "AbortError");
}

/**
 * A lifetime: a signal and named tasks. `close()` aborts the signal and waits for every task. The first task to fail
 * (with anything but the scope's own abort) ends the scope; its error is thrown by `close()` and given to `onFailure`.
 */
export class Scope implements AsyncDisposable {
  readonly name: string;
  readonly #controller = new AbortController();
  readonly #running = new Map<Promise<void>, string>();
  readonly #onFailure: ((error: unknown, task: string) => void) | undefined;
  #failure: { error: unknown } | undefined;

  constructor(name: string, onFailure?: (error: unknown, task: string) => void) {
    this.name = name;
    this.#onFailure = onFailure;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isClosed(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Names of the tasks that still run: what a stuck shutdown prints. */
  get tasks(): readonly string[] {
    return [...this.#running.values()];
  }

  /** Starts a task owned by this scope. */
  spawn(task: string, run: (signal: AbortSignal) => Promise<void>): void {
    const promise = (async () => {
      try {
        await run(this.signal);
      } catch (error) {
        if (this.signal.aborted && isAbort(error, this.signal)) return;
        this.#failure ??= { error };
        this.#controller.abort(error);
        this.#onFailure?.(error, task);
      }
    })();
    this.#running.set(promise, task);
    void promise.finally(() => this.#running.delete(promise));
  }

  /** Aborts and waits until nothing of this scope runs. Throws what made it fail, if a task did. */
  async close(): Promise<void> {
    this.#controller.abort();
    while (this.#running.size > 0) await Promise.all(this.#running.keys());
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
