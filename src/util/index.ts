/**
 * util: bytes, byte-keyed maps, IP addresses as text, error tables, lifetimes. Imports no other room.
 *
 * Not here: hashing (`#crypto`), RLP (`#rlp`), time and chance (`#host`), events (`#event`).
 */
export { onAbort, orAborted } from "./abort.ts";
export {
  bigintToBytes,
  bytesToBigint,
  bytesToNumber,
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  type Hex,
  numberToBytes,
  toHex,
  utf8Decode,
  utf8Encode,
} from "./bytes.ts";
export { ByteMap, ByteSet, LruByteMap, LruMap } from "./byte-map.ts";
export {
  assertNever,
  type Backoff,
  type Blame,
  defineErrors,
  type ErrorFamily,
  type ErrorPolicy,
  GlimError,
  isError,
} from "./errors.ts";
export { type Caller, FairQueue } from "./fair-queue.ts";
export { formatIp, parseIp } from "./ip.ts";
export { lastOnly } from "./last-only.ts";
export { fromLatin1, latin1Of } from "./latin1.ts";
export { andThen, type MaybePromise } from "./maybe-promise.ts";
export { type Deferred, DisposeStack, deferred, Scope } from "./scope.ts";
export { TokenBucket } from "./token-bucket.ts";
