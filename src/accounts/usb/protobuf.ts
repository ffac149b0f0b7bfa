import { bytesToBigint, concatBytes, utf8Encode } from "#util";
import { UsbError } from "./errors.ts";

/** A field to be written: a list writes its tag once for each item, as proto2 does; undefined is left out. */
export type ProtoValue = number | boolean | string | Uint8Array | readonly number[] | undefined;

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

function field(tag: number, value: ProtoValue): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  if (typeof value === "boolean") return field(tag, value ? 1 : 0);
  if (typeof value === "number") return concatBytes(varint(tag * 8), varint(value));
  if (typeof value === "string") return field(tag, utf8Encode(value));
  if (value instanceof Uint8Array) return concatBytes(varint(tag * 8 + 2), varint(value.length), value);
  return concatBytes(...value.map((one) => field(tag, one)));
}

/** Protocol buffers, as far as the messages here need them: varints and lengths. Fields in the order given. */
export function encodeProto(fields: readonly (readonly [tag: number, value: ProtoValue])[]): Uint8Array {
  return concatBytes(...fields.map(([tag, value]) => field(tag, value)));
}

/** A message that was read: by tag, the last value counts (proto2). */
export class ProtoMessage {
  readonly #values = new Map<number, bigint | Uint8Array>();

  /** @throws USB_REPLY for bytes that are no message */
  constructor(bytes: Uint8Array) {
    const refuse = () => UsbError("REPLY", { vendor: "trezor", why: "reply is no message" });
    let at = 0;
    const next = (): bigint => {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = bytes[at++];
        if (byte === undefined) throw refuse();
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 128) return value;
      }
      throw refuse();
    };
    const take = (length: number): Uint8Array => {
      if (at + length > bytes.length) throw refuse();
      at += length;
      return bytes.slice(at - length, at);
    };
    while (at < bytes.length) {
      const key = next();
      const tag = Number(key >> 3n);
      const wire = Number(key & 7n);
      if (wire === 0) this.#values.set(tag, next());
      else if (wire === 2) this.#values.set(tag, take(Number(next())));
      else if (wire === 1) this.#values.set(tag, bytesToBigint(take(8).reverse()));
      else if (wire === 5) this.#values.set(tag, bytesToBigint(take(4).reverse()));
      else throw refuse();
    }
  }

  number(tag: number): number | undefined {
    const value = this.#values.get(tag);
    return typeof value === "bigint" ? Number(value) : undefined;
  }

  bytes(tag: number): Uint8Array | undefined {
    const value = this.#values.get(tag);
    return value instanceof Uint8Array ? value : undefined;
  }

  text(tag: number): string | undefined {
    const value = this.bytes(tag);
    return value === undefined ? undefined : new TextDecoder().decode(value);
  }
}
