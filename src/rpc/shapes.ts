import {
  type AnyCodec,
  bool,
  type Codec,
  type Decoded,
  type Encodable,
  hash,
  kindOf,
  uint53,
} from "./codec.ts";
import { invalidParams, RpcError } from "./errors.ts";

/** May be left out, or null: then the handler gets `undefined`. */
export function optional<Out, In>(inner: Codec<Out, In>): Codec<Out | undefined, In | undefined> {
  return {
    doc: `${inner.doc}?`,
    isOptional: true,
    decode: (value, path) => (value === undefined || value === null ? undefined : inner.decode(value, path)),
    encode: (value) => (value === undefined ? undefined : inner.encode(value)),
  };
}

/** A value or null, in both directions; `undefined` is written as null: what is not found. */
export function nullable<Out, In>(inner: Codec<Out, In>): Codec<Out | undefined, In | undefined | null> {
  return {
    doc: `${inner.doc} | null`,
    decode: (value, path) => (value === undefined || value === null ? undefined : inner.decode(value, path)),
    encode: (value) => (value === undefined || value === null ? null : inner.encode(value)),
  };
}

/** A JSON array of at most `max` items (1,000 unless told). */
export function list<Out, In>(
  item: Codec<Out, In>,
  { max = 1_000 }: { max?: number } = {},
): Codec<Out[], readonly In[]> {
  return {
    doc: `list of ${item.doc}`,
    decode(value, path) {
      if (!Array.isArray(value)) throw invalidParams(path, `want a list, got ${kindOf(value)}`);
      if (value.length > max) throw invalidParams(path, `list of more than ${max} items`);
      return value.map((one: unknown, index) => item.decode(one, `${path}[${index}]`));
    },
    encode: (values) => values.map((one) => item.encode(one)),
  };
}

type Fields = Readonly<Record<string, AnyCodec>>;
type OptionalKeys<F extends Fields> = {
  [K in keyof F]: undefined extends Decoded<F[K]> ? K : never;
}[keyof F];
type ObjectOut<F extends Fields> = { [K in Exclude<keyof F, OptionalKeys<F>>]: Decoded<F[K]> } & {
  [K in OptionalKeys<F>]?: Decoded<F[K]>;
};
type OptionalInKeys<F extends Fields> = {
  [K in keyof F]: undefined extends Encodable<F[K]> ? K : never;
}[keyof F];
type ObjectIn<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalInKeys<F>>]: Encodable<F[K]> } & {
  readonly [K in OptionalInKeys<F>]?: Encodable<F[K]>;
};

/**
 * A JSON object with these members. Members not listed are ignored when reading (as geth does) and refused by the type
 * when writing; an optional member without value is left out. Only own members are read (RP-09).
 */
export function object<const F extends Fields>(fields: F): Codec<ObjectOut<F>, ObjectIn<F>> {
  const entries = Object.entries<AnyCodec>(fields);
  return {
    doc: `{${entries.map(([name, codec]) => `${name}: ${codec.doc}`).join(", ")}}`,
    decode(value, path) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        throw invalidParams(path, `want an object, got ${kindOf(value)}`);
      }
      const decoded: Record<string, unknown> = {};
      for (const [name, codec] of entries) {
        const member: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
        if (member === undefined && codec.isOptional !== true) {
          throw invalidParams(path === "" ? name : `${path}.${name}`, "missing value");
        }
        const one = codec.decode(member, `${path}.${name}`);
        if (one !== undefined) decoded[name] = one;
      }
      return decoded as ObjectOut<F>; // as: built member by member from the same table
    },
    encode(value) {
      const encoded: Record<string, unknown> = {};
      for (const [name, codec] of entries) {
        // as: the member's type is Encodable of this very codec
        const one = codec.encode(Reflect.get(value, name) as never);
        if (one !== undefined) encoded[name] = one;
      }
      return encoded;
    },
  };
}

/** The first shape that takes the value; if none does, the last one's complaint. Writing uses `encode` of `first`. */
export function either<A, AIn, B, BIn>(first: Codec<A, AIn>, second: Codec<B, BIn>): Codec<A | B, AIn> {
  return {
    doc: `${first.doc} | ${second.doc}`,
    decode(value, path) {
      try {
        return first.decode(value, path);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        return second.decode(value, path);
      }
    },
    encode: (value) => first.encode(value),
  };
}

/** One value or a list of them, always a list inside (log filters' address). */
export function oneOrMany<Out, In>(
  item: Codec<Out, In>,
  options: { max?: number } = {},
): Codec<Out[], readonly In[]> {
  const many = list(item, options);
  return {
    doc: `${item.doc} or ${many.doc}`,
    decode: (value, path) => (Array.isArray(value) ? many.decode(value, path) : [item.decode(value, path)]),
    encode: (values) => many.encode(values),
  };
}

const TAGS = ["latest", "pending", "safe", "finalized", "earliest"] as const;
/** A block by number or by name. */
export type BlockTag = number | (typeof TAGS)[number];
const tags: ReadonlyMap<unknown, BlockTag> = new Map(TAGS.map((tag) => [tag, tag]));

/** `"latest"`, `"pending"`, `"safe"`, `"finalized"`, `"earliest"` or a block number. */
export const blockTag: Codec<BlockTag> = {
  doc: "block number or tag",
  decode: (value, path) => tags.get(value) ?? uint53.decode(value, path),
  encode: (value) => (typeof value === "number" ? uint53.encode(value) : value),
};

/** EIP-1898: a tag or number, or a hash (then `requireCanonical` says whether a side block is refused). */
export type BlockRef = BlockTag | { readonly blockHash: Uint8Array; readonly requireCanonical: boolean };

/** Number, tag, 32-byte hash, `{blockNumber}` or `{blockHash, requireCanonical?}`. */
export const blockNumberOrHash: Codec<BlockRef> = {
  doc: "block number, tag or hash",
  decode(value, path) {
    if (typeof value === "string" && value.length === 66) {
      return { blockHash: hash.decode(value, path), requireCanonical: false };
    }
    if (typeof value !== "object" || value === null) return blockTag.decode(value, path);
    const { blockNumber, blockHash, requireCanonical } = blockObject.decode(value, path);
    if (blockNumber !== undefined && blockHash !== undefined) {
      throw invalidParams(path, "cannot specify both BlockHash and BlockNumber, choose one or the other");
    }
    if (blockHash !== undefined) return { blockHash, requireCanonical: requireCanonical ?? false };
    if (blockNumber !== undefined) return blockNumber;
    throw invalidParams(path, "invalid arguments; neither block nor hash specified");
  },
  encode: (value) => (typeof value === "object" ? blockObject.encode(value) : blockTag.encode(value)),
};

const blockObject = object({
  blockNumber: optional(blockTag),
  blockHash: optional(hash),
  requireCanonical: optional(bool),
});
