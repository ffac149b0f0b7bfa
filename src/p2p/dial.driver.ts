import type { NodeId } from "#enode";
import type { Clock, Timer } from "#host";
import type { Dial, DialScheduler, DialView } from "./dial.ts";

/** Carries out what the scheduler decides: starts dials, wakes it when it asked to be woken. */
export class DialDriver {
  readonly #scheduler: DialScheduler;
  readonly #clock: Clock;
  readonly #view: DialView;
  readonly #dial: (dial: Dial) => Promise<void>;
  #wake: Timer | undefined;
  #isClosed = false;

  constructor(
    scheduler: DialScheduler,
    options: { clock: Clock; view: DialView; dial: (dial: Dial) => Promise<void> },
  ) {
    this.#scheduler = scheduler;
    this.#clock = options.clock;
    this.#view = options.view;
    this.#dial = options.dial;
  }

  /** Something changed: nodes, peers or dials. */
  poke(): void {
    if (this.#isClosed) return;
    this.#wake?.cancel();
    const now = this.#clock.now();
    const { dials, wakeAt } = this.#scheduler.next(now, this.#view);
    if (wakeAt !== undefined) this.#wake = this.#clock.after(Math.max(0, wakeAt - now), () => this.poke());
    for (const dial of dials) {
      const ended = () => this.#ended(dial.node.id);
      this.#dial(dial).then(ended, ended);
    }
  }

  #ended(id: NodeId): void {
    this.#scheduler.done(id, this.#clock.now());
    this.poke();
  }

  close(): void {
    this.#isClosed = true;
    this.#wake?.cancel();
  }
}
