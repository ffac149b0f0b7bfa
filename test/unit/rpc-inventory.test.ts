// T24: every method of geth 1.8.27's inventory (seed-behaviour §10), on a full and on a light node: there or not there, and
// served over HTTP without a module list if geth flags it public. A probe asks with too many parameters, so that a method is
// found (-32602) without being run.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dialRpc, type RpcClient } from "#rpc";
import { type RpcNode, rpcNode } from "../kit/rpc-node.ts";

type Row = readonly [name: string, full: boolean, light: boolean, isPublic: boolean];

const rows = (names: string, full: boolean, light: boolean, isPublic: boolean): Row[] =>
  names
    .trim()
    .split(/\s+/)
    .map((name) => [name, full, light, isPublic] as const);

const inventory: readonly Row[] = [
  ...rows(
    "rpc_modules web3_clientVersion web3_sha3 net_listening net_peerCount net_version",
    true,
    true,
    true,
  ),
  ...rows(
    `eth_protocolVersion eth_gasPrice eth_syncing eth_accounts eth_blockNumber eth_getBalance eth_getProof
    eth_getBlockByNumber eth_getBlockByHash eth_getUncleByBlockNumberAndIndex eth_getUncleByBlockHashAndIndex
    eth_getUncleCountByBlockNumber eth_getUncleCountByBlockHash eth_getCode eth_getStorageAt eth_call eth_estimateGas
    eth_getBlockTransactionCountByNumber eth_getBlockTransactionCountByHash eth_getTransactionByBlockNumberAndIndex
    eth_getTransactionByBlockHashAndIndex eth_getRawTransactionByBlockNumberAndIndex
    eth_getRawTransactionByBlockHashAndIndex eth_getTransactionCount eth_getTransactionByHash eth_getRawTransactionByHash
    eth_getTransactionReceipt eth_sendTransaction eth_sendRawTransaction eth_sign eth_signTransaction
    eth_pendingTransactions eth_resend eth_mining eth_hashrate eth_chainId eth_newFilter eth_newBlockFilter
    eth_newPendingTransactionFilter eth_uninstallFilter eth_getFilterChanges eth_getFilterLogs eth_getLogs`,
    true,
    true,
    true,
  ),
  ...rows("eth_etherbase eth_coinbase", true, true, true), // on a light node they answer with an error, as geth's
  ...rows("txpool_content txpool_inspect txpool_status", true, true, true),
  ...rows(
    `personal_listAccounts personal_listWallets personal_newAccount personal_importRawKey personal_unlockAccount
    personal_lockAccount personal_sendTransaction personal_signAndSendTransaction personal_signTransaction personal_sign
    personal_ecRecover personal_openWallet personal_deriveAccount`,
    true,
    true,
    false,
  ),
  ...rows(
    `admin_addPeer admin_removePeer admin_addTrustedPeer admin_removeTrustedPeer admin_startRPC admin_stopRPC
    admin_startWS admin_stopWS`,
    true,
    true,
    false,
  ),
  ...rows("admin_peers admin_nodeInfo admin_datadir", true, true, true),
  ...rows("admin_exportChain admin_importChain", true, false, false),
  ...rows("debug_metrics debug_getBlockRlp debug_printBlock debug_seedHash", true, true, true),
  ...rows("debug_dumpBlock", true, false, true),
  ...rows("debug_setHead debug_chaindbProperty debug_chaindbCompact", true, true, false),
  ...rows(
    `debug_verbosity debug_vmodule debug_backtraceAt debug_memStats debug_gcStats debug_cpuProfile debug_startCPUProfile
    debug_stopCPUProfile debug_goTrace debug_startGoTrace debug_stopGoTrace debug_blockProfile debug_setBlockProfileRate
    debug_writeBlockProfile debug_mutexProfile debug_setMutexProfileFraction debug_writeMutexProfile
    debug_writeMemProfile debug_stacks debug_freeOSMemory debug_setGCPercent`,
    true,
    true,
    false,
  ),
  ...rows(
    `debug_preimage debug_getBadBlocks debug_storageRangeAt debug_getModifiedAccountsByNumber
    debug_getModifiedAccountsByHash debug_traceTransaction debug_traceBlock debug_traceBlockByNumber
    debug_traceBlockByHash debug_traceBlockFromFile debug_traceBadBlock debug_standardTraceBlockToFile
    debug_standardTraceBadBlockToFile`,
    true,
    false,
    false,
  ),
  ...rows(
    `miner_start miner_stop miner_setExtra miner_setGasPrice miner_setEtherbase miner_setRecommitInterval
    miner_getHashrate`,
    true,
    false,
    false,
  ),
  ...rows(
    `clique_getSnapshot clique_getSnapshotAtHash clique_getSigners clique_getSignersAtHash clique_proposals
    clique_propose clique_discard`,
    true,
    false,
    false,
  ),
];

