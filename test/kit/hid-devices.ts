// Hardware wallets that are not there: each follows its vendor's published protocol byte for byte, reports of 64 bytes in and
// out, written from the vendors' documents and not from our drivers. Keys come from a mnemonic, so that published signatures
// can be compared.
import { HDNodeWallet, keccak256, Mnemonic } from "ethers";
import type { HidDevice, HidInfo, HidPort } from "#accounts/usb";
import { addressOf, parsePrivateKey, publicKeyOf, sign } from "#crypto";
import { fromHex } from "#util";

/** Answers a whole message with a whole message, or with none. */
interface Firmware {
  /** A report came in: the reports that go out. */
  receive(report: Uint8Array): readonly Uint8Array[];
}

/** Its end of the cable: what was written and read is kept, in hex. */
export class FakeHid implements HidDevice {
  readonly sent: string[] = [];
  readonly received: string[] = [];
  isOpen = true;
  isUnplugged = false;
  readonly #firmware: Firmware;
  readonly #waiting: Uint8Array[] = [];
  #wake: (() => void) | undefined;

  constructor(firmware: Firmware) {
    this.#firmware = firmware;
  }

  async write(report: Uint8Array): Promise<void> {
    if (this.isUnplugged) throw new Error("LIBUSB_ERROR_NO_DEVICE");
    if (report.length !== 64) throw new Error(`a report of ${report.length} bytes`);
    this.sent.push(Buffer.from(report).toString("hex"));
    this.#waiting.push(...this.#firmware.receive(report));
    this.#wake?.();
  }

  async read(): Promise<Uint8Array> {
    while (this.#waiting.length === 0) {
      if (this.isUnplugged) throw new Error("LIBUSB_ERROR_NO_DEVICE");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const report = this.#waiting.shift() ?? new Uint8Array(64);
    this.received.push(Buffer.from(report).toString("hex"));
    return report;
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }
}

/** A bus with these devices plugged in. */
export class FakeBus implements HidPort {
  readonly plugged = new Map<string, { info: HidInfo; firmware: Firmware }>();
  readonly opened: FakeHid[] = [];
  enumerations = 0;
  failing = false;

  plug(
    info: Partial<HidInfo> & Pick<HidInfo, "vendorId" | "productId">,
    firmware: Firmware,
    path = "0001",
  ): void {
    this.plugged.set(path, { info: { path, usagePage: 0, interfaceNumber: 0, ...info }, firmware });
  }

  async enumerate(vendorId: number): Promise<readonly HidInfo[]> {
    this.enumerations++;
    if (this.failing) throw new Error("LIBUSB_ERROR_ACCESS");
    return [...this.plugged.values()].map(({ info }) => info).filter((info) => info.vendorId === vendorId);
  }

  async open(info: HidInfo): Promise<FakeHid> {
    const found = this.plugged.get(info.path);
    if (found === undefined) throw new Error("no device");
    const device = new FakeHid(found.firmware);
    this.opened.push(device);
    return device;
  }
}

function keyAt(mnemonic: string, path: readonly number[]) {
  const text = ["m", ...path.map((one) => (one >= 2 ** 31 ? `${one - 2 ** 31}'` : one))].join("/");
  const node = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(mnemonic), text);
  return parsePrivateKey(fromHex(node.privateKey));
}
const hashOf = (...parts: readonly Uint8Array[]) => fromHex(keccak256(Buffer.concat(parts)));
const be = (value: number, length: number) => {
  const bytes = Buffer.alloc(length);
  bytes.writeUIntBE(value, 0, length);
  return bytes;
};

export interface LedgerOptions {
  readonly mnemonic: string;
  /** Undefined: the app is not open. */
  version?: readonly [number, number, number] | undefined;
  /** The user denies what is shown. */
  denies?: boolean;
  /** In browser mode a device answers on another channel. */
  isBrowser?: boolean;
  /** Signs with another key than it was asked for. */
  lies?: boolean;
}

/** A Ledger with the Ethereum app (app-ethereum doc/ethapp.adoc; HID framing of ledgerjs). */
export class LedgerFirmware implements Firmware {
  options: LedgerOptions;
  readonly apdus: string[] = [];
  #apdu = Buffer.alloc(0);
  #length = 0;
  #chunks: Buffer[] = [];

  constructor(options: LedgerOptions) {
    this.options = options;
  }

