import { type Enode, formatEnode, makeEnode, type NodeId, shortId } from "#enode";
import type { Feed } from "#event";
import type { Clock, Timer } from "#host";
import type { Logger } from "#log";
import type { RlpxConnection, WireMsg } from "#p2p/rlpx";
import { GlimError, isError, TokenBucket } from "#util";
import type { Window } from "./caps.ts";
import { type DisconnectReason, disconnectReasons } from "./disconnect.ts";
import { P2pError } from "./errors.ts";
import {
  BASE_LENGTH,
  BASE_MAX_BYTES,
  decodeDisconnect,
  DISCONNECT,
  encodeDisconnect,
  HELLO,
  type Hello,
  PING,
  PONG,
} from "./hello.ts";
import { formatEndpoint } from "#p2p/netutil";
import type { Peer, PeerInfo } from "./peer.ts";
import { ProtocolConnection } from "./protocol-connection.ts";
import type { Cap } from "./protocol.ts";
import type { PeerEvent } from "./server-types.ts";

/** Bounds of one peer; attacks-and-faults §3.2. */
export const peerLimits = {
  /** Our pings (geth p2p/peer.go:47@v1.8.27). */
  pingEveryMs: 15_000,
  /** Pings from the peer: 20 at once, then one a second (BP-01). Geth's tester of other nodes sends ten in a second. */
  pingBurst: 20,
  pingTokenMs: 1_000,
  /** Messages and bytes that wait for protocols; past either the socket is not read (back-pressure). */
  inboxMessages: 256,
  inboxBytes: 16 * 1024 * 1024,
  /** Bytes in the socket's queue above which protocols wait to write, and a pong is the last straw. */
  queueBytes: 1024 * 1024,
  /** Bytes protocols hold ready while they wait; past it the peer is dropped (BP-10). */
  waitingBytes: 16 * 1024 * 1024,
  /** A full inbox of which nothing is taken for this long: the handler is stuck, the peer is let go (Trap 36). */
  stuckMs: 120_000,
  /** How long protocols get to return after the end. */
  stopGraceMs: 5_000,
} as const;

const EMPTY_LIST = Uint8Array.of(0xc0);
const FRAME_MAX = 0xff_ffff;

export interface PeerOptions {
  readonly connection: RlpxConnection;
  readonly hello: Hello;
  /** The dialled node; absent for inbound. */
  readonly dialed: Enode | undefined;
  readonly id: NodeId;
  readonly isStatic: boolean;
  readonly isTrusted: boolean;
  readonly windows: readonly Window[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Where msgsend and msgrecv go; absent = nobody wants them. */
  readonly msgEvents: Feed<PeerEvent> | undefined;
}

/**
 * A peer at work: base protocol, and protocols side by side. The first of {read error, protocol's end, disconnect} ends it.
 *
 * @see geth p2p/peer.go:205-412@v1.8.27
 */
export class PeerConnection implements Peer {
  readonly id: NodeId;
  readonly node: Enode;
  readonly name: string;
  readonly caps: readonly Cap[];
  readonly inbound: boolean;
  readonly isStatic: boolean;
  isTrusted: boolean;
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly log: Logger;
  readonly #connection: RlpxConnection;
  readonly #clock: Clock;
  readonly #protocols: readonly ProtocolConnection[];
  readonly #controller = new AbortController();
  readonly #pings: TokenBucket;
  #pingTimer: Timer | undefined;
  #end: Error | undefined;
  /** Sums over the protocols' inboxes. BOUNDED: peerLimits.inboxMessages / inboxBytes, past which the socket is paused. */
  #inboxMessages = 0;
  #inboxBytes = 0;
  #waitingBytes = 0;
  /** Since when the inbox is full and nothing is taken. */
  #fullSince: number | undefined;
  /** Protocols that wait for room in the socket's queue, in order. BOUNDED by what they hold: peerLimits.waitingBytes. */
  readonly #writers: (() => void)[] = [];

