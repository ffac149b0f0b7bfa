import { keccak256 } from "#crypto";
import type { Log } from "./receipt.ts";

const SIZE = 256;

/** The three bits of a value, 0 to 2047, the last bit of the bloom being 0 (yellow paper, M3:2048). */
export function bloomBitsOf(value: Uint8Array): readonly [number, number, number] {
  const digest = keccak256(value);
  const bit = (at: number) => (((digest[at] ?? 0) << 8) | (digest[at + 1] ?? 0)) & 2047;
  return [bit(0), bit(2), bit(4)];
}

/** The three bits of a value: byte and mask each. */
function* bitsOf(value: Uint8Array): Generator<readonly [at: number, mask: number]> {
  for (const bit of bloomBitsOf(value)) yield [SIZE - 1 - (bit >> 3), 1 << (bit & 7)];
}

function add(bloom: Uint8Array, value: Uint8Array): void {
  for (const [at, mask] of bitsOf(value)) bloom[at] = (bloom[at] ?? 0) | mask;
}

/** 256 bytes: addresses and topics of the logs. */
export function bloomOf(logs: readonly Log[]): Uint8Array {
  const bloom = new Uint8Array(SIZE);
  for (const log of logs) {
    add(bloom, log.address);
    for (const topic of log.topics) add(bloom, topic);
  }
  return bloom;
}

/** False: in no log, for sure. True: perhaps. `value` is an address or a topic. */
export function bloomContains(bloom: Uint8Array, value: Uint8Array): boolean {
  for (const [at, mask] of bitsOf(value)) if (((bloom[at] ?? 0) & mask) === 0) return false;
  return true;
}

/** All bits of all: a block's bloom from its receipts'. */
export function mergeBlooms(blooms: readonly Uint8Array[]): Uint8Array {
  const merged = new Uint8Array(SIZE);
  for (const bloom of blooms) for (let i = 0; i < SIZE; i++) merged[i] = (merged[i] ?? 0) | (bloom[i] ?? 0);
  return merged;
}
