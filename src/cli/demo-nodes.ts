import { LightEthereum } from "#les";
import type { Logger } from "#log";
import { type Config, Node } from "#node";
import type { Genesis } from "#params";
import { RpcSetupError } from "#rpc";
import { fillDemoChain } from "./demo-history.ts";
import { makeDevNode } from "./dev.ts";
import { explainPort } from "./run-node.ts";
import { VERSION } from "./version.ts";

const MODULES = ["eth", "net", "web3"];
/** Ports tried, one after the other, from the wanted one on. */
const PORTS_TRIED = 20;

export interface DemoNodes extends AsyncDisposable {
  readonly full: Node;
  readonly light: Node;
}

export interface DemoPorts {
  readonly full: number;
  readonly light: number;
}

function configOf(name: string, port: number, p2p: NonNullable<Config["p2p"]>, logger: Logger): Config {
  const modules = [...MODULES, name === "glim-light" ? "light" : "les"];
  const http = { host: "127.0.0.1", port, modules, vhosts: ["localhost"] };
  return {
    name,
    version: VERSION,
    dataDir: "",
    logger,
    p2p,
    http,
    ws: { host: "127.0.0.1", modules },
  };
}

/** Starts what `make` makes at the first port that is free. Port 0 is any. */
async function startAtFreePort(
  wanted: number,
  make: (port: number) => { node: Node; config: Config },
): Promise<Node> {
  for (let port = wanted; ; port++) {
    const { node, config } = make(port);
    try {
      await node.start();
      return node;
    } catch (error) {
      if (!RpcSetupError.is(error, "LISTEN_FAILED") || port - wanted >= PORTS_TRIED)
        throw explainPort(error, config);
    }
  }
}

/** The two nodes of the demo: a full node that seals and serves, and a light node that knows only its genesis and its peer. */
export async function startDemoNodes(
  genesis: Genesis,
  period: number,
  ports: DemoPorts,
  log: Logger,
): Promise<DemoNodes> {
  const full = await startAtFreePort(ports.full, (port) => {
    const config = configOf(
      "glim-full",
      port,
      { listenAddr: "127.0.0.1:0", maxPeers: 25 },
      log.child({ node: "full" }),
    );
    return { node: makeDevNode(config, genesis, period, fillDemoChain), config };
  });
  try {
    const enode = full.server?.self.enode ?? "";
    const light = await startAtFreePort(ports.light, (port) => {
      const config = configOf(
        "glim-light",
        port,
        { maxPeers: 5, staticNodes: [enode] },
        log.child({ node: "light" }),
      );
      const node = new Node(config);
      node.register((context) => new LightEthereum(context, { genesis }));
      return { node, config };
    });
    return {
      full,
      light,
      async [Symbol.asyncDispose]() {
        await light.stop();
        await full.stop();
      },
    };
  } catch (error) {
    await full.stop();
    throw error;
  }
}