/** Where glim is not as the inventory, on purpose; each with the reason. */
const DEPARTURES: ReadonlyMap<string, string> = new Map([
  ["light eth_chainId", "geth has it since 1.9"],
  ...["getBlockRlp", "printBlock", "seedHash", "dumpBlock"].map(
    (name) =>
      [
        `http debug_${name}`,
        "debug_ of a chain is private, as today's geth has it only where it is listed",
      ] as const,
  ),
  ...["chaindbProperty", "chaindbCompact"].map(
    (name) => [`light debug_${name}`, "a light node's database holds no chain"] as const,
  ),
  ["light debug_setHead", "a light chain goes back by itself"],
  ...["traceTransaction", "traceBlock", "traceBlockByNumber", "traceBlockByHash"].map(
    (name) => [`light debug_${name}`, "what can be proven can be traced"] as const,
  ),
  ...["getSnapshot", "getSnapshotAtHash", "getSigners", "getSignersAtHash"].map(
    (name) => [`light clique_${name}`, "the signers stand in the headers"] as const,
  ),
]);

const TOO_MANY = Array.from({ length: 20 }, () => ({}));

async function has(client: RpcClient, method: string): Promise<boolean> {
  const code = await client.request({ method, params: TOO_MANY }).then(
    () => 0,
    (error: { code: number }) => error.code,
  );
  expect([-32601, -32602], `${method} answered ${code}`).toContain(code);
  return code === -32602;
}

const SUBSCRIPTIONS = [
  ["eth", "newHeads"],
  ["eth", "logs"],
  ["eth", "newPendingTransactions"],
  ["eth", "syncing"],
  ["admin", "peerEvents"],
] as const;

describe.each(["full", "light"] as const)("T24 a %s node", (kind) => {
  let node: RpcNode;
  let overHttp: RpcClient;
  beforeAll(async () => {
    node = await rpcNode(kind);
    overHttp = await dialRpc(node.httpUrl);
  });
  afterAll(async () => {
    await overHttp[Symbol.asyncDispose]();
    await node[Symbol.asyncDispose]();
  });
  const wanted = ([, full, light]: Row) => (kind === "full" ? full : light);

  test("rpc_modules: everything in process, what is public over HTTP", async () => {
    const modules = async (client: RpcClient) =>
      Object.keys((await client.request({ method: "rpc_modules" })) as object);
    const all = new Set(inventory.filter(wanted).map(([name]) => name.split("_")[0] ?? ""));
    expect(await modules(node.client)).toEqual(expect.arrayContaining([...all]));
    expect((await modules(overHttp)).filter((name) => ["personal", "miner"].includes(name))).toEqual([]);
  });

  test("each method is there, or not, as in geth", async () => {
    const different: string[] = [];
    for (const row of inventory) {
      const there = await has(node.client, row[0]);
      if (there !== wanted(row) && !DEPARTURES.has(`${kind} ${row[0]}`))
        different.push(`${row[0]}: ${there}`);
    }
    expect(different).toEqual([]);
  });

  test("over HTTP without a list: the public ones, and of the private ones none", async () => {
    const different: string[] = [];
    for (const row of inventory) {
      const there = await has(overHttp, row[0]);
      const departs = DEPARTURES.has(`${kind} ${row[0]}`) || DEPARTURES.has(`http ${row[0]}`);
      if (there !== (wanted(row) && row[3]) && !departs) different.push(`${row[0]}: ${there}`);
    }
    expect(different).toEqual([]);
  });

  test.each(SUBSCRIPTIONS)("%s_subscribe %s", async (namespace, name) => {
    const call = { method: `${namespace}_subscribe`, params: [name, ...TOO_MANY] };
    await expect(node.client.request(call)).rejects.toMatchObject({ code: -32602 });
  });

  test("what the inventory says is not there is not there", async () => {
    for (const name of [
      "eth_subscribeSyncStatus",
      "eth_getCompilers",
      "admin_sleep",
      "personal_unknown",
      "shh_version",
    ])
      expect(await has(node.client, name), name).toBe(false);
  });
});
