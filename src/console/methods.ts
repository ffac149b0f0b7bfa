/**
 * Methods offered by completion where the server does not list its own (`rpc_methods` is glim's; geth has none). A
 * method that is not here can be called all the same: `rpc("ns_name", [params])`.
 */
export const knownMethods: readonly string[] = [
  ...[
    "accounts blockNumber call chainId createAccessList estimateGas feeHistory gasPrice getBalance getBlockByHash",
    "getBlockByNumber getBlockReceipts getBlockTransactionCountByHash getBlockTransactionCountByNumber getCode",
    "getFilterChanges getFilterLogs getLogs getProof getRawTransactionByHash getStorageAt getTransactionByBlockHashAndIndex",
    "getTransactionByBlockNumberAndIndex getTransactionByHash getTransactionCount getTransactionReceipt",
    "getUncleByBlockHashAndIndex getUncleByBlockNumberAndIndex getUncleCountByBlockHash getUncleCountByBlockNumber",
    "maxPriorityFeePerGas newBlockFilter newFilter newPendingTransactionFilter sendRawTransaction syncing uninstallFilter",
  ]
    .join(" ")
    .split(" ")
    .map((name) => `eth_${name}`),
  ..."listening peerCount version".split(" ").map((name) => `net_${name}`),
  ..."clientVersion sha3".split(" ").map((name) => `web3_${name}`),
  ..."addPeer addTrustedPeer datadir nodeInfo peers removePeer removeTrustedPeer startHTTP startWS stopHTTP stopWS"
    .split(" ")
    .map((name) => `admin_${name}`),
  "light_status",
  "les_serverInfo",
  "les_clientInfo",
  "rpc_modules",
];
