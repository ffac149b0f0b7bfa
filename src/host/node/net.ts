import { createServer, connect, type Socket } from "node:net";
import { bindUdp } from "./udp.ts";
import { HostError, type Endpoint, type Net, type TcpSocket } from "#host";

/** Small messages leave at once; who is gone without a word is noticed. */
const OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 } as const;

const DEFAULT_DIAL_TIMEOUT_MS = 15_000; // geth p2p/server.go:47@v1.8.27

function format({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function why(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
}

/** IPv4 addresses mapped into IPv6 (`::ffff:1.2.3.4`) are told as IPv4. */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

function wrap(socket: Socket): TcpSocket {
  const remote = { host: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
  let local: Endpoint | undefined; // costs a system call, and of most sockets nobody asks
  let failure: Error | undefined;
  let isClosed = false;
  socket.on("error", (error) => {
    failure ??= error;
  });
  socket.on("close", () => {
    isClosed = true;
  });
  return {
    remote,
    get local() {
      local ??= { host: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };
      return local;
    },
    onData: (fn) =>
      void socket.on("data", (chunk: Buffer) =>
        fn(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)),
      ),
    onClose(fn) {
      if (isClosed) queueMicrotask(() => fn(failure));
      else socket.once("close", () => fn(failure));
    },
    onDrain: (fn) => void socket.on("drain", fn),
    write: (bytes) => (socket.destroyed ? false : socket.write(bytes)),
    get bufferedBytes() {
      return socket.writableLength;
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

export const nodeNet: Net = {
  bindUdp,

  dialTcp(endpoint, { signal, timeoutMs = DEFAULT_DIAL_TIMEOUT_MS } = {}) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const socket = connect({ host: endpoint.host, port: endpoint.port, ...OPTIONS });
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const fail = (error: unknown) => {
        done();
        socket.destroy();
        reject(error);
      };
      const onAbort = () => fail(signal?.reason);
      const onError = (error: Error) =>
        fail(HostError("DIAL_FAILED", { endpoint: format(endpoint), why: why(error) }, { cause: error }));
      const timer = setTimeout(
        () => fail(HostError("DIAL_TIMEOUT", { endpoint: format(endpoint), timeoutMs })),
        timeoutMs,
      );
      signal?.addEventListener("abort", onAbort, { once: true });
      socket.on("error", onError);
      socket.once("connect", () => {
        done();
        const wrapped = wrap(socket);
        socket.off("error", onError);
        resolve(wrapped);
      });
    });
  },

  listenTcp(endpoint, onConnection, onError = () => {}) {
    return new Promise((resolve, reject) => {
      const server = createServer(OPTIONS);
      const onFailure = (error: Error) =>
        reject(HostError("LISTEN_FAILED", { endpoint: format(endpoint), why: why(error) }, { cause: error }));
      server.once("error", onFailure);
      server.on("connection", (socket) => onConnection(wrap(socket)));
      server.listen({ host: endpoint.host === "" ? undefined : endpoint.host, port: endpoint.port }, () => {
        server.off("error", onFailure);
        server.on("error", onError);
        const address = server.address();
        const local =
          address !== null && typeof address === "object"
            ? { host: address.address, port: address.port }
            : endpoint;
        resolve({
          local,
          close: () => new Promise((closed) => server.close(() => closed())),
        });
      });
    });
  },
};
