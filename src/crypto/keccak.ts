import { createKeccak } from "hash-wasm";

type Hasher = Awaited<ReturnType<typeof createKeccak>>;

/** One-shot hashing keeps an instance of its own: no state survives a call. */
const oneShot: Hasher = await createKeccak(256);

/** keccak-256 of the parts in a row: 32 bytes. */
export function keccak256(...parts: readonly Uint8Array[]): Uint8Array {
  oneShot.init();
  for (const part of parts) oneShot.update(part);
  return oneShot.digest("binary");
}

const oneShot512: Hasher = await createKeccak(512);

/** keccak-512 of the parts in a row: 64 bytes. */
export function keccak512(...parts: readonly Uint8Array[]): Uint8Array {
  oneShot512.init();
  for (const part of parts) oneShot512.update(part);
  return oneShot512.digest("binary");
}

interface Slot {
  readonly hasher: Hasher;
  /** Whose state is in the instance now. */
  owner: Keccak | undefined;
}

/** BOUNDED: WASM instances shared by all running hashes; a hash whose instance was taken is saved (400 bytes) and loaded again. */
const SLOTS = 8;
const slots: readonly Slot[] = await Promise.all(
  Array.from({ length: SLOTS }, async () => ({ hasher: await createKeccak(256), owner: undefined })),
);
let nextSlot = 0;

/**
 * keccak-256 over a growing input whose digest can be read at any moment without ending it, as the RLPx MAC needs.
 * @see https://github.com/ethereum/devp2p/blob/master/rlpx.md#mac
 */
export class Keccak {
  #slot: Slot | undefined;
  #saved: Uint8Array | undefined;

  update(...parts: readonly Uint8Array[]): this {
    const { hasher } = this.#take();
    for (const part of parts) hasher.update(part);
    return this;
  }

  /** Digest of everything so far: 32 bytes. More may follow. */
  digest(): Uint8Array {
    const { hasher } = this.#take();
    const state = hasher.save();
    const digest = hasher.digest("binary");
    hasher.load(state);
    return digest;
  }

  /** A hash that goes on from here by itself. */
  clone(): Keccak {
    const copy = new Keccak();
    copy.#saved = this.#take().hasher.save();
    return copy;
  }

  #take(): Slot {
    const held = this.#slot;
    if (held?.owner === this) return held;
    const slot = slots[nextSlot] as Slot; // nextSlot stays below SLOTS
    nextSlot = (nextSlot + 1) % SLOTS;
    if (slot.owner !== undefined) slot.owner.#saved = slot.hasher.save();
    if (this.#saved === undefined) slot.hasher.init();
    else slot.hasher.load(this.#saved);
    slot.owner = this;
    this.#slot = slot;
    return slot;
  }
}
