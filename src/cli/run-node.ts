import { HostError } from "#host";
import { type Config, Node } from "#node";
import { RpcSetupError } from "#rpc";
import { deferred } from "#util";
import { CliError } from "./errors.ts";
import { type Io, untilStopped } from "./io.ts";
import { watchWallets } from "./wallet-watch.ts";

/** The error of a port that is taken, with the flag that chooses another one. */
export function explainPort(error: unknown, config: Config): unknown {
  if (!HostError.is(error, "LISTEN_FAILED") && !RpcSetupError.is(error, "LISTEN_FAILED")) return error;
  const { endpoint, why } = error.data as Readonly<Record<"endpoint" | "why", string>>; // what both rows are made from
  if (why !== "EADDRINUSE" && why !== "address already in use") return error;
  const isPeer = config.p2p?.listenAddr?.endsWith(endpoint.slice(endpoint.lastIndexOf(":")));
  const isMetrics = config.metrics?.host !== "" && endpoint.endsWith(`:${config.metrics?.port}`);
  const isWs = config.ws?.port !== undefined && endpoint.endsWith(`:${config.ws.port}`);
  return CliError(
    "PORT_TAKEN",
    { endpoint, flag: isPeer ? "--port" : isWs ? "--ws.port" : isMetrics ? "--metrics.port" : "--http.port" },
    { cause: error },
  );
}

/** Starts a node whose services are registered, says where it is reached, and stops it when the user asks. */
export async function runNode(
  node: Node,
  config: Config,
  io: Io,
  whileRunning: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  try {
    await node.start();
  } catch (error) {
    throw explainPort(error, config);
  }
  using _wallets = config.usb === true ? watchWallets(node, node.config.logger) : undefined;
  const ended = deferred<void>();
  const onFault = () => {
    io.fault?.endings.add(ended.promise);
    node.endUnclean();
  };
  io.fault?.signal.addEventListener("abort", onFault, { once: true });
  try {
    printEndpoints(node, config, io);
    const failed = node.failed().then((error) => {
      throw error;
    });
    const beside = io.withNode === undefined ? [] : [io.withNode(node)];
    await Promise.race([
      failed,
      untilStopped(io),
      untilFault(io),
      ...beside,
      whileRunning(io.stopping).then(() => untilStopped(io)),
    ]);
  } finally {
    const stopped = node.stop();
    if (io.hurrying?.aborted === true || io.fault?.signal.aborted === true) node.hurry();
    else io.hurrying?.addEventListener("abort", () => node.hurry(), { once: true });
    await stopped.finally(() => ended.resolve());
  }
}

/** Resolves at a fault of the process. */
function untilFault({ fault }: Io): Promise<void> {
  return new Promise((resolve) => {
    if (fault?.signal.aborted === true) resolve();
    else fault?.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function printEndpoints(node: Node, config: Config, io: Io): void {
  if (config.http?.host !== "") io.print(`JSON-RPC   http://${node.httpEndpoint}`);
  if (config.ws?.host !== "") io.print(`           ws://${node.wsEndpoint}`);
  if (node.ipcEndpoint !== "") io.print(`IPC        ${node.ipcEndpoint}`);
  if (node.metricsEndpoint !== "") io.print(`metrics    http://${node.metricsEndpoint}/metrics`);
  if (node.server !== undefined) io.print(`p2p        ${node.server.self.enode}`);
  if (config.dataDir === "" || config.dataDir === undefined)
    io.print("data       nothing is written to disk (no --datadir)");
  else io.print(`data       ${config.dataDir}`);
}
