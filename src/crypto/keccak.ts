import { makeSponge } from "./keccak-f.ts";

/** Bytes of a block. The rest of the 200 bytes of state is twice the digest. */
const RATE_256 = 136;
const RATE_512 = 72;
const STATE_BYTES = 200;

const { state, input, absorb } = makeSponge();

/** Ends what lies in the first `used` bytes of the input: Keccak's padding, which is not SHA-3's, and the last blocks. */
function finish(used: number, rate: number): void {
  const end = used - (used % rate) + rate;
  input.fill(0, used, end);
  input[used] = 0x01;
  input[end - 1] = (input[end - 1] ?? 0) | 0x80;
  absorb(end, rate);
}

/**
 * Takes in a part behind the `used` bytes that the input holds: whole blocks go into the state once the input is full.
 * @returns bytes that the input holds then, less than it has room for
 */
function take(part: Uint8Array, used: number, rate: number): number {
  let rest = part;
  let held = used;
  for (let room = input.length - held; rest.length >= room; room = input.length) {
    input.set(rest.subarray(0, room), held);
    absorb(input.length, rate);
    rest = rest.subarray(room);
    held = 0;
  }
  input.set(rest, held);
  return held + rest.length;
}

function hashOf(parts: readonly Uint8Array[], rate: number, bytes: number): Uint8Array {
  state.fill(0);
  let used = 0;
  for (const part of parts) used = take(part, used, rate);
  finish(used, rate);
  return state.slice(0, bytes);
}

/** keccak-256 of the parts in a row: 32 bytes. */
export function keccak256(...parts: readonly Uint8Array[]): Uint8Array {
  return hashOf(parts, RATE_256, 32);
}

/** keccak-512 of the parts in a row: 64 bytes. */
export function keccak512(...parts: readonly Uint8Array[]): Uint8Array {
  return hashOf(parts, RATE_512, 64);
}

/**
 * keccak-256 over a growing input whose digest can be read at any moment without ending it, as the RLPx MAC needs.
 * @see https://github.com/ethereum/devp2p/blob/master/rlpx.md#mac
 */
export class Keccak {
  readonly #state = new Uint8Array(STATE_BYTES);
  /** What does not fill a block yet. */
  readonly #rest = new Uint8Array(RATE_256);
  #used = 0;

  update(...parts: readonly Uint8Array[]): this {
    for (const part of parts) {
      if (this.#used + part.length < RATE_256) {
        this.#rest.set(part, this.#used);
        this.#used += part.length;
      } else this.#takeBlocks(part);
    }
    return this;
  }

  /** Digest of everything so far: 32 bytes. More may follow. */
  digest(): Uint8Array {
    this.#place();
    finish(this.#used, RATE_256);
    return state.slice(0, 32);
  }

  /** A hash that goes on from here by itself. */
  clone(): Keccak {
    const copy = new Keccak();
    copy.#state.set(this.#state);
    copy.#rest.set(this.#rest);
    copy.#used = this.#used;
    return copy;
  }

  /** Lays state and rest where the sponge works. */
  #place(): void {
    state.set(this.#state);
    input.set(this.#rest); // what is behind `used` is written over
  }

  #takeBlocks(part: Uint8Array): void {
    this.#place();
    const used = take(part, this.#used, RATE_256);
    const whole = used - (used % RATE_256);
    if (whole > 0) absorb(whole, RATE_256);
    this.#state.set(state);
    this.#used = used - whole;
    this.#rest.set(input.subarray(whole, used));
  }
}
