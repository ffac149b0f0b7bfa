// Real geth processes for interop tests and benches: build, init, import, start, ask, stop, kill.
// Everything listens on 127.0.0.1 with ports that geth chooses itself; data lives in a temp folder.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type GethProgram, type GethVersion, cacheFolder, gethBinary, gethProgram } from "./geth-build.ts";
import { type GethRole, importFlags, nodeFlags, toolFlags } from "./geth-flags.ts";
import { type JsonRpc, jsonRpc } from "./json-rpc.ts";
import { until } from "./until.ts";

export { type GethVersion, cacheFolder, gethBinary } from "./geth-build.ts";
export type { GethRole } from "./geth-flags.ts";

const execute = promisify(execFile);

/** Key of the signer of chains that tests mine themselves, and its address. Worth nothing anywhere. */
export const minerKey = "4545454545454545454545454545454545454545454545454545454545454545";

/**
 * Path of geth `version` or undefined with the reason given to `skip`. Where `CI` is set a missing peer is a
 * failure, but 1.8.27. In a test: `const geth = await requireGeth("1.9.25", (why) => context.skip(why))`.
 */
export async function requireGeth(
  version: GethVersion,
  skip: (why: string) => void,
  program: GethProgram = "geth",
): Promise<string | undefined> {
  const binary = await gethProgram(program, version);
  if ("path" in binary) return binary.path;
  // The others are built by a line of Go's; this one needs a proxy that still has what it was made of.
  if (version === "1.8.27") {
    skip(binary.missing);
    return undefined;
  }
  const ci = process.env["CI"] ?? "";
  if (ci !== "" && ci !== "false" && ci !== "0") throw new Error(binary.missing);
  skip(binary.missing);
  return undefined;
}

export interface StartGeth {
  readonly version: GethVersion;
  readonly role: GethRole;
  /** genesis.json as an object; written and `init`ed unless the datadir was used before. */
  readonly genesis: GenesisJson;
  /** Kept after stop when given; otherwise a temp folder that goes with the node. */
  readonly datadir?: string | undefined;
  /** A chain in geth's export format to `geth import` before the start. */
  readonly importFile?: string | undefined;
  /** Hex key (no 0x) of the sealing account. Default {@link minerKey} for roles that need one. */
  readonly signerKey?: string | undefined;
  readonly networkId?: number | undefined;
  /** Pins the process to one core (Linux `taskset`). */
  readonly cpu?: number | undefined;
  /** Enodes that it is told to connect to once it runs. */
  readonly peers?: readonly string[] | undefined;
  /** Nodes it begins its search at; without them it does not search. */
  readonly bootnodes?: readonly string[] | undefined;
  readonly flags?: readonly string[] | undefined;
}

