/** What execution changed at one address. */
export interface AccountDiff {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** `undefined`: the account is gone. */
  readonly account:
    | { readonly nonce: bigint; readonly balance: bigint; readonly codeHash: Uint8Array }
    | undefined;
  /** Storage root before; undefined: empty. */
  readonly storageRoot?: Uint8Array | undefined;
  /** The storage before is void: deleted, or deleted and made anew. */
  readonly storageCleared: boolean;
  /** Slots written (32 bytes) and their new minimal values; empty: deleted. */
  readonly storage: readonly (readonly [slot: Uint8Array, value: Uint8Array])[];
  /** New code, if it was set; its hash is `account.codeHash`. */
  readonly code?: Uint8Array | undefined;
}

/** All changes of a block (or of a transaction), sorted by nothing; each address once. */
export interface StateDiff {
  readonly accounts: readonly AccountDiff[];
}
