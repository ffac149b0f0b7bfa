import { compressPublicKey, decompressPublicKey, keccak256, type PrivateKey, sign, verify } from "#crypto";
import { type Enode, fromRecord } from "#enode";
import { EnrError, parseEnr } from "#enr";
import { equalBytes, utf8Encode } from "#util";
import { formatBase32, parseBase32 } from "./base32.ts";
import { DnsdiscError } from "./errors.ts";
import { dnsdiscLimits as limits } from "./limits.ts";

const ROOT_PREFIX = "enrtree-root:v1";
const BRANCH_PREFIX = "enrtree-branch:";
const LINK_PREFIX = "enrtree://";
const NODE_PREFIX = "enr:";
/** Bytes of a hash in an entry's name: 16 as it is made, 12 … 32 are read. */
const HASH_BYTES = { made: 16, min: 12, max: 32 } as const;

/** A list: where it is and who signs it. */
export interface TreeLink {
  /** `<key>@<domain>`: what tells it from others. */
  readonly id: string;
  readonly domain: string;
  /** 64 bytes. */
  readonly publicKey: Uint8Array;
}

export interface Root {
  /** Names of the entries at the top of both subtrees. */
  readonly nodes: string;
  readonly links: string;
  readonly seq: number;
  /** 65 bytes over the text before ` sig=`. */
  readonly signature: Uint8Array;
  readonly signed: string;
}

export type Entry =
  | { readonly type: "branch"; readonly children: readonly string[] }
  | { readonly type: "link"; readonly link: TreeLink }
  | { readonly type: "node"; readonly node: Enode };

const bad = (name: string, why: string) => DnsdiscError("BAD_ENTRY", { name, why });

/** Name of an entry below its list's domain: base32 of the first 16 bytes of its hash. */
export const nameOf = (text: string): string =>
  formatBase32(keccak256(utf8Encode(text)).subarray(0, HASH_BYTES.made));

/** Bytes of a name; undefined if it is none. */
function hashOf(name: string): Uint8Array | undefined {
  const bytes = parseBase32(name);
  if (bytes === undefined || bytes.length < HASH_BYTES.min || bytes.length > HASH_BYTES.max) return undefined;
  return bytes;
}

/** @throws DNSDISC_HASH_MISMATCH where `text` is not what `name` promises */
export function checkHash(name: string, text: string): void {
  const want = hashOf(name);
  if (want === undefined || !equalBytes(keccak256(utf8Encode(text)).subarray(0, want.length), want))
    throw DnsdiscError("HASH_MISMATCH", { name });
}

export const isRoot = (text: string): boolean => text.startsWith(ROOT_PREFIX);

/**
 * Reads a root and verifies its signature.
 *
 * @throws DNSDISC_BAD_ENTRY, DNSDISC_BAD_SIGNATURE (blame: peer)
 */
export function parseRoot(text: string, { domain, publicKey }: Pick<TreeLink, "domain" | "publicKey">): Root {
  const match = /^(enrtree-root:v1 e=([A-Z2-7]+) l=([A-Z2-7]+) seq=([0-9]{1,15})) sig=([\w-]+)$/.exec(text);
  const [, signed = "", nodes = "", links = "", seq = "", sig = ""] = match ?? [];
  if (match === null || text.length > limits.entryBytes) throw bad(domain, "invalid syntax");
  if (hashOf(nodes) === undefined || hashOf(links) === undefined) throw bad(domain, "invalid child hash");
  const signature = new Uint8Array(Buffer.from(sig, "base64url"));
  if (signature.length !== 65) throw bad(domain, "invalid base64 signature");
  if (!verify(keccak256(utf8Encode(signed)), signature.subarray(0, 64), publicKey))
    throw DnsdiscError("BAD_SIGNATURE", { name: domain });
  return { nodes, links, seq: Number(seq), signature, signed };
}

/** The text of a signed root. */
export function formatRoot(root: Pick<Root, "nodes" | "links" | "seq">, key: PrivateKey): string {
  const signed = `${ROOT_PREFIX} e=${root.nodes} l=${root.links} seq=${root.seq}`;
  const { bytes } = sign(keccak256(utf8Encode(signed)), key);
  return `${signed} sig=${Buffer.from(bytes).toString("base64url")}`;
}

export const formatBranch = (children: readonly string[]): string => BRANCH_PREFIX + children.join(",");

/** Undefined: something else that stands at this name. @throws DNSDISC_BAD_ENTRY (blame: peer) */
export function parseEntry(name: string, text: string): Entry | undefined {
  if (text.length > limits.entryBytes) throw bad(name, `longer than ${limits.entryBytes} bytes`);
  if (text.startsWith(BRANCH_PREFIX)) return branchOf(name, text.slice(BRANCH_PREFIX.length));
  if (text.startsWith(LINK_PREFIX)) return { type: "link", link: linkOf(name, text) };
  return text.startsWith(NODE_PREFIX) ? { type: "node", node: nodeOf(name, text) } : undefined;
}

function branchOf(name: string, list: string): Entry {
  const children = list === "" ? [] : list.split(",");
  if (children.some((child) => hashOf(child) === undefined)) throw bad(name, "invalid child hash");
  return { type: "branch", children };
}

function nodeOf(name: string, text: string): Enode {
  try {
    return fromRecord(parseEnr(text));
  } catch (error) {
    if (EnrError.is(error)) throw bad(name, "invalid node record");
    throw error;
  }
}

function linkOf(name: string, text: string): TreeLink {
  try {
    return parseTreeUrl(text);
  } catch (error) {
    if (DnsdiscError.is(error, "BAD_URL")) throw bad(name, error.message);
    throw error;
  }
}

/**
 * Reads `enrtree://<key>@<domain>`.
 *
 * @throws DNSDISC_BAD_URL (blame: environment)
 */
export function parseTreeUrl(text: string): TreeLink {
  const fail = (why: string) => DnsdiscError("BAD_URL", { text: text.slice(0, 200), why });
  if (!text.startsWith(LINK_PREFIX)) throw fail("wrong/missing scheme 'enrtree' in URL");
  const id = text.slice(LINK_PREFIX.length);
  const at = id.indexOf("@");
  if (at < 0) throw fail("missing public key");
  const domain = id.slice(at + 1);
  if (!/^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?$/i.test(domain)) throw fail("invalid domain name");
  const compressed = parseBase32(id.slice(0, at));
  const publicKey = compressed?.length === 33 ? decompressPublicKey(compressed) : undefined;
  if (publicKey === undefined) throw fail("invalid public key");
  return { id, domain, publicKey };
}

/** The list's URL. */
export const formatTreeUrl = ({ publicKey, domain }: Pick<TreeLink, "publicKey" | "domain">): string =>
  `${LINK_PREFIX}${formatBase32(compressPublicKey(publicKey))}@${domain}`;
