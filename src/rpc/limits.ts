/**
 * Bounds of the RPC transports (attacks-and-faults.md §3.1 "ours"). Sizes in bytes, times in milliseconds.
 * Every one can be lowered or raised by the constructor of a transport.
 */
export const rpcLimits = {
  /** HTTP request body. */
  httpBodyBytes: 5 * 1024 * 1024,
  /** Bodies over 64 KiB of all requests that come in and are answered at once; the one that would pass it is refused (503). */
  httpBodiesBytes: 16 * 1024 * 1024,
  /** Request line and headers together. */
  httpHeaderBytes: 16 * 1024,
  httpHeaderCount: 256,
  httpHeadersTimeoutMs: 10_000,
  httpRequestTimeoutMs: 30_000,
  /** A reply the client does not read, and the longest a method may take over HTTP (then −32002). */
  httpWriteTimeoutMs: 30_000,
  httpIdleTimeoutMs: 120_000,
  httpCheckIntervalMs: 1_000,
  /** Connections of one listener, HTTP and WebSocket together; past it the oldest idle one is closed. */
  connections: 1_024,
  batchItems: 1_000,
  /** Text of all replies of a batch, and of a single reply. */
  replyBytes: 25_000_000,
  methodNameBytes: 128,
  idBytes: 1_024,
  jsonDepth: 64,
  jsonTokens: 100_000,
  wsMessageBytes: 15 * 1024 * 1024,
  /** Messages over 64 KiB of all WebSockets of a listener that come in and are answered at once; who passes it is closed (1013). */
  wsMessagesBytes: 16 * 1024 * 1024,
  /** A message over 64 KiB, WebSocket and IPC, from there to its end; past it the connection is closed (1008; −32002). */
  messageTimeoutMs: 30_000,
  wsFragments: 16_384,
  /** Longest silence before a ping, and again before the connection is given up. */
  wsPingMs: 30_000,
  /** Waiting for a slow reader, WebSocket and IPC: past either the connection is closed (1008). */
  outgoingBytes: 16 * 1024 * 1024,
  outgoingMessages: 5_000,
  ipcMessageBytes: 32 * 1024 * 1024,
  /** The same for messages over IPC: −32005, then the connection is closed. */
  ipcMessagesBytes: 64 * 1024 * 1024,
  ipcConnections: 256,
  subscriptionsPerConnection: 256,
  /** Subscriptions of one server over all connections. */
  subscriptions: 10_000,
  /** Messages of one WebSocket or IPC connection being answered at once; then reading pauses. */
  messagesAtOnce: 256,
  /** Calls marked `isHeavy` at once, and waiting; past both −32005. */
  heavyAtOnce: 4,
  heavyWaiting: 64,
  /** Items of one batch that run at once, where the methods allow it. */
  batchAtOnce: 16,
} as const;

export type RpcLimits = { readonly [Name in keyof typeof rpcLimits]: number };
