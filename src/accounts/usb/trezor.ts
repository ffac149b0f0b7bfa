// long: one protocol, its driver whole
import { AccountsError, type DerivationPath, type TypedDataHashes, type WalletStatus } from "#accounts";
import { checksumAddress, type Transaction, type TransactionFields } from "#core/types";
import { bigintToBytes } from "#util";
import type { Driver } from "./driver.ts";
import { UsbError } from "./errors.ts";
import type { HidDevice } from "./hid.ts";
import { encodeProto, ProtoMessage, type ProtoValue } from "./protobuf.ts";
import { joined, recoveryOf, withSignature } from "./signatures.ts";
import { TrezorReply, trezorReports } from "./trezor-frames.ts";
import { KINDS, nameOfKind, TAGS, type TrezorKind } from "./trezor-messages.ts";

/** Most of a transaction's data in one message. */
const DATA_CHUNK = 1_024;
/** Buttons a device may ask for in one exchange. */
const MAX_BUTTONS = 64;
/** From here on a device answers the parity alone (trezor-mcu pull 399): EIP-155's v no longer fits 32 bits. */
const LARGE_CHAIN_ID = (2n ** 32n - 1n - 36n) / 2n;

type Fields = readonly (readonly [tag: number, value: ProtoValue])[];
interface Answer {
  readonly kind: TrezorKind;
  readonly message: ProtoMessage;
}

/** Firmware of a Trezor One that has what its protocol of 2019 has not. */
const SINCE = { eip1559: [1, 10, 4], typedHash: [1, 10, 5] } as const;

/**
 * A Trezor One, over wire v1 (accounts/usbwallet/trezor.go@v1.17.5). Signs legacy transactions and texts; with firmware of 2021 and
 * 2022 those of EIP-1559 with their access lists, and structures by their hashes.
 */
export class TrezorDriver implements Driver {
  #device: HidDevice | undefined;
  #version: readonly number[] = [0, 0, 0];
  #label = "";
  /** What the device waits for, between two calls of open. */
  #waiting: "pin" | "passphrase" | undefined;
  #failure: Error | undefined;

