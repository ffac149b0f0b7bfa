// long: a table of opcodes, each a few lines
import { EVMError } from "@ethereumjs/evm";
import type { Common } from "@ethereumjs/common";
import { keccak256 } from "#crypto";
import { bigintToBytes, bytesToBigint, equalBytes } from "#util";
import type { OverlayState } from "./overlay.ts";
import type { Frame } from "./frames.ts";
import type { MaybePromise } from "./state-reader.ts";

/** An opcode that charges its own gas. A promise is awaited before the next one. */
export type OwnOpcode = (frame: Frame) => MaybePromise<void>;

const WORD = 256;
const wordBytes = (value: bigint): Uint8Array => bigintToBytes(value, 32);
const NOTHING = new Uint8Array(0);
/** Below this (bytes, 64 MiB) sizes and costs of memory are exact as numbers. */
const PLAIN = 1n << 26n;

const fail = (error: keyof typeof EVMError.errorMessages): never => {
  throw new EVMError(EVMError.errorMessages[error]);
};

/** Gas for memory up to there; the size is noted, the memory itself grows when it is written. */
function memoryGas({ run }: Frame, offset: bigint, length: bigint): bigint {
  if (length === 0n) return 0n;
  const words =
    offset < PLAIN && length < PLAIN
      ? BigInt((Number(offset) + Number(length) + 31) >>> 5)
      : (offset + length + 31n) >> 5n;
  if (words <= run.memoryWordCount) return 0n;
  const cost = words * 3n + ((words * words) >> 9n);
  const before = run.highestMemCost;
  run.memoryWordCount = words;
  if (cost <= before) return cost; // never, as both grow with the words
  run.highestMemCost = cost;
  return cost - before;
}

/** Gas so much a word. */
const wordsGas = (each: bigint, length: bigint): bigint => each * ((length + 31n) >> 5n);

type Binary = (a: bigint, b: bigint) => bigint;
const BINARY: ReadonlyMap<number, Binary> = new Map<number, Binary>([
  [0x01, (a, b) => BigInt.asUintN(WORD, a + b)],
  [0x02, (a, b) => BigInt.asUintN(WORD, a * b)],
  [0x03, (a, b) => BigInt.asUintN(WORD, a - b)],
  [0x04, (a, b) => (b === 0n ? 0n : a / b)],
  [0x06, (a, b) => (b === 0n ? 0n : a % b)],
  [0x10, (a, b) => (a < b ? 1n : 0n)],
  [0x11, (a, b) => (a > b ? 1n : 0n)],
  [0x12, (a, b) => (BigInt.asIntN(WORD, a) < BigInt.asIntN(WORD, b) ? 1n : 0n)],
  [0x13, (a, b) => (BigInt.asIntN(WORD, a) > BigInt.asIntN(WORD, b) ? 1n : 0n)],
  [0x14, (a, b) => (a === b ? 1n : 0n)],
  [0x16, (a, b) => a & b],
  [0x17, (a, b) => a | b],
  [0x18, (a, b) => a ^ b],
]);
/** From Constantinople on. */
const SHIFTS: ReadonlyMap<number, Binary> = new Map<number, Binary>([
  [0x1b, (a, b) => (a > 255n ? 0n : BigInt.asUintN(WORD, b << a))],
  [0x1c, (a, b) => (a > 255n ? 0n : b >> a)],
]);

/** What the opcodes below need of their fork. */
interface Terms {
  readonly fees: readonly bigint[];
  readonly state: OverlayState;
  readonly common: Common;
  readonly isBerlin: boolean;
}

const binary = (fee: bigint, of: Binary): OwnOpcode => {
  return (frame) => {
    frame.useGas(fee);
    const { stack } = frame.run;
    stack.need(2);
    stack.replace(2, of(stack.at(0), stack.at(1)));
  };
};

