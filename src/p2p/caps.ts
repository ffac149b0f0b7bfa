import { BASE_LENGTH } from "./hello.ts";
import type { Cap, Protocol } from "./protocol.ts";

/** A protocol at work on a connection: its codes are `offset … offset + length − 1`. */
export interface Window {
  readonly protocol: Protocol;
  readonly offset: number;
}

/** Go compares strings by bytes; capability names are ASCII. */
const byNameAndVersion = (a: Cap, b: Cap): number =>
  a.name === b.name ? a.version - b.version : a.name < b.name ? -1 : 1;

/** What we offer in the hello: one entry per protocol, sorted by name, then version. */
export function capsOf(protocols: readonly Protocol[]): Cap[] {
  return protocols.map(({ name, version }) => ({ name, version })).sort(byNameAndVersion);
}

/**
 * Protocols both sides speak: per name the highest common version; windows in the order of names, from code 16 on.
 *
 * @see geth p2p/peer.go:311-346@v1.8.27 · rlpx.md "Message ID-based Multiplexing"
 */
export function matchProtocols(ours: readonly Protocol[], theirs: readonly Cap[]): Window[] {
  const chosen = new Map<string, Protocol>();
  for (const protocol of ours) {
    if (!theirs.some(({ name, version }) => name === protocol.name && version === protocol.version)) continue;
    if ((chosen.get(protocol.name)?.version ?? -1) < protocol.version) chosen.set(protocol.name, protocol);
  }
  let offset = BASE_LENGTH;
  return [...chosen.values()].sort(byNameAndVersion).map((protocol) => {
    const window = { protocol, offset };
    offset += protocol.length;
    return window;
  });
}
