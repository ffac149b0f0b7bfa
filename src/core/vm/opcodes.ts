/** How many items an opcode takes from the stack and leaves there. */
type StackUse = readonly [pops: number, pushes: number];
interface Row {
  readonly name: string;
  readonly pops: number;
  readonly pushes: number;
}

/** Opcodes as geth names them (core/vm/opcodes.go@v1.17.5); a run of names counts up from its number. */
const RUNS: readonly (readonly [first: number, use: StackUse, names: string])[] = [
  [0x00, [0, 0], "STOP"],
  [0x01, [2, 1], "ADD MUL SUB DIV SDIV MOD SMOD"],
  [0x08, [3, 1], "ADDMOD MULMOD"],
  [0x0a, [2, 1], "EXP SIGNEXTEND"],
  [0x10, [2, 1], "LT GT SLT SGT EQ"],
  [0x15, [1, 1], "ISZERO"],
  [0x16, [2, 1], "AND OR XOR"],
  [0x19, [1, 1], "NOT"],
  [0x1a, [2, 1], "BYTE SHL SHR SAR"],
  [0x1e, [1, 1], "CLZ"],
  [0x20, [2, 1], "KECCAK256"],
  [0x30, [0, 1], "ADDRESS"],
  [0x31, [1, 1], "BALANCE"],
  [0x32, [0, 1], "ORIGIN CALLER CALLVALUE"],
  [0x35, [1, 1], "CALLDATALOAD"],
  [0x36, [0, 1], "CALLDATASIZE"],
  [0x37, [3, 0], "CALLDATACOPY"],
  [0x38, [0, 1], "CODESIZE"],
  [0x39, [3, 0], "CODECOPY"],
  [0x3a, [0, 1], "GASPRICE"],
  [0x3b, [1, 1], "EXTCODESIZE"],
  [0x3c, [4, 0], "EXTCODECOPY"],
  [0x3d, [0, 1], "RETURNDATASIZE"],
  [0x3e, [3, 0], "RETURNDATACOPY"],
  [0x3f, [1, 1], "EXTCODEHASH BLOCKHASH"],
  [0x41, [0, 1], "COINBASE TIMESTAMP NUMBER DIFFICULTY GASLIMIT CHAINID SELFBALANCE BASEFEE"],
  [0x49, [1, 1], "BLOBHASH"],
  [0x4a, [0, 1], "BLOBBASEFEE"],
  [0x50, [1, 0], "POP"],
  [0x51, [1, 1], "MLOAD"],
  [0x52, [2, 0], "MSTORE MSTORE8"],
  [0x54, [1, 1], "SLOAD"],
  [0x55, [2, 0], "SSTORE"],
  [0x56, [1, 0], "JUMP"],
  [0x57, [2, 0], "JUMPI"],
  [0x58, [0, 1], "PC MSIZE GAS"],
  [0x5b, [0, 0], "JUMPDEST"],
  [0x5c, [1, 1], "TLOAD"],
  [0x5d, [2, 0], "TSTORE"],
  [0x5e, [3, 0], "MCOPY"],
  [0xf0, [3, 1], "CREATE"],
  [0xf1, [7, 1], "CALL CALLCODE"],
  [0xf3, [2, 0], "RETURN"],
  [0xf4, [6, 1], "DELEGATECALL"],
  [0xf5, [4, 1], "CREATE2"],
  [0xfa, [6, 1], "STATICCALL"],
  [0xfd, [2, 0], "REVERT"],
  [0xfe, [0, 0], "INVALID"],
  [0xff, [1, 0], "SELFDESTRUCT"],
];

function rowsOf(): readonly Row[] {
  const rows = Array.from({ length: 256 }, (_, op): Row => {
    if (op >= 0x5f && op <= 0x7f) return { name: `PUSH${op - 0x5f}`, pops: 0, pushes: 1 };
    if (op >= 0x80 && op <= 0x8f) return { name: `DUP${op - 0x7f}`, pops: op - 0x7f, pushes: op - 0x7e };
    if (op >= 0x90 && op <= 0x9f) return { name: `SWAP${op - 0x8f}`, pops: op - 0x8e, pushes: op - 0x8e };
    if (op >= 0xa0 && op <= 0xa4) return { name: `LOG${op - 0xa0}`, pops: op - 0x9e, pushes: 0 };
    return { name: `opcode 0x${op.toString(16)} not defined`, pops: 0, pushes: 0 };
  });
  for (const [first, [pops, pushes], names] of RUNS)
    for (const [i, name] of names.split(" ").entries()) rows[first + i] = { name, pops, pushes };
  return rows;
}

const ROWS = rowsOf();
const STACK_LIMIT = 1024;

/** geth's name of an opcode; `opcode 0x… not defined` for a byte that is none. */
export function opName(op: number): string {
  return ROWS[op]?.name ?? "";
}

/** geth's error for an opcode that does not fit the stack (core/vm/errors.go@v1.11.6). */
export function stackFault(op: number, size: number): string | undefined {
  const row = ROWS[op];
  if (row === undefined) return undefined;
  if (size < row.pops) return `stack underflow (${size} <=> ${row.pops})`;
  const most = STACK_LIMIT + row.pops - row.pushes;
  return size > most ? `stack limit reached ${size} (${most})` : undefined;
}
