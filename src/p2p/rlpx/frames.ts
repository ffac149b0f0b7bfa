import { aesEcbBlock, type AesCtr, createAesCtr, type Keccak, timingSafeEqual } from "#crypto";
import { ChunkList } from "./chunks.ts";
import { RlpxError } from "./errors.ts";
import type { Secrets } from "./handshake.ts";
import { limits } from "./limits.ts";

/** Header data of every frame: capability id and context id, both zero, as a list. */
const HEADER_DATA = Uint8Array.of(0xc2, 0x80, 0x80);
const ZERO_IV = new Uint8Array(16);

/** A running MAC of one direction. Keeps its last digest: the next header starts from it. */
class FrameMac {
  readonly #hash: Pick<Keccak, "update" | "digest">;
  readonly #block: (block: Uint8Array) => Uint8Array;
  #last: Uint8Array;

  constructor(hash: Pick<Keccak, "update" | "digest">, key: Uint8Array) {
    this.#hash = hash;
    this.#block = aesEcbBlock(key);
    this.#last = hash.digest();
  }

  /** MAC of a header's ciphertext. */
  header(ciphertext: Uint8Array): Uint8Array {
    return this.#fold(ciphertext);
  }

  /** MAC of a body's ciphertext. */
  body(ciphertext: Uint8Array): Uint8Array {
    this.#last = this.#hash.update(ciphertext).digest();
    return this.#fold(this.#last);
  }

  #fold(seed: Uint8Array): Uint8Array {
    const block = this.#block(this.#last.subarray(0, 16));
    for (let i = 0; i < 16; i++) block[i] = (block[i] ?? 0) ^ (seed[i] ?? 0);
    this.#last = this.#hash.update(block).digest();
    return this.#last.subarray(0, 16);
  }
}

const padded = (size: number): number => (size + 15) & ~15;

/** Writes frames of one connection. */
export class FrameWriter {
  readonly #cipher: AesCtr;
  readonly #mac: FrameMac;

  constructor({
    aes,
    mac,
    egress,
  }: Pick<Secrets, "aes" | "mac"> & { egress: Pick<Keccak, "update" | "digest"> }) {
    this.#cipher = createAesCtr(aes, ZERO_IV);
    this.#mac = new FrameMac(egress, mac);
  }

  /**
   * One whole frame, ready for one write.
   *
   * @param payload - as it travels: compressed where the connection is
   * @throws RLPX_SEND_TOO_BIG (caller) above 2^24 − 1 bytes with the code
   */
  seal(code: number, payload: Uint8Array): Uint8Array {
    const codeBytes = encodeCode(code);
    const size = codeBytes.length + payload.length;
    if (size > limits.frameMax) throw RlpxError("SEND_TOO_BIG", { size });
    const plain = new Uint8Array(16 + padded(size));
    plain[0] = size >>> 16;
    plain[1] = size >>> 8;
    plain[2] = size;
    plain.set(HEADER_DATA, 3);
    plain.set(codeBytes, 16);
    plain.set(payload, 16 + codeBytes.length);
    const sealed = this.#cipher.update(plain);
    const header = sealed.subarray(0, 16);
    const body = sealed.subarray(16);
    const frame = new Uint8Array(sealed.length + 32);
    frame.set(header);
    frame.set(this.#mac.header(header), 16);
    frame.set(body, 32);
    frame.set(this.#mac.body(body), 32 + body.length);
    return frame;
  }
}

/** One frame's content: message code and payload as it travelled. */
export interface Frame {
  readonly code: number;
  readonly payload: Uint8Array;
  /** Bytes of the whole frame on the wire. */
  readonly wireBytes: number;
}

interface ReaderKeys {
  readonly cipher: AesCtr;
  readonly mac: FrameMac;
}

/** Reads frames of one connection: bytes in, frames out, nothing decrypted before its MAC held. */
export class FrameReader {
  readonly #received = new ChunkList();
  /** Made with the first frame: most connections of strangers are refused before one comes. */
  #keys: ReaderKeys | (() => ReaderKeys);
  /** Size of the frame whose body is awaited. */
  #awaited: number | undefined;

  constructor({
    aes,
    mac,
    ingress,
  }: Pick<Secrets, "aes" | "mac"> & { ingress: Pick<Keccak, "update" | "digest"> }) {
    this.#keys = () => ({ cipher: createAesCtr(aes, ZERO_IV), mac: new FrameMac(ingress, mac) });
  }

  push(chunk: Uint8Array): void {
    this.#received.push(chunk);
  }

  /** Bytes received of frames that are not read yet. */
  get waitingBytes(): number {
    return this.#received.length + (this.#awaited === undefined ? 0 : 32);
  }

  /**
   * The next whole frame, or undefined if more bytes are needed.
   *
   * @param maxBytes - largest body; a larger one is refused at its header, before the body is gathered (RX-10)
   * @throws RLPX_BAD_HEADER_MAC, RLPX_BAD_FRAME_MAC, RLPX_FRAME_TOO_BIG, RLPX_BAD_CODE
   */
  next(maxBytes: number): Frame | undefined {
    this.#awaited ??= this.#readHeader(maxBytes);
    const size = this.#awaited;
    if (size === undefined || this.#received.length < padded(size) + 16) return undefined;
    this.#awaited = undefined;
    const { cipher, mac } = this.#made();
    const body = this.#received.take(padded(size));
    if (!timingSafeEqual(mac.body(body), this.#received.take(16))) throw RlpxError("BAD_FRAME_MAC");
    const content = cipher.update(body);
    const { code, length } = decodeCode(content, size);
    return { code, payload: content.subarray(length, size), wireBytes: padded(size) + 48 };
  }

  #made(): ReaderKeys {
    if (typeof this.#keys === "function") this.#keys = this.#keys();
    return this.#keys;
  }

  #readHeader(maxBytes: number): number | undefined {
    if (this.#received.length < 32) return undefined;
    const { cipher, mac } = this.#made();
    const sealed = this.#received.take(16);
    if (!timingSafeEqual(mac.header(sealed), this.#received.take(16))) throw RlpxError("BAD_HEADER_MAC");
    const [high = 0, middle = 0, low = 0] = cipher.update(sealed); // the rest, header data and padding, is ignored as geth does
    const size = (high << 16) | (middle << 8) | low;
    if (size > maxBytes) throw RlpxError("FRAME_TOO_BIG", { size, limit: maxBytes });
    return size;
  }
}

/** RLP of a message code. */
function encodeCode(code: number): Uint8Array {
  if (code === 0) return Uint8Array.of(0x80);
  if (code < 0x80) return Uint8Array.of(code);
  const digits: number[] = [];
  for (let rest = code; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return Uint8Array.of(0x80 + digits.length, ...digits);
}

/** Canonical RLP integer of at most 4 bytes in front of the payload. */
function decodeCode(content: Uint8Array, size: number): { code: number; length: number } {
  const first = content[0] ?? 0;
  if (size > 0 && first !== 0 && first <= 0x80) return { code: first === 0x80 ? 0 : first, length: 1 };
  const count = first - 0x80;
  if (size === 0 || count < 1 || count > 4 || count > size - 1 || content[1] === 0)
    throw RlpxError("BAD_CODE");
  let code = 0;
  for (let i = 1; i <= count; i++) code = code * 256 + (content[i] ?? 0);
  if (code < 0x80) throw RlpxError("BAD_CODE");
  return { code, length: 1 + count };
}
