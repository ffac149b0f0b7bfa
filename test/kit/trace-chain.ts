// Transactions in which a tracer sees everything that it can tell: calls of every kind, creations, faults, refunds, ends
// without STOP. Each is sent alone in a block, but for the last block, which holds several.
import { keySigner } from "#consensus/clique";
import { createAddress, signTransaction, type Transaction } from "#core/types";
import { concatBytes, fromHex, toHex, utf8Encode } from "#util";
import { namedKey } from "./clique.ts";
import { assemble, deployCode } from "./contract.ts";
import { type FullBackend, users } from "./full-backend.ts";

const topic = (byte: string) => `0x${byte.repeat(32)}`;
const left = (bytes: Uint8Array) => toHex(bytes).padEnd(66, "0");

/** Stores the value it got, logs, answers 7. */
const inner = assemble(`CALLVALUE 0 SSTORE 7 0 MSTORE ${topic("aa")} 32 0 LOG1 32 0 RETURN`);
/** Stores and logs in vain, then reverts with Error("no"). */
const failing = assemble(`
  9 0 SSTORE 0 0 LOG0
  ${left(fromHex("0x08c379a0"))} 0 MSTORE 32 4 MSTORE 2 36 MSTORE ${left(utf8Encode("no"))} 68 MSTORE 100 0 REVERT`);
const recursive = assemble("0 0 0 0 0 ADDRESS GAS CALL STOP");
const destroying = assemble("0x00000000000000000000000000000000000000bb SELFDESTRUCT");
const child = deployCode(assemble("1 0 SSTORE 1 0 MSTORE 32 0 RETURN"));

const faults: readonly (readonly [name: string, code: Uint8Array])[] = [
  ["stack underflow", assemble("1 POP POP")],
  ["stack overflow", assemble(":again 1 @again JUMP")],
  ["opcode that is none", fromHex("0x60010c")],
  ["INVALID", assemble("1 INVALID")],
  ["jump to nowhere", assemble("3 JUMP STOP")],
  ["return data out of bounds", assemble("1 0 0 RETURNDATACOPY")],
  ["memory too large", assemble("1 0xffffffffff MSTORE")],
  ["out of gas in SSTORE", assemble(":again GAS GAS SSTORE @again JUMP")],
  ["recursion", recursive],
  ["no end", assemble("1 2 ADD")],
];

export interface Traced {
  readonly name: string;
  readonly tx: Transaction;
}

/** Blocks after the probe chain's. Returns what to trace. */
export async function addTraceBlocks({ ethereum }: FullBackend): Promise<readonly Traced[]> {
  const signer = keySigner(namedKey("signer"));
  const [alice] = users;
  if (alice === undefined) throw new Error("no user");
  const from = fromHex(alice.address);
  const { chain } = ethereum;
  let nonce = (await chain.state(chain.head).account(from))?.nonce ?? 0n;
  const traced: Traced[] = [];
  const make = (
    name: string,
    to: Uint8Array | undefined,
    fields: { input?: Uint8Array; value?: bigint; gas?: bigint },
  ) => {
    const { input = new Uint8Array(0), value = 0n, gas = 400_000n } = fields;
    const base = { type: 0, chainId: 1337n, nonce, gas, gasPrice: 5_000_000_000n, value, input } as const;
    const tx = signTransaction(to === undefined ? base : { ...base, to }, alice.key);
    const address = createAddress(from, nonce);
    nonce++;
    traced.push({ name, tx });
    return { tx, address };
  };
  const mine = async (txs: readonly Transaction[]) => {
    const { skipped } = await chain.produceBlock(txs, { signer, time: chain.head.time + 3 });
    if (skipped[0] !== undefined) throw skipped[0].error;
  };
  const send = async (...args: Parameters<typeof make>) => {
    const made = make(...args);
    await mine([made.tx]);
    return made.address;
  };
  const deploy = (name: string, code: Uint8Array) =>
    send(`deploy ${name}`, undefined, { input: deployCode(code) });

  const innerAt = toHex(await deploy("inner", inner));
  const failingAt = toHex(await deploy("failing", failing));
  const destroyingAt = await deploy("destroying", destroying);
  const outer = await deploy(
    "outer",
    assemble(`
      5 1 SSTORE
      32 0 0 0 3 ${innerAt} 100000 CALL POP
      32 0 0 0 ${innerAt} 50000 STATICCALL POP
      32 0 0 0 ${innerAt} GAS DELEGATECALL POP
      32 0 0 0 1 ${innerAt} 60000 CALLCODE POP
      100 64 0 0 0 ${failingAt} GAS CALL POP
      RETURNDATASIZE 0 0 RETURNDATACOPY
      32 0 32 0 0 4 GAS CALL POP
      32 0 32 0 2 GAS STATICCALL POP
      0 0 0 0 1 0x00000000000000000000000000000000000000cc 0 CALL POP
      0 0 0 0 0 ${innerAt} 100 CALL POP
      0 0 0 0 0xffffffffffffffffffffffff ${innerAt} GAS CALL POP
      ${innerAt} EXTCODEHASH POP ${innerAt} EXTCODESIZE POP 32 0 0 ${innerAt} EXTCODECOPY
      0x00000000000000000000000000000000000000dd BALANCE POP SELFBALANCE POP
      32 0 KECCAK256 POP
      ${topic("01")} ${topic("02")} ${topic("03")} ${topic("04")} 40 3 LOG4
      0 1 SSTORE 1 SLOAD POP 0 SLOAD`),
  );
  await send("outer", outer, { value: 100n });
  await send("outer again, slots warm and set", outer, { value: 7n, input: fromHex("0x12345678ff") });
  await send("failing", fromHex(failingAt as `0x${string}`), {});
  const childWords = [left(child.subarray(0, 32)), left(concatBytes(child.subarray(32), new Uint8Array(0)))];
  const maker = await deploy(
    "maker",
    assemble(`
      ${childWords[0]} 0 MSTORE ${childWords[1]} 32 MSTORE
      ${child.length} 0 2 CREATE POP
      77 ${child.length} 0 0 CREATE2 POP
      77 ${child.length} 0 0 CREATE2 POP
      4 0 0 CREATE POP
      0 0 0 CREATE POP
      ${left(assemble("0 0 REVERT"))} 0 MSTORE 5 0 0 CREATE POP
      ${left(assemble("30000 0 RETURN"))} 0 MSTORE 6 0 0 CREATE POP
      STOP`),
  );
  await send("maker", maker, { value: 50n, gas: 3_000_000n });
  await send("destroying", destroyingAt, { value: 4n });
  await send("made and destroyed at once", undefined, { input: destroying, value: 9n });
  await send("creation that reverts", undefined, { input: failing, value: 1n });
  await send("creation of code that is too dear", undefined, {
    input: assemble("20000 0 RETURN"),
    gas: 90_000n,
  });
  await send("creation of nothing", undefined, {});
  await send("transfer to oneself", from, { value: 2n, input: fromHex("0xdeadbeef") });
  await send("transfer to a new account", fromHex("0x00000000000000000000000000000000000000ee"), {
    value: 1n,
  });
  for (const [name, code] of faults) {
    const at = await deploy(name, code);
    await send(name, at, { gas: 120_000n });
  }
  const together = [
    make("together: outer", outer, { value: 1n }),
    make("together: maker", maker, { gas: 3_000_000n }),
    make("together: failing", fromHex(failingAt as `0x${string}`), {}),
  ];
  await mine(together.map(({ tx }) => tx));
  return traced;
}
