// long: tables
import type { MetricTable } from "#metrics";

const p2pTable = {
  messages_in: {
    kind: "counter",
    doc: "Messages received, by protocol, version and name.",
    labels: ["protocol", "version", "name"],
  },
  bytes_in: {
    kind: "counter",
    doc: "Uncompressed payload bytes of them.",
    labels: ["protocol", "version", "name"],
  },
  messages_out: {
    kind: "counter",
    doc: "Messages sent, by protocol, version and name.",
    labels: ["protocol", "version", "name"],
  },
  bytes_out: {
    kind: "counter",
    doc: "Uncompressed payload bytes of them.",
    labels: ["protocol", "version", "name"],
  },
  peers: { kind: "gauge", doc: "Peers connected.", labels: ["direction"] },
  handshakes: {
    kind: "counter",
    doc: "RLPx handshakes ended since the start, by direction and result: `ok`, the code of an error, `told …` the reason the other side gave, or why a socket was closed without a word.",
    labels: ["direction", "result"],
  },
} as const satisfies MetricTable;

const rpcTable = {
  calls: { kind: "counter", doc: "Calls answered, by method and result.", labels: ["method", "result"] },
  seconds: {
    kind: "histogram",
    doc: "Time from a call to its answer, seconds.",
    labels: ["namespace"],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10],
  },
} as const satisfies MetricTable;

const dbTable = {
  reads: { kind: "counter", doc: "Keys read.", labels: ["store"] },
  writes: { kind: "counter", doc: "Keys written or deleted.", labels: ["store"] },
  bytes_read: { kind: "counter", doc: "Bytes of values read.", labels: ["store"] },
  bytes_written: { kind: "counter", doc: "Bytes of keys and values written.", labels: ["store"] },
} as const satisfies MetricTable;

const chainTable = {
  head_number: { kind: "gauge", doc: "Number of the newest block." },
  head_age_seconds: { kind: "gauge", doc: "Age of the newest block, seconds." },
  syncing: { kind: "gauge", doc: "1 while a sync is under way." },
  highest_number: { kind: "gauge", doc: "Block a sync goes to; the head where there is none." },
  blocks_imported: {
    kind: "counter",
    doc: "Blocks (of a light node: headers) that became part of the chain.",
  },
  reorgs: { kind: "counter", doc: "Times that blocks left the chain for others." },
  reorg_depth: {
    kind: "histogram",
    doc: "Blocks that left the chain in a reorg.",
    buckets: [1, 2, 3, 6, 12, 32, 64, 128],
  },
  figures: { kind: "gauge", doc: "What a service counts: its pool, its servers.", labels: ["name"] },
} as const satisfies MetricTable;

const discoveryTable = {
  packets_in: {
    kind: "counter",
    doc: "Packets of discovery received since the start, by its version.",
    labels: ["version"],
  },
  packets_out: { kind: "counter", doc: "Packets of discovery sent since the start.", labels: ["version"] },
  packets_dropped: {
    kind: "counter",
    doc: "Packets of discovery that were not answered or taken, and why.",
    labels: ["version", "reason"],
  },
  table_nodes: { kind: "gauge", doc: "Nodes in the table.", labels: ["version"] },
} as const satisfies MetricTable;

const processTable = {
  resident_bytes: { kind: "gauge", doc: "Memory of the process." },
  heap_used_bytes: { kind: "gauge", doc: "JavaScript heap in use." },
  heap_total_bytes: { kind: "gauge", doc: "JavaScript heap reserved." },
  external_bytes: { kind: "gauge", doc: "Memory of objects outside the heap." },
  array_buffer_bytes: { kind: "gauge", doc: "Memory of buffers." },
  cpu_user_seconds: { kind: "counter", doc: "Time in the program." },
  cpu_system_seconds: { kind: "counter", doc: "Time in the system." },
  uptime_seconds: { kind: "gauge", doc: "Time since the start." },
  start_time_seconds: { kind: "gauge", doc: "Unix time of the start." },
  open_files: { kind: "gauge", doc: "Open files and sockets." },
  loop_delay_mean_seconds: { kind: "gauge", doc: "Mean delay of the event loop since the last reading." },
  loop_delay_max_seconds: { kind: "gauge", doc: "Longest delay of the event loop since the last reading." },
  lost_threads: {
    kind: "gauge",
    doc: "Kinds of threads (handshakes, precompiles) that fell three times in a row: their work is done in place since.",
  },
} as const satisfies MetricTable;

/** Every figure a node counts, by the first part of its name: `p2p` with `peers` is `glim_p2p_peers`. */
export const metricTables = {
  chain: chainTable,
  db: dbTable,
  discovery: discoveryTable,
  p2p: p2pTable,
  process: processTable,
  rpc: rpcTable,
} as const;