  receive(report: Uint8Array): readonly Uint8Array[] {
    const bytes = Buffer.from(report);
    if (bytes.readUIntBE(0, 3) !== 0x010105) throw new Error("a report of another channel or tag");
    const sequence = bytes.readUInt16BE(3);
    if (sequence === 0) {
      this.#length = bytes.readUInt16BE(5);
      this.#apdu = bytes.subarray(7);
    } else this.#apdu = Buffer.concat([this.#apdu, bytes.subarray(5)]);
    if (this.#apdu.length < this.#length) return [];
    const apdu = this.#apdu.subarray(0, this.#length);
    if (this.#apdu.subarray(this.#length).some((byte) => byte !== 0)) throw new Error("padding is not zero");
    this.apdus.push(apdu.toString("hex"));
    return this.#frame(this.#answer(apdu));
  }

  #frame(reply: Buffer): Uint8Array[] {
    const body = Buffer.concat([be(reply.length, 2), reply]);
    const reports: Uint8Array[] = [];
    for (let at = 0; at < body.length; at += 59) {
      const report = Buffer.alloc(64);
      be(this.options.isBrowser === true ? 0x553205 : 0x010105, 3).copy(report);
      report.writeUInt16BE(reports.length, 3);
      body.copy(report, 5, at, at + 59);
      reports.push(new Uint8Array(report));
    }
    return reports;
  }

  #answer(apdu: Buffer): Buffer {
    const [cla, ins, p1 = 0, p2, length = 0] = apdu;
    if (cla !== 0xe0 || p2 !== 0 || apdu.length !== 5 + length) return Buffer.from("6700", "hex");
    const { version } = this.options;
    if (version === undefined) return Buffer.from("6d00", "hex");
    const data = apdu.subarray(5);
    if (ins === 0x06) return Buffer.from([0x01, ...version, 0x90, 0x00]);
    if (ins === 0x02) return this.#address(data);
    if (ins !== 0x04 && ins !== 0x08 && ins !== 0x0c) return Buffer.from("6d00", "hex");
    if (p1 === 0x00) this.#chunks = [];
    this.#chunks.push(Buffer.from(data));
    return this.#sign(ins, Buffer.concat(this.#chunks));
  }

  #path(data: Buffer): { path: number[]; rest: Buffer } {
    const count = data[0] ?? 0;
    const path = Array.from({ length: count }, (_, i) => data.readUInt32BE(1 + 4 * i));
    return { path, rest: data.subarray(1 + 4 * count) };
  }

  #address(data: Buffer): Buffer {
    const key = keyAt(this.options.mnemonic, this.#path(data).path);
    const address = Buffer.from(addressOf(publicKeyOf(key))).toString("hex");
    return Buffer.concat([
      Buffer.from([65, 4]),
      publicKeyOf(key),
      Buffer.from([40]),
      Buffer.from(address, "ascii"),
      Buffer.from("9000", "hex"),
    ]);
  }

  #sign(ins: number, payload: Buffer): Buffer {
    const { path, rest } = this.#path(payload);
    const asked = this.#toSign(ins, rest);
    if (asked === undefined) return Buffer.from("9000", "hex"); // more is to come
    if (this.options.denies === true) return Buffer.from("6985", "hex");
    const key = keyAt(this.options.mnemonic, this.options.lies === true ? [...path, 9] : path);
    const { bytes, recovery } = sign(asked.hash, key);
    return Buffer.concat([
      Buffer.from([(asked.v + recovery) & 0xff]),
      bytes.subarray(0, 64),
      Buffer.from("9000", "hex"),
    ]);
  }

  /** What the bytes so far ask to be signed; undefined while some are missing. */
  #toSign(ins: number, rest: Buffer): { hash: Uint8Array; v: number } | undefined {
    if (ins === 0x0c) {
      if (rest.length !== 64) throw new Error("typed data is two hashes");
      return { hash: hashOf(Buffer.from("1901", "hex"), rest), v: 27 };
    }
    if (ins === 0x08) {
      const length = rest.readUInt32BE(0);
      const text = rest.subarray(4);
      if (text.length < length) return undefined;
      return { hash: hashOf(Buffer.from(`\x19Ethereum Signed Message:\n${length}`), text), v: 27 };
    }
    const isTyped = (rest[0] ?? 0) < 0x80;
    const list = isTyped ? rest.subarray(1) : rest;
    const size = rlpSize(list);
    if (size === undefined || list.length < size) return undefined;
    if (list.length > size) throw new Error("bytes after the transaction");
    if (isTyped) return { hash: hashOf(rest), v: 0 };
    const items = rlpItems(list);
    const chainId = items.length === 9 ? BigInt(`0x${items[6]?.toString("hex") ?? "0"}`) : undefined;
    return { hash: hashOf(rest), v: chainId === undefined ? 27 : Number((35n + 2n * chainId) & 0xffn) };
  }
}

