import type { EVM } from "@ethereumjs/evm";
import type { Account, Address } from "@ethereumjs/util";
import { fromHex, toHex } from "#util";
import type { OverlayState } from "./overlay.ts";

/** EIP-161's one exception: this touch outlives a revert (mainnet block 2,675,119). */
const RIPEMD160 = 3;
const isRipemd160 = (address: Uint8Array) =>
  address[19] === RIPEMD160 && address.subarray(0, 19).every((byte) => byte === 0);

/** Addresses and slots in hex without 0x. */
export type Accessed = Map<string, Set<string>>;

/**
 * In place of ethereumjs' Journal, whose sets and maps, six to every call, were half of a block's time here: the same
 * methods over the state's own undo log.
 */
export class Journal {
  readonly #state: OverlayState;
  readonly #isCleaning: boolean;
  /** What was accessed, if that is reported. Not taken back by reverts. */
  accessList: Accessed | undefined;

  /** @param removesEmpty - from Spurious Dragon on */
  constructor(state: OverlayState, { removesEmpty }: { removesEmpty: boolean }) {
    this.#state = state;
    this.#isCleaning = removesEmpty;
  }

  startReportingAccessList(): void {
    this.accessList = new Map();
  }

  putAccount(address: Address, account: Account): Promise<void> {
    this.#state.touch(address.bytes, isRipemd160(address.bytes));
    return this.#state.putAccount(address, account);
  }

  deleteAccount(address: Address): Promise<void> {
    this.#state.touch(address.bytes, isRipemd160(address.bytes));
    return this.#state.deleteAccount(address);
  }

  /** An account that is paid, or called, is gone at the end if it is empty. */
  touch(address: Uint8Array): void {
    this.#state.touch(address, isRipemd160(address));
  }

  checkpoint(): Promise<void> {
    return this.#state.checkpoint();
  }

  commit(): Promise<void> {
    return this.#state.commit();
  }

  revert(): Promise<void> {
    return this.#state.revert();
  }

  cleanJournal(): void {
    this.#state.newTransaction();
    this.accessList = undefined;
  }

  async cleanup(): Promise<void> {
    if (this.#isCleaning) await this.#state.removeEmpty();
    this.cleanJournal();
  }

  addAlwaysWarmAddress(hex: string, isReported = false): void {
    const address = fromHex(hex);
    this.#state.warm(address);
    if (isReported) this.#report(address);
  }

  /** Many at once, as bytes; they are not reported. */
  warmAll(addresses: readonly Uint8Array[]): void {
    for (const address of addresses) this.#state.warm(address);
  }

  addAlwaysWarmSlot(hex: string, slotHex: string, isReported = false): void {
    const address = fromHex(hex);
    const slot = fromHex(slotHex);
    this.#state.warmSlot(address, slot);
    if (isReported) this.#report(address, slot);
  }

  isWarmedAddress(address: Uint8Array): boolean {
    return this.#state.isWarm(address);
  }

  addWarmedAddress(address: Uint8Array): void {
    this.#state.warm(address);
    this.#report(address);
  }

  isWarmedStorage(address: Uint8Array, slot: Uint8Array): boolean {
    return this.#state.isWarmSlot(address, slot);
  }

  addWarmedStorage(address: Uint8Array, slot: Uint8Array): void {
    this.#state.warmSlot(address, slot);
    this.#report(address, slot);
  }

  #report(address: Uint8Array, slot?: Uint8Array): void {
    if (this.accessList === undefined) return;
    const key = toHex(address).slice(2);
    let slots = this.accessList.get(key);
    if (slots === undefined) this.accessList.set(key, (slots = new Set()));
    if (slot !== undefined) slots.add(toHex(slot).slice(2));
  }
}

/** Puts our journal into an EVM, which calls only what is above. */
export function installJournal(evm: EVM, journal: Journal): void {
  evm.journal = journal as unknown as EVM["journal"]; // the class has private fields that nothing outside it reads
}
