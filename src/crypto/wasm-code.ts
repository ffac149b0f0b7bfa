/** Just enough of WebAssembly's binary form to write a small module by hand. WebAssembly core specification §5 */

export type Code = readonly number[];

/** Instructions, §5.4. */
export const op = {
  loop: [0x03, 0x40],
  end: [0x0b],
  branchIf: [0x0d, 0x00],
  call: [0x10],
  get: [0x20],
  set: [0x21],
  tee: [0x22],
  i32const: [0x41],
  i64const: [0x42],
  i32less: [0x49],
  i32add: [0x6a],
  and: [0x83],
  xor: [0x85],
  rotateLeft: [0x89],
} as const;
export const I32 = 0x7f;
export const I64 = 0x7e;

/** LEB128, unsigned. */
function unsigned(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  return [...out, rest];
}

/** LEB128, signed, of a value that is not negative. */
export function signed(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x3f; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  return [...out, rest];
}

export const get = (local: number): Code => [...op.get, ...unsigned(local)];
export const set = (local: number): Code => [...op.set, ...unsigned(local)];
export const int = (value: number): Code => [...op.i32const, ...signed(value)];
/** The word at (address on the stack) + offset; stores take the address and the word from there. */
export const load = (offset: number): Code => [0x29, 3, ...unsigned(offset)];
export const store = (offset: number): Code => [0x37, 3, ...unsigned(offset)];
export const each = (count: number, code: (i: number) => Code): Code =>
  Array.from({ length: count }, (_, i) => code(i)).flat();

export const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const sized = (content: Code): Code => [...unsigned(content.length), ...content];
export const section = (id: number, content: Code): Code => [id, ...sized(content)];
export const named = (name: string, kind: number, index: number): Code => [
  ...sized([...Buffer.from(name)]),
  kind,
  index,
];
/** A function's locals, in groups of one type, and its code. */
export const body = (locals: readonly Code[], code: Code): Code => sized([...vector(locals), ...code]);
