/** host/node: the real world by Node.js. The only room that reads the machine's clock and opens its sockets and files. */
import type { Host } from "#host";
import { nodeClock, nodeEntropy, nodeRand } from "./clock.ts";
import { nodeDns } from "./dns.ts";
import { localAddresses, nodeHttp } from "./http.ts";
import { nodeFiles } from "./files.ts";
import { nodeNet } from "./net.ts";
import { nodeThreads } from "./threads.ts";

/** The real host. */
export function nodeHost(): Host {
  return {
    clock: nodeClock,
    rand: nodeRand,
    entropy: nodeEntropy,
    net: nodeNet,
    dns: nodeDns(),
    http: nodeHttp,
    localAddresses,
    files: nodeFiles,
    threads: nodeThreads,
  };
}
export { nodeDns } from "./dns.ts";
export { setHeapGrowth } from "./heap.ts";
export { RotatingFile, type RotatingFileOptions } from "./rotating-file.ts";
export { type ProcessFigures, ProcessMeter } from "./process-figures.ts";
