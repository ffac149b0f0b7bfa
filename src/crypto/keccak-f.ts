/**
 * The sponge of Keccak-f[1600] (FIPS 202 §3) as WebAssembly, which has the 64-bit words it is made of and JavaScript has not. The code is
 * written out here, a round's 25 lanes each in a local variable, because a module that a library brings can neither tell a digest without
 * ending its hash nor be told where the state lies; both cost more than the permutation itself (docs/design/bytes.md).
 */

import {
  body,
  type Code,
  each,
  get,
  I32,
  I64,
  int,
  load,
  named,
  op,
  section,
  set,
  signed,
  store,
  vector,
} from "./wasm-code.ts";

const STATE_BYTES = 200;
/** Memory, bytes: round constants, the state, the input. */
const CONSTANTS_AT = 0;
const STATE_AT = 256;
const INPUT_AT = 1_024;
/** A whole number of blocks at both rates used here, 136 and 72 bytes. */
const INPUT_BYTES = 136 * 72 * 6;

/** Local variables of `permute`: where the state is, the round in bytes of the constants, lanes, lanes after rho and pi, columns. */
const AT = 0;
const ROUND = 1;
const lane = (i: number): number => 2 + i;
const moved = (i: number): number => 27 + i;
const column = (x: number): number => 52 + (x % 5);
const DELTA = 57;
const ROUNDS = 24;

/** Rotation of each lane x + 5y by rho. FIPS 202 §3.2.2 */
function rotations(): number[] {
  const out = Array.from({ length: 25 }, () => 0);
  for (let t = 0, x = 1, y = 0; t < 24; t++, [x, y] = [y, (2 * x + 3 * y) % 5])
    out[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
  return out;
}

/** What iota adds in each round, from its shift register. FIPS 202 §3.2.5 */
function roundConstants(): bigint[] {
  let register = 1;
  return Array.from({ length: ROUNDS }, () => {
    let constant = 0n;
    for (let j = 0; j < 7; j++) {
      if ((register & 1) === 1) constant |= 1n << BigInt(2 ** j - 1);
      register = (register << 1) ^ ((register >> 7) * 0x171);
    }
    return constant;
  });
}

function permuteCode(): Code {
  const by = rotations();
  const theta = each(5, (x) => [
    ...get(lane(x)),
    ...each(4, (y) => [...get(lane(x + 5 * (y + 1))), ...op.xor]),
    ...set(column(x)),
  ]);
  const rhoAndPi = each(5, (x) => [
    ...[...get(column(x + 4)), ...get(column(x + 1)), ...op.i64const, 1, ...op.rotateLeft, ...op.xor],
    ...set(DELTA),
    ...each(5, (y) => [
      ...[...get(lane(x + 5 * y)), ...get(DELTA), ...op.xor],
      ...[...op.i64const, ...signed(by[x + 5 * y] ?? 0), ...op.rotateLeft],
      ...set(moved(y + 5 * ((2 * x + 3 * y) % 5))),
    ]),
  ]);
  const chi = each(25, (i) => {
    const row = i - (i % 5);
    const next = moved(row + ((i + 1) % 5));
    const afterNext = moved(row + ((i + 2) % 5));
    const not: Code = [...op.i64const, 0x7f, ...op.xor]; // 0x7f is −1
    return [...get(moved(i)), ...get(next), ...not, ...get(afterNext), ...op.and, ...op.xor, ...set(lane(i))];
  });
  const iota = [...get(lane(0)), ...get(ROUND), ...load(CONSTANTS_AT), ...op.xor, ...set(lane(0))];
  const nextRound = [
    ...get(ROUND),
    ...int(8),
    ...op.i32add,
    ...op.tee,
    ROUND,
    ...int(8 * ROUNDS),
    ...op.i32less,
  ];
  return [
    ...each(25, (i) => [...get(AT), ...load(8 * i), ...set(lane(i))]),
    ...[...op.loop, ...theta, ...rhoAndPi, ...chi, ...iota, ...nextRound, ...op.branchIf, ...op.end],
    ...each(25, (i) => [...get(AT), ...get(lane(i)), ...store(8 * i)]),
    ...op.end,
  ];
}

/** `absorb(state, from, to, rate)`: the blocks of `rate` bytes in [from, to), one at least. Local 4: the byte in the block. */
function absorbCode(): Code {
  const [state, from, to, rate, i] = [0, 1, 2, 3, 4];
  const at = (base: number): Code => [...get(base), ...get(i), ...op.i32add];
  return [
    ...op.loop,
    ...[...int(0), ...set(i), ...op.loop],
    ...[...at(state), ...at(state), ...load(0), ...at(from), ...load(0), ...op.xor, ...store(0)],
    ...[
      ...get(i),
      ...int(8),
      ...op.i32add,
      ...op.tee,
      i,
      ...get(rate),
      ...op.i32less,
      ...op.branchIf,
      ...op.end,
    ],
    ...[...get(state), ...op.call, 0],
    ...[...get(from), ...get(rate), ...op.i32add, ...op.tee, from, ...get(to), ...op.i32less],
    ...[...op.branchIf, ...op.end, ...op.end],
  ];
}

/** WebAssembly core specification §5.5 */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      vector([
        [0x60, 1, I32, 0],
        [0x60, 4, I32, I32, I32, I32, 0],
      ]),
    ),
    ...section(3, vector([[0], [1]])),
    ...section(5, vector([[0, 1]])), // one page of memory
    ...section(7, vector([named("memory", 2, 0), named("absorb", 0, 1)])),
    ...section(
      10,
      vector([
        body(
          [
            [1, I32],
            [56, I64],
          ],
          permuteCode(),
        ),
        body([[1, I32]], absorbCode()),
      ]),
    ),
  ]);
}

/** A sponge: one state, and room for input. Everybody sets the state before use; nothing in it outlives a call. */
export interface Sponge {
  /** 200 bytes. */
  readonly state: Uint8Array;
  /** Holds whole blocks at the rates 136 and 72. */
  readonly input: Uint8Array;
  /** Takes the first `bytes` of the input, a whole number of blocks and one at least, into the state. */
  readonly absorb: (bytes: number, rate: number) => void;
}

/** What is used of WebAssembly here: TypeScript declares it with the browser's library only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => {
    /** What section 7 names. */
    readonly exports: {
      readonly memory: { readonly buffer: ArrayBuffer };
      readonly absorb: (state: number, from: number, to: number, rate: number) => void;
    };
  };
};

/** Compiles in about a millisecond. */
export function makeSponge(): Sponge {
  const { memory, absorb } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports;
  const constants = new DataView(memory.buffer, CONSTANTS_AT);
  roundConstants().forEach((constant, i) => constants.setBigUint64(8 * i, constant, true));
  return {
    state: new Uint8Array(memory.buffer, STATE_AT, STATE_BYTES),
    input: new Uint8Array(memory.buffer, INPUT_AT, INPUT_BYTES),
    absorb: (bytes, rate) => absorb(STATE_AT, INPUT_AT, INPUT_AT + bytes, rate),
  };
}
