import {
  AccountsError,
  baseDerivationPath,
  type DerivationPath,
  type TypedDataHashes,
  type WalletStatus,
} from "#accounts";
import { signingBytes, type Transaction, type TransactionFields } from "#core/types";
import { concatBytes, isError, utf8Decode } from "#util";
import type { Driver } from "./driver.ts";
import { UsbError } from "./errors.ts";
import type { HidDevice } from "./hid.ts";
import { LedgerReply, ledgerReports } from "./ledger-frames.ts";
import { encodePath } from "./path-bytes.ts";
import { joined, recoveryOf, withSignature } from "./signatures.ts";

/** Instructions of the Ethereum app (app-ethereum doc/ethapp.adoc). */
const INS = {
  address: 0x02,
  signTransaction: 0x04,
  config: 0x06,
  signText: 0x08,
  signTypedData: 0x0c,
} as const;
const [FIRST, FURTHER] = [0x00, 0x80];
const MAX_CHUNK = 255;
/** EIP-155's chain id, r and s at the end of an unsigned legacy transaction: they must not begin a chunk. */
const EIP155_TAIL = 3;
const OK = 0x9000;

const STATUS_TEXTS: ReadonlyMap<number, string> = new Map([
  [0x6985, "denied by the user"],
  [0x6982, "locked"],
  [0x5515, "locked"],
  [0x6a80, "the app refuses this data (blind signing may have to be allowed)"],
  [0x6b00, "wrong parameters"],
  [0x6d00, "the Ethereum app is not open"],
  [0x6e00, "the Ethereum app is not open"],
  [0x6511, "the Ethereum app is not open"],
]);

type Version = readonly [number, number, number];

/** The Ethereum app of a Ledger, over HID reports (accounts/usbwallet/ledger.go@v1.17.5). */
export class LedgerDriver implements Driver {
  #device: HidDevice | undefined;
  /** Undefined: the app does not run. */
  #version: Version | undefined;
  #isBrowser = false;
  #failure: Error | undefined;