/** A value that the frame knows. */
const given = (fee: bigint, of: (frame: Frame) => bigint): OwnOpcode => {
  return (frame) => {
    frame.useGas(fee);
    frame.run.stack.push(of(frame));
  };
};

function push(fee: bigint, size: number): OwnOpcode {
  return (frame) => {
    const { run } = frame;
    frame.useGas(fee);
    const at = run.programCounter;
    let value = run.cachedPushes[at];
    if (value === undefined) {
      // bytes behind the end of the code are zeros
      const there = run.code.subarray(at, at + size);
      value = bytesToBigint(there) << BigInt(8 * (size - there.length));
      if (run.cachedPushes.length > 0) run.cachedPushes[at] = value;
    }
    run.programCounter = at + size;
    run.stack.push(value);
  };
}

function jumpTo(frame: Frame, target: bigint): void {
  const { run } = frame;
  if (run.validJumps.length === 0) frame.lookAtCode();
  const at = target < BigInt(run.code.length) ? Number(target) : -1;
  if (run.validJumps[at] !== 1) fail("INVALID_JUMP");
  run.programCounter = at;
}

const jumps = ({ fees }: Terms): [number, OwnOpcode][] => [
  [
    0x56,
    (frame) => {
      frame.useGas(fees[0x56] ?? 0n);
      jumpTo(frame, frame.run.stack.pop());
    },
  ],
  [
    0x57,
    (frame) => {
      frame.useGas(fees[0x57] ?? 0n);
      const { stack } = frame.run;
      stack.need(2);
      const target = stack.pop();
      if (stack.pop() !== 0n) jumpTo(frame, target);
    },
  ],
];

function callData({ fees }: Terms): [number, OwnOpcode][] {
  const load: OwnOpcode = (frame) => {
    frame.useGas(fees[0x35] ?? 0n);
    const { stack, env } = frame.run;
    const at = stack.pop();
    const there =
      at < BigInt(env.callData.length) ? env.callData.subarray(Number(at), Number(at) + 32) : NOTHING;
    stack.push(bytesToBigint(there) << BigInt(8 * (32 - there.length)));
  };
  return [
    [0x33, given(fees[0x33] ?? 0n, ({ run }) => bytesToBigint(run.env.caller.bytes))],
    [0x34, given(fees[0x34] ?? 0n, ({ run }) => run.env.callValue)],
    [0x35, load],
    [0x36, given(fees[0x36] ?? 0n, ({ run }) => BigInt(run.env.callData.length))],
  ];
}

function memory({ fees }: Terms): [number, OwnOpcode][] {
  const load: OwnOpcode = (frame) => {
    const { stack, memory: own } = frame.run;
    stack.need(1);
    const at = stack.at(0);
    frame.useGas((fees[0x51] ?? 0n) + memoryGas(frame, at, 32n));
    stack.replace(1, bytesToBigint(own.read(Number(at), 32, true)));
  };
  const store: OwnOpcode = (frame) => {
    const { stack, memory: own } = frame.run;
    stack.need(1);
    const at = stack.at(0);
    frame.useGas((fees[0x52] ?? 0n) + memoryGas(frame, at, 32n));
    stack.need(2);
    own.write(Number(at), 32, wordBytes(stack.at(1)));
    stack.pop();
    stack.pop();
  };
  return [
    [0x51, load],
    [0x52, store],
  ];
}

function hashing({ fees, common }: Terms): [number, OwnOpcode][] {
  const each = common.param("keccak256WordGas");
  const hash: OwnOpcode = (frame) => {
    const { stack, memory: own } = frame.run;
    stack.need(2);
    const at = stack.at(0);
    const length = stack.at(1);
    frame.useGas((fees[0x20] ?? 0n) + memoryGas(frame, at, length) + wordsGas(each, length));
    const bytes = length === 0n ? NOTHING : own.read(Number(at), Number(length), true);
    stack.replace(2, bytesToBigint(keccak256(bytes)));
  };
  return [[0x20, hash]];
}

