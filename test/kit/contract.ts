// A contract that has one function for every way a call can end, assembled here so that nobody needs a compiler.
import { keccak256 } from "#crypto";
import { concatBytes, fromHex, toHex, utf8Encode } from "#util";

const OPS: Readonly<Record<string, number>> = {
  STOP: 0x00, ADD: 0x01, MUL: 0x02, LT: 0x10, EQ: 0x14, ISZERO: 0x15, SHR: 0x1c, KECCAK256: 0x20, ADDRESS: 0x30, BALANCE: 0x31,
  ORIGIN: 0x32, CALLER: 0x33, CALLVALUE: 0x34, CALLDATALOAD: 0x35, GASPRICE: 0x3a, BLOCKHASH: 0x40, COINBASE: 0x41, TIMESTAMP: 0x42,
  NUMBER: 0x43, PREVRANDAO: 0x44, GASLIMIT: 0x45, CHAINID: 0x46, BASEFEE: 0x48, BLOBBASEFEE: 0x4a, POP: 0x50, MLOAD: 0x51, MSTORE: 0x52, SLOAD: 0x54,
  SSTORE: 0x55, JUMP: 0x56, JUMPI: 0x57, GAS: 0x5a, DUP1: 0x80, DUP2: 0x81, SWAP1: 0x90, LOG2: 0xa2, CALL: 0xf1, RETURN: 0xf3,
  STATICCALL: 0xfa, REVERT: 0xfd, INVALID: 0xfe,
  CODECOPY: 0x39, EXTCODESIZE: 0x3b, EXTCODECOPY: 0x3c, RETURNDATASIZE: 0x3d, RETURNDATACOPY: 0x3e,
  EXTCODEHASH: 0x3f, SELFBALANCE: 0x47, MSTORE8: 0x53, MSIZE: 0x59, LOG0: 0xa0, LOG1: 0xa1, LOG4: 0xa4, CREATE: 0xf0,
  DIV: 0x04, SDIV: 0x05, MOD: 0x06, SMOD: 0x07, ADDMOD: 0x08, MULMOD: 0x09, EXP: 0x0a, CALLDATASIZE: 0x36, CALLDATACOPY: 0x37,
  CALLCODE: 0xf2, DELEGATECALL: 0xf4, CREATE2: 0xf5, SELFDESTRUCT: 0xff,
}; // biome-ignore format: a table

/** Assembles words: opcode names, `:label` (a JUMPDEST), `@label` (its place), and hex or decimal numbers to be pushed. */
export function assemble(source: string): Uint8Array {
  const words = source
    .split("\n")
    .flatMap((line) => (line.split(";")[0] ?? "").trim().split(/\s+/))
    .filter((word) => word !== "");
  const labels = new Map<string, number>();
  const parts: (Uint8Array | string)[] = [];
  let at = 0;
  for (const word of words) {
    const op = OPS[word];
    if (word.startsWith(":")) {
      labels.set(word.slice(1), at);
      parts.push(new Uint8Array([0x5b]));
      at += 1;
    } else if (word.startsWith("@")) {
      parts.push(word.slice(1));
      at += 3;
    } else if (op !== undefined) {
      parts.push(new Uint8Array([op]));
      at += 1;
    } else {
      const digits = BigInt(word).toString(16);
      const bytes = fromHex(`0x${digits.length % 2 === 1 ? "0" : ""}${digits}`);
      parts.push(concatBytes(new Uint8Array([0x5f + bytes.length]), bytes));
      at += 1 + bytes.length;
    }
  }
  const placed = parts.map((part) => {
    if (typeof part !== "string") return part;
    const place = labels.get(part);
    if (place === undefined) throw new RangeError(`no label ${part}`);
    return new Uint8Array([0x61, place >> 8, place & 0xff]);
  });
  return concatBytes(...placed);
}

const selector = (signature: string) => toHex(keccak256(utf8Encode(signature)).subarray(0, 4));
const left = (hex: string) => `0x${hex.slice(2).padEnd(64, "0")}`;
const text = (value: string) => left(toHex(utf8Encode(value)));

/** Event of `set`: `Changed(address indexed by, uint256 value)`. */
export const changedTopic = toHex(keccak256(utf8Encode("Changed(address,uint256)")));

