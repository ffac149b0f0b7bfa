import fc from "fast-check";
import { encode, type RlpValue, type Schema, type Shape } from "#rlp";
import { utf8Encode } from "#util";

const GENEROUS = 40;

/** Bytes that fit the schema's shape. A `mapped` or hand-written schema may still refuse them for what they mean. */
export function encodingsOf(schema: Schema<unknown>): fc.Arbitrary<Uint8Array> {
  return items(schema.shape, 3).map((value) => encode(value));
}

const uint = (bits: number): fc.Arbitrary<RlpValue> =>
  fc.oneof(
    fc.bigInt({ min: 0n, max: 300n }),
    fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }),
    fc.constant((1n << BigInt(bits)) - 1n),
  );

function items(shape: Shape, breadth: number): fc.Arbitrary<RlpValue> {
  const inner = (schema: Schema<unknown>): fc.Arbitrary<RlpValue> =>
    items(schema.shape, Math.max(1, breadth - 1));
  switch (shape.kind) {
    case "bytes":
      return fc.uint8Array({
        minLength: shape.min,
        maxLength: Math.max(shape.min, Math.min(shape.max, GENEROUS)),
      });
    case "uint":
      return uint(shape.bits);
    case "bool":
      return fc.nat(1);
    case "empty":
      return fc.constant([]);
    case "utf8":
      return fc.string({ maxLength: Math.min(shape.max >> 2, GENEROUS) }).map(utf8Encode);
    case "raw":
    case "item":
      return fc.oneof(
        fc.uint8Array({ maxLength: 4 }),
        fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 3 }),
      );
    case "list":
      return fc.array(inner(shape.of), { maxLength: Math.min(shape.max, breadth) });
    case "struct": {
      const all = fc.tuple(...shape.fields.map(({ schema }) => inner(schema)));
      const optional = shape.fields.filter((field) => field.isOptional).length;
      return fc
        .tuple(all, fc.nat(optional))
        .map(([values, missing]) => values.slice(0, values.length - missing));
    }
    case "choice":
      return fc.oneof(...shape.of.map(inner));
    case "mapped":
      return inner(shape.of);
  }
}

/** True if reading forgets something (invalid UTF-8 replaced), so that writing need not give the same bytes. */
export function isLossy({ shape }: Schema<unknown>): boolean {
  switch (shape.kind) {
    case "utf8":
      return shape.invalid === "replace";
    case "list":
    case "mapped":
      return isLossy(shape.of);
    case "choice":
      return shape.of.some(isLossy);
    case "struct":
      return shape.extra === "ignore" || shape.fields.some(({ schema }) => isLossy(schema));
    default:
      return false;
  }
}
