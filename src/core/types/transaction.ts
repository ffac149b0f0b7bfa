/** EIP-2930: addresses and slots declared ahead. */
export interface AccessListEntry {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** 32 bytes each. */
  readonly storageKeys: readonly Uint8Array[];
}

export type AccessList = readonly AccessListEntry[];

/** EIP-7702. `r`, `s`, `yParity` sign keccak256(0x05 ‖ rlp([chainId, address, nonce])). */
export interface Authorization {
  readonly chainId: bigint;
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly nonce: bigint;
  readonly yParity: number;
  readonly r: bigint;
  readonly s: bigint;
}

/** legacy 0 (homestead and EIP-155), 1 EIP-2930, 2 EIP-1559, 3 EIP-4844, 4 EIP-7702. */
export type TransactionType = 0 | 1 | 2 | 3 | 4;

/**
 * A signed transaction of any type; which optional fields exist follows from `type`, as in JSON-RPC.
 * The sender is recovered by `senderOf`, once.
 */
export interface Transaction {
  readonly type: TransactionType;
  /** Legacy: absent when not protected by EIP-155. */
  readonly chainId?: bigint | undefined;
  readonly nonce: bigint;
  /** Types 0, 1. */
  readonly gasPrice?: bigint | undefined;
  /** Types 2–4. */
  readonly maxFeePerGas?: bigint | undefined;
  /** Types 2–4. */
  readonly maxPriorityFeePerGas?: bigint | undefined;
  /** Gas limit. */
  readonly gas: bigint;
  /** 20 bytes; absent: creates a contract. */
  readonly to?: Uint8Array | undefined;
  readonly value: bigint;
  readonly input: Uint8Array;
  /** Types 1–4. */
  readonly accessList?: readonly AccessListEntry[] | undefined;
  /** Type 3. */
  readonly maxFeePerBlobGas?: bigint | undefined;
  /** Type 3; 32 bytes each. */
  readonly blobVersionedHashes?: readonly Uint8Array[] | undefined;
  /** Type 4. */
  readonly authorizationList?: readonly Authorization[] | undefined;
  /** Legacy: 27, 28 or 35 + 2·chainId (+1). Typed: y parity, 0 or 1. */
  readonly v: bigint;
  readonly r: bigint;
  readonly s: bigint;
  /** 32 bytes: keccak256 of `encodeTransaction`. */
  readonly hash: Uint8Array;
}

/** What `signTransaction` takes: everything but signature and hash. */
export type TransactionFields = Omit<Transaction, "v" | "r" | "s" | "hash">;
