/**
 * core/forkid: the fork identifier of EIP-2124 and EIP-6122 — a checksum of genesis and passed forks, and the next fork —
 * and the filter that tells whether a remote's id can belong to our chain. Pure; geth `core/forkid` to the letter.
 *
 * Not here: who sends it (`#les/protocol`, eth status, ENR entries).
 */
import type { ChainConfig } from "#params";
import type { Schema } from "#rlp";

/** Four bytes of CRC32 and the block or time of the next known fork (0: none). */
export interface ForkId {
  readonly hash: Uint8Array;
  readonly next: bigint;
}

/** Chain identity: what the checksum is taken over. */
export interface ForkChain {
  readonly config: ChainConfig;
  /** 32 bytes. */
  readonly genesisHash: Uint8Array;
  /** Unix seconds of the genesis block: forks at or before it are not counted. */
  readonly genesisTime: number;
}

export declare const forkIdRlp: Schema<ForkId>;
/** The id at a head. */
export declare function forkIdAt(chain: ForkChain, head: { number: number; time: number }): ForkId;
export type ForkIdVerdict = "ok" | "remote-stale" | "local-incompatible-or-stale";
/** EIP-2124 rules 1–4. */
export declare function checkForkId(chain: ForkChain, head: { number: number; time: number }, remote: ForkId): ForkIdVerdict;
