/** A few places and a short queue. BOUNDED: `places` running, `queue` waiting, beside them the patient; the next one is refused. */
export class Admission {
  readonly #places: number;
  readonly #queue: number;
  #running = 0;
  /** Of those waiting, who are not refused. */
  #patient = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number, queue: number) {
    this.#places = places;
    this.#queue = queue;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a place at once (undefined), waits for one (a promise), or is refused. Whoever got a place calls `leave`. */
  enter(): Promise<void> | "refused" | undefined {
    if (this.#running < this.#places) {
      this.#running++;
      return undefined;
    }
    if (this.#waiting.length - this.#patient >= this.#queue) return "refused";
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The same for who had a place before, gives it back between two pieces of its work, and is bounded elsewhere: it waits in line. */
  enterAgain(): Promise<void> | undefined {
    if (this.#running < this.#places) {
      this.#running++;
      return undefined;
    }
    this.#patient++;
    return new Promise((resolve) =>
      this.#waiting.push(() => {
        this.#patient--;
        resolve();
      }),
    );
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}
