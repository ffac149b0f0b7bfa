// Frames of ours beside the library's, which a traced machine still runs: random programs that call each other, on every fork.
import { applyDiff } from "#core/state";
import { bigintToBytes, concatBytes, toHex } from "#util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { testConfig } from "../../../test/kit/state-tests.ts";
import { openBlock } from "./index.ts";
import { opName } from "./opcodes.ts";
import { headerToExecute, memoryState } from "../../../test/kit/memory-state.ts";

const address = (last: number) => concatBytes(new Uint8Array(19), Uint8Array.of(last));
const word = (value: number) => concatBytes(new Uint8Array(31), Uint8Array.of(value));
const sender = address(0xaa);
const CONTRACTS = [0xc1, 0xc2, 0xc3];
const FORKS = [
  ...["Frontier", "Homestead", "EIP150", "EIP158", "Byzantium", "ConstantinopleFix", "Istanbul"],
  ...["Berlin", "London", "Paris", "Shanghai", "Cancun", "Prague", "Osaka"],
];

/** Mostly small numbers, so that memory, slots and addresses meet; and a few that break things. */
const number = fc.oneof(
  { arbitrary: fc.bigInt({ min: 0n, max: 70n }), weight: 6 },
  { arbitrary: fc.constantFrom(...CONTRACTS.map(BigInt), 1n, 2n, 4n, 5n, 0xeen), weight: 3 },
  { arbitrary: fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }), weight: 2 },
  {
    arbitrary: fc.constantFrom((1n << 255n) + 3n, (1n << 256n) - 1n, 1n << 64n, 1n << 26n, 0xffffn),
    weight: 1,
  },
);
const plain = fc.constantFrom(
  ..."ADD MUL SUB DIV SDIV MOD SMOD ADDMOD MULMOD EXP SIGNEXTEND LT GT SLT SGT EQ ISZERO AND OR XOR NOT BYTE".split(
    " ",
  ),
  ..."SHL SHR SAR KECCAK256 ADDRESS BALANCE ORIGIN CALLER CALLVALUE CALLDATALOAD CALLDATASIZE CALLDATACOPY".split(
    " ",
  ),
  ..."CODESIZE CODECOPY GASPRICE EXTCODESIZE EXTCODECOPY RETURNDATASIZE RETURNDATACOPY EXTCODEHASH BLOCKHASH".split(
    " ",
  ),
  ..."COINBASE TIMESTAMP NUMBER GASLIMIT CHAINID SELFBALANCE BASEFEE POP MLOAD MSTORE MSTORE8 SLOAD SSTORE SSTORE".split(
    " ",
  ),
  ..."PC MSIZE GAS JUMPDEST TLOAD TSTORE MCOPY PUSH0 DUP1 DUP2 DUP5 SWAP1 SWAP3 LOG0 LOG1 LOG3".split(" "),
);
const ending = fc.constantFrom("STOP", "RETURN", "REVERT", "INVALID", "SELFDESTRUCT", "JUMP", "");
/** Operands that are there, and an opcode. */
const step = fc.oneof(
  { arbitrary: fc.tuple(fc.array(number, { minLength: 0, maxLength: 4 }), plain), weight: 8 },
  {
    arbitrary: fc.tuple(
      fc.array(number, { minLength: 2, maxLength: 2 }),
      fc.constantFrom("SSTORE", "MSTORE", "SLOAD"),
    ),
    weight: 3,
  },
  {
    arbitrary: fc
      .tuple(
        fc.constantFrom("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL", "CREATE", "CREATE2"),
        fc.array(fc.bigInt({ min: 0n, max: 40n }), { minLength: 4, maxLength: 4 }),
        fc.constantFrom(0n, 0n, 0n, 1n, 1000n),
        fc.constantFrom(...CONTRACTS, 0xee, 1, 2, 3, 4, 6),
        fc.constantFrom(0n, 2000n, 30_000n, 90_000n),
      )
      .map(([op, sizes, value, to, gas]): [bigint[], string] =>
        op.startsWith("CREATE")
          ? [[7n, ...sizes.slice(0, 2), value], op]
          : [[...sizes, ...(op === "CALL" || op === "CALLCODE" ? [value] : []), BigInt(to), gas], op],
      ),
    weight: 3,
  },
);
const NUMBERS = new Map(Array.from({ length: 256 }, (_, op) => [opName(op), op]));
const opcode = (name: string) => (name === "" ? [] : [NUMBERS.get(name) ?? 0xfe]);
function push(value: bigint): number[] {
  const bytes = value === 0n ? Uint8Array.of(0) : bigintToBytes(value);
  return [0x5f + bytes.length, ...bytes];
}
/** Begins with a place to jump to, which makes a loop of which nobody knows whether it ends; and has one jump that is good. */
const program = fc
  .tuple(fc.array(step, { maxLength: 25 }), fc.array(number, { maxLength: 3 }), ending)
  .map(([steps, last, end]) => {
    const code = opcode("JUMPDEST");
    for (const [i, [operands, op]] of steps.entries()) {
      code.push(...operands.flatMap(push), ...opcode(op));
      if (i === 5) code.push(...push(BigInt(code.length + 3)), ...opcode("JUMP"), ...opcode("JUMPDEST"));
    }
    return Uint8Array.from([...code, ...last.flatMap(push), ...opcode(end)]);
  });

async function outcome(fork: string, codes: readonly Uint8Array[], traced: boolean) {
  const contracts = codes.map((code, i) => ({
    address: address(CONTRACTS[i] ?? 0),
    balance: 500n,
    nonce: 1n,
    code,
    storage: [[word(1), Uint8Array.of(5)] as [Uint8Array, Uint8Array]],
  }));
  const rich = { address: sender, balance: 10n ** 18n, nonce: 0n, code: new Uint8Array(0), storage: [] };
  const { nodes, reader, root } = memoryState([rich, ...contracts]);
  const header = headerToExecute({
    coinbase: address(0x99),
    stateRoot: root,
    difficulty: FORKS.indexOf(fork) < FORKS.indexOf("Paris") ? 1n : 0n,
    number: 20_000_000,
    time: 1_800_000_000,
    gasLimit: 30_000_000n,
    baseFee: 7n,
  });
  const block = await openBlock(testConfig(fork), header, reader, { traced });
  const results = [];
  for (const to of CONTRACTS) {
    const call = { from: sender, to: address(to), value: 3n, input: word(to) };
    const { returnData, logs, error, ...rest } = await block.call(call, { gas: 300_000n });
    // ours names the opcode, as geth does
    const why = error?.replace(/^invalid opcode: .*/, "invalid opcode");
    const said = logs.map((log) => [toHex(log.address), log.topics.map(toHex), toHex(log.data)]);
    results.push({ ...rest, why, returnData: toHex(returnData), logs: said });
  }
  return { results, root: toHex(applyDiff(nodes, root, block.diff()).root) };
}

describe.each(FORKS)("%s", (fork) => {
  test("random programs end as in the library's frames: gas, errors, logs, state (seed 14)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.tuple(program, program, program), async (codes) => {
        const [ours, theirs] = [await outcome(fork, codes, false), await outcome(fork, codes, true)];
        expect(ours).toEqual(theirs);
      }),
      { seed: 14, numRuns: Number(process.env["GLIM_RUNS"] ?? 60) },
    );
  });
});
