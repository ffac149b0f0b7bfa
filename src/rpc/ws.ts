import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Clock, Timer } from "#host";
import type { Logger } from "#log";
import { defaultOrigins, HostRules, OriginRules } from "./access.ts";
import type { RpcConnection } from "./connection.ts";
import type { WsFace } from "./http.ts";
import type { RpcLimits } from "./limits.ts";
import { Intake } from "./intake.ts";
import type { ConnectionInfo } from "./method.ts";
import { Outbox } from "./outbox.ts";
import type { RpcServer } from "./server.ts";

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
  #timer: Timer | undefined;

  constructor(face: WsFace, { clock, limits, log }: { clock: Clock; limits: RpcLimits; log: Logger }) {
    const { server, vhosts = ["localhost"], origins = [] } = face;
    this.#server = server;
    this.hosts = new HostRules(vhosts);
    this.#origins = new OriginRules(origins.length === 0 ? defaultOrigins() : origins);
    this.#clock = clock;
    this.#limits = limits;
    this.#log = log;
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
    const intake = this.#takeOver(line, connection);
    let running = 0;
    socket.on("message", (raw) => {
      session.isAlive = true;
      if (++running >= this.#limits.messagesAtOnce) intake.hold();
      const text = (raw as Buffer).toString("utf8"); // as: binaryType is nodebuffer
      void this.#receive(connection, text).then((received) => {
        running--;
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

  /** What ws would take from the socket a chunk at a time, with hundreds of messages in it, it gets by turns (RP-16). */
  #takeOver(line: Duplex, connection: RpcConnection): Intake {
    const takers = line.listeners("data");
    for (const taker of takers) line.off("data", taker as () => void); // as: any listener of the event
    return new Intake(line, this.#server.turns, connection, (piece) => {
      for (const taker of takers) taker.call(line, piece);
    });
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

const TEXTS: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [431, "Request Header Fields Too Large"],
]);

/** Answers an upgrade request with an HTTP status and closes. */
export function refuseUpgrade(socket: Duplex, status: number, text: string): void {
  socket.on("error", () => {}); // the client may be gone before the answer is
  socket.end(
    `HTTP/1.1 ${status} ${TEXTS.get(status) ?? ""}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}
