/** Bodies up to this are not counted: the number of connections bounds them. */
const SMALL_BYTES = 64 * 1024;

/** What the bodies of all requests of a listener take, from their first byte until they are answered. BOUNDED: `mostBytes`, but for one alone. */
export class BodyBudget {
  readonly #mostBytes: number;
  heldBytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** For one request; dispose of it when that is answered. */
  lease(): BodyLease {
    let ownBytes = 0;
    return {
      reaches: (bytes) => {
        if (bytes <= SMALL_BYTES || bytes <= ownBytes) return true;
        const others = this.heldBytes - ownBytes;
        if (others > 0 && others + bytes > this.#mostBytes) return false;
        this.heldBytes = others + bytes;
        ownBytes = bytes;
        return true;
      },
      [Symbol.dispose]: () => {
        this.heldBytes -= ownBytes;
        ownBytes = 0;
      },
    };
  }
}

export interface BodyLease extends Disposable {
  /** The body has so many bytes by now, or will have. False: the others leave no room for it. */
  reaches(bytes: number): boolean;
}
