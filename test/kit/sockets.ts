// TCP sockets in memory whose far end belongs to the test: a remote address of its choice, a reader that may stall.
import type { Net, TcpSocket } from "#host";
import { memoryNet } from "#host/sim";

/** One end of a connection in memory. Bytes arrive a microtask later, unless the other end is paused. */
export class FakeSocket implements TcpSocket {
  readonly remote: TcpSocket["remote"];
  readonly local: TcpSocket["local"];
  other: FakeSocket | undefined;
  /** Written by the other end, not yet taken by this one. */
  readonly #incoming: Uint8Array[] = [];
  #incomingBytes = 0;
  #isPaused = false;
  #isClosed = false;
  #isEnding = false;
  #onData: ((chunk: Uint8Array) => void) | undefined;
  #onClose: ((error?: Error) => void) | undefined;
  #onDrain: (() => void) | undefined;
  /** Everything this end has been sent, for tests that look at bytes. */
  received = 0;

  constructor(local: TcpSocket["local"], remote: TcpSocket["remote"]) {
    this.local = local;
    this.remote = remote;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get bufferedBytes(): number {
    return this.other === undefined ? 0 : this.other.#incomingBytes;
  }

  onData(fn: (chunk: Uint8Array) => void): void {
    this.#onData = fn;
    queueMicrotask(() => this.#flush());
  }

  onClose(fn: (error?: Error) => void): void {
    this.#onClose = fn;
    if (this.#isClosed) queueMicrotask(() => fn());
  }

  onDrain(fn: () => void): void {
    this.#onDrain = fn;
  }

  write(bytes: Uint8Array): boolean {
    const { other } = this;
    if (this.#isClosed || this.#isEnding || other === undefined) return false;
    other.#incoming.push(bytes.slice());
    other.#incomingBytes += bytes.length;
    queueMicrotask(() => other.#flush());
    return this.bufferedBytes < 16 * 1024;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    queueMicrotask(() => this.#flush());
  }

  end(): void {
    this.#isEnding = true;
    const { other } = this;
    if (other !== undefined) queueMicrotask(() => other.#flush());
  }

  destroy(): void {
    this.#close();
    const { other } = this;
    if (other !== undefined) queueMicrotask(() => other.#close());
  }

  #flush(): void {
    const { other } = this;
    while (!this.#isPaused && !this.#isClosed && this.#onData !== undefined) {
      const chunk = this.#incoming.shift();
      if (chunk === undefined) break;
      this.#incomingBytes -= chunk.length;
      this.received += chunk.length;
      this.#onData(chunk);
      if (this.#incomingBytes === 0 && other !== undefined) queueMicrotask(() => other.#onDrain?.());
    }
    if (other === undefined || !other.#isEnding || this.#incomingBytes > 0) return;
    setImmediate(() => {
      other.#close(); // the end is told in a turn of its own, as the kernel does
      this.#close();
    });
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose?.();
  }
}

/** Two ends. The second sees the first at `remoteHost`. */
export function socketPair(remoteHost = "127.0.0.1", remotePort = 50_000): [FakeSocket, FakeSocket] {
  const here = { host: "127.0.0.1", port: 30_303 };
  const there = { host: remoteHost, port: remotePort };
  const dialer = new FakeSocket(there, here);
  const listener = new FakeSocket(here, there);
  dialer.other = listener;
  listener.other = dialer;
  return [dialer, listener];
}

export interface TestNet extends Net {
  /** Connects to a listener from an address of the test's choice; the far end's socket, for the test to drive. */
  connect(port: number, remoteHost?: string): FakeSocket;
  /** What the operating system says to the listener when it cannot accept. */
  failAccept(port: number, error: Error): void;
}

/** A net of `FakeSocket`s. */
export function testNet(): TestNet {
  const listeners = new Map<number, { accept: (socket: TcpSocket) => void; fail: (error: Error) => void }>();
  let nextPort = 40_000;
  const connect = (port: number, remoteHost?: string): FakeSocket => {
    const [dialer, accepted] = socketPair(remoteHost, nextPort++);
    const listener = listeners.get(port);
    if (listener === undefined) throw new Error(`nobody listens on ${port}`);
    queueMicrotask(() => listener.accept(accepted));
    return dialer;
  };
  return {
    ...memoryNet(),
    connect,
    failAccept: (port, error) => listeners.get(port)?.fail(error),
    dialTcp: async ({ port }) => connect(port),
    listenTcp: async ({ host, port }, accept, fail = () => {}) => {
      const at = port === 0 ? nextPort++ : port;
      listeners.set(at, { accept, fail });
      return { local: { host, port: at }, close: async () => void listeners.delete(at) };
    },
  };
}

/** Lets promise chains and microtasks run out. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
