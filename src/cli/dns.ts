import { formatEnode } from "#enode";
import { formatEnr } from "#enr";
import type { Dns } from "#host";
import { nodeDns, nodeHost } from "#host/node";
import { DnsLists, formatTreeUrl } from "#p2p/dnsdisc";
import { GlimError, parseIp } from "#util";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { TableRow } from "./flags.ts";

const flags = [
  {
    name: "servers",
    type: "texts",
    value: "ADDRS",
    doc: "Name servers to ask, IP or IP:PORT (default: those of this machine)",
  },
] as const satisfies readonly TableRow[];

/** An IP address, or one and a port: `1.2.3.4:53`, `[::1]:53`. */
function isServer(text: string): boolean {
  const [, v6, v4 = "", port = "53"] = /^(?:\[([^\]]+)\]|([^:]+))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  return parseIp(text) !== undefined || (parseIp(v6 ?? v4) !== undefined && Number(port) <= 65_535);
}

/** @throws CLI_BAD_FLAG for what is no address */
function resolverOf(servers: readonly string[]): Dns {
  if (!servers.every(isServer))
    throw CliError("BAD_FLAG", {
      flag: "--servers",
      why: "want IP addresses of name servers, with or without port",
    });
  return nodeDns(servers.length === 0 ? undefined : servers);
}

function open(url: string, dns: Dns): DnsLists {
  try {
    const { clock, rand } = nodeHost();
    return new DnsLists({ urls: [url], allowLan: true, host: { clock, rand, dns } });
  } catch (error) {
    if (!(error instanceof GlimError)) throw error;
    throw CliError("BAD_FLAG", { flag: "URL", why: error.message });
  }
}

/** `glim dns`: the nodes of a list in the DNS, once all of it is proven. */
export const dns: Command<typeof flags> = {
  usage: "glim dns enrtree://KEY@DOMAIN [--servers ADDRS]",
  details:
    "Reads a whole list of nodes (EIP-1459) and prints one node a line: its enode URL and its record. Links to other lists come last.",
  flags,
  words: 1,
  async run({ flags: values, rest: [url = ""] }, io) {
    const { seq, nodes, links } = await open(url, resolverOf(values.servers)).readAll(url);
    for (const node of nodes)
      io.print(`${formatEnode(node)} ${node.record === undefined ? "" : formatEnr(node.record)}`);
    for (const link of links) io.print(formatTreeUrl(link));
    io.complain(`list ${seq}: ${nodes.length} nodes, ${links.length} links`);
  },
};
