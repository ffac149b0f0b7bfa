import type { ChainConfig } from "./config.ts";

/** What the genesis state holds at an address. */
export interface GenesisAccount {
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly balance: bigint;
  readonly nonce: bigint;
  /** Empty: no code. */
  readonly code: Uint8Array;
  /** 32-byte slots and their minimal big-endian values; zero values are left out. */
  readonly storage: readonly (readonly [slot: Uint8Array, value: Uint8Array])[];
}

/** The first block of a chain and its state (geth `core.Genesis`). The header is made by `#core/state`. */
export interface Genesis {
  readonly config: ChainConfig;
  /** `config.chainId` as a number, for clients that want one. */
  readonly chainId: number;
  readonly nonce: bigint;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly extraData: Uint8Array;
  readonly gasLimit: bigint;
  readonly difficulty: bigint;
  /** 32 bytes. */
  readonly mixHash: Uint8Array;
  /** 20 bytes. */
  readonly coinbase: Uint8Array;
  readonly alloc: readonly GenesisAccount[];
  readonly number: number;
  readonly gasUsed: bigint;
  /** 32 bytes. */
  readonly parentHash: Uint8Array;
  readonly baseFee?: bigint | undefined;
  readonly excessBlobGas?: bigint | undefined;
  readonly blobGasUsed?: bigint | undefined;
}