/** Length of an RLP list with its head; undefined while the head is not whole. */
function rlpSize(list: Buffer): number | undefined {
  const head = list[0];
  if (head === undefined) return undefined;
  if (head < 0xf8) return 1 + head - 0xc0;
  const bytes = head - 0xf7;
  return list.length <= bytes ? undefined : 1 + bytes + list.readUIntBE(1, bytes);
}

/** Items of a list whose items are short strings or one long one. */
function rlpItems(list: Buffer): Buffer[] {
  const items: Buffer[] = [];
  for (let at = (list[0] ?? 0) < 0xf8 ? 1 : 1 + (list[0] ?? 0) - 0xf7; at < list.length; ) {
    const head = list[at] ?? 0;
    if (head < 0x80) items.push(list.subarray(at, ++at));
    else if (head < 0xb8) items.push(list.subarray(at + 1, (at += 1 + head - 0x80)));
    else {
      const bytes = head - 0xb7;
      const length = list.readUIntBE(at + 1, bytes);
      items.push(list.subarray(at + 1 + bytes, (at += 1 + bytes + length)));
    }
  }
  return items;
}

export interface TrezorOptions {
  readonly mnemonic: string;
  /** Digits by their place on the shuffled pad. */
  readonly pin?: string | undefined;
  readonly passphrase?: string | undefined;
  /** Of the firmware; default 1.8.1. */
  readonly version?: readonly [number, number, number];
  /** Says addresses in bytes, as firmware of before 2019. */
  readonly isOld?: boolean;
  denies?: boolean;
}

type Wire = ReadonlyMap<number, readonly (number | Buffer)[]>;

/** A Trezor One (trezor-common protob/*.proto of 2019; wire v1). */
export class TrezorFirmware implements Firmware {
  readonly options: TrezorOptions;
  readonly kinds: number[] = [];
  readonly #version: readonly [number, number, number];
  #message = Buffer.alloc(0);
  #isOpen = false;
  /** What a pressed button goes on with. */
  #afterButton: (() => Buffer) | undefined;
  #signing:
    | { fields: Wire; data: Buffer; length: number; sign: (fields: Wire, data: Buffer) => Buffer }
    | undefined;

  constructor(options: TrezorOptions) {
    this.options = options;
    this.#version = options.version ?? [1, 8, 1];
    this.#isOpen = options.pin === undefined && options.passphrase === undefined;
  }

