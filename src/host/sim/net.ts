import { simulatedUdp, type UdpWeather } from "./udp.ts";
import { HostError, type Endpoint, type Net, type TcpSocket } from "#host";

interface End {
  readonly socket: TcpSocket;
  deliver(chunk: Uint8Array): void;
  closed(error?: Error): void;
}

function makeEnd(remote: Endpoint, local: Endpoint, peer: () => End | undefined): End {
  let onData: ((chunk: Uint8Array) => void) | undefined;
  let onClose: ((error?: Error) => void) | undefined;
  let isPaused = false;
  let isOver = false;
  let overWith: Error | undefined;
  const waiting: Uint8Array[] = [];
  const flush = () => {
    while (!isPaused && onData !== undefined) {
      const chunk = waiting.shift();
      if (chunk === undefined) return;
      onData(chunk);
    }
  };
  const over = (error?: Error) => {
    if (isOver) return;
    isOver = true;
    overWith = error;
    onClose?.(error);
  };
  const socket: TcpSocket = {
    remote,
    local,
    onData(fn) {
      onData = fn;
      queueMicrotask(flush);
    },
    onClose(fn) {
      onClose = fn;
      if (isOver) queueMicrotask(() => fn(overWith));
    },
    onDrain() {},
    write(bytes) {
      if (isOver) return false;
      const copy = bytes.slice();
      queueMicrotask(() => peer()?.deliver(copy));
      return true;
    },
    bufferedBytes: 0,
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      queueMicrotask(flush);
    },
    end: () => queueMicrotask(close),
    destroy: () => queueMicrotask(close),
  };
  const close = () => {
    over();
    queueMicrotask(() => peer()?.closed());
  };
  return {
    socket,
    deliver(chunk) {
      if (isOver) return;
      waiting.push(chunk);
      flush();
    },
    closed: over,
  };
}

/**
 * A net in memory: dialling reaches listeners of the same net. Bytes of TCP arrive in order, a microtask later; datagrams as
 * the weather says.
 */
export function memoryNet(weather: UdpWeather = {}): Net {
  const listeners = new Map<number, (socket: TcpSocket) => void>();
  let nextPort = 40_000;
  return {
    ...simulatedUdp(weather),
    async dialTcp(endpoint) {
      const accept = listeners.get(endpoint.port);
      if (accept === undefined)
        throw HostError("DIAL_FAILED", {
          endpoint: `${endpoint.host}:${endpoint.port}`,
          why: "ECONNREFUSED",
        });
      const local = { host: "127.0.0.1", port: nextPort++ };
      const ours: End = makeEnd(endpoint, local, () => theirs);
      const theirs: End = makeEnd(local, endpoint, () => ours);
      queueMicrotask(() => accept(theirs.socket));
      return ours.socket;
    },
    async listenTcp(endpoint, onConnection) {
      const port = endpoint.port === 0 ? nextPort++ : endpoint.port;
      if (listeners.has(port))
        throw HostError("LISTEN_FAILED", { endpoint: `${endpoint.host}:${port}`, why: "EADDRINUSE" });
      listeners.set(port, onConnection);
      return {
        local: { host: endpoint.host, port },
        async close() {
          listeners.delete(port);
        },
      };
    },
  };
}
