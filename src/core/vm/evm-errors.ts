import { bytesToBigint, equalBytes, fromHex, utf8Decode } from "#util";

/** ethereumjs' texts → geth's (core/vm/errors.go@v1.11.6). What is not here stands as it is. */
const TEXTS: Readonly<Record<string, string>> = {
  "out of gas": "out of gas",
  "code store out of gas": "contract creation code storage out of gas",
  "code size to deposit exceeds maximum code size": "max code size exceeded",
  "static state change": "write protection",
  "create collision": "contract address collision",
  "value out of range": "return data out of bounds",
  "insufficient balance": "insufficient balance for transfer",
  "invalid bytecode deployed": "invalid code: must not begin with 0xef",
  "initcode exceeds max initcode size": "max initcode size exceeded",
  revert: "execution reverted",
};

/** geth's text for an EVM error of ethereumjs. */
export function gethText(error: string): string {
  // followed by the place, which geth does not tell
  if (error.startsWith("invalid JUMP")) return "invalid jump destination";
  return TEXTS[error] ?? error;
}

const BLAKE2F = 9;
const PAIRING = 8;
const FIRST_BLS = 0x0b;
const LAST_BLS = 0x11;

/** Texts of the library's BLS precompiles → geth's; its "point not on curve" is more than one thing there. */
const BLS_TEXTS: Readonly<Record<string, string>> = {
  "input is empty": "invalid input length",
  "fp point not in field": "invalid fp.Element encoding",
  revert: "invalid fp.Element encoding",
  "point not on curve": "invalid point: not on curve",
};

/** geth's text where a precompile refused its input (core/vm/contracts.go@v1.17.5). */
export function precompileText(precompile: number, input: Uint8Array, error: string): string {
  if (error === "out of gas") return error;
  if (precompile === BLAKE2F) return input.length === 213 ? "invalid final flag" : "invalid input length";
  if (precompile === PAIRING && input.length % 192 !== 0) return "bad elliptic curve pairing size";
  if (precompile >= FIRST_BLS && precompile <= LAST_BLS) return BLS_TEXTS[error] ?? gethText(error);
  return gethText(error);
}

const ERROR_STRING = fromHex("0x08c379a0");
const PANIC = fromHex("0x4e487b71");

/** Codes of Solidity's Panic(uint256) (accounts/abi/abi.go panicReasons@v1.11.6). */
const PANICS: Readonly<Record<string, string>> = {
  0: "generic panic",
  1: "assert(false)",
  17: "arithmetic underflow or overflow",
  18: "division or modulo by zero",
  33: "enum overflow",
  34: "invalid encoded storage byte array accessed",
  49: "out-of-bounds array access; popping on an empty array",
  50: "out-of-bounds access of an array or bytesN",
  65: "out of memory",
  81: "uninitialized function",
};

/**
 * The text in revert data: `Error(string)` or `Panic(uint256)` of Solidity. Undefined for anything else.
 * @see accounts/abi/abi.go:260@v1.11.6 UnpackRevert
 */
export function revertReason(returnData: Uint8Array): string | undefined {
  const selector = returnData.subarray(0, 4);
  if (equalBytes(selector, PANIC) && returnData.length >= 36) {
    const code = bytesToBigint(returnData.subarray(4, 36));
    return PANICS[code.toString()] ?? `unknown panic code: 0x${code.toString(16)}`;
  }
  if (!equalBytes(selector, ERROR_STRING)) return undefined;
  const payload = returnData.subarray(4);
  const at = bytesToBigint(payload.subarray(0, 32));
  if (payload.length < 64 || at + 32n > BigInt(payload.length)) return undefined;
  const start = Number(at) + 32;
  const length = bytesToBigint(payload.subarray(start - 32, start));
  if (length > BigInt(payload.length - start)) return undefined;
  return utf8Decode(payload.subarray(start, start + Number(length)));
}
