import { RlpError } from "./errors.ts";
import type { RlpReader } from "./reader.ts";
import { type FieldShape, hash, type Infer, type Schema, uint53 } from "./schema.ts";
import type { RlpWriter } from "./writer.ts";

/**
 * A list of at most `max` items (default: what the budget of the message leaves). Items are counted before the first is made.
 */
export function list<T>(
  of: Schema<T>,
  { max = Number.MAX_SAFE_INTEGER }: { max?: number } = {},
): Schema<readonly T[]> {
  return {
    shape: { kind: "list", of, max },
    read(reader) {
      const outer = reader.enter(max);
      const out: T[] = [];
      while (reader.pos < reader.end) out.push(of.read(reader));
      reader.leave(outer);
      return out;
    },
    write(writer, values) {
      if (values.length > max)
        throw RlpError("ENCODE", { reason: `${values.length} items where ${max} are allowed` });
      const before = writer.written;
      for (let i = values.length - 1; i >= 0; i--) of.write(writer, values[i] as T);
      writer.closeList(before);
    },
  };
}

/** A field at the tail of a struct or tuple that may be missing. */
export interface OptionalField<T> {
  readonly optional: Schema<T>;
}

/** Marks a tail field as one that may be missing: then no field after it may be there either (geth's `rlp:"optional"`). */
export function optional<T>(schema: Schema<T>): OptionalField<T> {
  return { optional: schema };
}

type Field = Schema<unknown> | OptionalField<unknown>;
type FieldValue<F> = F extends OptionalField<infer T> ? T : Infer<F>;
type OptionalKeys<F> = { [K in keyof F]: F[K] extends OptionalField<unknown> ? K : never }[keyof F];

/** The value of `struct(fields)`: optional tail fields are optional properties. */
export type StructOf<F extends Readonly<Record<string, Field>>> = {
  readonly [K in keyof F as K extends OptionalKeys<F> ? never : K]: FieldValue<F[K]>;
} & {
  readonly [K in keyof F as K extends OptionalKeys<F> ? K : never]?: FieldValue<F[K]> | undefined;
} extends infer O
  ? { [K in keyof O]: O[K] }
  : never;

/** What happens to items after the last field: `"ignore"` is for records that may grow (EIP-8). */
export interface StructOptions {
  readonly extra?: "refuse" | "ignore";
}

function fieldShape(name: string, field: Field): FieldShape {
  return "optional" in field
    ? { name, schema: field.optional, isOptional: true }
    : { name, schema: field, isOptional: false };
}

/** Number of fields that must be there. */
function checkTail(fields: readonly FieldShape[]): number {
  const first = fields.findIndex((field) => field.isOptional);
  const required = first < 0 ? fields.length : first;
  if (fields.slice(required).some((field) => !field.isOptional))
    throw RlpError("ENCODE", { reason: "a required field after an optional one" });
  return required;
}

const tooFew = (offset: number, want: number): Error =>
  RlpError("FIELDS", { offset, want, reason: "too few" });

function skipExtra(reader: RlpReader, fields: readonly FieldShape[], extra: "refuse" | "ignore"): void {
  if (extra === "refuse")
    throw RlpError("FIELDS", { offset: reader.pos, want: fields.length, reason: "too many" });
  while (reader.pos < reader.end) reader.next();
}

/** Writes the fields of a row, last first; missing ones must all stand at the end. */
function writeRow(
  writer: RlpWriter,
  fields: readonly FieldShape[],
  from: Readonly<Record<string, unknown>>,
): void {
  const before = writer.written;
  let isTail = true;
  for (let i = fields.length - 1; i >= 0; i--) {
    const { name, schema, isOptional } = fields[i] as FieldShape; // i is in range
    const value = from[name];
    if (isOptional && value === undefined) {
      if (!isTail) throw RlpError("ENCODE", { reason: `field ${name} is missing before one that is there` });
      continue;
    }
    isTail = false;
    schema.write(writer, value);
  }
  writer.closeList(before);
}

