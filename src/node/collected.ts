import type { Metrics } from "#metrics";
import type { Server } from "#p2p";
import { metricTables } from "./metric-tables.ts";
import type { Vitals } from "./vitals.ts";

/** Packets of one version of discovery; what is not named here is a reason for which they were dropped. */
interface PacketCounts {
  readonly received: number;
  readonly sent: number;
  readonly nodes: number;
  readonly [reason: string]: number;
}

/** Counts what joins and leaves a chain, as long as the feed lives. */
export function meterHeads(
  heads: {
    subscribe(
      listener: (event: { readonly added: readonly unknown[]; readonly removed: readonly unknown[] }) => void,
    ): unknown;
  },
  metrics: Metrics | undefined,
): void {
  const chain = metrics?.set("chain", metricTables.chain);
  if (chain === undefined) return;
  chain.add("reorgs", [], 0);
  heads.subscribe(({ added, removed }) => {
    chain.add("blocks_imported", [], added.length);
    if (removed.length === 0 || added.length === 0) return; // without others it is a step back that somebody asked for
    chain.add("reorgs");
    chain.observe("reorg_depth", removed.length);
  });
}

/** What a server has counted: its handshakes and the packets of its discovery. */
function collectServer(server: Server, metrics: Metrics): void {
  const p2p = metrics.set("p2p", metricTables.p2p);
  for (const direction of ["inbound", "outbound"] as const)
    for (const [result, count] of server.handshakes[direction])
      p2p.set("handshakes", count, [direction, result]);
  const discovery = metrics.set("discovery", metricTables.discovery);
  const put = (version: string, { received, sent, nodes, ...dropped }: PacketCounts) => {
    discovery.set("packets_in", received, [version]);
    discovery.set("packets_out", sent, [version]);
    discovery.set("table_nodes", nodes, [version]);
    for (const [reason, count] of Object.entries(dropped))
      discovery.set("packets_dropped", count, [version, reason]);
  };
  const { discv4, discv5 } = server;
  if (discv4 !== undefined) {
    const { recovered: _, junk, received, dropped: pushed_out, ...counts } = discv4.counts;
    // on one socket, what is no packet of v4 is v5's to judge
    const own = discv5 === undefined ? { received, junk } : { received: received - junk };
    put("v4", { ...counts, ...own, pushed_out, nodes: discv4.table.size });
  }
  if (discv5 !== undefined) {
    const { challenged: _, ...counts } = discv5.counts;
    put("v5", { ...counts, nodes: discv5.table.size });
  }
}

/** Figures that are read when they are asked for. */
export function collectGauges(
  metrics: Metrics,
  node: { readonly server: Server | undefined; vitals(): readonly Vitals[] },
): Disposable {
  const p2p = metrics.set("p2p", metricTables.p2p);
  const chain = metrics.set("chain", metricTables.chain);
  return metrics.onCollect(() => {
    if (node.server !== undefined) collectServer(node.server, metrics);
    const peers = [...(node.server?.peers.values() ?? [])];
    const inbound = peers.filter((peer) => peer.inbound).length;
    p2p.set("peers", inbound, ["inbound"]);
    p2p.set("peers", peers.length - inbound, ["outbound"]);
    for (const { head, syncing, figures } of node.vitals()) {
      chain.set("head_number", head.number);
      chain.set("head_age_seconds", head.ageSeconds);
      chain.set("syncing", syncing === undefined ? 0 : 1);
      chain.set("highest_number", syncing?.highest ?? head.number);
      for (const [name, value] of Object.entries(figures)) chain.set("figures", value, [name]);
    }
  });
}
