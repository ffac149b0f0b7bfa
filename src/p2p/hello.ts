import { bytes, decode, decodeAs, encodeAs, list, type RlpItem, struct, tuple, uint53, utf8 } from "#rlp";
import { bytesToBigint, GlimError } from "#util";
import { P2pError } from "./errors.ts";
import type { Cap } from "./protocol.ts";

/** Base protocol messages. @see rlpx.md "p2p Capability" */
export const HELLO = 0x00;
export const DISCONNECT = 0x01;
export const PING = 0x02;
export const PONG = 0x03;
/** Codes of the base protocol; protocols start here. */
export const BASE_LENGTH = 16;
/** Cap of every base message. */
export const BASE_MAX_BYTES = 2048;
/** The version we speak: 5 = snappy (EIP-706). */
export const BASE_VERSION = 5;
const SNAPPY_SINCE = 5;

/** BOUNDED: capabilities of one hello (BP-02). */
const MAX_CAPS = 64;
/** Characters of a client's name that are kept (BP-12). */
const MAX_NAME = 256;

const helloBody = struct(
  {
    version: uint53,
    name: utf8(BASE_MAX_BYTES),
    caps: list(tuple(utf8(BASE_MAX_BYTES), uint53), { max: MAX_CAPS }),
    /** Always 0 from us, ignored from others: even a zero byte, which is no RLP integer but what one client sends. */
    listenPort: bytes({ max: 8 }),
    publicKey: bytes(),
  },
  { extra: "ignore" },
);

export interface Hello {
  readonly version: number;
  readonly name: string;
  readonly caps: readonly Cap[];
  /** 64 bytes if the client is sane; the server checks. */
  readonly publicKey: Uint8Array;
}

/** Ours, which every stranger is told. */
const encoded = new WeakMap<Hello, Uint8Array>();

/** The same object gives the same bytes: they are not to be changed. */
export function encodeHello(hello: Hello): Uint8Array {
  const known = encoded.get(hello) ?? encode(hello);
  encoded.set(hello, known);
  return known;
}

function encode({ version, name, caps, publicKey }: Hello): Uint8Array {
  const pairs = caps.map(({ name: cap, version: capVersion }) => [cap, capVersion] as const);
  return encodeAs(helloBody, { version, name, caps: pairs, listenPort: new Uint8Array(0), publicKey });
}

/** @throws P2P_BAD_HELLO (breach of protocol) */
export function decodeHello(payload: Uint8Array): Hello {
  try {
    const { version, name, caps, publicKey } = decodeAs(helloBody, payload);
    return {
      version,
      name: cleanName(name),
      caps: caps.map(([cap, capVersion]) => ({ name: cap, version: capVersion })),
      publicKey: publicKey.slice(),
    };
  } catch (error) {
    if (!(error instanceof GlimError)) throw error;
    throw P2pError("BAD_HELLO", { problem: error.message }, { cause: error });
  }
}

export const speaksSnappy = (hello: Hello): boolean => hello.version >= SNAPPY_SINCE;

/** Control, format (direction marks among them) and line separator characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A stranger's text made safe to show: no control or direction characters, at most 256 characters. */
export function cleanName(name: string): string {
  return name.replace(UNPRINTABLE, "\ufffd").slice(0, MAX_NAME);
}

export function encodeDisconnect(reason: number): Uint8Array {
  return encodeAs(tuple(uint53), [reason]);
}

/**
 * The reason of a disconnect, whatever form it has: `[reason, …]`, a bare integer, nothing (BP-03). Never throws.
 * Numbers too large to be one come as bigint, cut to 8 bytes.
 */
export function decodeDisconnect(payload: Uint8Array): number | bigint {
  let item: RlpItem;
  try {
    item = decode(payload, { maxItems: 16, maxDepth: 2 });
  } catch (error) {
    if (!(error instanceof GlimError)) throw error;
    return 0;
  }
  const first = item instanceof Uint8Array ? item : item[0];
  if (!(first instanceof Uint8Array)) return 0;
  const value = bytesToBigint(first.subarray(0, 8));
  return value <= 0xffffn ? Number(value) : value;
}