/**
 * A list with named fields in this order. Fields marked `optional` must stand at the end.
 * @example struct({ number: uint53, hash: fixed(32), baseFee: optional(uint256) })
 */
export function struct<const F extends Readonly<Record<string, Field>>>(
  fields: F,
  { extra = "refuse" }: StructOptions = {},
): Schema<StructOf<F>> {
  const row = Object.entries(fields).map(([name, field]) => fieldShape(name, field));
  const required = checkTail(row);
  return {
    shape: { kind: "struct", fields: row, extra },
    read(reader) {
      const outer = reader.enter();
      const offset = reader.pos;
      const out: Record<string, unknown> = {};
      let i = 0;
      for (; i < row.length && reader.pos < reader.end; i++) {
        const { name, schema } = row[i] as FieldShape; // i is in range
        out[name] = schema.read(reader);
      }
      if (i < required) throw tooFew(offset, required);
      if (reader.pos < reader.end) skipExtra(reader, row, extra);
      reader.leave(outer);
      return out as StructOf<F>; // every required field is set, in the field's own type
    },
    write: (writer, value) => writeRow(writer, row, value as Readonly<Record<string, unknown>>),
  };
}

/** The value of `tuple(...fields)`. */
export type TupleOf<F extends readonly Schema<unknown>[]> = { readonly [K in keyof F]: Infer<F[K]> };

/** A list with positional items. */
export function tuple<const F extends readonly Schema<unknown>[]>(...fields: F): Schema<TupleOf<F>> {
  const row = fields.map((field, i) => fieldShape(String(i), field));
  return {
    shape: { kind: "struct", fields: row, extra: "refuse" },
    read(reader) {
      const outer = reader.enter();
      const offset = reader.pos;
      const out: unknown[] = [];
      for (const field of fields) {
        if (reader.pos === reader.end) throw tooFew(offset, fields.length);
        out.push(field.read(reader));
      }
      if (reader.pos < reader.end) skipExtra(reader, row, "refuse");
      reader.leave(outer);
      return out as unknown as TupleOf<F>; // one value per field, in order
    },
    write: (writer, values) => writeRow(writer, row, values as unknown as Readonly<Record<string, unknown>>),
  };
}

/**
 * Another shape over a schema's value. `decode` may throw `RlpError("VALUE", { offset: 0, reason })` for a value it refuses.
 */
export function mapped<A, B>(
  of: Schema<A>,
  { decode, encode }: { decode: (value: A) => B; encode: (value: B) => A },
): Schema<B> {
  return {
    shape: { kind: "mapped", of },
    read: (reader) => decode(of.read(reader)),
    write: (writer, value) => of.write(writer, encode(value)),
  };
}

/** A list or a byte string, told apart by the header: typed and legacy transactions, for one. */
export function byShape<A, B>(
  { bytes, list }: { bytes: Schema<A>; list: Schema<B> },
  { isBytes }: { isBytes: (value: A | B) => value is A },
): Schema<A | B> {
  return {
    shape: { kind: "choice", of: [bytes, list] },
    read: (reader) => (reader.peekIsList() ? list.read(reader) : bytes.read(reader)),
    write: (writer, value) => (isBytes(value) ? bytes.write(writer, value) : list.write(writer, value)),
  };
}

/** A block by hash (exactly 32 bytes) or by number: the origin of header queries. geth eth/protocol.go:152@v1.9.25 */
export const hashOrNumber: Schema<Uint8Array | number> = {
  shape: { kind: "choice", of: [hash, uint53] },
  read: (reader) => (reader.bytes[reader.pos] === 0xa0 ? hash.read(reader) : uint53.read(reader)),
  write: (writer, value) =>
    typeof value === "number" ? uint53.write(writer, value) : hash.write(writer, value),
};
