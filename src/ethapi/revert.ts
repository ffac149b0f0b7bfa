import { RpcError, rpcCodes } from "#rpc";
import { bytesToBigint, bytesToNumber, equalBytes, fromHex, toHex, utf8Decode } from "#util";

const ERROR_STRING = fromHex("0x08c379a0");
const PANIC_UINT = fromHex("0x4e487b71");

/** Solidity's panic codes (geth accounts/abi/abi.go:248@v1.17.5). */
const PANICS: ReadonlyMap<bigint, string> = new Map([
  [0x00n, "generic panic"],
  [0x01n, "assert(false)"],
  [0x11n, "arithmetic underflow or overflow"],
  [0x12n, "division or modulo by zero"],
  [0x21n, "enum overflow"],
  [0x22n, "invalid encoded storage byte array accessed"],
  [0x31n, "out-of-bounds array access; popping on an empty array"],
  [0x32n, "out-of-bounds access of an array or bytesN"],
  [0x41n, "out of memory"],
  [0x51n, "uninitialized function"],
]);

/** The text in `Error(string)` or `Panic(uint256)` revert data; `undefined` for anything else. */
export function revertReason(data: Uint8Array): string | undefined {
  const selector = data.subarray(0, 4);
  const words = data.subarray(4);
  if (equalBytes(selector, PANIC_UINT) && words.length >= 32) {
    const code = bytesToBigint(words.subarray(0, 32));
    return PANICS.get(code) ?? `unknown panic code: 0x${code.toString(16)}`;
  }
  if (!equalBytes(selector, ERROR_STRING) || words.length < 64) return undefined;
  const offset = smallWord(words, 0);
  const length = offset === undefined ? undefined : smallWord(words, offset);
  if (offset === undefined || length === undefined || offset + 32 + length > words.length) return undefined;
  return utf8Decode(words.subarray(offset + 32, offset + 32 + length));
}

/** A 32-byte word that has to be an offset or a length inside `words`. */
function smallWord(words: Uint8Array, at: number): number | undefined {
  if (at + 32 > words.length) return undefined;
  const word = words.subarray(at, at + 32);
  if (word.subarray(0, 28).some((byte) => byte !== 0)) return undefined;
  return bytesToNumber(word.subarray(28));
}

/** Error 3 with the revert data (Trap 21, fixed; geth internal/ethapi/errors.go:60@v1.17.5). */
export function revertError(data: Uint8Array): RpcError {
  const reason = revertReason(data);
  return new RpcError(rpcCodes.revert, reason === undefined ? "execution reverted" : `execution reverted: ${reason}`, toHex(data));
}
