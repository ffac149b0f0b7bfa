// Where two answers differ, what is not counted as a difference, and why those differ that do.
import type { GethVersion } from "./geth.ts";

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

export interface Difference {
  readonly path: string;
  readonly theirs: string;
  readonly ours: string;
}

/** Members that later geths have and this one does not; ours are today's. */
const NEWER: ReadonlySet<string> = new Set([
  ...["blockTimestamp", "yParity", "baseFeePerBlobGas", "blobGasUsedRatio", "index", "position"],
  ...["effectiveGasPrice", "type", "codeHash", "txHash", "chainId"],
]);
/** Members that today's geth has no more. */
const GONE: ReadonlySet<string> = new Set(["size"]);

const isObject = (value: Json | undefined): value is { [name: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const brief = (value: Json | undefined) => (JSON.stringify(value) ?? "nothing").slice(0, 160);
/** Today's texts say more than the old ones, or the same with a comma. */
const saysMore = (theirs: string, ours: string) =>
  ours.replaceAll(",", "").startsWith(theirs.replaceAll(",", ""));

export function differences(
  theirs: Json | undefined,
  ours: Json | undefined,
  version: GethVersion,
  path = "",
): Difference[] {
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    const length = Math.max(theirs.length, ours.length);
    return Array.from({ length }, (_, i) => differences(theirs[i], ours[i], version, `${path}[${i}]`)).flat();
  }
  if (isObject(theirs) && isObject(ours)) {
    if (path.endsWith(".accounts")) return dumped(theirs, ours, version, path);
    const names = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
    return [...names].flatMap((name) => {
      const isOld = version !== "1.17.5";
      if (isOld && !(name in theirs) && NEWER.has(name)) return [];
      if (isOld && !(name in ours) && GONE.has(name)) return [];
      return differences(theirs[name], ours[name], version, `${path}.${name}`);
    });
  }
  if (JSON.stringify(theirs) === JSON.stringify(ours)) return [];
  const isText = typeof theirs === "string" && typeof ours === "string" && path.endsWith(".error.message");
  if (isText && saysMore(theirs, ours)) return [];
  return [{ path, theirs: brief(theirs), ours: brief(ours) }];
}

/** Dumped accounts by address, whose keys have checksums since 1.13 and whose address is told again since. */
function dumped(
  theirs: { [name: string]: Json },
  ours: { [name: string]: Json },
  version: GethVersion,
  path: string,
): Difference[] {
  const lower = (accounts: { [name: string]: Json }) =>
    Object.fromEntries(
      Object.entries(accounts).map(([name, account]) => {
        if (!isObject(account)) return [name.toLowerCase(), account];
        const { address: _, ...rest } = account;
        return [name.toLowerCase(), version === "1.17.5" ? account : rest];
      }),
    );
  return differences(lower(theirs), lower(ours), version, `${path} `);
}

interface Reason {
  readonly why: string;
  /** Absent: with every version. */
  readonly versions?: readonly GethVersion[];
  /** False: it may be equal by chance. */
  readonly isSure?: boolean;
}

const OLD = ["1.9.25", "1.11.6"] as const;
const of = (why: string, ...versions: GethVersion[]): Reason[] => [
  versions.length === 0 ? { why, isSure: true } : { why, versions, isSure: true },
];
/** Equal on some machines, or by chance. */
const maybe = (why: string, ...versions: GethVersion[]): Reason[] =>
  of(why, ...versions).map((reason) => ({ ...reason, isSure: false }));

const SIGNER = "this node has no signer; geth takes settings before it has one";
const NO_SEALING = "geth speaks of an etherbase, which nothing here has: blocks pay their signer";
const ITSELF = "each tells of itself";
const GO = "a thing of Go's runtime, which says here that it is not there";
const PATHS = "files are looked for in the data directory only (RP-20), and their errors do not echo paths";
const TOTAL = "totalDifficulty is told as long as chains have one; geth left it out in 1.14";
const OLD_CALLS =
  "callTracer was JavaScript until 1.10: gas without what the transaction costs at least, and its own time";
const DATABASE = "each tells of its own database";
const ENODE = "geth names the node record format, and ours the URL's scheme";
const LES = "not here: clients have no balances, all are served alike";
const CHECKPOINTS = "not here: there is no checkpoint oracle to ask";
const NAMES = "of the genesis geth has no names of accounts; ours are written with it";

const REASONS: Readonly<Record<string, readonly Reason[]>> = {
  eth_protocolVersion: of("the highest eth version it speaks: 68 here", "1.9.25"),
  eth_coinbase: of(NO_SEALING),
  eth_etherbase: of(NO_SEALING),
  eth_getBlockByNumber: of(TOTAL, "1.17.5"),
  eth_getBlockByHash: of(TOTAL, "1.17.5"),
  eth_getHeaderByNumber: of(TOTAL, "1.17.5"),
  eth_getHeaderByHash: of(TOTAL, "1.17.5"),
  eth_getProof: of(
    "an account that is not there has the hashes of what is empty, as in EIP-1186 and every geth before; 1.17 writes zeros",
    "1.17.5",
  ),
  eth_syncing: of(
    "geth without a consensus layer says that it syncs; ours has nobody to sync from",
    "1.17.5",
  ),
  eth_capabilities: of(
    "geth keeps 128 states here and an index of some blocks; ours is told to keep all",
    "1.17.5",
  ),
  eth_fillTransaction: of("today's members, null where they do not apply", "1.9.25"),
  personal_unlockAccount: maybe(
    "geth refuses over HTTP before it looks for the account; ours was asked in process",
    ...OLD,
  ),
  web3_clientVersion: of(ITSELF),
  admin_nodeInfo: of(ITSELF),
  admin_datadir: of(ITSELF),
  admin_addPeer: maybe(ENODE),
  admin_removePeer: maybe(ENODE),
  admin_addTrustedPeer: maybe(ENODE),
  admin_removeTrustedPeer: maybe(ENODE),
  admin_exportChain: of(PATHS),
  admin_importChain: of(PATHS),
  debug_traceBlockFromFile: of(PATHS),
  debug_printBlock: of("geth prints its own memory; here it is JSON"),
  debug_traceTransaction: of(OLD_CALLS, "1.9.25"),
  debug_traceBlockByNumber: of(OLD_CALLS, "1.9.25"),
  debug_traceBlockByHash: of(OLD_CALLS, "1.9.25"),
  debug_traceBlock: of("the block was base64 until 1.10, and is hex", "1.9.25"),
  debug_traceCall: of(OLD_CALLS, "1.9.25"),
  debug_dumpBlock: [
    ...of("roots and hashes have 0x since 1.10", "1.9.25"),
    ...maybe(NAMES, "1.11.6", "1.17.5"),
  ],
  debug_accountRange: [
    ...of("start is hex since 1.10, and was base64", "1.9.25"),
    ...maybe("`next` was base64 until 1.13", "1.11.6"),
    ...of(NAMES, "1.17.5"),
  ],
  debug_storageRangeAt: of("no storage is {} as until 1.13; 1.17 writes null", "1.17.5"),
  debug_setHead: of("going to a block that is not below the head is refused, as today", ...OLD),
  debug_getAccessibleState: maybe("geth's path scheme does not know; ours does", "1.17.5"),
  debug_getModifiedAccountsByNumber: maybe(NAMES, "1.17.5"),
  debug_getModifiedAccountsByHash: maybe(NAMES, "1.17.5"),
  debug_preimage: maybe(NAMES, "1.17.5"),
  debug_chaindbProperty: of(DATABASE),
  debug_dbGet: of("its error names the key, geth's the kind of database"),
  debug_dbAncient: of("there is no ancient store here"),
  debug_getTrieFlushInterval: of("the reason is another: every block's state is written"),
  debug_setTrieFlushInterval: of("the reason is another: every block's state is written"),
  debug_backtraceAt: of(GO),
  debug_memStats: of("V8's figures under Go's names, where they mean the same"),
  debug_gcStats: of("V8's collections, counted since somebody asked"),
  debug_stacks: of("what keeps the event loop alive; there are no goroutines"),
  debug_setGCPercent: of(GO),
  debug_setMemoryLimit: of(GO),
  debug_stopGoTrace: of(GO),
  debug_setBlockProfileRate: of(GO),
  debug_setMutexProfileFraction: of(GO),
  clique_getSigner: of("1.11 takes `latest` for a number; ours knows it", "1.11.6"),
  miner_setExtra: of(SIGNER),
  miner_setGasLimit: of(SIGNER),
  miner_start: of("the words for a node without signer are others", ...OLD),
  miner_setRecommitInterval: of("a block is made when it is due here, not renewed before", ...OLD),
  miner_setEtherbase: of("blocks pay their signer, who does not change while the node runs", ...OLD),
  debug_freezeClient: of("not here: les clients are not frozen by hand", ...OLD),
  debug_clearTxpool: of("not here: the pool is emptied by nobody", "1.17.5"),
  les_priorityClientInfo: of(LES, "1.9.25", "1.11.6"),
  les_addBalance: of(LES, ...OLD),
  les_setClientParams: of(LES, ...OLD),
  les_setDefaultParams: of(LES, ...OLD),
  les_setConnectedBias: of(LES, ...OLD),
  les_latestCheckpoint: of(CHECKPOINTS, ...OLD),
  les_getCheckpoint: of(CHECKPOINTS, ...OLD),
  les_getCheckpointContractAddress: of(CHECKPOINTS, ...OLD),
  les_serverInfo: of("each tells of its own capacity", ...OLD),
};

export function reasonFor(method: string, version: GethVersion): Reason | undefined {
  return REASONS[method]?.find(({ versions }) => versions === undefined || versions.includes(version));
}
