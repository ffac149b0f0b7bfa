import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Clock, Timer } from "#host";
import type { Logger } from "#log";
import { defaultOrigins, HostRules, OriginRules } from "./access.ts";
import type { RpcConnection } from "./connection.ts";
import type { WsFace } from "./http.ts";
import type { RpcLimits } from "./limits.ts";
import { BodyBudget, type BodyLease, IncomingTexts, SMALL_BYTES } from "./body-budget.ts";
import { Intake } from "./intake.ts";
import type { ConnectionInfo } from "./method.ts";
import { Outbox } from "./outbox.ts";
import type { RpcServer } from "./server.ts";
import { refuseUpgrade } from "./upgrade.ts";
import { FrameMeter } from "./ws-frames.ts";

/** How long a client has to answer a close frame. */
const CLOSE_TIMEOUT_MS = 1_000;

interface Session {
  readonly socket: WebSocket;
  /** Heard from since the last ping. */
  isAlive: boolean;
}

/**
 * The WebSocket half of an HTTP endpoint: upgrades, pings, and one RpcConnection a socket. Not compressed (deflate is
 * off), text or binary frames alike, one reply a frame. BOUNDED by the endpoint's connections.
 */
export class WsSide {
  readonly hosts: HostRules;
  readonly #server: RpcServer;
  readonly #origins: OriginRules;
  readonly #wss: WebSocketServer;
  readonly #clock: Clock;
  readonly #limits: RpcLimits;
  readonly #log: Logger;
  readonly #sessions = new Set<Session>();
  readonly #texts: BodyBudget;
  #timer: Timer | undefined;

  constructor(face: WsFace, { clock, limits, log }: { clock: Clock; limits: RpcLimits; log: Logger }) {
    const { server, vhosts = ["localhost"], origins = [] } = face;
    this.#server = server;
    this.hosts = new HostRules(vhosts);
    this.#origins = new OriginRules(origins.length === 0 ? defaultOrigins() : origins);
    this.#clock = clock;
    this.#limits = limits;
    this.#log = log;
    this.#texts = new BodyBudget(limits.wsMessagesBytes);
    this.#wss = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: limits.wsMessageBytes,
      // newer than the type package
      ...{ maxFragments: limits.wsFragments, closeTimeout: CLOSE_TIMEOUT_MS },
    });
    this.#wss.on("wsClientError", (_error, socket) => refuseUpgrade(socket, 400, "bad WebSocket handshake"));
  }

  /** Takes an upgrade request whose Host has been checked. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, info: ConnectionInfo): void {
    if (!this.#origins.allows(info.origin)) {
      refuseUpgrade(socket, 403, "origin not allowed");
      return;
    }
    this.#wss.handleUpgrade(request, socket, head, (ws) => this.#open(ws, socket, info));
  }

  #open(socket: WebSocket, line: Duplex, info: ConnectionInfo): void {
    const session: Session = { socket, isAlive: true };
    this.#sessions.add(session);
    this.#timer ??= this.#clock.after(this.#limits.wsPingMs, () => this.#ping());
    const outbox = new Outbox(this.#limits, {
      write: (text, done) => {
        gather(line);
        socket.send(text, done);
      },
      buffered: () => socket.bufferedAmount,
      overflow: () => {
        // a reader this slow will not answer the close frame either: the time-out ends it, with what waits for it
        socket.close(1008, "client reads too slowly");
      },
    });
    const connection = this.#server.connect(info, (text) => outbox.push(text));
    const { intake, leases } = this.#takeOver(socket, line, connection);
    let running = 0;
    socket.on("message", (raw) => {
      session.isAlive = true;
      if (++running >= this.#limits.messagesAtOnce) intake.hold();
      const bytes = raw as Buffer; // as: binaryType is nodebuffer
      const lease = bytes.length > SMALL_BYTES ? leases.shift() : undefined;
      void this.#receive(connection, bytes.toString("utf8")).then((received) => {
        running--;
        lease?.[Symbol.dispose]();
        intake.release();
        if (received === "broken") socket.close(1007, "not JSON");
      });
    });
    socket.on("pong", () => {
      session.isAlive = true;
    });
    socket.on("ping", () => {
      session.isAlive = true; // answered by ws, which ends the connection if too many pongs wait for a slow reader
    });
    socket.on("error", (error) => this.#log.debug("websocket failed", { remote: info.remote, error }));
    socket.on("close", () => {
      this.#sessions.delete(session);
      connection.close();
      if (this.#sessions.size === 0) this.#stopTimer();
    });
  }

  /**
   * What ws would take from the socket a chunk at a time, with hundreds of messages in it, it gets by turns (RP-16), counted: `leases` are of
   * the messages over 64 KiB that are whole, in their order. BOUNDED: the messages of one piece.
   */
  #takeOver(
    socket: WebSocket,
    line: Duplex,
    connection: RpcConnection,
  ): { readonly intake: Intake; readonly leases: BodyLease[] } {
    const takers = line.listeners("data");
    for (const taker of takers) line.off("data", taker as () => void); // as: any listener of the event
    const leases: BodyLease[] = [];
    let isRefused = false;
    const texts = new IncomingTexts(this.#texts, this.#clock, this.#limits.messageTimeoutMs, (why) => {
      isRefused = true;
      if (why === "no room") socket.close(1013, "no room for the message, try again later");
      else socket.close(1008, "message took too long");
    });
    socket.once("close", () => {
      texts[Symbol.dispose]();
      for (const lease of leases) lease[Symbol.dispose]();
    });
    const meter = new FrameMeter({
      grown: (bytes) => void texts.reaches(bytes),
      whole: () => {
        const lease = texts.whole();
        if (lease !== undefined) leases.push(lease);
      },
    });
    const intake = new Intake(line, this.#server.turns, connection, (piece) => {
      if (!isRefused) meter.push(piece);
      // what still comes is thrown away: the time for its close frame ends the connection
      if (!isRefused) for (const taker of takers) taker.call(line, piece);
    });
    return { intake, leases };
  }

  async #receive(connection: RpcConnection, text: string): Promise<"ok" | "broken"> {
    return connection.receive(text);
  }

  /** Every session that said nothing since the last round is given up; the others are asked again. */
  #ping(): void {
    for (const { socket, isAlive } of this.#sessions) if (!isAlive) socket.terminate();
    for (const session of this.#sessions) {
      session.isAlive = false;
      session.socket.ping();
    }
    this.#timer =
      this.#sessions.size === 0 ? undefined : this.#clock.after(this.#limits.wsPingMs, () => this.#ping());
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  close(): void {
    this.#stopTimer();
    for (const { socket } of this.#sessions) {
      socket.close(1001, "server is shutting down");
      socket.terminate();
    }
  }
}

/** What is written in one go goes to the kernel in one: the replies to a piece, the items of many subscriptions. */
function gather(line: Duplex): void {
  if (line.writableCorked > 0) return;
  line.cork();
  process.nextTick(() => line.uncork());
}
