import { generateKey, type PrivateKey } from "#crypto";
import { formatEnode, LocalNode, NodeDatabase } from "#enode";
import { formatEnr } from "#enr";
import type { Host } from "#host";
import { nodeHost } from "#host/node";
import { Discv4 } from "#p2p/discv4";
import { makeAllowList, parseListenAddr, parseNetlist } from "#p2p/netutil";
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
    name: "nodekeyhex",
    type: "text",
    value: "HEX",
    doc: "Its private key, where others may read it: for tests",
  },
  { name: "netrestrict", type: "text", value: "CIDRS", doc: "Networks (CIDR) it deals with" },
  ...logOptions,
] as const satisfies readonly (Flag | TableRow)[];

/** What it listens on, and answers from. Its address is the one it is bound to, until others tell it better. */
async function listen(
  { key, values, io, host }: { key: PrivateKey; values: Flags<typeof flags>; io: Io; host: Host },
  stack: DisposeStack,
): Promise<LocalNode> {
  const isAllowed = makeAllowList(
    values.netrestrict === undefined ? undefined : parseNetlist(values.netrestrict),
  );
  const socket = await host.net.bindUdp(parseListenAddr(values.addr));
  stack.defer(() => socket.close());
  const localNode = new LocalNode({
    key,
    database: await NodeDatabase.open(host.clock),
    clock: host.clock,
  });
  const { host: bound, port } = socket.local;
  localNode.setFallbackIp(bound === "::" || bound === "0.0.0.0" ? "127.0.0.1" : bound);
  localNode.setFallbackUdp(port);
  const discv4 = new Discv4({ key, localNode, isAllowed, log: loggerOf(values, io) }, { ...host, socket });
  stack.use(discv4).start();
  return localNode;
}

/** `glim bootnode`: a node of discovery and nothing else, for others to begin at. */
export const bootnode: Command<typeof flags> = {
  usage: "glim bootnode --addr HOST:PORT [--nodekey FILE]",
  details:
    "Prints its enode URL, then its node record, and answers until it is stopped. It keeps nothing on disk.",
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
