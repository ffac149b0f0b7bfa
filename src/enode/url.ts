import { isValidPublicKey } from "#crypto";
import { parseEnr } from "#enr";
import { fromHex, parseIp, toHex } from "#util";
import { EnodeError } from "./errors.ts";
import { type Enode, fromRecord, makeEnode } from "./node.ts";

export { EnodeError };

/**
 * Reads `enode://<128 hex>@ip:tcp[?discport=udp]`, or the incomplete forms `enode://<128 hex>` and bare hex.
 *
 * @throws ENODE_BAD_URL, ENODE_BAD_KEY with geth's texts: `invalid URL scheme, want "enode"`, `does not contain node ID`,
 *   `invalid node ID (…)`, `invalid host: …`, `invalid IP address`, `invalid port`, `invalid discport in query`.
 * @see geth p2p/enode/urlv4.go:69-158@v1.8.27
 */
export function parseEnode(text: string): Enode {
  const bare = /^(?:enode:\/\/)?([0-9a-fA-F]+)$/.exec(text);
  if (bare?.[1] !== undefined) return makeEnode(parseKey(bare[1]), {});
  return parseComplete(text);
}

/**
 * Reads either form of a node: a record `enr:…`, or what `parseEnode` takes.
 *
 * @throws ENR_BAD_TEXT, ENODE_BAD_URL, ENODE_BAD_KEY
 */
export function parseNode(text: string): Enode {
  return text.startsWith("enr:") ? fromRecord(parseEnr(text)) : parseEnode(text);
}

function parseComplete(text: string): Enode {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/(.*)$/s.exec(text);
  if (scheme?.[1]?.toLowerCase() !== "enode") throw bad('invalid URL scheme, want "enode"');
  const rest = scheme[2] ?? "";
  const at = rest.indexOf("@");
  if (at < 0) throw bad("does not contain node ID");
  const publicKey = parseKey(rest.slice(0, at));
  const [authority, query] = splitOnce(rest.slice(at + 1).replace(/#.*$/s, ""), "?");
  const { host, port } = splitHostPort(authority.replace(/\/.*$/s, ""));
  const address = parseIp(host);
  if (address === undefined) throw bad("invalid IP address");
  const tcp = parsePort(port, "invalid port");
  const discport = new URLSearchParams(query).get("discport");
  const udp = discport === null || discport === "" ? tcp : parsePort(discport, "invalid discport in query");
  return makeEnode(publicKey, {
    ip: address.length === 4 ? Array.from(address).join(".") : host.toLowerCase(),
    tcp,
    udp,
  });
}

/** The URL form; `?discport=` only where UDP differs from TCP. Incomplete nodes print without an address. */
export function formatEnode(node: Enode): string {
  const key = toHex(node.publicKey).slice(2);
  if (node.ip === undefined) return `enode://${key}`;
  const host = node.ip.includes(":") ? `[${node.ip}]` : node.ip;
  const query = node.udp === node.tcp ? "" : `?discport=${node.udp}`;
  return `enode://${key}@${host}:${node.tcp}${query}`;
}

function parseKey(hex: string): Uint8Array {
  if (hex.length !== 128) throw keyError(`wrong length, want 128 hex chars`);
  if (!/^[0-9a-fA-F]{128}$/.test(hex)) throw keyError("not hex");
  const key = fromHex(`0x${hex.toLowerCase()}`);
  if (!isValidPublicKey(key)) throw keyError("invalid public key (not on the curve)");
  return key;
}

function splitHostPort(authority: string): { host: string; port: string } {
  const bracket = /^\[([^\]]*)\]:(.*)$/s.exec(authority);
  if (bracket !== null) return { host: bracket[1] ?? "", port: bracket[2] ?? "" };
  const colon = authority.lastIndexOf(":");
  if (colon < 0) throw bad(`invalid host: address ${authority}: missing port in address`);
  if (authority.indexOf(":") !== colon)
    throw bad(`invalid host: address ${authority}: too many colons in address`);
  return { host: authority.slice(0, colon), port: authority.slice(colon + 1) };
}

function parsePort(text: string, complaint: string): number {
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) throw bad(complaint);
  return port;
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + mark.length)];
}

const bad = (text: string): Error => EnodeError("BAD_URL", { text });
const keyError = (reason: string): Error => EnodeError("BAD_KEY", { reason });
