import { keccak256 } from "#crypto";
import { concatBytes, utf8Encode } from "#util";
import { AccountsError } from "./errors.ts";
import { encodeAtom } from "./typed-values.ts";
import type { TypedDataHashes } from "./wallet.ts";

interface Field {
  readonly name: string;
  readonly type: string;
}

/** A structure to be signed, as JSON has it (EIP-712). */
export interface TypedData {
  /** Members of each structure, in order. `EIP712Domain` may be left out: then it follows from the domain's members. */
  readonly types: Readonly<Record<string, readonly Field[]>>;
  readonly primaryType: string;
  readonly domain: Readonly<Record<string, unknown>>;
  readonly message: Readonly<Record<string, unknown>>;
}

const DOMAIN = "EIP712Domain";
/** Members a domain may have, in their order. */
const DOMAIN_FIELDS: readonly Field[] = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
  { name: "salt", type: "bytes32" },
];
/** BOUNDED: structures within structures, arrays within arrays. */
const MAX_DEPTH = 64;
const NAME = /^[A-Za-z_$][A-Za-z0-9_$]{0,99}$/;

const refuse = (why: string) => AccountsError("TYPED_DATA", { why });
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

type Types = ReadonlyMap<string, readonly Field[]>;

/** Reads and checks the JSON of a structure. @throws ACCOUNTS_TYPED_DATA naming the place */
function parseTypes(data: TypedData): Types {
  if (!isRecord(data.types)) throw refuse("types: want an object");
  const types = new Map<string, readonly Field[]>();
  for (const [name, fields] of Object.entries(data.types)) {
    if (!NAME.test(name)) throw refuse(`types: bad name ${JSON.stringify(name.slice(0, 40))}`);
    if (!Array.isArray(fields)) throw refuse(`types.${name}: want a list`);
    const seen = new Set<string>();
    for (const field of fields as readonly unknown[]) {
      if (!isRecord(field) || typeof field["name"] !== "string" || typeof field["type"] !== "string")
        throw refuse(`types.${name}: want {name, type}`);
      if (!NAME.test(field["name"])) throw refuse(`types.${name}: bad member name`);
      if (seen.has(field["name"])) throw refuse(`types.${name}: ${field["name"]} twice`);
      seen.add(field["name"]);
    }
    types.set(name, fields);
  }
  if (!types.has(DOMAIN))
    types.set(
      DOMAIN,
      DOMAIN_FIELDS.filter(({ name }) => data.domain[name] != null),
    );
  return types;
}

/** `Person[2][]` → `Person`, and the innermost-last list of lengths (undefined: any). */
function splitArray(type: string): { item: string; length: number | undefined } | undefined {
  if (!type.endsWith("]")) return undefined;
  const open = type.lastIndexOf("[");
  const digits = type.slice(open + 1, -1);
  if (open <= 0 || !/^[0-9]{0,9}$/.test(digits))
    throw refuse(`bad type ${JSON.stringify(type.slice(0, 60))}`);
  return { item: type.slice(0, open), length: digits === "" ? undefined : Number(digits) };
}

const baseType = (type: string) => {
  const end = type.indexOf("[");
  return end < 0 ? type : type.slice(0, end);
};

/** The structures a structure is made of, itself first, the others by name. */
function dependencies(types: Types, primary: string): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name) || !types.has(name)) return;
    found.add(name);
    for (const { type } of types.get(name) ?? []) visit(baseType(type));
  };
  visit(primary);
  found.delete(primary);
  return [primary, ...[...found].sort()];
}

/** `Mail(Person from,Person to,string contents)Person(string name,address wallet)` */
function encodeType(types: Types, primary: string): string {
  return dependencies(types, primary)
    .map(
      (name) => `${name}(${(types.get(name) ?? []).map((field) => `${field.type} ${field.name}`).join(",")})`,
    )
    .join("");
}

/** One structure of `types`, hashed; what every call needs is kept beside it. */
class Hasher {
  readonly #types: Types;
  readonly #typeHashes = new Map<string, Uint8Array>();

  constructor(types: Types) {
    this.#types = types;
  }

  #typeHash(name: string): Uint8Array {
    let known = this.#typeHashes.get(name);
    if (known === undefined) {
      known = keccak256(utf8Encode(encodeType(this.#types, name)));
      this.#typeHashes.set(name, known);
    }
    return known;
  }

  /** keccak256(typeHash ‖ encodeData) */
  struct(name: string, value: unknown, path: string, depth: number): Uint8Array {
    const fields = this.#types.get(name);
    if (fields === undefined) throw refuse(`${path}: no type ${JSON.stringify(name.slice(0, 40))}`);
    if (depth > MAX_DEPTH) throw refuse(`${path}: nested deeper than ${MAX_DEPTH}`);
    if (!isRecord(value)) throw refuse(`${path}: want an object of type ${name}`);
    const known = new Set(fields.map((field) => field.name));
    for (const member of Object.keys(value))
      if (!known.has(member)) throw refuse(`${path}: ${member.slice(0, 40)} is no member of ${name}`);
    const encoded = fields.map((field) => {
      const member = Object.hasOwn(value, field.name) ? value[field.name] : undefined;
      return this.#value(field.type, member, `${path}.${field.name}`, depth + 1);
    });
    return keccak256(concatBytes(this.#typeHash(name), ...encoded));
  }

  #value(type: string, value: unknown, path: string, depth: number): Uint8Array {
    const array = splitArray(type);
    if (array !== undefined) {
      if (!Array.isArray(value)) throw refuse(`${path}: want a list`);
      if (depth > MAX_DEPTH) throw refuse(`${path}: nested deeper than ${MAX_DEPTH}`);
      if (array.length !== undefined && value.length !== array.length)
        throw refuse(`${path}: want ${array.length} items, got ${value.length}`);
      const items = value.map((one: unknown, i) => this.#value(array.item, one, `${path}[${i}]`, depth + 1));
      return keccak256(concatBytes(...items));
    }
    if (this.#types.has(type)) {
      // v4: a structure that may hold itself ends with null
      return value === null ? new Uint8Array(32) : this.struct(type, value, path, depth);
    }
    return encodeAtom(type, value, path);
  }
}

/**
 * The two hashes that are signed for a structure, as every wallet's eth_signTypedData_v4 makes them.
 * @throws ACCOUNTS_TYPED_DATA (RPC −32602) for types or values that do not fit, naming the place; members that the type
 *   does not have are refused, since nobody would sign them
 * @see https://eips.ethereum.org/EIPS/eip-712 · geth signer/core/apitypes/types.go@v1.17.5
 */
export function hashTypedData(data: TypedData): TypedDataHashes {
  if (!isRecord(data.domain)) throw refuse("domain: want an object");
  const types = parseTypes(data);
  const hasher = new Hasher(types);
  const domainHash = hasher.struct(DOMAIN, data.domain, "domain", 0);
  if (typeof data.primaryType !== "string") throw refuse("primaryType: want text");
  const messageHash =
    data.primaryType === DOMAIN
      ? new Uint8Array(0) // then the domain alone is signed
      : hasher.struct(data.primaryType, data.message, "message", 0);
  return { domainHash, messageHash };
}
