/** Blocks and states a second over the last half minute. */
export class Meter {
  readonly #windowMs: number;
  /** BOUNDED: one sample a second within the window. */
  #samples: { at: number; blocks: number; states: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  sample(at: number, blocks: number, states: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && at - last.at < 1000) return;
    this.#samples = this.#samples.filter((sample) => at - sample.at <= this.#windowMs);
    this.#samples.push({ at, blocks, states });
  }

  rate(now: number, blocks: number, states: number): { blocks: number; states: number } {
    const first = this.#samples[0];
    if (first === undefined || now <= first.at) return { blocks: 0, states: 0 };
    const seconds = (now - first.at) / 1000;
    return {
      blocks: Math.max(0, (blocks - first.blocks) / seconds),
      states: Math.max(0, (states - first.states) / seconds),
    };
  }
}
