import { type ChainConfig, FORKS } from "#params";
import { fixed, type Schema, struct, uint64 } from "#rlp";
import { bigintToBytes, concatBytes, equalBytes } from "#util";
import { crc32 } from "./crc32.ts";

/** Four bytes of CRC32, and the block or time of the next known fork (0: none). */
export interface ForkId {
  readonly hash: Uint8Array;
  readonly next: bigint;
}

/** Chain identity: what the checksum is taken over. */
export interface ForkChain {
  readonly config: ChainConfig;
  /** 32 bytes. */
  readonly genesisHash: Uint8Array;
  /** Unix seconds of the genesis block: forks by time at or before it are not counted. */
  readonly genesisTime: number;
}

export interface ForkHead {
  readonly number: number;
  /** Unix seconds. */
  readonly time: number;
}

/** What rule 1–4 of EIP-2124 say of a remote. Only "ok" may stay connected. */
export type ForkIdVerdict = "ok" | "remote-stale" | "local-incompatible-or-stale";

export const forkIdRlp: Schema<ForkId> = struct({ hash: fixed(4), next: uint64 });

/** A fork number above it is a time: mainnet's genesis (geth forkid.go timestampThreshold). */
const TIMESTAMP_THRESHOLD = 1_438_269_973n;
const NEVER = (1n << 64n) - 1n;

/** Fork points, ascending, each once, without those of the genesis rules. */
function gatherForks({ config, genesisTime }: ForkChain): { byBlock: bigint[]; byTime: bigint[] } {
  const gather = (by: "block" | "time", after: number) => {
    const starts = new Set<number>();
    for (const fork of FORKS) {
      const at = config[fork.at];
      if (fork.by === by && at !== undefined && at > after) starts.add(at);
    }
    return [...starts].sort((a, b) => a - b).map(BigInt);
  };
  return { byBlock: gather("block", 0), byTime: gather("time", genesisTime) };
}

const checksumOf = (chain: ForkChain, passed: readonly bigint[]) =>
  crc32(concatBytes(chain.genesisHash, ...passed.map((fork) => bigintToBytes(fork, 8))));

/** The id of a chain at a head. @see core/forkid/forkid.go:76@v1.11.6 NewID */
export function forkIdAt(chain: ForkChain, head: ForkHead): ForkId {
  const { byBlock, byTime } = gatherForks(chain);
  const passed: bigint[] = [];
  for (const fork of byBlock) {
    if (fork > head.number) return { hash: checksumOf(chain, passed), next: fork };
    passed.push(fork);
  }
  for (const fork of byTime) {
    if (fork > head.time) return { hash: checksumOf(chain, passed), next: fork };
    passed.push(fork);
  }
  return { hash: checksumOf(chain, passed), next: 0n };
}

/**
 * Whether a remote with that id can be on our chain.
 * @see https://eips.ethereum.org/EIPS/eip-2124 rules 1–4 · core/forkid/forkid.go:130@v1.11.6 newFilter
 */
export function checkForkId(chain: ForkChain, head: ForkHead, remote: ForkId): ForkIdVerdict {
  const { byBlock, byTime } = gatherForks(chain);
  const forks = [...byBlock, ...byTime];
  const sums = Array.from({ length: forks.length + 1 }, (_, passed) =>
    checksumOf(chain, forks.slice(0, passed)),
  );
  const isRemote = (sum: Uint8Array | undefined) => sum !== undefined && equalBytes(sum, remote.hash);
  // the last "fork" never comes; where no fork is by time, it is not by time either
  const blocks = byTime.length === 0 ? forks.length + 1 : byBlock.length;
  forks.push(NEVER);
  const current = forks.findIndex((fork, i) => BigInt(i >= blocks ? head.time : head.number) < fork);
  const here = BigInt(current >= blocks ? head.time : head.number);
  if (isRemote(sums[current])) {
    const { next } = remote;
    const passedHere =
      next > 0n && (here >= next || (next > TIMESTAMP_THRESHOLD && BigInt(head.time) >= next));
    return passedHere ? "local-incompatible-or-stale" : "ok"; // rules 1a, 1b
  }
  const behind = sums.findIndex((sum, i) => i < current && isRemote(sum));
  if (behind >= 0) return forks[behind] === remote.next ? "ok" : "remote-stale"; // rule 2
  return sums.some((sum, i) => i > current && isRemote(sum)) ? "ok" : "local-incompatible-or-stale"; // rules 3, 4
}