  receive(report: Uint8Array): readonly Uint8Array[] {
    const bytes = Buffer.from(report);
    if (bytes[0] !== 0x3f) throw new Error("a report without 0x3f");
    this.#message = Buffer.concat([this.#message, bytes.subarray(1)]);
    if (this.#message.toString("latin1", 0, 2) !== "##") throw new Error("a message without ##");
    const length = this.#message.readUInt32BE(4);
    if (this.#message.length < 8 + length) return [];
    const kind = this.#message.readUInt16BE(2);
    const body = this.#message.subarray(8, 8 + length);
    if (this.#message.subarray(8 + length).some((byte) => byte !== 0)) throw new Error("padding is not zero");
    this.#message = Buffer.alloc(0);
    this.kinds.push(kind);
    return frame(this.#answer(kind, read(body)));
  }

  #answer(kind: number, fields: Wire): Buffer {
    const { pin, passphrase } = this.options;
    switch (kind) {
      case 0: // Initialize → Features
        return whole(17, [
          [1, "trezor.io"],
          [2, this.#version[0]],
          [3, this.#version[1]],
          [4, this.#version[2]],
          [10, "my Trezor"],
          [12, 1],
        ]);
      case 1: // Ping
        if (!this.#isOpen && fields.get(3)?.[0] === 1 && pin !== undefined) return whole(18, [[1, 1]]);
        if (!this.#isOpen && fields.get(4)?.[0] === 1 && passphrase !== undefined) return whole(41, []);
        return whole(2, []);
      case 19: // PinMatrixAck
        if (fields.get(1)?.[0]?.toString() !== pin) return failure(7, "PIN invalid");
        if (passphrase !== undefined) return whole(41, []);
        this.#isOpen = true;
        return whole(2, []);
      case 42: // PassphraseAck
        this.#isOpen = true;
        return whole(2, []);
      case 27: {
        // ButtonAck
        const next = this.#afterButton;
        this.#afterButton = undefined;
        if (this.options.denies === true) return failure(4, "Action cancelled by user");
        return next?.() ?? failure(1, "Unexpected message");
      }
      default:
        return this.#isOpen ? this.#ethereum(kind, fields) : failure(1, "Not open");
    }
  }

  #ethereum(kind: number, fields: Wire): Buffer {
    switch (kind) {
      case 56: {
        // EthereumGetAddress
        const address = addressOf(publicKeyOf(this.#key(fields)));
        return this.options.isOld === true
          ? whole(57, [[1, Buffer.from(address)]])
          : whole(57, [[2, `0x${Buffer.from(address).toString("hex")}`]]);
      }
      case 58: {
        // EthereumSignTx: the data first, then a button
        const length = Number(fields.get(8)?.[0] ?? 0);
        this.#signing = { fields, data: bufferOf(fields, 7), length, sign: (...all) => this.#signTx(...all) };
        return this.#moreOrButton();
      }
      case 452: {
        // EthereumSignTxEIP1559, since 1.10.4
        if (this.#version[1] < 10) return failure(1, "Unexpected message");
        const length = Number(fields.get(9)?.[0] ?? 0);
        this.#signing = {
          fields,
          data: bufferOf(fields, 8),
          length,
          sign: (...all) => this.#sign1559(...all),
        };
        return this.#moreOrButton();
      }
      case 470: {
        // EthereumSignTypedHash, since 1.10.5
        if (this.#version[1] < 10) return failure(1, "Unexpected message");
        this.#afterButton = () => {
          const hash = hashOf(Buffer.from("1901", "hex"), bufferOf(fields, 2), bufferOf(fields, 3));
          const { bytes, recovery } = sign(hash, this.#key(fields));
          return whole(469, [
            [1, Buffer.concat([bytes.subarray(0, 64), Buffer.from([27 + recovery])])],
            [2, `0x${Buffer.from(addressOf(publicKeyOf(this.#key(fields)))).toString("hex")}`],
          ]);
        };
        return whole(26, [[1, 8]]);
      }
      case 60: // EthereumTxAck
        if (this.#signing === undefined) return failure(1, "Not in signing mode");
        this.#signing.data = Buffer.concat([this.#signing.data, bufferOf(fields, 1)]);
        return this.#moreOrButton();
      case 64: {
        // EthereumSignMessage
        const text = bufferOf(fields, 2);
        this.#afterButton = () => {
          const hash = hashOf(Buffer.from(`\x19Ethereum Signed Message:\n${text.length}`), text);
          const { bytes, recovery } = sign(hash, this.#key(fields));
          return whole(66, [[2, Buffer.concat([bytes.subarray(0, 64), Buffer.from([27 + recovery])])]]);
        };
        return whole(26, [[1, 1]]);
      }
      default:
        return failure(1, "Unexpected message");
    }
  }

  #moreOrButton(): Buffer {
    const signing = this.#signing;
    if (signing === undefined) return failure(1, "Not in signing mode");
    const missing = signing.length - signing.data.length;
    if (missing > 0) return whole(59, [[1, Math.min(missing, 1_024)]]);
    this.#afterButton = () => signing.sign(signing.fields, signing.data);
    return whole(26, [[1, 8]]);
  }

  #signTx(fields: Wire, data: Buffer): Buffer {
    const chainId = BigInt((fields.get(9)?.[0] as number | undefined) ?? 0);
    const to =
      fields.get(11) === undefined
        ? Buffer.alloc(0)
        : Buffer.from(bufferOf(fields, 11).toString().slice(2), "hex");
    if (!to.equals(bufferOf(fields, 5))) throw new Error("the two forms of the receiver differ");
    const items = [
      bufferOf(fields, 2),
      bufferOf(fields, 3),
      bufferOf(fields, 4),
      to,
      bufferOf(fields, 6),
      data,
    ];
    const tail = chainId === 0n ? [] : [Buffer.from(hexOf(chainId), "hex"), Buffer.alloc(0), Buffer.alloc(0)];
    const { bytes, recovery } = sign(hashOf(rlpList([...items, ...tail])), this.#key(fields));
    const v =
      chainId === 0n
        ? 27 + recovery
        : chainId > 2_147_483_629n
          ? recovery
          : Number(35n + 2n * chainId) + recovery;
    return whole(59, [
      [2, v],
      [3, Buffer.from(bytes.subarray(0, 32))],
      [4, Buffer.from(bytes.subarray(32, 64))],
    ]);
  }

  #sign1559(fields: Wire, data: Buffer): Buffer {
    const addressIn = (wire: Wire, tag: number) =>
      Buffer.from(bufferOf(wire, tag).toString().slice(2), "hex");
    const accessList = (fields.get(11) ?? []).map((entry) => {
      const wire = read(Buffer.from(entry as Buffer)); // as: a message within the message
      return rlpJoin([rlpText(addressIn(wire, 1)), rlpList((wire.get(2) ?? []) as Buffer[])]); // as: bytes
    });
    const chainId = Buffer.from(hexOf(BigInt((fields.get(10)?.[0] as number | undefined) ?? 0)), "hex");
    const texts = [chainId, ...[2, 4, 3, 5].map((tag) => bufferOf(fields, tag)), addressIn(fields, 6)];
    const items = [...texts, bufferOf(fields, 7), data].map(rlpText);
    const list = rlpJoin([...items, rlpJoin(accessList)]);
    const { bytes, recovery } = sign(hashOf(Buffer.from([2]), list), this.#key(fields));
    return whole(59, [
      [2, recovery],
      [3, Buffer.from(bytes.subarray(0, 32))],
      [4, Buffer.from(bytes.subarray(32, 64))],
    ]);
  }

  #key(fields: Wire) {
    return keyAt(this.options.mnemonic, (fields.get(1) ?? []).map(Number));
  }
}

const hexOf = (value: bigint) => {
  const digits = value.toString(16);
  return digits.length % 2 === 0 ? digits : `0${digits}`;
};
const bufferOf = (fields: Wire, tag: number): Buffer => {
  const value = fields.get(tag)?.at(-1);
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
};

function rlpHead(length: number, base: number): Buffer {
  if (length < 56) return Buffer.from([base + length]);
  const size = Buffer.from(hexOf(BigInt(length)), "hex");
  return Buffer.concat([Buffer.from([base + 55 + size.length]), size]);
}
const rlpText = (one: Buffer): Buffer =>
  one.length === 1 && (one[0] ?? 0) < 0x80 ? one : Buffer.concat([rlpHead(one.length, 0x80), one]);
/** A list of items that are encoded. */
function rlpJoin(items: readonly Buffer[]): Buffer {
  const body = Buffer.concat(items);
  return Buffer.concat([rlpHead(body.length, 0xc0), body]);
}
const rlpList = (items: readonly Buffer[]): Buffer => rlpJoin(items.map(rlpText));

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    if (rest <= 0x7fn) return Buffer.from(bytes);
  }
}

function whole(kind: number, fields: readonly (readonly [number, number | string | Buffer])[]): Buffer {
  const body = Buffer.concat(
    fields.map(([tag, value]) => {
      if (typeof value === "number") return Buffer.concat([varint(tag << 3), varint(value)]);
      const bytes = Buffer.from(value);
      return Buffer.concat([varint((tag << 3) | 2), varint(bytes.length), bytes]);
    }),
  );
  return Buffer.concat([Buffer.from("##"), be(kind, 2), be(body.length, 4), body]);
}
const failure = (code: number, message: string) =>
  whole(3, [
    [1, code],
    [2, message],
  ]);

function frame(message: Buffer): Uint8Array[] {
  const reports: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += 63) {
    const report = Buffer.alloc(64);
    report[0] = 0x3f;
    message.copy(report, 1, at, at + 63);
    reports.push(new Uint8Array(report));
  }
  return reports;
}

function read(body: Buffer): Wire {
  const fields = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const next = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = body[at++];
      if (byte === undefined) throw new Error("a varint that does not end");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  };
  while (at < body.length) {
    const key = next();
    const value = (key & 7) === 0 ? next() : undefined;
    let item: number | Buffer = value ?? 0;
    if (value === undefined) {
      const length = next();
      item = body.subarray(at, (at += length));
      if (item.length !== length) throw new Error("a field that does not end");
    }
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), item]);
  }
  return fields;
}
