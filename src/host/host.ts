/** A pending timer. Cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Time. Only `host/node` reads the machine's clock. */
export interface Clock {
  /** Monotonic milliseconds since some start; for measuring and deadlines. */
  now(): number;
  /** Wall-clock seconds since 1970. */
  unixSeconds(): number;
  /** Calls `fn` once after `delayMs` (saturated to what timers can hold). */
  after(delayMs: number, fn: () => void): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason if it aborts first. */
  sleep(delayMs: number, options?: { signal?: AbortSignal | undefined }): Promise<void>;
}

/** Chance for behaviour (peer order, jitter). Seeded in tests. Never for secrets: that is `Entropy`. */
export interface Rand {
  /** 0 ≤ x < 1. */
  float(): number;
  /** Integer 0 ≤ x < bound. */
  int(bound: number): number;
  /** A shuffled copy. */
  shuffle<T>(values: readonly T[]): T[];
}

/** Keys and nonces. */
export interface Entropy {
  bytes(length: number): Uint8Array;
}

export interface Endpoint {
  /** IP address (or, for dialling, a host name). */
  readonly host: string;
  readonly port: number;
}

/** A TCP connection, without Nagle's delay. Handlers are set once, right after the socket is received. */
export interface TcpSocket {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  onData(fn: (chunk: Uint8Array) => void): void;
  /** Called exactly once when both directions are over; with the error that ended it, if any. */
  onClose(fn: (error?: Error) => void): void;
  onDrain(fn: () => void): void;
  /** False once the send buffer is high: wait for drain. */
  write(bytes: Uint8Array): boolean;
  /** Bytes written and not yet taken by the kernel. */
  readonly bufferedBytes: number;
  pause(): void;
  resume(): void;
  /** Sends what is written, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface TcpListener {
  readonly local: Endpoint;
  /** Stops accepting and resolves when the port is free. Accepted connections live on. */
  close(): Promise<void>;
}

/** A UDP socket. Datagrams may be lost, doubled and reordered; `from` is not proven. */
export interface UdpSocket {
  readonly local: Endpoint;
  /** Set once, right after the socket is received. The bytes are the handler's: nothing else changes them. */
  onMessage(fn: (bytes: Uint8Array, from: Endpoint) => void): void;
  /** Sends one datagram to an IP address. Never throws: what cannot be sent is lost, as any datagram may be. */
  send(bytes: Uint8Array, to: Endpoint): void;
  /** Resolves when the port is free. Twice is fine. */
  close(): Promise<void>;
}

export interface Net {
  dialTcp(
    endpoint: Endpoint,
    options?: { signal?: AbortSignal | undefined; timeoutMs?: number | undefined },
  ): Promise<TcpSocket>;
  /** Port 0 takes a free one. `onError` hears failures to accept (BP-11); the listener goes on. */
  listenTcp(
    endpoint: Endpoint,
    onConnection: (socket: TcpSocket) => void,
    onError?: (error: Error) => void,
  ): Promise<TcpListener>;
  /** Port 0 takes a free one; an empty host means all addresses, of both families where the machine has both. */
  bindUdp(endpoint: Endpoint): Promise<UdpSocket>;
}

/** The domain name system. */
export interface Dns {
  /**
   * TXT records of a name, each joined from its pieces. What they say is not proven.
   * @throws HOST_LOOKUP_FAILED when there is none, or no answer within `timeoutMs`
   */
  txt(
    name: string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<readonly string[]>;
  /** The first address of a name, IPv4 before IPv6. @throws HOST_LOOKUP_FAILED */
  address(name: string, options: { readonly timeoutMs: number }): Promise<string>;
}

export interface HttpOptions {
  readonly method?: "GET" | "POST" | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /** For all of it. */
  readonly timeoutMs: number;
  /** A longer answer is an error, before it is held. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** Requests over plain HTTP: to devices of the local network. */
export interface Http {
  /** @throws HOST_HTTP_FAILED for all but an answer; redirects are not followed */
  request(url: string, options: HttpOptions): Promise<{ readonly status: number; readonly body: string }>;
}

/** An address of this machine. */
export interface LocalAddress {
  readonly ip: string;
  /** Bits of its network. */
  readonly prefixLength: number;
  readonly isLoopback: boolean;
}

/** Files of the data directory. A missing file is `undefined`, not an error. */
export interface Files {
  readFile(path: string): Promise<Uint8Array | undefined>;
  /** Whole file or nothing: temporary file beside it, fsync, rename, fsync of the folder. Default mode 0600. */
  writeFileAtomic(path: string, bytes: Uint8Array, options?: { mode?: number | undefined }): Promise<void>;
  /** Adds to the end of a file, which is made (0600) if there is none. On disk when it resolves. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Makes the folder and its parents. Default mode 0700. */
  mkdir(path: string, options?: { mode?: number | undefined }): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Names in a folder, sorted; empty if there is none. */
  list(path: string): Promise<readonly string[]>;
  /** Bytes that may still be written on the disk of this path; undefined if it is not known. */
  freeBytes(path: string): Promise<number | undefined>;
  /** Removes a file or a whole folder. Missing is fine. */
  remove(path: string): Promise<void>;
  /**
   * Takes the data-directory lock (decisions.md): held until disposed or the process ends.
   * @throws HOST_LOCKED with the holder's pid if somebody has it.
   */
  lock(folder: string): Promise<AsyncDisposable>;
}

/** A thread beside ours: messages in, messages out, as structured clones. */
export interface Thread {
  /** `handedOver`: memory in the message that is not copied but goes there, and is gone here. */
  post(message: unknown, handedOver?: readonly ArrayBuffer[]): void;
  /** Keeps the process alive while it is at work; a new thread does not. */
  setBusy(isBusy: boolean): void;
  /** Stops it where it is, endless loops included; resolves when it is gone. `onEnd` is not called then. */
  end(): Promise<void>;
}

export interface ThreadOptions {
  onMessage(message: unknown): void;
  /** Once, if it ends by itself: what it fell over, if anything. */
  onEnd(error?: Error): void;
  /** Most the thread's heap may grow to, MB; past it the thread falls, not the process. */
  readonly heapMb: number;
  /** Of it, for what has just been made, MB: more of it makes work faster that makes much. Default: little, so that an idle thread costs little. */
  readonly youngMb?: number | undefined;
}

/** Threads of the process. */
export interface Threads {
  /** Starts a module as a thread; undefined where that cannot be: the module has been bundled away, or is not JavaScript. */
  start(module: URL, options: ThreadOptions): Thread | undefined;
}

/** The one door to the outside. Constructors take the parts they need: `Pick<Host, "clock" | "rand">`. */
export interface Host {
  readonly clock: Clock;
  readonly rand: Rand;
  readonly entropy: Entropy;
  readonly net: Net;
  /** Absent: no name is looked up. */
  readonly dns?: Dns | undefined;
  readonly http?: Http | undefined;
  /** Addresses of this machine now; absent: not known. */
  readonly localAddresses?: (() => readonly LocalAddress[]) | undefined;
  readonly files: Files;
  /** Absent: all work is done on the caller's thread. */
  readonly threads?: Threads | undefined;
}
