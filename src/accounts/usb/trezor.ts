// long: one protocol, its driver whole
import { AccountsError, type DerivationPath, type WalletStatus } from "#accounts";
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

/** A Trezor One, over wire v1 (accounts/usbwallet/trezor.go@v1.17.5). Signs legacy transactions and texts. */
export class TrezorDriver implements Driver {
  #device: HidDevice | undefined;
  #version = "0.0.0";
  #label = "";
  /** What the device waits for, between two calls of open. */
  #waiting: "pin" | "passphrase" | undefined;
  #failure: Error | undefined;

  status(): WalletStatus {
    if (this.#failure !== undefined)
      return { text: `Failed: ${this.#failure.message}`, failure: this.#failure };
    if (this.#device === undefined) return { text: "Closed" };
    const state = this.#waiting === "pin" ? "waiting for PIN" : "online";
    return { text: `Trezor v${this.#version} '${this.#label}' ${state}` };
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
    this.#version = [major, minor, patch].map((tag) => message.number(tag) ?? 0).join(".");
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
    this.#version = "0.0.0";
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

  /** @throws ACCOUNTS_NOT_SUPPORTED for typed transactions: a Trezor One's protocol of 2019 has none */
  async signTransaction(path: DerivationPath, fields: TransactionFields): Promise<Transaction> {
    if (fields.type !== 0) throw AccountsError("NOT_SUPPORTED");
    let data = fields.input.subarray(DATA_CHUNK);
    let answer = await this.#exchange("EthereumSignTx", signTxFields(path, fields), ["EthereumTxRequest"]);
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
    const signature = message.bytes(TAGS.messageSignature.signature) ?? new Uint8Array(0);
    const recovery = recoveryOf(signature[64] ?? 255, "trezor");
    return joined(signature.subarray(0, 32), signature.subarray(32, 64), recovery, "trezor");
  }

  async signTypedData(): Promise<Uint8Array> {
    throw AccountsError("NOT_SUPPORTED");
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

function signedTx(fields: TransactionFields, message: ProtoMessage): Transaction {
  const lacks = () => UsbError("REPLY", { vendor: "trezor", why: "reply lacks signature" });
  const [r, s] = [message.bytes(TAGS.txRequest.r), message.bytes(TAGS.txRequest.s)];
  const v = message.number(TAGS.txRequest.v) ?? 0;
  if (r === undefined || s === undefined || r.length === 0 || s.length === 0) throw lacks();
  const { chainId } = fields;
  const isLarge = chainId !== undefined && chainId > LARGE_CHAIN_ID;
  if (v === 0 && !isLarge) throw lacks();
  const whole = chainId === undefined || isLarge || v < 35 ? v : Number(BigInt(v) - 35n - 2n * chainId);
  return withSignature(fields, { r, s, recovery: recoveryOf(whole, "trezor") });
}
