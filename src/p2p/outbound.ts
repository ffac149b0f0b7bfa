import type { Enode, NodeId } from "#enode";
import type { Rand } from "#host";

/** Of those we dialled: how many are kept for the next start, and how often one of the others makes room (DI-08). */
export const outboundLimits = { anchors: 8, steady: 4, everyMs: 5 * 60_000 } as const;

interface OutboundPeer {
  readonly id: NodeId;
  readonly node: Enode;
  readonly inbound: boolean;
  readonly isStatic: boolean;
  readonly isTrusted: boolean;
}

/** Peers that we dialled because somebody told us of them, the longest first. */
const dynamicOf = <P extends OutboundPeer>(peers: Iterable<P>): P[] =>
  [...peers].filter(({ inbound, isStatic }) => !inbound && !isStatic);

/**
 * Nodes to dial first after a restart: those that have been peers the longest. Someone who fills our table meanwhile does not
 * get all our slots then.
 *
 * @param peers - in the order they came
 */
export function anchorsOf(peers: Iterable<OutboundPeer>): Enode[] {
  return dynamicOf(peers)
    .slice(0, outboundLimits.anchors)
    .map(({ node }) => node);
}

/**
 * Who makes room for another, so that who once got all our slots does not keep them: one by chance, but none of the four that have been
 * here the longest, and nobody while a slot is free or nobody waits for it.
 *
 * @param peers - in the order they came
 */
export function whoMakesRoom<P extends OutboundPeer>(
  peers: Iterable<P>,
  { maxDialed, waiting, rand }: { maxDialed: number; waiting: number; rand: Pick<Rand, "int"> },
): P | undefined {
  const dynamic = dynamicOf(peers);
  if (waiting === 0 || dynamic.length < maxDialed) return undefined;
  const loose = dynamic.slice(outboundLimits.steady).filter(({ isTrusted }) => !isTrusted);
  return loose.length === 0 ? undefined : loose[rand.int(loose.length)];
}
