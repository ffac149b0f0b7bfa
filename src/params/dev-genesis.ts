import { concatBytes, fromHex, type Hex } from "#util";
import type { ChainConfig } from "./config.ts";
import type { Genesis, GenesisAccount } from "./genesis.ts";

/**
 * The key that seals dev chains unless told otherwise. Public knowledge (go-ethereum's tests use it), so a node in one
 * program and a light node in another agree on the same genesis. Never hold value with it.
 */
export const DEV_KEY: Uint8Array = fromHex(
  "0xb71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291",
);
/** The address of DEV_KEY. */
export const DEV_ADDRESS: Uint8Array = fromHex("0x71562b71999873db5b286df957af199ec94617f7");

/** All block-numbered forks through London from block 0: what the last geths with `les` run on a clique chain. */
export const devForks: Omit<ChainConfig, "chainId"> = {
  homesteadBlock: 0,
  eip150Block: 0,
  eip155Block: 0,
  eip158Block: 0,
  byzantiumBlock: 0,
  constantinopleBlock: 0,
  petersburgBlock: 0,
  istanbulBlock: 0,
  berlinBlock: 0,
  londonBlock: 0,
};

export interface DevGenesisOptions {
  /** Default 1337. */
  readonly chainId?: number | undefined;
  /** Clique period in seconds; default 1. 0: a block as soon as there is a transaction. */
  readonly period?: number | undefined;
  /** Clique epoch; default 30,000 blocks. */
  readonly epoch?: number | undefined;
  /** Addresses allowed to seal; default DEV_ADDRESS. */
  readonly signers?: readonly (Uint8Array | Hex)[] | undefined;
  /** Default 30,000,000. */
  readonly gasLimit?: bigint | undefined;
  /** Unix seconds; default 0, so that the same call makes the same hash everywhere. */
  readonly timestamp?: number | undefined;
  /** Forks in place of `devForks`. */
  readonly forks?: Omit<ChainConfig, "chainId"> | undefined;
  /** Accounts with code or storage, added to the balances. */
  readonly accounts?: readonly GenesisAccount[] | undefined;
}

const addressBytes = (address: Uint8Array | Hex) =>
  typeof address === "string" ? fromHex(address) : address;

/** A clique chain for development: chain id 1337, London rules, the given balances in wei. Same arguments, same hash. */
export function devGenesis(
  balances: Readonly<Record<Hex, bigint>>,
  options: DevGenesisOptions = {},
): Genesis {
  const chainId = options.chainId ?? 1337;
  const signers = (options.signers ?? [DEV_ADDRESS]).map(addressBytes);
  const forks = options.forks ?? devForks;
  const alloc = Object.entries(balances).map(
    ([address, balance]): GenesisAccount => ({
      address: fromHex(address),
      balance,
      nonce: 0n,
      code: new Uint8Array(0),
      storage: [],
    }),
  );
  return {
    config: {
      ...forks,
      chainId: BigInt(chainId),
      clique: { period: options.period ?? 1, epoch: options.epoch ?? 30_000 },
    },
    chainId,
    nonce: 0n,
    timestamp: options.timestamp ?? 0,
    extraData: concatBytes(new Uint8Array(32), ...signers, new Uint8Array(65)),
    gasLimit: options.gasLimit ?? 30_000_000n,
    difficulty: 1n,
    mixHash: new Uint8Array(32),
    coinbase: new Uint8Array(20),
    alloc: [...alloc, ...(options.accounts ?? [])],
    number: 0,
    gasUsed: 0n,
    parentHash: new Uint8Array(32),
  };
}
