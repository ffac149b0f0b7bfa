import { formatEnode } from "#enode";
import { formatEnr } from "#enr";
import { nodeHost } from "#host/node";
import { DnsLists, formatTreeUrl } from "#p2p/dnsdisc";
import { GlimError } from "#util";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { TableRow } from "./flags.ts";

const none = [] as const satisfies readonly TableRow[];

function open(url: string): DnsLists {
  try {
    const { clock, rand, dns } = nodeHost();
    if (dns === undefined) throw CliError("BAD_FLAG", { flag: "URL", why: "there is no DNS here" });
    return new DnsLists({ urls: [url], allowLan: true, host: { clock, rand, dns } });
  } catch (error) {
    if (!(error instanceof GlimError)) throw error;
    throw CliError("BAD_FLAG", { flag: "URL", why: error.message });
  }
}

/** `glim dns`: the nodes of a list in the DNS, once all of it is proven. */
export const dns: Command<typeof none> = {
  usage: "glim dns enrtree://KEY@DOMAIN",
  details:
    "Reads a whole list of nodes (EIP-1459) and prints one node a line: its enode URL and its record. Links to other lists come last.",
  flags: none,
  words: 1,
  async run({ rest: [url = ""] }, io) {
    const { seq, nodes, links } = await open(url).readAll(url);
    for (const node of nodes)
      io.print(`${formatEnode(node)} ${node.record === undefined ? "" : formatEnr(node.record)}`);
    for (const link of links) io.print(formatTreeUrl(link));
    io.complain(`list ${seq}: ${nodes.length} nodes, ${links.length} links`);
  },
};
