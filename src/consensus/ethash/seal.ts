import type { Header, HeaderFields } from "#core/types";
import { sealedFields } from "#consensus";
import { keccak256 } from "#crypto";
import { encode } from "#rlp";
import { bytesToBigint, equalBytes, LruMap } from "#util";
import { cacheSize, datasetSize, EPOCH_LENGTH, hashimotoLight, makeCache, seedHash } from "./algorithm.ts";
import { limits } from "./limits.ts";

/** A claim of work, as a checker gets it: plain data, so that it can go to another thread. */
export interface Seal {
  readonly number: number;
  readonly difficulty: bigint;
  /** 32 bytes, see `sealHash`. */
  readonly hash: Uint8Array;
  /** 8 bytes. */
  readonly nonce: Uint8Array;
  /** 32 bytes. */
  readonly mixDigest: Uint8Array;
}

/** What is wrong with a seal; undefined: nothing. */
export type SealVerdict = "mix-digest" | "work" | undefined;

/** Computes whether seals hold. */
export interface SealChecker {
  /** On the spot, on this thread: milliseconds, or seconds at the first seal of an epoch. */
  checkNow(seal: Seal): SealVerdict;
  /** Beside this thread, if it can; in the order asked. */
  check(seals: readonly Seal[]): Promise<readonly SealVerdict[]>;
  close(): Promise<void>;
}

/** The hash that is worked on: that of the header without mix digest and nonce (consensus.go:647@v1.11.6). */
export function sealHash(header: HeaderFields): Uint8Array {
  return keccak256(encode(sealedFields(header, header.extra)));
}

/** Copies the header's bytes: sending a view to another thread sends all that it is a view of. */
export const sealOf = (header: Header): Seal => ({
  number: header.number,
  difficulty: header.difficulty,
  hash: sealHash(header),
  nonce: header.nonce.slice(),
  mixDigest: header.mixDigest.slice(),
});

/** Checks seals where it is called, with the caches of the last epochs. */
export class LocalChecks {
  /** Tens of megabytes each. BOUNDED: limits.cachesKept, by epoch. */
  readonly #caches = new LruMap<number, Uint32Array>(limits.cachesKept);

  /** @param seal of a number up to limits.maxEpoch and a difficulty above 0 */
  check(seal: Seal): SealVerdict {
    const epoch = Math.floor(seal.number / EPOCH_LENGTH);
    const { mixDigest, result } = hashimotoLight(
      this.#cache(epoch),
      datasetSize(epoch),
      seal.hash,
      seal.nonce,
    );
    if (!equalBytes(mixDigest, seal.mixDigest)) return "mix-digest";
    return bytesToBigint(result) <= (1n << 256n) / seal.difficulty ? undefined : "work";
  }

  #cache(epoch: number): Uint32Array {
    const kept = this.#caches.get(epoch);
    if (kept !== undefined) return kept;
    const cache = makeCache(cacheSize(epoch), seedHash(epoch));
    this.#caches.set(epoch, cache);
    return cache;
  }
}

/** A checker without a thread of its own. */
export function localSealChecker(): SealChecker {
  const checks = new LocalChecks();
  return {
    checkNow: (seal) => checks.check(seal),
    check: async (seals) => seals.map((seal) => checks.check(seal)),
    close: async () => {},
  };
}
