import type { DerivationPath, TypedDataHashes, WalletStatus } from "#accounts";
import type { Transaction, TransactionFields } from "#core/types";
import type { HidDevice } from "./hid.ts";

/** What one vendor's devices say and understand. Calls come one at a time. */
export interface Driver {
  status(): WalletStatus;
  /** May ask for another call by an error, with the device left open. */
  open(device: HidDevice, passphrase: string): Promise<void>;
  /** Forgets the device. */
  close(): void;
  /** A tiny exchange. @throws if the device is gone */
  heartbeat(): Promise<void>;
  derive(path: DerivationPath): Promise<Uint8Array>;
  /** Signatures are r ‖ s ‖ recovery, transactions complete; who signed is the wallet's to check. */
  signTransaction(path: DerivationPath, fields: TransactionFields): Promise<Transaction>;
  signText(path: DerivationPath, text: Uint8Array): Promise<Uint8Array>;
  signTypedData(path: DerivationPath, hashes: TypedDataHashes): Promise<Uint8Array>;
}
