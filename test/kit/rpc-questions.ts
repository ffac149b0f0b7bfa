// long: a list of questions
// Questions for every method that a node of ours and some geth both have, asked of both on one chain.
import type { BlockChain } from "#core";
import { encodeBlock, encodeTransaction, senderOf, signTransaction, type Transaction } from "#core/types";
import { type PrivateKey, keccak256 } from "#crypto";
import { toHex } from "#util";

/** What the questions are about. */
export interface Facts {
  readonly chain: BlockChain;
  /** Sends a transaction that waits; has a balance. */
  readonly key: PrivateKey;
  readonly isLondon: boolean;
}

export type Question = readonly [method: string, ...params: unknown[]];

/** A dialogue whose every answer is compared; ids that differ by chance are left out of what it gives. */
export interface Dialogue {
  readonly methods: readonly string[];
  run(ask: (method: string, ...params: unknown[]) => Promise<unknown>): Promise<unknown>;
}

const zero = `0x${"00".repeat(32)}`;
const unknown = `0x${"99".repeat(32)}`;
const nobody = `0x${"77".repeat(20)}`;
const hexOf = (value: number) => `0x${value.toString(16)}`;

/** The first block with a transaction that leaves logs, its transaction, and one with a plain transfer. */
function exemplars(chain: BlockChain) {
  const blocks = Array.from({ length: chain.head.number + 1 }, (_, n) => {
    const header = chain.headerByNumber(n);
    const block = header === undefined ? undefined : chain.block(header);
    if (header === undefined || block === undefined) throw new Error("no block");
    return { header, block, receipts: chain.receipts(header) ?? [] };
  });
  const logged = blocks.find(({ receipts }) => receipts.some(({ logs }) => logs.length > 0));
  const index = logged?.receipts.findIndex(({ logs }) => logs.length > 0) ?? -1;
  const tx = logged?.block.transactions[index];
  const contract = logged?.receipts[index]?.logs[0]?.address;
  if (logged === undefined || tx === undefined || contract === undefined)
    throw new Error("no logs on this chain");
  return { logged, tx, index, contract };
}

const quantities = (n: number) => [hexOf(n), "latest", "earliest", hexOf(n + 1)];

function blockQuestions({ chain }: Facts): Question[] {
  const { logged, index } = exemplars(chain);
  const hash = toHex(logged.header.hash);
  const { number } = logged.header;
  return [
    ["eth_blockNumber"],
    ...quantities(number).flatMap((n): Question[] => [
      ["eth_getBlockByNumber", n, false],
      ["eth_getBlockByNumber", n, true],
      ["eth_getHeaderByNumber", n],
      ["eth_getBlockReceipts", n],
      ["eth_getBlockTransactionCountByNumber", n],
      ["eth_getUncleCountByBlockNumber", n],
      ["eth_getUncleByBlockNumberAndIndex", n, "0x0"],
      ["eth_getTransactionByBlockNumberAndIndex", n, hexOf(index)],
      ["eth_getRawTransactionByBlockNumberAndIndex", n, hexOf(index)],
    ]),
    ...[hash, unknown].flatMap((h): Question[] => [
      ["eth_getBlockByHash", h, true],
      ["eth_getHeaderByHash", h],
      ["eth_getBlockTransactionCountByHash", h],
      ["eth_getUncleCountByBlockHash", h],
      ["eth_getUncleByBlockHashAndIndex", h, "0x0"],
      ["eth_getTransactionByBlockHashAndIndex", h, hexOf(index)],
      ["eth_getRawTransactionByBlockHashAndIndex", h, hexOf(index)],
    ]),
  ];
}

function transactionQuestions({ chain }: Facts): Question[] {
  const { tx } = exemplars(chain);
  return [toHex(tx.hash), unknown].flatMap((h): Question[] => [
    ["eth_getTransactionByHash", h],
    ["eth_getTransactionReceipt", h],
    ["eth_getRawTransactionByHash", h],
    ["debug_getRawTransaction", h],
  ]);
}

