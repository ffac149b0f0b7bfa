import { join } from "node:path";
import { BlockChain, type GcMode, readStoredGenesis } from "#core";
import { readPruning } from "#core/rawdb";
import { genesisBlock } from "#core/state";
import { assertStoresReadable, type KeyValueStore, openLevelStore } from "#ethdb";
import type { Host } from "#host";
import type { Logger } from "#log";
import { DiskWatch, openInstanceDir } from "#node";
import type { ChainConfig, Genesis } from "#params";
import { DisposeStack } from "#util";
import { CliError } from "./errors.ts";
import { isAborted } from "./aborted.ts";
import { readGenesis, writeGenesis } from "./genesis-file.ts";
import type { Io } from "./io.ts";
import { INSTANCE } from "./version.ts";

/** Where `glim init` keeps the genesis, for the commands that are not told it again. */
export function genesisPathOf(dataDir: string): string {
  return join(dataDir, INSTANCE, "genesis.json");
}

/** The database of a data directory, locked, with its disk watched. */
export interface ChainDir extends AsyncDisposable {
  readonly db: KeyValueStore;
  /** Aborts when the user asks to stop, or when the environment fails: the reason is the error then. */
  readonly signal: AbortSignal;
  /** Closes this with the directory, before the database. */
  defer(close: () => void | Promise<void>): void;
}

interface ChainDirOptions {
  readonly dataDir: string | undefined;
  /** Default 1024. */
  readonly minFreeMb?: number | undefined;
  /** Make what is not there. */
  readonly create: boolean;
}

/** @throws CLI_MISSING_FLAG, CLI_NO_CHAIN, NODE_DATADIR_USED, NODE_DISK_FULL, DB_SCHEMA_NEWER, DB_OPEN_FAILED */
export async function openChainDir(
  { dataDir, minFreeMb = 1024, create }: ChainDirOptions,
  { host, io, log }: { host: Host; io: Io; log: Logger },
): Promise<ChainDir> {
  if (dataDir === undefined)
    throw CliError("MISSING_FLAG", { flag: "--datadir", why: "name the folder of the node's data" });
  const folder = join(dataDir, INSTANCE, "chaindata");
  if (!create && !(await host.files.exists(folder))) throw CliError("NO_CHAIN", { folder: dataDir });
  await assertStoresReadable(join(dataDir, INSTANCE));
  const failed = new AbortController();
  const onFailure = (error: Error) => failed.abort(error);
  await using stack = new DisposeStack();
  stack.use(await openInstanceDir(dataDir, INSTANCE, host));
  if (minFreeMb > 0) {
    const disk = new DiskWatch({ path: dataDir, minFreeMb, host, log, onFull: onFailure });
    stack.use(disk);
    await disk.start();
  }
  const db = await openLevelStore(folder, { onFailure, log });
  stack.use(db);
  const owned = stack.move();
  return {
    db,
    signal: AbortSignal.any([io.stopping, failed.signal]),
    defer: (close) => owned.defer(close),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}

/** The genesis that is named, else the one that was kept in the data directory. @throws CLI_BAD_FILE, CLI_MISSING_FLAG */
export async function genesisOf(
  named: string | undefined,
  dataDir: string | undefined,
  host: Host,
): Promise<Genesis> {
  if (named !== undefined) return readGenesis(named, host);
  const kept = dataDir === undefined ? undefined : genesisPathOf(dataDir);
  if (kept === undefined || !(await host.files.exists(kept)))
    throw CliError("MISSING_FLAG", { flag: "--genesis", why: "name the network's genesis file" });
  return readGenesis(kept, host);
}

/** The value of --gcmode, whose row takes no other. */
export const gcModeOf = (mode: string | undefined): GcMode | undefined =>
  mode === "full" || mode === "archive" ? mode : undefined;

export interface ChainWorld {
  readonly host: Host;
  readonly log: Logger;
  /** A `GcMode`. */
  readonly gcmode?: string | undefined;
  /** Megabytes. */
  readonly cache?: number | undefined;
  readonly fakePow?: boolean | undefined;
}

async function openChain(
  dir: ChainDir,
  genesis: Genesis | "stored",
  config: ChainConfig,
  { host, log, gcmode, cache, fakePow }: ChainWorld,
): Promise<BlockChain> {
  const { makeEngine } = await import("#eth"); // a light node's commands read this file too, and need no full node's parts
  const engine = makeEngine(config, dir.db, { fakePow });
  dir.defer(() => engine.close?.());
  const { db } = dir;
  // as the folder was last used, unless told
  const gcMode = gcModeOf(gcmode) ?? (readPruning(db) ? "full" : "archive");
  return new BlockChain({ db, genesis, engine, clock: host.clock, log, gcMode, cacheMb: cache });
}

/** Opens the chain of that genesis, and keeps the genesis beside it. */
export async function openChainOf(
  dir: ChainDir,
  genesis: Genesis,
  dataDir: string,
  world: ChainWorld,
): Promise<BlockChain> {
  if (world.fakePow === true)
    (await import("#eth")).admitFakePow(genesisBlock(genesis).header.hash, world.log);
  const chain = await openChain(dir, genesis, genesis.config, world);
  await chain.recover({ signal: dir.signal });
  await writeGenesis(genesisPathOf(dataDir), genesis, world.host);
  return chain;
}

/** Opens the chain that is there. @throws CLI_NO_CHAIN */
export async function openStoredChain(
  dir: ChainDir,
  dataDir: string,
  world: ChainWorld,
): Promise<BlockChain> {
  const stored = readStoredGenesis(dir.db);
  if (stored === undefined) throw CliError("NO_CHAIN", { folder: dataDir });
  const chain = await openChain(dir, "stored", stored.config, world);
  await chain.recover({ signal: dir.signal });
  return chain;
}

/** What to throw when work on a chain ended early: the failure of the disk, or the user's wish in words. */
export function explainEnd(
  error: unknown,
  { signal }: Pick<ChainDir, "signal">,
  io: Io,
  what: string,
): unknown {
  if (isAborted(error, io.stopping)) return CliError("INTERRUPTED", { what });
  return signal.aborted && !io.stopping.aborted ? signal.reason : error;
}
