import { type Caller, FairQueue } from "#util";
import { RpcError, rpcCodes } from "./errors.ts";

/** What stands in line. */
interface Waiting {
  begin(): void;
  /** Gives its place in line to somebody who has none. Undefined: it keeps it. */
  readonly refuse?: ((error: unknown) => void) | undefined;
}

/**
 * A few places and a short line in front of them, shared fairly between addresses and connections (RP-19). BOUNDED: `places` running, `queue`
 * waiting, beside them the patient. When the line is full, the youngest call of whoever has most in it is refused (−32005) for the
 * newcomer; if nobody has more than the newcomer, that is refused.
 */
export class Admission {
  readonly #places: number;
  readonly #queue: number;
  #running = 0;
  /** Calls, who may be refused for somebody else, apart from those who may not. */
  readonly #calls = new FairQueue<Waiting>();
  readonly #sure = new FairQueue<Waiting>();
  /** Of the sure, who have a place in line without being counted. */
  #patient = 0;
  #isSuresTurn = false;

  constructor(places: number, queue: number) {
    this.#places = places;
    this.#queue = queue;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#calls.size + this.#sure.size;
  }

  /**
   * Takes a place at once (undefined), waits for one (a promise, which rejects with −32005 if somebody with less waiting comes to a full
   * line), or is refused. Whoever got a place calls `leave`.
   */
  enter(caller: Caller): Promise<void> | "refused" | undefined {
    if (this.#takeFree()) return undefined;
    if (this.#isFull) {
      const youngest = this.#calls.makeRoom(caller);
      if (youngest === undefined) return "refused";
      youngest.refuse?.(busy());
    }
    return new Promise((resolve, reject) => this.#calls.push(caller, { begin: resolve, refuse: reject }));
  }

  /** The same for who must not be refused later; of those half a line may wait. */
  enterForSure(caller: Caller): Promise<void> | "refused" | undefined {
    if (this.#takeFree()) return undefined;
    if (this.#isFull || this.#sure.size - this.#patient >= this.#queue / 2) return "refused";
    return new Promise((resolve) => this.#sure.push(caller, { begin: resolve }));
  }

  /** The same for who had a place before, gives it back between two pieces of its work, and is bounded elsewhere: it waits in line. */
  enterAgain(caller: Caller): Promise<void> | undefined {
    if (this.#takeFree()) return undefined;
    this.#patient++;
    return new Promise((resolve) =>
      this.#sure.push(caller, {
        begin: () => {
          this.#patient--;
          resolve();
        },
      }),
    );
  }

  leave(): void {
    this.#isSuresTurn = !this.#isSuresTurn;
    const next = this.#isSuresTurn
      ? (this.#sure.shift() ?? this.#calls.shift())
      : (this.#calls.shift() ?? this.#sure.shift());
    if (next === undefined) this.#running--;
    else next.begin();
  }

  get #isFull(): boolean {
    return this.waiting - this.#patient >= this.#queue;
  }

  #takeFree(): boolean {
    if (this.#running >= this.#places) return false;
    this.#running++;
    return true;
  }
}

export const busy = (): RpcError =>
  new RpcError(rpcCodes.busy, "server is busy: too many costly calls at once");