/** name in the assembly → signature, from which the dispatcher is made. */
const FUNCTIONS = {
  get: "get()",
  set: "set(uint256)",
  slot: "slot(uint256)",
  balanceOf: "balanceOf(address)",
  environment: "environment()",
  fail: "fail()",
  failCustom: "failCustom()",
  panic: "panic()",
  bad: "bad()",
  loop: "loop()",
  bomb: "bomb()",
  precompiles: "precompiles()",
} as const;

const dispatcher = Object.entries(FUNCTIONS)
  .map(([name, signature]) => `DUP1 ${selector(signature)} EQ @${name} JUMPI`)
  .join("\n");

/** Runtime code of the contract; its ABI is `probeAbi`. */
export const probeCode = assemble(`
  0 CALLDATALOAD 224 SHR
  ${dispatcher}
  0 0 REVERT
  :get 0 SLOAD 0 MSTORE 32 0 RETURN
  :set 4 CALLDATALOAD DUP1 0 SSTORE 0 MSTORE CALLER ${changedTopic} 32 0 LOG2 STOP
  :slot 4 CALLDATALOAD SLOAD 0 MSTORE 32 0 RETURN
  :balanceOf 4 CALLDATALOAD BALANCE 0 MSTORE 32 0 RETURN
  :environment
    NUMBER 0 MSTORE TIMESTAMP 32 MSTORE COINBASE 64 MSTORE BASEFEE 96 MSTORE GASLIMIT 128 MSTORE CHAINID 160 MSTORE
    CALLER 192 MSTORE ORIGIN 224 MSTORE GASPRICE 256 MSTORE CALLVALUE 288 MSTORE PREVRANDAO 320 MSTORE
    NUMBER 0x${"f".repeat(64)} ADD BLOCKHASH 352 MSTORE
    384 0 RETURN
  :fail ${left("0x08c379a0")} 0 MSTORE 32 4 MSTORE 12 36 MSTORE ${text("no such luck")} 68 MSTORE 100 0 REVERT
  :failCustom ${left(selector("Nope(uint256)"))} 0 MSTORE 7 4 MSTORE 36 0 REVERT
  :panic ${left("0x4e487b71")} 0 MSTORE 17 4 MSTORE 36 0 REVERT
  :bad INVALID
  :loop @loop JUMP
  :bomb 1 0xffffffffffff MSTORE STOP
  :precompiles 0 0 0 0 2 GAS STATICCALL POP @precompiles JUMP
`);

/** Call data of a function of the contract; arguments are 32-byte words. */
export function probeCall(name: keyof typeof FUNCTIONS, ...words: readonly Uint8Array[]): Uint8Array {
  return concatBytes(fromHex(selector(FUNCTIONS[name])), ...words);
}

/** Init code that deploys `code` (shorter than 64 KiB). */
export function deployCode(code: Uint8Array): Uint8Array {
  // PUSH2 for both numbers keeps the length of this prefix known
  const push = (value: number) => new Uint8Array([0x61, value >> 8, value & 0xff]);
  const prefix = (offset: number) =>
    concatBytes(push(code.length), push(offset), fromHex("0x600039"), push(code.length), fromHex("0x6000f3"));
  return concatBytes(prefix(prefix(0).length), code);
}

/** ABI in the form that viem and ethers read. */
export const probeAbi = [
  {
    type: "function",
    name: "get",
    stateMutability: "view",
    inputs: [],
    outputs: [{ type: "uint256", name: "" }],
  },
  {
    type: "function",
    name: "slot",
    stateMutability: "view",
    inputs: [{ type: "uint256", name: "at" }],
    outputs: [{ type: "uint256", name: "" }],
  },
  {
    type: "function",
    name: "balanceOf",
    stateMutability: "view",
    inputs: [{ type: "address", name: "of" }],
    outputs: [{ type: "uint256", name: "" }],
  },
  {
    type: "function",
    name: "set",
    stateMutability: "nonpayable",
    inputs: [{ type: "uint256", name: "value" }],
    outputs: [],
  },
  { type: "function", name: "fail", stateMutability: "view", inputs: [], outputs: [] },
  { type: "function", name: "failCustom", stateMutability: "view", inputs: [], outputs: [] },
  { type: "function", name: "panic", stateMutability: "view", inputs: [], outputs: [] },
  { type: "error", name: "Nope", inputs: [{ type: "uint256", name: "code" }] },
  {
    type: "event",
    name: "Changed",
    inputs: [
      { type: "address", name: "by", indexed: true },
      { type: "uint256", name: "value", indexed: false },
    ],
  },
] as const;
