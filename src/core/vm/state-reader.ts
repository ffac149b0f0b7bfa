/** A value now, or later: local state answers at once, a light node's over the network. */
export type MaybePromise<T> = T | Promise<T>;

/** The four fields of an account (yellow paper §4.1). */
export interface Account {
  readonly nonce: bigint;
  readonly balance: bigint;
  /** 32 bytes. */
  readonly storageRoot: Uint8Array;
  /** 32 bytes. */
  readonly codeHash: Uint8Array;
}

/** State after one block, read as the EVM needs it. Whoever fits it answers for the truth of what it returns. */
export interface StateReader {
  /** `undefined`: no such account. */
  account(address: Uint8Array): MaybePromise<Account | undefined>;
  /** 32-byte slot → minimal big-endian value; empty is zero. Never asked for an account without storage. */
  storage(address: Uint8Array, slot: Uint8Array): MaybePromise<Uint8Array>;
  /** Never asked for the hash of empty code. */
  code(address: Uint8Array, codeHash: Uint8Array): MaybePromise<Uint8Array>;
  /** Told of code that was made in this run, when it is looked at: for who records what a block needs. */
  seesNewCode?(codeHash: Uint8Array, code: Uint8Array): void;
}