export interface GenesisJson {
  readonly config: { readonly chainId: number; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export interface Geth extends AsyncDisposable {
  readonly version: GethVersion;
  readonly rpc: JsonRpc;
  readonly httpUrl: string;
  /** Where the Engine API listens; versions that have one. */
  readonly engineUrl: string | undefined;
  readonly ipcPath: string;
  readonly enode: string;
  readonly datadir: string;
  readonly pid: number;
  /** Last lines of its log, newest last. */
  log(): string;
  /** Waits until its head is at least `number`. */
  atBlock(number: number, timeoutMs?: number): Promise<void>;
  /** Interrupts it and waits for its end: chain and keys are on disk afterwards. */
  stop(): Promise<void>;
  /** Kills it as a crash would. */
  kill9(): Promise<void>;
}

/** Clique genesis on which every geth from 1.8 to 1.13 agrees: all forks to petersburg at 0, chain id 1337. */
export function cliqueGenesis(
  signer: string,
  alloc: Readonly<Record<string, object>>,
  period = 1,
): GenesisJson {
  const zero = (bytes: number): string => "00".repeat(bytes);
  const forks = ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg"];
  return {
    config: {
      chainId: 1337,
      ...Object.fromEntries(forks.map((fork) => [`${fork}Block`, 0])),
      clique: { period, epoch: 30_000 },
    },
    nonce: "0x0",
    timestamp: "0x5c51a607",
    extraData: `0x${zero(32)}${signer.replace(/^0x/, "").toLowerCase()}${zero(65)}`,
    gasLimit: "0x5f5e100",
    difficulty: "0x1",
    mixHash: `0x${zero(32)}`,
    coinbase: `0x${zero(20)}`,
    alloc,
  };
}

const engineStarted = /HTTP server started\s+endpoint=(\S+)\s+auth=true/;
const httpStarted =
  /HTTP (?:server started\s+endpoint=|endpoint opened\s+url=http:\/\/)(\S+)\s+(?:cors|auth=false)/;
const hasEngine = (version: GethVersion): boolean => version !== "1.8.27" && version !== "1.9.25";

/** Starts a geth and waits until its RPC answers. Dispose of it with `await using`. */
export async function startGeth(options: StartGeth): Promise<Geth> {
  const { version, role, genesis } = options;
  const binary = await gethBinary(version);
  if ("missing" in binary) throw new Error(binary.missing);
  const home = mkdtempSync(join(tmpdir(), "glim-geth-"));
  const datadir = options.datadir ?? join(home, "data");
  mkdirSync(datadir, { recursive: true });
  const tool = async (command: readonly string[], flags: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await execute(binary.path, [...flags, ...command], { maxBuffer: 64 << 20 });
    return stdout + stderr;
  };
  const genesisFile = join(home, "genesis.json");
  writeFileSync(genesisFile, JSON.stringify(genesis));
  if (options.importFile === undefined) await tool(["init", genesisFile], toolFlags(version, datadir));
  else await importedChain(tool, version, genesisFile, options.importFile, datadir);
  const passwordFile = join(home, "password");
  writeFileSync(passwordFile, "glim");
  const needsKey = role === "miner" || (role === "lightServer" && version === "1.9.25");
  const etherbase = needsKey
    ? await importKey(tool, ["--datadir", datadir], home, passwordFile, options.signerKey ?? minerKey)
    : undefined;
  const ipcPath = join(home, "geth.ipc");
  const flags = nodeFlags({
    ...{ version, role, datadir, ipcPath, etherbase, passwordFile },
    httpPort: version === "1.8.27" ? await freePort() : 0,
    networkId: options.networkId ?? genesis.config.chainId,
    bootnodes: options.bootnodes,
    extra: options.flags ?? [],
  });
  const child = launch(binary.path, flags, options.cpu);
  const log = new LogTail(child);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const killer = (): void => void child.kill("SIGKILL");
  process.once("exit", killer);
  const end = async (signal: "SIGINT" | "SIGKILL"): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const late = setTimeout(killer, 20_000);
    await ended;
    clearTimeout(late);
    process.off("exit", killer);
  };
  try {
    const endpoint = await log.find(httpStarted, ended);
    const httpUrl = `http://${endpoint.replace("[::]", "127.0.0.1")}`;
    const rpc = jsonRpc(httpUrl);
    const engineUrl = hasEngine(version) ? `http://${await log.find(engineStarted, ended)}` : undefined;
    const node: Geth = {
      ...{ version, rpc, httpUrl, engineUrl, ipcPath, datadir, pid: child.pid ?? 0 },
      enode: await until("the enode of geth", () => listening(rpc)),
      log: () => log.text(),
      atBlock: async (number, timeoutMs) => {
        await until(
          `block ${number} on geth ${version}\n${log.text()}`,
          async () => Number(await rpc<string>("eth_blockNumber")) >= number,
          timeoutMs,
        );
      },
      stop: () => end("SIGINT"),
      kill9: () => end("SIGKILL"),
      [Symbol.asyncDispose]: async () => {
        await end(options.datadir === undefined ? "SIGKILL" : "SIGINT");
        rpc[Symbol.dispose]();
        rmSync(home, { recursive: true, force: true });
      },
    };
    // Having been told to mine once is what opens a 1.9.25 to light clients; the foreign chain is not its to seal.
    if (role === "lightServer" && version === "1.9.25") {
      await rpc("miner_start", [1]); // the --mine of the command line takes effect at some later time
      await rpc("miner_stop");
    }
    for (const enode of options.peers ?? []) await rpc("admin_addPeer", [enode]);
    return node;
  } catch (error) {
    await end("SIGKILL");
    rmSync(home, { recursive: true, force: true });
    throw new Error(`geth ${version} did not start:\n${log.text()}`, { cause: error });
  }
}

export interface ServedChain {
  readonly genesis: GenesisJson;
  /** File in geth's export format. */
  readonly file: string;
  /** Number of its last block. */
  readonly head: number;
}

export interface TwoServers extends AsyncDisposable {
  readonly old: Geth;
  readonly new: Geth;
}

/** The same chain served over les by 1.9.25 (les/2, 3) and by 1.11.6 (les/2, 3, 4). */
export async function twoServers(chain: ServedChain): Promise<TwoServers> {
  const start = (version: GethVersion): Promise<Geth> =>
    startGeth({ version, role: "lightServer", genesis: chain.genesis, importFile: chain.file });
  const [one, two] = await Promise.allSettled([start("1.9.25"), start("1.11.6")]);
  if (one.status === "rejected" || two.status === "rejected") {
    for (const side of [one, two]) if (side.status === "fulfilled") await side.value[Symbol.asyncDispose]();
    throw one.status === "rejected" ? one.reason : (two as PromiseRejectedResult).reason;
  }
  return {
    old: one.value,
    new: two.value,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([one.value[Symbol.asyncDispose](), two.value[Symbol.asyncDispose]()]);
    },
  };
}