function logs({ fees, common }: Terms): [number, OwnOpcode][] {
  const topicGas = common.param("logTopicGas");
  const byteGas = common.param("logDataGas");
  const log =
    (topics: number, fee: bigint): OwnOpcode =>
    (frame) => {
      const { stack, env, memory: own } = frame.run;
      if (env.isStatic) fail("STATIC_STATE_CHANGE");
      stack.need(2);
      const at = stack.at(0);
      const length = stack.at(1);
      frame.useGas(fee + memoryGas(frame, at, length) + topicGas * BigInt(topics) + byteGas * length);
      stack.need(2 + topics);
      const words = stack
        .popN(2 + topics)
        .slice(2)
        .map(wordBytes);
      const data = length === 0n ? NOTHING : own.read(Number(at), Number(length));
      frame.addLog([env.address.bytes, words, data]);
    };
  return [0, 1, 2, 3, 4].map((topics) => [0xa0 + topics, log(topics, fees[0xa0 + topics] ?? 0n)]);
}

/** The end of a frame that succeeds, and of one that takes everything back. */
function endings({ fees, common }: Terms): [number, OwnOpcode][] {
  const end = (op: number, of: (frame: Frame, bytes: Uint8Array) => void): [number, OwnOpcode] => [
    op,
    (frame) => {
      const { stack, memory: own } = frame.run;
      stack.need(2);
      const at = stack.at(0);
      const length = stack.at(1);
      frame.useGas((fees[op] ?? 0n) + memoryGas(frame, at, length));
      of(frame, length === 0n ? NOTHING : own.read(Number(at), Number(length)));
    },
  ];
  const stop: OwnOpcode = (frame) => frame.end(undefined, undefined);
  const hasRevert = common.gteHardfork("byzantium");
  return [
    [0x00, stop],
    end(0xf3, (frame, bytes) => frame.end(bytes, undefined)),
    ...(hasRevert
      ? [end(0xfd, (frame, bytes) => frame.end(bytes, new EVMError(EVMError.errorMessages.REVERT)))]
      : []),
  ];
}

