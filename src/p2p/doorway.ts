// long: one road, from a socket to a peer
import type { PrivateKey } from "#crypto";
import { type Enode, type NodeId, shortId } from "#enode";
import type { Host, TcpSocket } from "#host";
import type { Logger } from "#log";
import { formatEndpoint } from "#p2p/netutil";
import { type HandshakeRunner, localHandshakes, RlpxConnection } from "#p2p/rlpx";
import { GlimError, TokenBucket } from "#util";
import { capsOf, matchProtocols } from "./caps.ts";
import { checkAdmission, type ConnFlags, type Occupancy } from "./check.ts";
import type { Dial } from "./dial.ts";
import { reasonName } from "./disconnect.ts";
import { P2pError } from "./errors.ts";
import { HANDSHAKE_TIMEOUT_MS, handshakeTimeout, shakeHands } from "./handshake.ts";
import { BASE_MAX_BYTES, BASE_VERSION, DISCONNECT, encodeDisconnect, type Hello } from "./hello.ts";
import { reasonFor } from "./peer-connection.ts";
import type { Protocol } from "./protocol.ts";
import { InboundThrottle, Rarely } from "./throttle.ts";

const DIAL_TIMEOUT_MS = 15_000;
/** Ours (attacks-and-faults RX-14). */
const HANDSHAKES_PER_SECOND = 50;

/** A connection that is to become a peer. */
export interface Arrival {
  readonly connection: RlpxConnection;
  readonly hello: Hello;
  /** What it was told: counts for it, whatever is offered later. */
  readonly offered: readonly Protocol[];
  readonly dialed: Enode | undefined;
  readonly id: NodeId;
  readonly isStatic: boolean;
}

/** What the way in needs of the server. */
export interface DoorwayFace {
  readonly isRunning: boolean;
  readonly occupancy: Occupancy;
  isTrusted(id: NodeId): boolean;
  isAllowed(ip: string): boolean;
  /** Takes a peer in. */
  add(arrival: Arrival): void;
  /** Runs a task of the server's scope. */
  track(name: string, run: () => Promise<void>): Promise<void>;
}

export interface DoorwayConfig {
  readonly key: PrivateKey;
  readonly publicKey: Uint8Array;
  /** Ours. */
  readonly id: NodeId;
  readonly name: string;
  readonly protocols: readonly Protocol[];
  /** Inbound handshakes at once. */
  readonly maxPending: number;
  readonly acceptPlain: boolean | undefined;
  readonly log: Logger;
}

/** How handshakes ended, by direction: `ok`, the code of the error, or why the socket was closed without a word. */
export type HandshakeCounts = Readonly<Record<"inbound" | "outbound", ReadonlyMap<string, number>>>;

/** The way in: sockets that came or were dialled, until they are peers or closed with the reason. */
export class Doorway {
  /** BOUNDED: by the codes of errors. */
  readonly #counts = { inbound: new Map<string, number>(), outbound: new Map<string, number>() };
  readonly #config: DoorwayConfig;
  readonly #face: DoorwayFace;
  readonly #host: Host;
  readonly #log: Logger;
  /** Inbound handshakes running. BOUNDED: maxPendingPeers. */
  #pendingInbound = 0;
  /** Nodes that answered our dial and shake hands with us. BOUNDED: 16 dials. */
  readonly #shaking = new Set<NodeId>();
  readonly #throttle = new InboundThrottle();
  readonly #handshakeRate: TokenBucket;
  readonly #refusals = new Rarely(10_000);
  /** What handshakes and dials are cancelled by. BOUNDED: one per handshake, dial and waiting socket. */
  readonly #cancels = new Set<() => void>();
  #handshakes: HandshakeRunner = localHandshakes;
  /** BOUNDED: the last. What is offered seldom changes, and every stranger is told it. */
  #said: { readonly offered: readonly Protocol[]; readonly hello: Hello } | undefined;
  #isClosed = false;

