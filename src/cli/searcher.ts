import { generateKey } from "#crypto";
import { type Enode, LocalNode, NodeDatabase, parseNode } from "#enode";
import type { Host } from "#host";
import { Discv4 } from "#p2p/discv4";
import { Discv5 } from "#p2p/discv5";
import { DisposeStack, GlimError } from "#util";
import { CliError } from "./errors.ts";
import type { Pace } from "./pace.ts";

export type DiscoveryVersion = "v4" | "v5";

/** What tools ask of nodes, whatever version of discovery they speak. Undefined: no answer. */
export interface Searcher extends AsyncDisposable {
  readonly version: DiscoveryVersion;
  /** Version of the node's record; 0 for none. */
  ping(node: Enode): Promise<bigint | undefined>;
  requestRecord(node: Enode): Promise<Enode | undefined>;
  /** Some nodes that it knows: others each round. */
  neighbours(node: Enode, round: number): Promise<readonly Enode[] | undefined>;
}

/** A tool's own table asks nobody by itself. */
const QUIET = { pingIntervalMs: 3_600_000, refreshIntervalMs: 3_600_000 };
/** The farthest distance of a node has half of the network, the next a quarter: further in there is nobody. */
const ROUNDS_OF_DISTANCES = 4;

/** A node of one session, with a new key and a free port, that answers as little as it must. */
export async function openSearcher(version: DiscoveryVersion, pace: Pace, host: Host): Promise<Searcher> {
  await using stack = new DisposeStack();
  const key = generateKey(host.entropy);
  const socket = pace.socket(await host.net.bindUdp({ host: "", port: 0 }));
  stack.defer(() => socket.close());
  const database = await NodeDatabase.open(host.clock);
  const localNode = new LocalNode({ key, database, clock: host.clock });
  localNode.setFallbackIp("127.0.0.1");
  localNode.setFallbackUdp(socket.local.port);
  const config = { key, localNode, ...QUIET };
  const world = { ...host, socket };
  const asked =
    version === "v4"
      ? askV4(stack.use(new Discv4(config, world)), host)
      : askV5(stack.use(new Discv5(config, world)));
  const owned = stack.move();
  return { version, ...asked, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}

type Questions = Pick<Searcher, "ping" | "requestRecord" | "neighbours">;

const askV4 = (discv4: Discv4, { entropy }: Pick<Host, "entropy">): Questions => ({
  ping: (node) => discv4.ping(node),
  requestRecord: (node) => discv4.requestRecord(node),
  neighbours: (node) => discv4.findnode(node, entropy.bytes(64)),
});

const askV5 = (discv5: Discv5): Questions => ({
  ping: (node) => discv5.ping(node),
  requestRecord: (node) => discv5.requestRecord(node),
  neighbours: (node, round) => {
    const far = 256 - 3 * (round % ROUNDS_OF_DISTANCES);
    return discv5.findnode(node, [far, far - 1, far - 2]);
  },
});

/** A node that an argument or flag names. @throws CLI_BAD_FLAG */
export function namedNode(text: string | undefined, flag: string): Enode {
  if (text === undefined || text === "")
    throw CliError("BAD_FLAG", { flag, why: "want an enode URL or a record" });
  try {
    return parseNode(text);
  } catch (error) {
    if (!(error instanceof GlimError)) throw error;
    throw CliError("BAD_FLAG", { flag, why: error.message });
  }
}

/** The versions asked for; both where none is. */
export function versionsOf({
  v4,
  v5,
}: {
  readonly v4: boolean;
  readonly v5: boolean;
}): readonly DiscoveryVersion[] {
  if (v4 === v5) return ["v4", "v5"];
  return v4 ? ["v4"] : ["v5"];
}