/** From Istanbul on: EIP-2200, with EIP-2929 and 3529 by the parameters of later forks. */
function storage({ fees, state, common, isBerlin }: Terms): [number, OwnOpcode][] {
  const param = (name: string) => common.param(name);
  const cold = isBerlin ? param("coldsloadGas") : 0n;
  const warm = isBerlin ? param("warmstoragereadGas") : 0n;
  const loadFee = fees[0x54] ?? 0n;
  const storeFee = fees[0x55] ?? 0n;
  const terms = {
    sentry: param("sstoreSentryEIP2200Gas"),
    noop: param("sstoreNoopEIP2200Gas"),
    init: param("sstoreInitEIP2200Gas"),
    clean: param("sstoreCleanEIP2200Gas"),
    dirty: param("sstoreDirtyEIP2200Gas"),
    clear: param("sstoreClearRefundEIP2200Gas"),
    initRefund: param("sstoreInitRefundEIP2200Gas"),
    cleanRefund: param("sstoreCleanRefundEIP2200Gas"),
    // where the slot is warm (EIP-2929)
    warmInitRefund: isBerlin ? param("sstoreInitEIP2200Gas") - warm : 0n,
    warmCleanRefund: isBerlin ? param("sstoreResetGas") - cold - warm : 0n,
  };

  const load: OwnOpcode = (frame) => {
    const { stack, env } = frame.run;
    stack.need(1);
    const slot = wordBytes(stack.at(0));
    const address = env.address.bytes;
    let fee = loadFee;
    if (isBerlin) fee += state.isWarmSlot(address, slot) ? warm : cold;
    if (isBerlin) frame.warmSlot(slot);
    frame.useGas(fee);
    const value = state.slot(address, slot);
    if (!(value instanceof Promise)) return stack.replace(1, bytesToBigint(value));
    return value.then((bytes) => stack.replace(1, bytesToBigint(bytes)));
  };

  /** What a change of a slot costs, its refunds booked. */
  const price = (
    frame: Frame,
    slot: Uint8Array,
    current: Uint8Array,
    original: Uint8Array,
    value: Uint8Array,
  ) => {
    const isWarm = isBerlin && state.isWarmSlot(frame.run.env.address.bytes, slot);
    if (equalBytes(current, value)) return isWarm ? warm : terms.noop;
    if (equalBytes(original, current)) {
      if (original.length === 0) return terms.init;
      if (value.length === 0) frame.refund(terms.clear);
      return terms.clean;
    }
    if (original.length > 0) {
      if (current.length === 0) frame.refund(-terms.clear);
      else if (value.length === 0) frame.refund(terms.clear);
    }
    if (equalBytes(original, value)) {
      if (original.length === 0) frame.refund(isWarm ? terms.warmInitRefund : terms.initRefund);
      else frame.refund(isWarm ? terms.warmCleanRefund : terms.cleanRefund);
    }
    return terms.dirty;
  };

  const set = (frame: Frame, slot: Uint8Array, current: Uint8Array, original: Uint8Array): void => {
    const { stack, env, gasLeft } = frame.run;
    const value = bigintToBytes(stack.at(1));
    if (gasLeft <= terms.sentry) fail("OUT_OF_GAS");
    let fee = storeFee + price(frame, slot, current, original, value);
    if (isBerlin && !state.isWarmSlot(env.address.bytes, slot)) fee += cold;
    if (isBerlin) frame.warmSlot(slot);
    frame.useGas(fee);
    stack.pop();
    stack.pop();
    state.setSlot(env.address.bytes, slot, value);
  };

  const store: OwnOpcode = (frame) => {
    const { stack, env } = frame.run;
    if (env.isStatic) fail("STATIC_STATE_CHANGE");
    stack.need(2);
    const slot = wordBytes(stack.at(0));
    const current = state.slot(env.address.bytes, slot);
    if (!(current instanceof Promise))
      return set(frame, slot, current, state.originalSlot(env.address.bytes, slot, current));
    return current.then((bytes) =>
      set(frame, slot, bytes, state.originalSlot(env.address.bytes, slot, bytes)),
    );
  };
  return [
    [0x54, load],
    [0x55, store],
  ];
}

/** Opcodes of ours, by number, for one EVM; what is not among them is the library's. */
export function ownOpcodes(terms: Terms): (OwnOpcode | undefined)[] {
  const { fees, common } = terms;
  const table: (OwnOpcode | undefined)[] = [];
  const fee = (op: number) => fees[op] ?? 0n;
  for (const [op, of] of BINARY) table[op] = binary(fee(op), of);
  if (common.gteHardfork("constantinople")) for (const [op, of] of SHIFTS) table[op] = binary(fee(op), of);
  for (let size = 1; size <= 32; size++) table[0x5f + size] = push(fee(0x5f + size), size);
  for (let place = 1; place <= 16; place++) {
    table[0x7f + place] = (frame) => {
      frame.useGas(fee(0x7f + place));
      frame.run.stack.dup(place);
    };
    table[0x8f + place] = (frame) => {
      frame.useGas(fee(0x8f + place));
      frame.run.stack.swap(place);
    };
  }
  table[0x15] = (frame) => {
    frame.useGas(fee(0x15));
    const { stack } = frame.run;
    stack.need(1);
    stack.replace(1, stack.at(0) === 0n ? 1n : 0n);
  };
  table[0x50] = (frame) => {
    frame.useGas(fee(0x50));
    frame.run.stack.pop();
  };
  const more = [jumps, callData, memory, hashing, logs, endings];
  for (const rows of more) for (const [op, of] of rows(terms)) table[op] = of;
  if (common.gteHardfork("istanbul")) for (const [op, of] of storage(terms)) table[op] = of;
  return table;
}