  status(): WalletStatus {
    if (this.#failure !== undefined)
      return { text: `Failed: ${this.#failure.message}`, failure: this.#failure };
    if (this.#device === undefined) return { text: "Closed" };
    const state = this.#waiting === "pin" ? "waiting for PIN" : "online";
    return { text: `Trezor v${this.#version.join(".")} '${this.#label}' ${state}` };
  }

  /**
   * In up to three calls: with nothing, then the PIN by the places of its digits on the device's pad, then the passphrase;
   * as far as the device asks for them.
   * @throws USB_TREZOR_PIN, USB_TREZOR_PASSPHRASE: call again
   */
  async open(device: HidDevice, passphrase: string): Promise<void> {
    this.#device = device;
    this.#failure = undefined;
    if (this.#waiting === "passphrase")
      return this.#answer("PassphraseAck", TAGS.passphrase.passphrase, passphrase);
    if (passphrase !== "" && this.#waiting === "pin")
      return this.#answer("PinMatrixAck", TAGS.pin.pin, passphrase);
    if (this.#waiting === "pin") throw UsbError("TREZOR_PIN");
    const { message } = await this.#exchange("Initialize", [], ["Features"]);
    const { major, minor, patch, label } = TAGS.features;
    this.#version = [major, minor, patch].map((tag) => message.number(tag) ?? 0);
    this.#label = message.text(label) ?? "";
    // a ping that makes the device ask for what it protects
    const { pinProtection, passphraseProtection } = TAGS.ping;
    await this.#untilOpen("Ping", [
      [pinProtection, true],
      [passphraseProtection, true],
    ]);
  }

  async #answer(kind: "PinMatrixAck" | "PassphraseAck", tag: number, secret: string): Promise<void> {
    this.#waiting = undefined;
    try {
      await this.#untilOpen(kind, [[tag, secret]]);
    } catch (error) {
      if (!UsbError.is(error, "TREZOR_PASSPHRASE")) this.#fail(error);
      throw error;
    }
  }

  /** @throws USB_TREZOR_PIN, USB_TREZOR_PASSPHRASE for what the device asks next */
  async #untilOpen(kind: TrezorKind, fields: Fields): Promise<void> {
    const wanted: TrezorKind[] =
      kind === "Ping"
        ? ["PinMatrixRequest", "PassphraseRequest", "Success"]
        : ["Success", "PassphraseRequest"];
    const answer = await this.#exchange(kind, fields, kind === "PassphraseAck" ? ["Success"] : wanted);
    if (answer.kind === "PinMatrixRequest") {
      this.#waiting = "pin";
      throw UsbError("TREZOR_PIN");
    }
    if (answer.kind === "PassphraseRequest") {
      this.#waiting = "passphrase";
      throw UsbError("TREZOR_PASSPHRASE");
    }
  }

  close(): void {
    this.#device = undefined;
    this.#version = [0, 0, 0];
    this.#label = "";
    this.#waiting = undefined;
  }

  async heartbeat(): Promise<void> {
    try {
      await this.#exchange("Ping", [], ["Success"]);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  async derive(path: DerivationPath): Promise<Uint8Array> {
    const request: Fields = [[TAGS.getAddress.path, path]];
    const { message } = await this.#exchange("EthereumGetAddress", request, ["EthereumAddress"]);
    const binary = message.bytes(TAGS.address.binary); // older firmware
    if (binary?.length === 20) return binary;
    const digits = (message.text(TAGS.address.hex) ?? "").replace(/^0x/i, "");
    if (!/^[0-9a-fA-F]{40}$/.test(digits))
      throw UsbError("REPLY", { vendor: "trezor", why: "missing derived address" });
    return new Uint8Array(Buffer.from(digits, "hex"));
  }

  /** @throws ACCOUNTS_NOT_SUPPORTED for other types of transactions than 0 and 2, for which there are no messages, and for old firmware */
  async signTransaction(path: DerivationPath, fields: TransactionFields): Promise<Transaction> {
    const isLegacy = fields.type === 0;
    if (!isLegacy && (fields.type !== 2 || !this.#has(SINCE.eip1559))) throw AccountsError("NOT_SUPPORTED");
    let data = fields.input.subarray(DATA_CHUNK);
    let answer = isLegacy
      ? await this.#exchange("EthereumSignTx", signTxFields(path, fields), ["EthereumTxRequest"])
      : await this.#exchange("EthereumSignTxEIP1559", signTx1559Fields(path, fields), ["EthereumTxRequest"]);
    for (;;) {
      const wanted = answer.message.number(TAGS.txRequest.dataLength);
      if (wanted === undefined || wanted === 0) break;
      if (wanted > data.length)
        throw UsbError("REPLY", { vendor: "trezor", why: "more data is asked for than there is" });
      const ack: Fields = [[TAGS.txAck.data, data.subarray(0, wanted)]];
      data = data.subarray(wanted);
      answer = await this.#exchange("EthereumTxAck", ack, ["EthereumTxRequest"]);
    }
    return signedTx(fields, answer.message);
  }

  async signText(path: DerivationPath, text: Uint8Array): Promise<Uint8Array> {
    const request: Fields = [
      [TAGS.signMessage.path, path],
      [TAGS.signMessage.message, text],
    ];
    const { message } = await this.#exchange("EthereumSignMessage", request, ["EthereumMessageSignature"]);
    return ours(message.bytes(TAGS.messageSignature.signature));
  }

  /** @throws ACCOUNTS_NOT_SUPPORTED for old firmware */
  async signTypedData(path: DerivationPath, hashes: TypedDataHashes): Promise<Uint8Array> {
    if (!this.#has(SINCE.typedHash)) throw AccountsError("NOT_SUPPORTED");
    const request: Fields = [
      [TAGS.signTypedHash.path, path],
      [TAGS.signTypedHash.domainHash, hashes.domainHash],
      [TAGS.signTypedHash.messageHash, hashes.messageHash],
    ];
    const { message } = await this.#exchange("EthereumSignTypedHash", request, [
      "EthereumTypedDataSignature",
    ]);
    return ours(message.bytes(TAGS.typedDataSignature.signature));
  }

  /** Whether the firmware is of that version or a later one. */
  #has(since: readonly number[]): boolean {
    const at = since.findIndex((part, i) => part !== this.#version[i]);
    return at < 0 || (this.#version[at] ?? 0) > (since[at] ?? 0);
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error));
  }

  /** One message out, one of the wanted kinds in; a button that the user has to press is waited for. */
  async #exchange(kind: TrezorKind, fields: Fields, wanted: readonly TrezorKind[]): Promise<Answer> {
    let answer = await this.#once(kind, fields);
    for (let buttons = 0; answer.kind === "ButtonRequest" && buttons < MAX_BUTTONS; buttons++)
      answer = await this.#once("ButtonAck", []);
    if (answer.kind === "Failure") {
      const why = answer.message.text(TAGS.failure.message) ?? "";
      throw UsbError("TREZOR_FAILED", { why });
    }
    if (!wanted.includes(answer.kind)) throw UsbError("TREZOR_UNEXPECTED", { wanted, got: answer.kind });
    return answer;
  }

  async #once(kind: TrezorKind, fields: Fields): Promise<Answer> {
    const device = this.#device;
    if (device === undefined) throw AccountsError("WALLET_CLOSED");
    for (const report of trezorReports(KINDS[kind], encodeProto(fields))) await device.write(report);
    const partial = new TrezorReply();
    let message: Uint8Array | undefined;
    while (message === undefined) message = partial.add(await device.read());
    const name = nameOfKind(partial.kind);
    if (name === undefined) throw UsbError("TREZOR_UNEXPECTED", { wanted: [], got: String(partial.kind) });
    return { kind: name, message: new ProtoMessage(message) };
  }
}

function signTxFields(path: DerivationPath, fields: TransactionFields): Fields {
  const tag = TAGS.signTx;
  const { to, input, chainId } = fields;
  return [
    [tag.path, path],
    [tag.nonce, bigintToBytes(fields.nonce)],
    [tag.gasPrice, bigintToBytes(fields.gasPrice ?? 0n)],
    [tag.gasLimit, bigintToBytes(fields.gas)],
    [tag.toBinary, to],
    [tag.value, bigintToBytes(fields.value)],
    [tag.firstData, input.subarray(0, DATA_CHUNK)],
    [tag.dataLength, input.length],
    [tag.chainId, chainId === undefined ? undefined : Number(BigInt.asUintN(32, chainId))],
    [tag.toHex, to === undefined ? undefined : checksumAddress(to)],
  ];
}

/** @throws ACCOUNTS_NOT_SUPPORTED for a chain id that a number does not hold */
function signTx1559Fields(path: DerivationPath, fields: TransactionFields): Fields {
  const tag = TAGS.signTx1559;
  const { to, input, chainId = 0n, accessList = [] } = fields;
  if (chainId > BigInt(Number.MAX_SAFE_INTEGER)) throw AccountsError("NOT_SUPPORTED");
  return [
    [tag.path, path],
    [tag.nonce, bigintToBytes(fields.nonce)],
    [tag.maxGasFee, bigintToBytes(fields.maxFeePerGas ?? 0n)],
    [tag.maxPriorityFee, bigintToBytes(fields.maxPriorityFeePerGas ?? 0n)],
    [tag.gasLimit, bigintToBytes(fields.gas)],
    [tag.to, to === undefined ? undefined : checksumAddress(to)],
    [tag.value, bigintToBytes(fields.value)],
    [tag.firstData, input.subarray(0, DATA_CHUNK)],
    [tag.dataLength, input.length],
    [tag.chainId, Number(chainId)],
    ...accessList.map(
      ({ address, storageKeys }) => [tag.accessList, accessListEntry(address, storageKeys)] as const,
    ),
  ];
}

function accessListEntry(address: Uint8Array, storageKeys: readonly Uint8Array[]): Uint8Array {
  const tag = TAGS.accessListEntry;
  return encodeProto([
    [tag.address, checksumAddress(address)],
    ...storageKeys.map((key) => [tag.storageKeys, key] as const),
  ]);
}

/** r ‖ s ‖ recovery of what a device answers: r ‖ s ‖ 27 or 28. */
function ours(signature: Uint8Array = new Uint8Array(0)): Uint8Array {
  const recovery = recoveryOf(signature[64] ?? 255, "trezor");
  return joined(signature.subarray(0, 32), signature.subarray(32, 64), recovery, "trezor");
}

function signedTx(fields: TransactionFields, message: ProtoMessage): Transaction {
  const lacks = () => UsbError("REPLY", { vendor: "trezor", why: "reply lacks signature" });
  const [r, s] = [message.bytes(TAGS.txRequest.r), message.bytes(TAGS.txRequest.s)];
  const v = message.number(TAGS.txRequest.v) ?? 0;
  if (r === undefined || s === undefined || r.length === 0 || s.length === 0) throw lacks();
  const { chainId } = fields;
  if (fields.type !== 0) return withSignature(fields, { r, s, recovery: recoveryOf(v, "trezor") });
  const isLarge = chainId !== undefined && chainId > LARGE_CHAIN_ID;
  if (v === 0 && !isLarge) throw lacks();
  const whole = chainId === undefined || isLarge || v < 35 ? v : Number(BigInt(v) - 35n - 2n * chainId);
  return withSignature(fields, { r, s, recovery: recoveryOf(whole, "trezor") });
}