function stateQuestions({ chain }: Facts): Question[] {
  const { contract, tx, logged } = exemplars(chain);
  const to = toHex(contract);
  const from = toHex(senderOf(tx));
  const old = hexOf(logged.header.number - 1);
  const call = { from, to, input: toHex(tx.input) };
  return [
    ...[to, from, nobody].flatMap((a) =>
      ["latest", old].flatMap((n): Question[] => [
        ["eth_getBalance", a, n],
        ["eth_getTransactionCount", a, n],
        ["eth_getCode", a, n],
        ["eth_getStorageAt", a, zero, n],
        ["eth_getProof", a, [zero], n],
      ]),
    ),
    ["eth_getStorageValues", { [to]: [zero] }, "latest"],
    ["eth_call", { ...call, data: call.input, input: undefined }, "latest"],
    ["eth_call", { to: nobody, data: "0x1234" }, "latest"],
    ["eth_estimateGas", { from, to: nobody, value: "0x1" }],
    ["eth_createAccessList", { from, to, data: call.input }, "latest"],
    ["eth_simulateV1", { blockStateCalls: [{ calls: [{ from, to: nobody, value: "0x1" }] }] }, "latest"],
  ];
}

function feeQuestions(_: Facts): Question[] {
  return [
    ["eth_gasPrice"],
    ["eth_maxPriorityFeePerGas"],
    ["eth_feeHistory", "0x5", "latest", [10, 50, 90]],
    ["eth_blobBaseFee"],
    ["eth_baseFee"],
    ["eth_config"],
    ["eth_capabilities"],
    ["eth_chainId"],
    ["eth_syncing"],
    ["eth_protocolVersion"],
    ["eth_accounts"],
    ["eth_coinbase"],
    ["eth_etherbase"],
    ["eth_mining"],
    ["eth_hashrate"],
    ["eth_pendingTransactions"],
    ["net_version"],
    ["net_listening"],
    ["net_peerCount"],
    ["web3_clientVersion"],
    ["web3_sha3", "0x68656c6c6f"],
    ["eth_getLogs", { fromBlock: "0x0", toBlock: "latest" }],
    ["txpool_status"],
    ["txpool_content"],
    ["txpool_inspect"],
    ["txpool_contentFrom", nobody],
  ];
}

/** With accounts: none is there on either side, which both must say. */
function accountQuestions({ chain }: Facts): Question[] {
  const { tx } = exemplars(chain);
  const from = toHex(senderOf(tx));
  const whole = { from, to: nobody, gas: "0x5208", gasPrice: "0x77359400", value: "0x1", nonce: "0x63" };
  return [
    ["eth_sign", from, "0x1234"],
    ["eth_signTransaction", whole],
    ["eth_sendTransaction", whole],
    ["eth_fillTransaction", whole],
    ["eth_resend", whole, "0x77359400", "0x5208"],
    ["personal_listAccounts"],
    ["personal_listWallets"],
    ["personal_lockAccount", from],
    ["personal_unlockAccount", from, "x", 1],
    ["personal_sign", "0x1234", from, "x"],
    ["personal_sendTransaction", whole, "x"],
    ["personal_signTransaction", whole, "x"],
    [
      "personal_ecRecover",
      "0x68656c6c6f",
      "0x9955af11969a2d2a7f860cb00e6a00cfa7c581f5df2dbe8ea16700b33f4b4b9b69f945012f7ea7d3febf11eb1b78e1adc2d1c14c2cf48b25000938cc1860c83e1b",
    ],
  ];
}