/** Runs geth's own exporter against a stopped node's datadir: the chain from block 0 in geth's RLP format. */
export async function exportChain(version: GethVersion, datadir: string, file: string): Promise<void> {
  const binary = await gethBinary(version);
  if ("missing" in binary) throw new Error(binary.missing);
  await execute(binary.path, [...importFlags(version, datadir), "export", file], { maxBuffer: 64 << 20 });
}

type Tool = (command: readonly string[], flags: readonly string[]) => Promise<string>;

/** `geth init` + `geth import`, done once per chain and version into the cache (8 s for the chain of 100,000 accounts). */
async function importedChain(
  tool: Tool,
  version: GethVersion,
  genesis: string,
  chain: string,
  datadir: string,
) {
  const digest = createHash("sha256");
  for (const file of [genesis, chain]) digest.update(readFileSync(file)).update("\n");
  const cached = join(cacheFolder(), "chains", `${digest.digest("hex").slice(0, 16)}-geth-${version}`);
  if (!existsSync(cached)) {
    mkdirSync(join(cacheFolder(), "chains"), { recursive: true });
    const making = mkdtempSync(`${cached}.making-`);
    await tool(["init", genesis], toolFlags(version, making));
    await tool(["import", chain], importFlags(version, making));
    rmSync(join(making, "geth", "nodekey"), { force: true });
    try {
      renameSync(making, cached);
    } catch (error) {
      rmSync(making, { recursive: true, force: true });
      if (!existsSync(cached)) throw error;
    }
  }
  cpSync(cached, datadir, { recursive: true });
}

async function importKey(tool: Tool, flags: readonly string[], home: string, password: string, key: string) {
  const keyFile = join(home, "key");
  writeFileSync(keyFile, key, { mode: 0o600 });
  const command = ["account", "import", "--lightkdf", "--password", password, keyFile];
  try {
    const said = await tool([...command.slice(0, 2), ...flags, ...command.slice(2)], []);
    const address = /Address: \{([0-9a-fA-F]{40})\}/.exec(said)?.[1];
    if (address !== undefined) return `0x${address}`;
    throw new Error(`geth imported no account: ${said}`);
  } catch (error) {
    // A datadir used before has the key already.
    const listed = /\{([0-9a-fA-F]{40})\}/.exec(await tool(["account", "list", ...flags], []))?.[1];
    if (listed === undefined) throw error;
    return `0x${listed}`;
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return address.port;
}

function launch(path: string, flags: readonly string[], cpu: number | undefined): ChildProcess {
  const stdio: ["ignore", "ignore", "pipe"] = ["ignore", "ignore", "pipe"];
  if (cpu === undefined) return spawn(path, flags, { stdio });
  return spawn("taskset", ["-c", String(cpu), path, ...flags], { stdio });
}

async function listening(rpc: JsonRpc): Promise<string | undefined> {
  const { enode, ports } = await rpc<{ enode: string; ports: { listener: number } }>("admin_nodeInfo");
  const key = /^enode:\/\/([0-9a-f]{128})@/.exec(enode)?.[1];
  return key === undefined || ports.listener === 0 ? undefined : `enode://${key}@127.0.0.1:${ports.listener}`;
}

/** The last lines a process wrote to its error stream, and waiting for one of them. */
class LogTail {
  #lines: string[] = [];
  #rest = "";
  readonly #waiting = new Set<(line: string) => void>();

  constructor(child: ChildProcess) {
    child.stderr?.on("data", (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) for (const listener of [...this.#waiting]) listener(line);
      this.#lines = [...this.#lines, ...lines].slice(-200);
    });
  }

  text(): string {
    return this.#lines.slice(-40).join("\n");
  }

  /** First group of the first line that matches; rejects when the process ends first. */
  find(pattern: RegExp, ended: Promise<void>): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (line: string): void => {
        const found = pattern.exec(line)?.[1];
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      for (const line of this.#lines) look(line);
      void ended.then(() => reject(new Error(`no log line like ${pattern.source}`)));
    });
  }
}
