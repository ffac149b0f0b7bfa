import { type ForkId, forkIdRlp } from "#core/forkid";
import { fixed, mapped, type Schema, struct, uint53, uint64, uint256 } from "#rlp";

/** What each side says of itself first; which of the optional parts there are depends on the version. */
export interface EthStatus {
  readonly version: number;
  readonly networkId: bigint;
  readonly genesis: Uint8Array;
  /** Hash of the latest block. */
  readonly head: Uint8Array;
  /** Up to eth/68. */
  readonly td?: bigint | undefined;
  /** From eth/64 on. */
  readonly forkId?: ForkId | undefined;
  /** From eth/69 on: the blocks whose bodies and receipts are served. */
  readonly range?: BlockSpan | undefined;
}

/** First and last block served. */
export interface BlockSpan {
  readonly earliest: number;
  readonly latest: number;
}

/** A change of the range: eth/69 BlockRangeUpdate. */
export interface BlockRange extends BlockSpan {
  readonly latestHash: Uint8Array;
}

const hash = fixed(32);
const zero: ForkId = { hash: new Uint8Array(4), next: 0n };

/** eth/62, 63: `[version, networkId, td, head, genesis]`. geth eth/protocol.go:135@v1.8.27 */
export const status62: Schema<EthStatus> = mapped(
  struct({ version: uint53, networkId: uint64, td: uint256, head: hash, genesis: hash }),
  { decode: (status): EthStatus => status, encode: (status) => ({ ...status, td: status.td ?? 0n }) },
);

/** eth/64 to 68: `[…, forkId]`, EIP-2364. */
export const status64: Schema<EthStatus> = mapped(
  struct({ version: uint53, networkId: uint64, td: uint256, head: hash, genesis: hash, forkId: forkIdRlp }),
  {
    decode: (status): EthStatus => status,
    encode: (status) => ({ ...status, td: status.td ?? 0n, forkId: status.forkId ?? zero }),
  },
);

const noRange: BlockSpan = { earliest: 0, latest: 0 };

/** eth/69: `[version, networkId, genesis, forkId, earliest, latest, latestHash]`, EIP-7642. */
export const status69: Schema<EthStatus> = mapped(
  struct({
    version: uint53,
    networkId: uint64,
    genesis: hash,
    forkId: forkIdRlp,
    earliest: uint53,
    latest: uint53,
    head: hash,
  }),
  {
    decode: ({ earliest, latest, ...status }): EthStatus => ({ ...status, range: { earliest, latest } }),
    encode: ({ range = noRange, forkId = zero, ...status }) => ({ ...status, ...range, forkId }),
  },
);

export const blockRangeRlp: Schema<BlockRange> = struct({
  earliest: uint53,
  latest: uint53,
  latestHash: hash,
});
