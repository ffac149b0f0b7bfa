import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { evaluate, runConsole, type ScriptOptions } from "#console";
import { nodeHost } from "#host/node";
import { defaultDataDir, defaultIpcEndpoint } from "#node";
import { dialRpc, type RpcClient, RpcError, rpcCodes } from "#rpc";
import { GlimError } from "#util";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import type { Flags, TableRow } from "./flags.ts";
import type { Io } from "./io.ts";
import { optionAt } from "./node-flags.ts";
import { consoleOptions } from "./options.ts";
import { INSTANCE } from "./version.ts";

/** Where a console looks when no endpoint is named, and no socket lies in the data directory. */
const DEFAULT_ENDPOINT = "http://127.0.0.1:8545";

/** A script is source somebody wrote by hand. */
const MAX_SCRIPT_BYTES = 16 << 20;

const flags = [optionAt("dataDir"), ...consoleOptions] as const satisfies readonly TableRow[];

type ConsoleFlags = Flags<typeof consoleOptions>;

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

/** The socket of the data directory that is named, else that of the default one if it is there, else HTTP. */
function endpointOf(datadir: string | undefined): string {
  if (datadir !== undefined) return join(datadir, `${INSTANCE}.ipc`);
  const usual = defaultIpcEndpoint(INSTANCE);
  return process.platform !== "win32" && existsSync(usual) ? usual : DEFAULT_ENDPOINT;
}

/** Reads scripts from `--jspath`, as geth. @throws CLI_BAD_FILE */
export function scriptsOf(values: ConsoleFlags, io: Io): ScriptOptions {
  const readScript = async (path: string) => {
    const whole = isAbsolute(path) ? path : join(values.jspath, path);
    const bytes = await nodeHost()
      .files.readFile(whole)
      .catch(() => undefined);
    if (bytes === undefined) throw CliError("BAD_FILE", { path: whole, why: "cannot read this script" });
    if (bytes.length > MAX_SCRIPT_BYTES)
      throw CliError("BAD_FILE", { path: whole, why: "too large for a script" });
    return new TextDecoder().decode(bytes);
  };
  return { preload: values.preload, readScript, print: (line) => io.print(line) };
}

/** Runs code; what it throws is its author's mistake, and told in one line. @throws CLI_SCRIPT_FAILED, CLI_BAD_FILE */
export async function runScript(client: RpcClient, code: string, scripts: ScriptOptions): Promise<string> {
  try {
    return await evaluate(client, code, scripts);
  } catch (error) {
    if (error instanceof GlimError && error.blame !== "bug") throw error;
    const isError = typeof error === "object" && error !== null && "message" in error; // of another context: no instance of Error
    throw CliError("SCRIPT_FAILED", { why: String(isError ? error.message : error) }, { cause: error });
  }
}

/** A console on a client, or one piece of code if `--exec` has it. */
export async function openConsole(
  client: RpcClient,
  greeting: string,
  values: ConsoleFlags,
  io: Io,
): Promise<void> {
  const scripts = scriptsOf(values, io);
  if (values.exec !== undefined) {
    io.print(await runScript(client, values.exec, scripts));
    return;
  }
  io.print(greeting);
  io.print(
    "eth.blockNumber, eth.getBalance(address), rpc(method, params); Tab completes, .exit or Ctrl-D leaves",
  );
  const dataDir = defaultDataDir();
  const historyFile = dataDir === "" ? undefined : join(dataDir, "history");
  if (historyFile !== undefined) await nodeHost().files.mkdir(dataDir);
  const { input, output, isTerminal: terminal } = io;
  await runConsole({ client, input, output, terminal, historyFile, ...scripts });
}

/** `glim attach [endpoint]`: a console on a running node. */
export const attach: Command<typeof flags> = {
  usage: "glim attach [flags] [endpoint]",
  details: "The endpoint is a URL (http, ws) or the path of an IPC socket; default: the socket of --datadir.",
  flags,
  words: 1,
  async run({ flags: values, rest }, io) {
    const endpoint = rest[0] ?? endpointOf(values.datadir);
    const { client, version } = await connect(endpoint);
    await using _client = client;
    await openConsole(client, `attached to ${version} at ${endpoint}`, values, io);
  },
};
