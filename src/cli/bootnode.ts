import { generateKey, type PrivateKey } from "#crypto";
import { formatEnode, type LocalNode } from "#enode";
import { formatEnr } from "#enr";
import type { Host } from "#host";
import { nodeHost } from "#host/node";
import { Discovery } from "#p2p";
import { parseNat } from "#p2p/nat";
import { isLoopback, makeAllowList, parseListenAddr, parseNetlist } from "#p2p/netutil";
import { DisposeStack } from "#util";
import type { Command } from "./command.ts";
import type { Flag, Flags, TableRow } from "./flags.ts";
import { type Io, untilStopped } from "./io.ts";
import { loggerOf } from "./log-setup.ts";
import { nodeKeyOf } from "./node-settings.ts";
import { logOptions } from "./options.ts";

const flags = [
  {
    name: "addr",
    type: "text",
    value: "HOST:PORT",
    default: ":30301",
    doc: "Where it listens by UDP; an empty host is all addresses, port 0 a free one",
  },
  {
    name: "nodekey",
    type: "text",
    value: "FILE",
    doc: "File with its private key, 64 hex digits (default: a new one)",
  },
  {
    name: "nat",
    type: "text",
    value: "HOW",
    default: "none",
    doc: "How it learns the address others reach it at: any, none, upnp, pmp, extip:IP, stun:HOST:PORT",
  },
  { name: "netrestrict", type: "text", value: "CIDRS", doc: "Networks (CIDR) it deals with" },
  ...logOptions,
] as const satisfies readonly (Flag | TableRow)[];

const ANYWHERE = ["", "0.0.0.0", "::"];

/** Answers v4 and v5.1 on one port. Its address is the one it is bound to, until it is told or others tell it better. */
async function listen(
  { key, values, io, host }: { key: PrivateKey; values: Flags<typeof flags>; io: Io; host: Host },
  stack: DisposeStack,
): Promise<LocalNode> {
  const { netrestrict } = values;
  const udp = parseListenAddr(values.addr);
  const nat = parseNat(values.nat, host);
  const staticIp = nat?.name.startsWith("extip:") === true ? await nat.externalIp() : undefined;
  const discovery = await Discovery.start(
    {
      ...{ key, udp, v4: true, v5: true, anyPort: false, tcp: 0, staticIp },
      fallbackIp: ANYWHERE.includes(udp.host) ? "127.0.0.1" : udp.host,
      ...{ bootnodes: [], bootnodesV5: [], dnsLists: [], allowLanLists: false, protocols: [] },
      nat: staticIp !== undefined || isLoopback(udp.host) ? undefined : nat,
      isAllowed: makeAllowList(netrestrict === undefined ? undefined : parseNetlist(netrestrict)),
      ...{ store: undefined, log: loggerOf(values, io) },
    },
    host,
  );
  return stack.use(discovery).localNode;
}

/** `glim bootnode`: a node of discovery and nothing else, for others to begin at. */
export const bootnode: Command<typeof flags> = {
  usage: "glim bootnode --addr HOST:PORT [--nodekey FILE] [--nat HOW]",
  details:
    "Prints its enode URL, then its node record, and answers discovery v4 and v5.1 until it is stopped. It keeps nothing on disk.",
  flags,
  async run({ flags: values }, io) {
    const host = nodeHost();
    const key = (await nodeKeyOf(values, host)) ?? generateKey(host.entropy);
    await using stack = new DisposeStack();
    const localNode = await listen({ key, values, io, host }, stack);
    io.print(formatEnode(localNode.node));
    io.print(formatEnr(localNode.record));
    await untilStopped(io);
  },
};