  constructor(config: DoorwayConfig, face: DoorwayFace, host: Host) {
    this.#config = config;
    this.#face = face;
    this.#host = host;
    this.#log = config.log;
    this.#handshakeRate = new TokenBucket({
      capacity: HANDSHAKES_PER_SECOND,
      everyMs: 1000 / HANDSHAKES_PER_SECOND,
      now: host.clock.now(),
    });
  }

  get counts(): HandshakeCounts {
    return this.#counts;
  }

  /** Who computes handshakes from now on. */
  useHandshakes(runner: HandshakeRunner): void {
    this.#handshakes = runner;
  }

  /** Ends every dial and handshake; those that begin later end at once. */
  close(): void {
    this.#isClosed = true;
    for (const cancel of [...this.#cancels]) cancel();
  }

  /** Until disposed, `cancel` is called when the server stops. (Not listeners on one signal: that warns above ten.) */
  #onStop(cancel: () => void): Disposable {
    if (this.#isClosed) cancel();
    this.#cancels.add(cancel);
    return { [Symbol.dispose]: () => void this.#cancels.delete(cancel) };
  }

  #count(direction: "inbound" | "outbound", result: string): void {
    const counts = this.#counts[direction];
    counts.set(result, (counts.get(result) ?? 0) + 1);
  }

  /** A socket that came in. */
  accept(socket: TcpSocket): void {
    const now = this.#host.clock.now();
    const ip = socket.remote.host;
    const refusal = this.#refuseSocket(ip, now);
    if (refusal !== undefined) {
      socket.destroy();
      this.#count("inbound", refusal);
      this.#refusals.run(now, (heldBack) =>
        this.#log.debug("inbound connection refused", { why: refusal, remote: ip, heldBack }),
      );
      return;
    }
    this.#pendingInbound++;
    void this.#face.track("inbound handshake", async () => {
      try {
        const isPaused = await this.#waitForHandshakeSlot(socket);
        const settingUp = this.#setup(socket, undefined, false);
        if (isPaused) socket.resume(); // not earlier: bytes would find no listener
        await settingUp;
      } finally {
        this.#pendingInbound--;
      }
    });
  }

  /** Why a fresh inbound socket is closed without a word. @see geth p2p/server.go:840-890@v1.8.27 */
  #refuseSocket(ip: string, now: number): string | undefined {
    if (!this.#face.isRunning) return "not running";
    if (this.#pendingInbound >= this.#config.maxPending) return "too many handshakes";
    if (!this.#face.isAllowed(ip)) return "not contained in netrestrict whitelist";
    return this.#throttle.admit(ip, now) ? undefined : "too many connections from there";
  }

  /** At most 50 handshakes a second begin; the rest wait, unread, in their pending slot (RX-14). True if it had to wait. */
  async #waitForHandshakeSlot(socket: TcpSocket): Promise<boolean> {
    const { clock } = this.#host;
    if (this.#handshakeRate.take(clock.now())) return false;
    socket.pause();
    const stop = new AbortController();
    using _ = this.#onStop(() => stop.abort());
    do await clock.sleep(this.#handshakeRate.wait(clock.now()), { signal: stop.signal }).catch(() => {});
    while (!stop.signal.aborted && !this.#handshakeRate.take(clock.now()));
    return true;
  }

  /** Dials a node and brings it up to a peer. Returns when it is added or refused. */
  async dial({ node, isStatic }: Dial): Promise<void> {
    const stop = new AbortController();
    const { signal } = stop;
    using _ = this.#onStop(() => stop.abort());
    try {
      const endpoint = { host: node.ip ?? "", port: node.tcp };
      const socket = await this.#host.net.dialTcp(endpoint, { signal, timeoutMs: DIAL_TIMEOUT_MS });
      await this.#setup(socket, node, isStatic);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof GlimError)) throw error;
      this.#count("outbound", error.code);
      this.#log.debug("dial failed", { peer: shortId(node.id), error });
    }
  }

  /** Brings a socket up to a peer, or closes it with the reason. Returns when the peer is added or refused. */
  async #setup(socket: TcpSocket, dialed: Enode | undefined, isStatic: boolean): Promise<void> {
    const { clock, entropy } = this.#host;
    const connection = new RlpxConnection(socket, {
      key: this.#config.key,
      entropy,
      clock,
      maxBytes: BASE_MAX_BYTES,
      remotePublicKey: dialed?.publicKey,
      acceptPlain: this.#config.acceptPlain,
      handshakes: this.#handshakes,
    });
    const deadline = clock.after(HANDSHAKE_TIMEOUT_MS, () => connection.close(handshakeTimeout()));
    using _ = this.#onStop(() => connection.close(P2pError("NOT_RUNNING")));
    // what this one is told counts for it, whatever is offered later
    const offered = this.#config.protocols.filter(({ isOffered }) => isOffered?.() ?? true);
    const direction = dialed === undefined ? "inbound" : "outbound";
    if (dialed !== undefined) this.#shaking.add(dialed.id);
    try {
      const flags = (id: NodeId): ConnFlags => ({
        id,
        inbound: dialed === undefined,
        isStatic,
        isTrusted: this.#face.isTrusted(id),
      });
      await shakeHands({
        connection,
        dialed,
        hello: this.#hello(offered),
        afterEncryption: (remote) => {
          throwIf(checkAdmission(flags(remote), this.#face.occupancy));
          if (dialed === undefined) this.#breakTie(remote);
        },
        afterHello: (remote, hello) => {
          if (!this.#face.isRunning) throw P2pError("NOT_RUNNING");
          const { length } = matchProtocols(offered, hello.caps);
          throwIf(this.#config.protocols.length > 0 && length === 0 ? P2pError("USELESS_PEER") : undefined);
          throwIf(checkAdmission(flags(remote), this.#face.occupancy));
          // in the same turn as its check: two that shake hands at once must not both pass
          this.#face.add({ connection, hello, offered, dialed, id: remote, isStatic });
        },
      });
      this.#count(direction, "ok");
    } catch (error) {
      this.#count(direction, resultOf(error));
      this.#refuse(connection, error, dialed);
      if (!(error instanceof GlimError)) throw error;
    } finally {
      deadline.cancel();
      if (dialed !== undefined) this.#shaking.delete(dialed.id);
    }
  }

  /**
   * Two connections with one node that shake hands at once, one each way: the one dialled by the larger id goes on (BP-08).
   * Only the side with the larger id decides, by its own dial: who an inbound connection is from is proven by its first frame
   * alone, so a replayed auth must not be able to keep anybody out (RX-08).
   */
  #breakTie(id: NodeId): void {
    if (this.#shaking.has(id) && this.#config.id > id) throw P2pError("ALREADY_CONNECTED");
  }

  #refuse(connection: RlpxConnection, error: unknown, dialed?: Enode): void {
    const known = error instanceof Error ? error : P2pError("PEER_CLOSED", { why: "unknown" });
    const reason = reasonFor(known);
    connection.close(
      known,
      reason === undefined ? undefined : { code: DISCONNECT, payload: encodeDisconnect(reason) },
    );
    const facts = { remote: formatEndpoint(connection.remote), error: known };
    if (dialed !== undefined)
      return this.#log.debug("dialled node is no peer", { peer: shortId(dialed.id), ...facts });
    this.#refusals.run(this.#host.clock.now(), (heldBack) =>
      this.#log.debug("inbound connection refused", { ...facts, heldBack }),
    );
  }

  #hello(offered: readonly Protocol[]): Hello {
    const said = this.#said;
    if (said?.offered.length === offered.length && offered.every((one, i) => one === said.offered[i]))
      return said.hello;
    const hello = {
      version: BASE_VERSION,
      name: this.#config.name,
      caps: capsOf(offered),
      publicKey: this.#config.publicKey,
    };
    this.#said = { offered, hello };
    return hello;
  }
}

/** Where a handshake ended, for counting: the texts are ours, however many reasons a peer makes up. */
function resultOf(error: unknown): string {
  if (P2pError.is(error, "REMOTE_DISCONNECT"))
    return `told ${reasonName(Number((error.data as { reason: number | bigint }).reason)) ?? "unknown"}`; // as: what the row is made from
  return error instanceof GlimError ? error.code : "fault";
}

function throwIf(error: Error | undefined): void {
  if (error !== undefined) throw error;
}