function debugQuestions({ chain }: Facts): Question[] {
  const { tx, logged, contract } = exemplars(chain);
  const { number } = logged.header;
  const hash = toHex(logged.header.hash);
  const id = toHex(tx.hash);
  const tracer = { tracer: "callTracer" };
  const js =
    "{ n: 0, step: function(log) { this.n += log.getCost() }, fault: function() {}, result: function() { return this.n } }";
  const call = { from: toHex(senderOf(tx)), to: toHex(contract), data: toHex(tx.input) };
  return [
    ...[hexOf(number), hash].flatMap((ref): Question[] => [
      ["debug_getRawHeader", ref],
      ["debug_getRawBlock", ref],
      ["debug_getRawReceipts", ref],
    ]),
    ["debug_getBlockRlp", number],
    ["debug_printBlock", number],
    ["debug_seedHash", number],
    ["debug_metrics", false],
    ...[
      tracer,
      { tracer: "prestateTracer" },
      { tracer: "4byteTracer" },
      { tracer: "noopTracer" },
      { tracer: js },
    ].map((config): Question => ["debug_traceTransaction", id, config]),
    ["debug_traceTransaction", id, { tracer: "flatCallTracer" }],
    ["debug_traceTransaction", id, { tracer: "muxTracer", tracerConfig: { callTracer: {}, noopTracer: {} } }],
    ["debug_traceBlockByNumber", hexOf(number), tracer],
    ["debug_traceBlockByHash", hash, tracer],
    ["debug_traceBlock", toHex(encodeBlock(logged.block)), tracer],
    ["debug_traceCall", call, "latest", tracer],
    ["debug_traceBadBlock", unknown, tracer],
    ["debug_traceBlockFromFile", "/nothing/here", tracer],
    ["debug_intermediateRoots", hash, {}],
    ["debug_getBadBlocks"],
    ["debug_dumpBlock", hexOf(number)],
    ["debug_accountRange", hexOf(number), "0x", 3, false, false, false],
    ["debug_storageRangeAt", hash, 0, toHex(contract), zero, 10],
    ["debug_getModifiedAccountsByNumber", number],
    ["debug_getModifiedAccountsByNumber", number - 1, number],
    ["debug_getModifiedAccountsByHash", hash],
    ["debug_preimage", toHex(keccak256(contract))],
    ["debug_preimage", unknown],
    ["debug_getAccessibleState", "0x1", hexOf(number)],
    ["debug_dbAncients"],
    ["debug_dbAncient", "headers", 0],
    ["debug_dbGet", "0x1234"],
    ["debug_chaindbProperty"],
    ["debug_chaindbCompact"],
    ["debug_getTrieFlushInterval"],
    ["debug_setTrieFlushInterval", "1h"],
    ["debug_stateSize", hexOf(number)],
    ["debug_executionWitness", hexOf(number)],
    ["debug_standardTraceBadBlockToFile", unknown, {}],
    ["debug_standardTraceBlockToFile", unknown, {}],
    ["debug_verbosity", 3],
    ["debug_vmodule", ""],
    ["debug_backtraceAt", "nothing"],
    ["debug_memStats"],
    ["debug_gcStats"],
    ["debug_stacks"],
    ["debug_freeOSMemory"],
    ["debug_setGCPercent", 100],
    ["debug_setMemoryLimit", 1_000_000_000_000],
    ["debug_stopCPUProfile"],
    ["debug_stopGoTrace"],
    ["debug_setBlockProfileRate", 0],
    ["debug_setMutexProfileFraction", 0],
  ];
}

