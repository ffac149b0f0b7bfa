import { join } from "node:path";
import { evaluate, runConsole } from "#console";
import { nodeHost } from "#host/node";
import { defaultDataDir } from "#node";
import { dialRpc, type RpcClient, RpcError, rpcCodes } from "#rpc";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { Flag } from "./flags.ts";

/** Where a console looks when no endpoint is named. */
const DEFAULT_ENDPOINT = "http://127.0.0.1:8545";

const flags = [
  { name: "exec", type: "text", value: "CODE", doc: "Run this, print what it gives, and end" },
] as const satisfies readonly Flag[];

async function connect(endpoint: string): Promise<{ client: RpcClient; version: string }> {
  try {
    const client = await dialRpc(endpoint);
    const version = await client
      .request({ method: "web3_clientVersion" }, { timeoutMs: 10_000 })
      .catch((error: unknown) => {
        if (error instanceof RpcError && error.code === rpcCodes.methodNotFound) return "a node without web3";
        throw error;
      });
    return { client, version: String(version) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw CliError("ATTACH_FAILED", { endpoint, why: `${why}; is a node running there?` }, { cause: error });
  }
}

/** `glim attach [endpoint]`: a console on a running node. */
export const attach: Command<typeof flags> = {
  usage: "glim attach [endpoint]",
  flags,
  async run({ flags: values, rest }, io) {
    const endpoint = rest[0] ?? DEFAULT_ENDPOINT;
    const { client, version } = await connect(endpoint);
    await using _client = client;
    if (values.exec !== undefined) {
      io.print(await evaluate(client, values.exec));
      return;
    }
    io.print(`attached to ${version} at ${endpoint}`);
    io.print(
      "eth.blockNumber, eth.getBalance(address), rpc(method, params); Tab completes, .exit or Ctrl-D leaves",
    );
    const dataDir = defaultDataDir();
    const historyFile = dataDir === "" ? undefined : join(dataDir, "history");
    if (historyFile !== undefined) await nodeHost().files.mkdir(dataDir);
    await runConsole({ client, input: io.input, output: io.output, terminal: io.isTerminal, historyFile });
  },
};
