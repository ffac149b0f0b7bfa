import type { Enode } from "#enode";
import type { Clock, Endpoint } from "#host";
import { utf8Decode } from "#util";
import { discv5Limits as limits } from "./limits.ts";

/** Answers a request of a protocol made elsewhere. What it throws, or takes too long for, is answered with nothing. */
export type TalkHandler = (request: {
  readonly id: string;
  readonly from: Endpoint;
  /** The sender, if it is in our table. */
  readonly node: Enode | undefined;
  readonly bytes: Uint8Array;
}) => Uint8Array | Promise<Uint8Array>;

const NOTHING = new Uint8Array();

/** The requests of others to protocols of ours (TALKREQ). */
export class Talk {
  readonly #clock: Pick<Clock, "after">;
  readonly #handlers = new Map<string, TalkHandler>();
  /** At work. BOUNDED: limits.talkHandlers; those that never end keep their place (DI-12). */
  #running = 0;
  /** Waiting for a place. BOUNDED: as many again. */
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  /** A later handler takes an earlier one's place. @returns ends it */
  register(protocol: string, handler: TalkHandler): Disposable {
    this.#handlers.set(protocol, handler);
    return {
      [Symbol.dispose]: () => {
        if (this.#handlers.get(protocol) === handler) this.#handlers.delete(protocol);
      },
    };
  }

  /** The answer; nothing for a protocol that nobody handles. Never rejects. */
  async answer(protocol: Uint8Array, request: Parameters<TalkHandler>[0]): Promise<Uint8Array> {
    const handler = this.#handlers.get(utf8Decode(protocol) ?? "");
    if (handler === undefined || !(await this.#place())) return NOTHING;
    this.#running++;
    const work = (async () => handler(request))().finally(() => {
      this.#running--;
      this.#waiting.shift()?.();
    });
    work.catch(() => {}); // a late failure is nobody's
    return this.#within(limits.talkMs, work).catch(() => NOTHING);
  }

  /** True as soon as there is a place; false if there is none for 400 ms. */
  async #place(): Promise<boolean> {
    if (this.#running < limits.talkHandlers) return true;
    if (this.#waiting.length >= limits.talkHandlers) return false;
    let wake = () => {};
    const free = new Promise<Uint8Array>((resolve) => {
      wake = () => resolve(Uint8Array.of(1));
    });
    this.#waiting.push(wake);
    const isFree = (await this.#within(limits.talkWaitMs, free)).length > 0;
    const at = this.#waiting.indexOf(wake);
    if (at >= 0) this.#waiting.splice(at, 1);
    return isFree || at < 0; // not in the queue any more: a place was given to it, at the last moment
  }

  #within(ms: number, work: Promise<Uint8Array>): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(ms, () => resolve(NOTHING));
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
