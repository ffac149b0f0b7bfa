import { utf8Decode } from "#util";
import { KeyStoreError } from "./errors.ts";
import { limits } from "./limits.ts";

/** An object of a key file; names in lower case, since writers differ (`Crypto`, `crypto`). */
export type Members = ReadonlyMap<string, unknown>;

const refuse = (why: string) => KeyStoreError("BAD_FILE", { why });

/** Throws if a name stands twice in one object, letter case aside. The text is JSON already. */
function refuseDoubles(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  const string = /"(?:[^"\\]|\\.)*"/y;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "{") open.push(new Set());
    else if (char === "[") open.push(undefined);
    else if (char === "}" || char === "]") open.pop();
    else if (char === '"') {
      string.lastIndex = at;
      const literal = string.exec(text)?.[0] ?? '"';
      at += literal.length - 1;
      if (!/^\s*:/.test(text.slice(at + 1, at + 40))) continue;
      const name = String(JSON.parse(literal)).toLowerCase();
      const names = open.at(-1);
      if (names?.has(name) === true) throw refuse("a name stands twice");
      names?.add(name);
    }
  }
}

/**
 * Bytes of a key file → its members.
 * @throws KEYSTORE_BAD_FILE: too large, not UTF-8, no JSON object, a name twice
 */
export function parseMembers(bytes: Uint8Array): Members {
  if (bytes.length > limits.fileBytes) throw refuse(`larger than ${limits.fileBytes} bytes`);
  const text = utf8Decode(bytes);
  if (text === undefined) throw refuse("not UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse("not JSON");
  }
  refuseDoubles(text);
  return membersOf(value, "the file");
}

export function membersOf(value: unknown, what: string): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw refuse(`${what} is no object`);
  return new Map(Object.entries(value).map(([name, member]) => [name.toLowerCase(), member]));
}

export function textOf(members: Members, name: string): string {
  const value = members.get(name);
  if (typeof value !== "string") throw refuse(`${name} is no text`);
  return value;
}

/** Hex, with or without 0x. */
export function hexOf(
  members: Members,
  name: string,
  { min = 0, max }: { min?: number; max: number },
): Uint8Array {
  const text = textOf(members, name).replace(/^0x/i, "");
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) throw refuse(`${name} is no hex`);
  if (text.length < 2 * min || text.length > 2 * max)
    throw refuse(`${name} has ${text.length / 2} bytes, want ${min === max ? min : `${min} to ${max}`}`);
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** A whole number from 0 to 2^53. */
export function countOf(members: Members, name: string): number {
  const value = members.get(name);
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw KeyStoreError("PARAMS", { why: `${name} is no whole number` });
  return value;
}
