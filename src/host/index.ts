/**
 * host: what a node needs of the world, as interfaces: time, chance, entropy, TCP, UDP, DNS, files, threads.
 *
 * `#host/node` is the real one and the only place that touches Node's timers, sockets and files for a node;
 * `#host/sim` is a simulated one for tests. (The RPC transports open their own sockets: HTTP and WebSocket come from
 * libraries that bring theirs.)
 */
export { Deadlines } from "./deadlines.ts";
export { HostError } from "./errors.ts";
export type {
  Clock,
  Dns,
  Endpoint,
  Entropy,
  Files,
  Host,
  Http,
  HttpOptions,
  LocalAddress,
  Net,
  Rand,
  TcpListener,
  TcpSocket,
  Thread,
  ThreadOptions,
  Threads,
  Timer,
  UdpSocket,
} from "./host.ts";
export { isOutOfThreads } from "./out-of-threads.ts";
export { type Slice, type Turns, turnsOf } from "./turns.ts";