  constructor(options: PeerOptions) {
    const { connection, hello, dialed, id, clock } = options;
    this.id = id;
    this.inbound = dialed === undefined;
    this.node =
      dialed ?? makeEnode(hello.publicKey, { ip: connection.remote.host, tcp: connection.remote.port });
    this.name = hello.name;
    this.caps = hello.caps;
    this.isStatic = options.isStatic;
    this.isTrusted = options.isTrusted;
    this.remoteAddress = formatEndpoint(connection.remote);
    this.localAddress = formatEndpoint(connection.local);
    this.log = options.log.child({ peer: shortId(id) });
    this.#connection = connection;
    this.#clock = clock;
    this.#pings = new TokenBucket({
      capacity: peerLimits.pingBurst,
      everyMs: peerLimits.pingTokenMs,
      now: clock.now(),
    });
    this.#protocols = options.windows.map(
      ({ protocol, offset }) =>
        new ProtocolConnection(protocol, offset, {
          clock,
          peer: id,
          events: options.msgEvents,
          send: (code, payload) => this.#send(code, payload),
          onTake: (size) => this.#taken(size),
        }),
    );
    connection.onDrain(() => this.#drained());
    this.#setLimits();
  }

  get traffic(): { readonly bytesIn: number; readonly bytesOut: number } {
    return { bytesIn: this.#connection.bytesIn, bytesOut: this.#connection.bytesOut };
  }

  runs(name: string, version?: number): boolean {
    return this.#protocols.some(
      ({ protocol }) => protocol.name === name && (version === undefined || protocol.version === version),
    );
  }

  disconnect(reason: DisconnectReason): void {
    this.#finish(P2pError("LOCAL_DISCONNECT", { reason: disconnectReasons[reason].code }));
  }

  info(): PeerInfo {
    const protocols: [string, unknown][] = this.#protocols.map(({ protocol }) => [
      protocol.name,
      protocol.peerInfo === undefined ? "unknown" : (protocol.peerInfo(this.id) ?? "handshake"),
    ]);
    return {
      enode: formatEnode(this.node),
      id: this.id,
      name: this.name,
      caps: this.caps.map(({ name, version }) => `${name}/${version}`),
      network: {
        localAddress: this.localAddress,
        remoteAddress: this.remoteAddress,
        inbound: this.inbound,
        trusted: this.isTrusted,
        static: this.isStatic,
      },
      protocols: Object.fromEntries(protocols),
    };
  }

  /**
   * Runs base protocol and protocols until the peer's end.
   *
   * @returns the error it ended with; all protocols have returned, or had `stopGraceMs` to do so
   */
  async run(): Promise<Error> {
    const running = this.#protocols.map((protocol) => this.#runProtocol(protocol));
    this.#armPing();
    this.#connection.setHandler({
      onMessage: (msg) => this.#onMessage(msg),
      onEnd: (error) => this.#finish(error),
    });
    const { signal } = this.#controller;
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await this.#waitFor(running);
    await this.#connection.closed;
    return this.#end ?? P2pError("PEER_CLOSED", { why: "unknown" });
  }

  async #waitFor(running: readonly Promise<string>[]): Promise<void> {
    const open = new Set(this.#protocols.map(({ protocol }) => protocol.name));
    const grace = new AbortController();
    const all = Promise.all(running.map((done) => done.then((name) => open.delete(name)))).then(() =>
      grace.abort(),
    );
    await Promise.race([
      all,
      this.#clock.sleep(peerLimits.stopGraceMs, { signal: grace.signal }).catch(() => {}),
    ]);
    if (open.size > 0) this.log.warn("protocol still runs after its peer ended", { protocols: [...open] });
  }

  async #runProtocol(connection: ProtocolConnection): Promise<string> {
    const { protocol } = connection;
    try {
      await protocol.run(this, connection, this.#controller.signal);
      this.#finish(P2pError("LOCAL_DISCONNECT", { reason: disconnectReasons.quitting.code }));
    } catch (error) {
      this.#finish(
        error instanceof Error
          ? error
          : P2pError("PEER_CLOSED", { why: `${protocol.name} ended` }, { cause: error }),
      );
    }
    return protocol.name;
  }

  #onMessage(msg: WireMsg): void {
    if (msg.code < BASE_LENGTH) this.#onBase(msg);
    else this.#onProtocol(msg);
  }

  #onBase({ code, payload, receivedAt }: WireMsg): void {
    if (code === PING) this.#onPing(receivedAt);
    else if (code === DISCONNECT)
      this.#finish(P2pError("REMOTE_DISCONNECT", { reason: decodeDisconnect(payload) }));
    else if (code === HELLO) this.#finish(P2pError("UNEXPECTED_MESSAGE", { got: "second hello" }));
    // pong and unknown base codes: nothing to do, as geth
  }

  #onPing(now: number): void {
    if (!this.#pings.take(now)) return this.#finish(P2pError("PING_FLOOD"));
    const { queuedBytes } = this.#connection;
    if (queuedBytes > peerLimits.queueBytes) {
      return this.#finish(P2pError("WRITE_QUEUE_FULL", { bytes: queuedBytes, limit: peerLimits.queueBytes }));
    }
    this.#connection.write(PONG, EMPTY_LIST);
  }

  #onProtocol({ code, payload, receivedAt }: WireMsg): void {
    const target = this.#protocols.find(
      ({ offset, protocol }) => code >= offset && code < offset + protocol.length,
    );
    if (target === undefined) return this.#finish(P2pError("UNKNOWN_CODE", { code }));
    this.#inboxMessages++;
    this.#inboxBytes += payload.length;
    target.deliver({ code: code - target.offset, size: payload.length, payload, receivedAt });
    if (this.#inboxMessages < peerLimits.inboxMessages && this.#inboxBytes < peerLimits.inboxBytes) return;
    this.#fullSince ??= receivedAt;
    this.#connection.pause();
  }

  #taken(size: number): void {
    this.#inboxMessages--;
    this.#inboxBytes -= size;
    this.#fullSince = undefined;
    if (this.#inboxMessages <= peerLimits.inboxMessages / 2 && this.#inboxBytes <= peerLimits.inboxBytes / 2)
      this.#connection.resume();
  }

  /** Sent at once, as nearly always, it is `undefined`. @throws what the peer ended with */
  #send(code: number, payload: Uint8Array): Promise<void> | undefined {
    if (this.#writers.length > 0 || this.#connection.queuedBytes > peerLimits.queueBytes)
      return this.#sendLater(code, payload);
    this.throwIfEnded();
    this.#connection.write(code, payload);
    return undefined;
  }

  async #sendLater(code: number, payload: Uint8Array): Promise<void> {
    await this.#waitToWrite(payload.length);
    this.throwIfEnded();
    this.#connection.write(code, payload);
  }

  async #waitToWrite(size: number): Promise<void> {
    if (this.#waitingBytes + size > peerLimits.waitingBytes && this.#waitingBytes > 0) {
      this.#finish(
        P2pError("WRITE_QUEUE_FULL", { bytes: this.#waitingBytes + size, limit: peerLimits.waitingBytes }),
      );
      this.throwIfEnded();
    }
    this.#waitingBytes += size;
    await new Promise<void>((resolve) => this.#writers.push(resolve));
    this.#waitingBytes -= size;
  }

  #drained(): void {
    while (
      this.#writers.length > 0 &&
      (this.#end !== undefined || this.#connection.queuedBytes <= peerLimits.queueBytes)
    ) {
      this.#writers.shift()?.();
      if (this.#end === undefined) {
        // the writer goes on in a microtask: let it write before the next one is let in
        queueMicrotask(() => this.#drained());
        return;
      }
    }
  }

  /** @throws what the peer ended with */
  throwIfEnded(): void {
    if (this.#end !== undefined) throw this.#end;
  }

  #armPing(): void {
    this.#pingTimer = this.#clock.after(peerLimits.pingEveryMs, () => {
      if (this.#end !== undefined) return;
      this.#connection.write(PING, EMPTY_LIST);
      this.#armPing();
      const since = this.#fullSince;
      if (since !== undefined && this.#clock.now() - since >= peerLimits.stuckMs)
        this.#finish(P2pError("STUCK_HANDLER"));
    });
  }

  #setLimits(): void {
    const caps = this.#protocols.map(({ protocol }) =>
      Math.min(protocol.maxMessageBytes ?? FRAME_MAX, FRAME_MAX),
    );
    const limitOf = (code: number): number => {
      if (code < BASE_LENGTH) return BASE_MAX_BYTES;
      const at = this.#protocols.findIndex(
        ({ offset, protocol }) => code >= offset && code < offset + protocol.length,
      );
      return caps[at] ?? BASE_MAX_BYTES;
    };
    this.#connection.setLimits(Math.max(BASE_MAX_BYTES, ...caps), limitOf);
  }

  #finish(error: Error): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#pingTimer?.cancel();
    const reason = reasonFor(error);
    this.log.debug("peer ends", { error, reason });
    this.#connection.close(
      error,
      reason === undefined ? undefined : { code: DISCONNECT, payload: encodeDisconnect(reason) },
    );
    for (const protocol of this.#protocols) protocol.end(error);
    this.#drained();
    this.#controller.abort(error);
  }
}

/**
 * The reason we tell the peer for an error; undefined = close without a word.
 *
 * @see geth p2p/peer_error.go:102-119@v1.8.27: a reason is itself; "network error" is never sent; anything else is 0x10
 */
export function reasonFor(error: Error): number | undefined {
  if (isError(error, "P2P_LOCAL_DISCONNECT")) return (error.data as { reason: number }).reason; // its row's data
  if (isError(error, "P2P_REMOTE_DISCONNECT")) return undefined;
  if (!(error instanceof GlimError)) return disconnectReasons.subprotocol.code;
  if (error.disconnect !== undefined) return error.disconnect;
  const isTransport = error.code.startsWith("RLPX_") || error.code === "P2P_PEER_CLOSED";
  return isTransport ? undefined : disconnectReasons.subprotocol.code;
}
