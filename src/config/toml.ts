import { parse, stringify, TomlError } from "smol-toml";
import type { OptionRow } from "./option.ts";

const NS_IN_MS = 1_000_000;
/** A configuration of geth's is 10 KB. */
const MAX_BYTES = 1 << 20;

/** A file's keys with their sections, `Node.P2P.MaxPeers`; or why it is no TOML, with the place. */
export type TomlFile = { readonly keys: ReadonlyMap<string, unknown> } | { readonly wrong: string };

function flatten(
  table: object,
  prefix: string,
  isLeaf: (path: string) => boolean,
  into: Map<string, unknown>,
): void {
  for (const [key, value] of Object.entries(table)) {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    const isTable = typeof value === "object" && value !== null && !Array.isArray(value) && !isDate(value);
    if (isTable && !isLeaf(path)) flatten(value, path, isLeaf, into);
    else into.set(path, value);
  }
}

const isDate = (value: object) => value instanceof Date || Symbol.toStringTag in value;

/** Reads a TOML text. Integers that a number cannot hold exactly become bigint. */
export function readToml(text: string, isLeaf: (path: string) => boolean = () => false): TomlFile {
  if (text.length > MAX_BYTES) return { wrong: `it is larger than ${MAX_BYTES} bytes` };
  try {
    const table = parse(text, { integersAsBigInt: "asNeeded", unsafeKeyBehaviour: "throw", maxDepth: 16 });
    const keys = new Map<string, unknown>();
    flatten(table, "", isLeaf, keys);
    return { keys };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const why = error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "";
    return { wrong: `line ${error.line}, column ${error.column}: ${why}` };
  }
}

/** `{ IP = "10.0.0.0", Mask = [255, 0, 0, 0] }`, as geth dumps a network (and cannot read it again) → `10.0.0.0/8`. */
function networkOf(entry: unknown): unknown {
  if (typeof entry !== "object" || entry === null || !("IP" in entry) || !("Mask" in entry)) return entry;
  const { IP: ip, Mask: mask } = entry;
  if (typeof ip !== "string" || !Array.isArray(mask) || !mask.every(Number.isInteger)) return entry;
  const bits = mask.map((byte: number) => byte.toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(bits) ? `${ip}/${bits.indexOf("0") < 0 ? bits.length : bits.indexOf("0")}` : entry;
}

/** A value as it stands in a file → as in a config object. What does not fit is handed on: the row's check tells. */
export function fromToml({ kind }: OptionRow, value: unknown): unknown {
  if (kind === "duration")
    return typeof value === "number" || typeof value === "bigint" ? Number(value) / NS_IN_MS : value;
  if (kind === "cidrs" && Array.isArray(value)) return value.map(networkOf);
  if ((kind === "networkId" || kind === "wei") && Number.isSafeInteger(value)) return BigInt(value as number); // as: just asked
  return value;
}

/** The other way; undefined: left out. */
export function toToml({ kind, isOmittedEmpty }: OptionRow, value: unknown): unknown {
  if (value === undefined || kind === "key" || kind === "code") return undefined;
  if (isOmittedEmpty === true && (value === "" || value === false || value === 0)) return undefined;
  if (isOmittedEmpty === true && Array.isArray(value) && value.length === 0) return undefined;
  if (kind === "duration") return BigInt(Math.round(Number(value) * NS_IN_MS));
  if (kind === "networkId" || kind === "wei") return BigInt(value as bigint | number); // as: a checked value of this kind
  return value;
}

const INT64_MAX = (1n << 63n) - 1n;

/** Keys and values in the order given → a TOML text with one `[Section]` per prefix, as geth's `dumpconfig` prints it. */
export function formatToml(keys: Iterable<readonly [path: string, value: unknown]>): string {
  const sections = new Map<string, string[]>();
  for (const [path, value] of keys) {
    const at = path.lastIndexOf(".");
    const section = path.slice(0, at);
    const lines = sections.get(section) ?? [];
    // TOML has 64-bit integers; geth's own parser takes larger ones as text of digits nowhere, so neither do we
    if (typeof value === "bigint" && value > INT64_MAX) continue;
    lines.push(stringify({ [path.slice(at + 1)]: value }).trimEnd());
    sections.set(section, lines);
  }
  return [...sections].map(([section, lines]) => `[${section}]\n${lines.join("\n")}\n`).join("\n");
}
