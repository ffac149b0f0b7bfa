/**
 * Methods offered by completion where the server does not list its own (`rpc_methods` is glim's; geth has none). A
 * method that is not here can be called all the same: `rpc("ns_name", [params])`.
 */
const names: Readonly<Record<string, string>> = {
  eth: `accounts baseFee blobBaseFee blockNumber call chainId coinbase createAccessList estimateGas etherbase feeHistory
    fillTransaction gasPrice getBalance getBlockByHash getBlockByNumber getBlockReceipts getBlockTransactionCountByHash
    getBlockTransactionCountByNumber getCode getFilterChanges getFilterLogs getHeaderByHash getHeaderByNumber getLogs getProof
    getRawTransactionByBlockHashAndIndex getRawTransactionByBlockNumberAndIndex getRawTransactionByHash getStorageAt
    getTransactionByBlockHashAndIndex getTransactionByBlockNumberAndIndex getTransactionByHash getTransactionCount
    getTransactionReceipt getUncleByBlockHashAndIndex getUncleByBlockNumberAndIndex getUncleCountByBlockHash
    getUncleCountByBlockNumber getWork hashrate maxPriorityFeePerGas mining newBlockFilter newFilter
    newPendingTransactionFilter pendingTransactions protocolVersion resend sendRawTransaction sendTransaction sign
    signTransaction signTypedData submitHashRate submitWork syncing uninstallFilter`,
  net: "listening peerCount version",
  web3: "clientVersion sha3",
  txpool: "content contentFrom inspect status",
  admin: `addPeer addTrustedPeer datadir exportChain importChain nodeInfo peers removePeer removeTrustedPeer startHTTP startWS
    stopHTTP stopWS`,
  personal: `deriveAccount ecRecover importRawKey initializeWallet listAccounts listWallets lockAccount newAccount openWallet
    sendTransaction sign signTransaction unlockAccount unpair`,
  miner: "getHashrate setEtherbase setExtra setGasLimit setGasPrice setRecommitInterval start stop",
  clique:
    "discard getSigner getSigners getSignersAtHash getSnapshot getSnapshotAtHash proposals propose status",
  ethash: "getHashrate getWork submitHashRate submitWork",
  debug: `accountRange chaindbCompact chaindbProperty cpuProfile dbGet dumpBlock freeOSMemory gcStats getBadBlocks getBlockRlp
    getModifiedAccountsByHash getModifiedAccountsByNumber getRawBlock getRawHeader getRawReceipts getRawTransaction
    intermediateRoots memStats metrics preimage printBlock seedHash setHead stacks standardTraceBadBlockToFile
    standardTraceBlockToFile startCPUProfile stopCPUProfile storageRangeAt traceBadBlock traceBlock traceBlockByHash
    traceBlockByNumber traceBlockFromFile traceCall traceTransaction verbosity vmodule writeMemProfile`,
  light: "status",
  les: "clientInfo serverInfo",
  rpc: "modules",
};

export const knownMethods: readonly string[] = Object.entries(names).flatMap(([namespace, text]) =>
  text.split(/\s+/).map((name) => `${namespace}_${name}`),
);