function consensusQuestions({ chain }: Facts): Question[] {
  const hash = toHex(chain.head.hash);
  return [
    ["clique_getSnapshot", "latest"],
    ["clique_getSnapshotAtHash", hash],
    ["clique_getSigners", "latest"],
    ["clique_getSignersAtHash", hash],
    ["clique_getSigner", "latest"],
    ["clique_status"],
    ["clique_propose", nobody, true],
    ["clique_proposals"],
    ["clique_discard", nobody],
    ["miner_getHashrate"],
    ["miner_setExtra", "hello"],
    ["miner_setGasPrice", "0x1"],
    ["miner_setGasLimit", "0x1c9c380"],
    ["miner_setRecommitInterval", 1_000],
    ["miner_setEtherbase", nobody],
    ["miner_start", 1],
    ["miner_stop"],
    ["admin_peers"],
    ["admin_nodeInfo"],
    ["admin_datadir"],
    ["admin_addPeer", "nonsense"],
    ["admin_removePeer", "nonsense"],
    ["admin_addTrustedPeer", "nonsense"],
    ["admin_removeTrustedPeer", "nonsense"],
    ["admin_exportChain", "/nothing/here"],
    ["admin_importChain", "/nothing/here"],
    ["admin_startWS", "127.0.0.1", 0],
    ["admin_stopWS"],
    ["les_serverInfo"],
    ["les_clientInfo", []],
    ["debug_setHead", hexOf(chain.head.number)],
    ["debug_freezeClient", "nonsense"],
    ["debug_clearTxpool"],
    ["les_priorityClientInfo", zero, zero, 10],
    ["les_addBalance", "nonsense", 1, ""],
    ["les_setClientParams", [], {}],
    ["les_setDefaultParams", {}],
    ["les_setConnectedBias", 1],
    ["les_latestCheckpoint"],
    ["les_getCheckpoint", 0],
    ["les_getCheckpointContractAddress"],
  ];
}

/** A transaction that waits: of a nonce that is not due, so that neither side puts it into a block. */
function waitingTransaction({ key, isLondon }: Facts): Transaction {
  const base = { chainId: 1337n, nonce: 1_000n, gas: 60_000n, value: 1n, input: new Uint8Array([1, 2]) };
  const to = new Uint8Array(20).fill(0x77);
  return isLondon
    ? signTransaction(
        {
          ...base,
          to,
          type: 2,
          maxFeePerGas: 9_000_000_000n,
          maxPriorityFeePerGas: 2_000_000_000n,
          accessList: [],
        },
        key,
      )
    : signTransaction({ ...base, to, type: 0, gasPrice: 9_000_000_000n }, key);
}

export function questionsOf(facts: Facts): Question[] {
  return [
    ...blockQuestions(facts),
    ...transactionQuestions(facts),
    ...stateQuestions(facts),
    ...feeQuestions(facts),
    ...accountQuestions(facts),
    ...debugQuestions(facts),
    ...consensusQuestions(facts),
  ];
}

export function dialoguesOf(facts: Facts): Dialogue[] {
  const raw = toHex(encodeTransaction(waitingTransaction(facts)));
  return [
    {
      methods: ["eth_newFilter", "eth_getFilterLogs", "eth_getFilterChanges", "eth_uninstallFilter"],
      async run(ask) {
        const id = await ask("eth_newFilter", { fromBlock: "0x0", toBlock: "latest" });
        const logs = await ask("eth_getFilterLogs", id);
        const changes = await ask("eth_getFilterChanges", id);
        return [
          typeof id,
          logs,
          changes,
          await ask("eth_uninstallFilter", id),
          await ask("eth_uninstallFilter", id),
        ];
      },
    },
    {
      methods: ["eth_newBlockFilter", "eth_newPendingTransactionFilter"],
      async run(ask) {
        const ids = [await ask("eth_newBlockFilter"), await ask("eth_newPendingTransactionFilter")];
        const changes = [];
        for (const id of ids) changes.push(await ask("eth_getFilterChanges", id));
        for (const id of ids) await ask("eth_uninstallFilter", id);
        return [ids.map((id) => /^0x[0-9a-f]+$/.test(String(id))), changes];
      },
    },
    {
      methods: ["eth_sendRawTransaction"],
      async run(ask) {
        const hash = await ask("eth_sendRawTransaction", raw);
        return [hash, await ask("txpool_status"), await ask("txpool_content"), await ask("txpool_inspect")];
      },
    },
  ];
}
