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

function checkTail(fields: readonly FieldShape[]): number {
  const first = fields.findIndex((field) => field.isOptional);
  const required = first < 0 ? fields.length : first;
  if (fields.slice(required).some((field) => !field.isOptional))
    throw RlpError("ENCODE", { reason: "a required field after an optional one" });
  return required;
}

/** Shared by struct and tuple: fields in a row, the tail optional. */
class Row {
  readonly fields: readonly FieldShape[];
  readonly extra: "refuse" | "ignore";
  readonly #required: number;

  constructor(fields: readonly FieldShape[], { extra = "refuse" }: StructOptions) {
    this.fields = fields;
    this.extra = extra;
    this.#required = checkTail(fields);
  }

  read(reader: RlpReader, set: (field: FieldShape, value: unknown) => void): void {
    const { fields } = this;
    const outer = reader.enter();
    const offset = reader.pos;
    let i = 0;
    for (; i < fields.length && reader.pos < reader.end; i++) {
      const field = fields[i] as FieldShape;
      set(field, field.schema.read(reader));
    }
    if (i < this.#required) throw RlpError("FIELDS", { offset, want: this.#required, reason: "too few" });
    if (reader.pos < reader.end) this.#skip(reader, offset);
    reader.leave(outer);
  }

  write(writer: RlpWriter, get: (field: FieldShape, index: number) => unknown): void {
    const before = writer.written;
    let seen = false;
    for (let i = this.fields.length - 1; i >= 0; i--) {
      const field = this.fields[i] as FieldShape;
      const value = get(field, i);
      if (value === undefined && field.isOptional) {
        if (seen)
          throw RlpError("ENCODE", { reason: `field ${field.name} is missing before one that is there` });
        continue;
      }
      seen = true;
      field.schema.write(writer, value);
    }
    writer.closeList(before);
  }

  #skip(reader: RlpReader, offset: number): void {
    if (this.extra === "refuse")
      throw RlpError("FIELDS", { offset, want: this.fields.length, reason: "too many" });
    while (reader.pos < reader.end) reader.next();
  }
}

/**
 * A list with named fields in this order. Fields marked `optional` must stand at the end.
 * @example struct({ number: uint53, hash: fixed(32), baseFee: optional(uint256) })
 */
export function struct<const F extends Readonly<Record<string, Field>>>(
  fields: F,
  options: StructOptions = {},
): Schema<StructOf<F>> {
  const row = new Row(
    Object.entries(fields).map(([name, field]) => fieldShape(name, field)),
    options,
  );
  return {
    shape: { kind: "struct", fields: row.fields, extra: row.extra },
    read(reader) {
      const out: Record<string, unknown> = {};
      row.read(reader, (field, value) => {
        out[field.name] = value;
      });
      return out as StructOf<F>; // the row has set every required field, in the field's own type
    },
    write(writer, value) {
      const from = value as Readonly<Record<string, unknown>>;
      row.write(writer, (field) => from[field.name]);
    },
  };
}

/** The value of `tuple(...fields)`. */
export type TupleOf<F extends readonly Schema<unknown>[]> = { readonly [K in keyof F]: Infer<F[K]> };

/** A list with positional items. */
export function tuple<const F extends readonly Schema<unknown>[]>(...fields: F): Schema<TupleOf<F>> {
  const row = new Row(
    fields.map((field, i) => fieldShape(String(i), field)),
    {},
  );
  return {
    shape: { kind: "struct", fields: row.fields, extra: row.extra },
    read(reader) {
      const out: unknown[] = [];
      row.read(reader, (_, value) => out.push(value));
      return out as unknown as TupleOf<F>; // one value per field, in order
    },
    write(writer, values) {
      row.write(writer, (_, i) => (values as readonly unknown[])[i]);
    },
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