  status(): WalletStatus {
    if (this.#failure !== undefined)
      return { text: `Failed: ${this.#failure.message}`, failure: this.#failure };
    if (this.#isBrowser) return { text: "Ethereum app in browser mode" };
    if (this.#version === undefined) return { text: "Ethereum app offline" };
    return { text: `Ethereum app v${this.#version.join(".")} online` };
  }

  /** An app that does not run is no error: it may be opened later. A passphrase has no meaning. */
  async open(device: HidDevice): Promise<void> {
    this.#device = device;
    this.#failure = undefined;
    try {
      await this.derive(baseDerivationPath);
    } catch (error) {
      this.#isBrowser = isError(error, "USB_HEADER");
      return;
    }
    // before 1.0.2 the app does not tell: take the worst
    this.#version = await this.#readVersion().catch((): Version => [1, 0, 0]);
  }

  close(): void {
    this.#device = undefined;
    this.#version = undefined;
    this.#isBrowser = false;
  }

  async heartbeat(): Promise<void> {
    try {
      await this.#readVersion();
    } catch (error) {
      // it answered: what it says of its version does not matter
      if (isError(error, "USB_REPLY") || isError(error, "USB_STATUS")) return;
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  async derive(path: DerivationPath): Promise<Uint8Array> {
    const reply = await this.#exchange(INS.address, FIRST, encodePath(path));
    const lacks = (what: string) => UsbError("REPLY", { vendor: "ledger", why: `reply lacks ${what} entry` });
    const keyEnd = 1 + (reply[0] ?? Number.POSITIVE_INFINITY);
    if (reply.length < keyEnd) throw lacks("public key");
    const digitsEnd = keyEnd + 1 + (reply[keyEnd] ?? Number.POSITIVE_INFINITY);
    const digits = reply.length < digitsEnd ? "" : (utf8Decode(reply.subarray(keyEnd + 1, digitsEnd)) ?? "");
    if (!/^(?:0x)?[0-9a-fA-F]{40}$/.test(digits)) throw lacks("address");
    return new Uint8Array(Buffer.from(digits.replace(/^0x/, ""), "hex"));
  }

  async signTransaction(path: DerivationPath, fields: TransactionFields): Promise<Transaction> {
    this.#assertCan(fields);
    const payload = concatBytes(encodePath(path), signingBytes(fields));
    const { v, r, s } = await this.#signChunks(INS.signTransaction, payload, chunkSize(payload, fields));
    const recovery = recoveryOf(v, "ledger", fields.type === 0 ? fields.chainId : undefined);
    return withSignature(fields, { r, s, recovery });
  }

  async signText(path: DerivationPath, text: Uint8Array): Promise<Uint8Array> {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, text.length);
    const payload = concatBytes(encodePath(path), length, text);
    const { v, r, s } = await this.#signChunks(INS.signText, payload, MAX_CHUNK);
    return joined(r, s, recoveryOf(v, "ledger"), "ledger");
  }

  async signTypedData(path: DerivationPath, hashes: TypedDataHashes): Promise<Uint8Array> {
    this.#assertVersion([1, 5, 0], "EIP-712");
    const payload = concatBytes(encodePath(path), hashes.domainHash, hashes.messageHash);
    const { v, r, s } = await this.#signChunks(INS.signTypedData, payload, MAX_CHUNK);
    return joined(r, s, recoveryOf(v, "ledger"), "ledger");
  }

  #assertCan({ type, chainId }: TransactionFields): void {
    if (type === 1 || type === 2) this.#assertVersion([1, 9, 0], "EIP-2930/EIP-1559");
    if (type === 4) this.#assertVersion([1, 17, 0], "EIP-7702");
    if (chainId !== undefined) this.#assertVersion([1, 0, 3], "EIP-155");
  }

  /** @throws ACCOUNTS_WALLET_CLOSED without a running app, USB_TOO_OLD */
  #assertVersion(need: Version, what: string): void {
    const have = this.#version;
    if (have === undefined) throw AccountsError("WALLET_CLOSED");
    const first = need.findIndex((part, i) => part !== have[i]);
    if (first >= 0 && (have[first] ?? 0) < (need[first] ?? 0))
      throw UsbError("TOO_OLD", { need: need.join("."), what, have: have.join(".") });
  }

  /** Flags(1) ‖ version(3). */
  async #readVersion(): Promise<Version> {
    const [, major, minor, patch, ...more] = await this.#exchange(INS.config, FIRST, new Uint8Array(0));
    if (major === undefined || minor === undefined || patch === undefined || more.length > 0)
      throw UsbError("REPLY", { vendor: "ledger", why: "invalid version reply" });
    return [major, minor, patch];
  }

  async #signChunks(ins: number, payload: Uint8Array, size: number) {
    let reply: Uint8Array = new Uint8Array(0);
    for (let at = 0; at < payload.length; at += size)
      reply = await this.#exchange(ins, at === 0 ? FIRST : FURTHER, payload.subarray(at, at + size));
    if (reply.length !== 65) throw UsbError("REPLY", { vendor: "ledger", why: "reply lacks signature" });
    return { v: reply[0] ?? 0, r: reply.slice(1, 33), s: reply.slice(33) };
  }

  /** One APDU out, one reply in; the status word is taken off. */
  async #exchange(ins: number, p1: number, data: Uint8Array): Promise<Uint8Array> {
    const device = this.#device;
    if (device === undefined) throw AccountsError("WALLET_CLOSED");
    const apdu = concatBytes(Uint8Array.of(0xe0, ins, p1, 0x00, data.length), data);
    for (const report of ledgerReports(apdu)) await device.write(report);
    const partial = new LedgerReply();
    let reply: Uint8Array | undefined;
    while (reply === undefined) reply = partial.add(await device.read());
    if (reply.length < 2) throw UsbError("REPLY", { vendor: "ledger", why: "reply lacks a status" });
    const status = ((reply.at(-2) ?? 0) << 8) | (reply.at(-1) ?? 0);
    if (status !== OK)
      throw UsbError("STATUS", { status, why: STATUS_TEXTS.get(status) ?? "the app refuses" });
    return reply.subarray(0, -2);
  }
}

/** Old apps break where the last chunk holds EIP-155's tail only (app-ethereum issue 409). */
function chunkSize(payload: Uint8Array, { type }: TransactionFields): number {
  let size = MAX_CHUNK;
  if (type === 0) while (payload.length % size <= EIP155_TAIL) size--;
  return size;
}
