import { LightEthereum } from "#les";
import { isAborted } from "./aborted.ts";
import type { Command } from "./command.ts";
import { startDemoNodes } from "./demo-nodes.ts";
import { DemoShow } from "./demo-show.ts";
import { devAccounts, devChainGenesis } from "./dev-chain.ts";
import type { Flag } from "./flags.ts";
import { type Io, untilStopped } from "./io.ts";
import { loggerOf } from "./log-setup.ts";

const flags = [
  { name: "once", type: "boolean", default: false, doc: "End after the show, with exit code 0" },
  {
    name: "http.port",
    type: "number",
    value: "N",
    min: 0,
    max: 65535,
    default: 8545,
    doc: "JSON-RPC port of the light node; the next free one is taken",
  },
  {
    name: "full.http.port",
    type: "number",
    value: "N",
    min: 0,
    max: 65535,
    default: 8645,
    doc: "JSON-RPC port of the full node; the next free one is taken",
  },
  {
    name: "dev.period",
    type: "number",
    value: "SECONDS",
    min: 1,
    max: 60,
    default: 1,
    doc: "Seconds between blocks",
  },
  {
    name: "verbosity",
    type: "number",
    value: "0-5",
    min: 0,
    max: 5,
    default: 1,
    doc: "0 silent, 1 error, 2 warn, 3 info, 4 debug, 5 trace",
  },
  { name: "log.json", type: "boolean", default: false, doc: "Log lines as JSON" },
] as const satisfies readonly Flag[];

/** How often the status is told where there is no terminal whose line could be rewritten. */
const STATUS_EVERY_MS = 15_000;

function statusLine(light: LightEthereum): string {
  const { head, servers, bytesIn, proofsChecked } = light.status();
  return `block ${head.number}, ${head.ageSeconds} s old · ${servers.length} server · ${proofsChecked} answers proven · ${(bytesIn / 1000).toFixed(1)} kB in`;
}

/** One live line: rewritten on a terminal with each block, printed now and then without one. */
async function showStatus(light: LightEthereum, io: Io): Promise<void> {
  if (!io.isTerminal) {
    while (!io.stopping.aborted) {
      io.print(statusLine(light));
      await io.clock.sleep(STATUS_EVERY_MS, { signal: io.stopping }).catch(() => {});
    }
    return;
  }
  for await (const _ of light.headEvents.stream({ signal: io.stopping, capacity: 1 }))
    io.output.write(`\r\u001b[2K${statusLine(light)}`);
  io.output.write("\n");
}

function printNext(lightUrl: string, fullUrl: string, io: Io): void {
  const [alice] = devAccounts();
  io.print("");
  io.print("The light node stays up. Try, in another terminal:");
  io.print(`  npx glim attach http://${lightUrl}`);
  io.print(`  curl -s -H 'content-type: application/json' http://${lightUrl} \\`);
  io.print(`    -d '{"jsonrpc":"2.0","id":1,"method":"light_status","params":[]}'`);
  io.print(`  viem: createPublicClient({ transport: http("http://${lightUrl}") })`);
  io.print(`  the full node, to compare: http://${fullUrl}`);
  if (alice !== undefined)
    io.print("  accounts and their keys: glim dev prints them; your own network: glim light --help");
  io.print("Ctrl-C stops both.");
  io.print("");
}

/** `glim demo`: what `npm start` runs. */
export const demo: Command<typeof flags> = {
  usage: "glim demo [flags]",
  flags,
  async run({ flags: values }, io) {
    const genesis = devChainGenesis(values["dev.period"]);
    io.print(
      "A full node seals a chain; a light node follows it over TCP and believes nothing it cannot prove.",
    );
    io.print("");
    const ports = { full: values["full.http.port"], light: values["http.port"] };
    await using nodes = await startDemoNodes(genesis, values["dev.period"], ports, loggerOf(values, io));
    io.print(
      `  full node   http://${nodes.full.httpEndpoint}  ${nodes.full.server?.self.enode.slice(0, 24)}…@${nodes.full.server?.self.node.ip}:${nodes.full.server?.self.node.tcp}`,
    );
    io.print(`  light node  http://${nodes.light.httpEndpoint}  (JSON-RPC and WebSocket)`);
    io.print("");
    try {
      await new DemoShow(nodes.light, genesis.config.chainId, io).run(devAccounts(), io.stopping);
    } catch (error) {
      if (isAborted(error, io.stopping)) return;
      throw error;
    }
    if (values.once) return;
    printNext(nodes.light.httpEndpoint, nodes.full.httpEndpoint, io);
    const status = showStatus(nodes.light.service(LightEthereum), io);
    await untilStopped(io);
    await status;
  },
};
