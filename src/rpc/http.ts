import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Clock, type Timer, turnsOf } from "#host";
import { type Logger, silentLogger } from "#log";
import { HostRules, OriginRules } from "./access.ts";
import { type Body, readBody } from "./body.ts";
import { BodyBudget } from "./body-budget.ts";
import { type PendingAnswer, RpcConnection } from "./connection.ts";
import { countHosts, isForeign, refusalOf, refuseBroken, tooLargeText, writeCors } from "./http-rules.ts";
import { type FastHost, FastLine } from "./fast-line.ts";
import { listenFailed } from "./listen.ts";
import { type RpcLimits, rpcLimits } from "./limits.ts";
import { refusalText } from "./message.ts";
import type { ConnectionInfo } from "./method.ts";
import { type Pages, servePage } from "./pages.ts";
import type { RpcServer } from "./server.ts";
import { refuseUpgrade } from "./upgrade.ts";
import { WsSide } from "./ws.ts";

/** What is served to plain HTTP requests. */
export interface HttpFace {
  /** undefined: there are pages only, and every other path is none. */
  readonly server: RpcServer | undefined;
  /** Host names allowed beside IP literals; `*` = all. Default `localhost`. */
  readonly vhosts?: readonly string[] | undefined;
  /** Origins that may read replies in a browser; none = no CORS headers. */
  readonly cors?: readonly string[] | undefined;
  /** Answers to GET, by path; without one an empty 200, as geth. */
  readonly pages?: Pages | undefined;
}

/** What is served to WebSocket upgrades, any path. */
export interface WsFace {
  readonly server: RpcServer;
  readonly vhosts?: readonly string[] | undefined;
  /** Origins allowed beside "no Origin at all". Default: `http://localhost` and this machine's name. */
  readonly origins?: readonly string[] | undefined;
}

export interface HttpEndpointOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly http?: HttpFace | undefined;
  readonly ws?: WsFace | undefined;
  readonly clock: Clock;
  readonly log?: Logger | undefined;
  readonly limits?: Partial<RpcLimits> | undefined;
}

interface SocketState {
  readonly info: ConnectionInfo;
  /** Requests being answered, or 1 for an open WebSocket. */
  active: number;
  /** Order in which sockets last became idle. */
  idleSince: number;
}

interface HttpSide {
  readonly server: RpcServer | undefined;
  readonly hosts: HostRules;
  readonly cors: OriginRules;
  readonly pages: Pages | undefined;
}

type CallSide = HttpSide & { readonly server: RpcServer };
const answersCalls = (side: HttpSide): side is CallSide => side.server !== undefined;

/** How long the rest of a refused request is read and dropped. */
const LINGER_MS = 1_000;
const NO_ROOM = "too many large requests at once, try again later";

/** How long answers under way may take once the endpoint closes (attacks-and-faults §4.2). */
const CLOSE_GRACE_MS = 3_000;

/**
 * One listening port that serves JSON-RPC over HTTP, over WebSocket, or both. Either side can come and go while the
 * port stays open (`admin_startWS`). BOUNDED: limits.connections sockets; past it the longest idle one is closed.
 */
export class HttpEndpoint implements AsyncDisposable {
  readonly #limits: RpcLimits;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #server: Server;
  readonly #sockets = new Map<Socket, SocketState>();
  readonly #bodies: BodyBudget;
  #http: HttpSide | undefined;
  #ws: WsSide | undefined;
  /** Connections node:http has not been asked to serve. BOUNDED by the sockets. */
  readonly #fast = new Set<FastLine>();
  readonly #fastHost: FastHost;
  #sweep: Timer | undefined;
  #turn = 0;
  #closing: Promise<void> | undefined;

  private constructor({ clock, log = silentLogger, limits = {} }: HttpEndpointOptions) {
    this.#limits = { ...rpcLimits, ...limits };
    this.#bodies = new BodyBudget(this.#limits.httpBodiesBytes);
    this.#clock = clock;
    this.#log = log;
    const own = this.#limits;
    this.#server = createServer({
      maxHeaderSize: own.httpHeaderBytes,
      headersTimeout: own.httpHeadersTimeoutMs,
      requestTimeout: own.httpRequestTimeoutMs,
      keepAliveTimeout: own.httpIdleTimeoutMs,
      connectionsCheckingInterval: own.httpCheckIntervalMs,
      noDelay: true,
      requireHostHeader: false, // a missing Host is allowed, as in geth: no browser leaves it out
    });
    this.#server.maxHeadersCount = own.httpHeaderCount + 1;
    // what node:http does with a connection, kept for those that need it: the others stay on the short road
    const [serveByNode] = this.#server.listeners("connection");
    this.#server.removeAllListeners("connection");
    this.#server.on("connection", (socket) => this.#accept(socket));
    this.#fastHost = this.#makeFastHost((socket) => serveByNode?.call(this.#server, socket));
    this.#server.on("request", (request, response) => this.#request(request, response, false));
    this.#server.on("checkContinue", (request, response) => this.#request(request, response, true));
    this.#server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    this.#server.on("clientError", refuseBroken);
  }

  /** Listens. @throws RPC_LISTEN_FAILED naming host, port and why */
  static async open(options: HttpEndpointOptions): Promise<HttpEndpoint> {
    const endpoint = new HttpEndpoint(options);
    endpoint.setHttp(options.http);
    endpoint.setWs(options.ws);
    const { host, port } = options;
    await new Promise<void>((resolve, reject) => {
      endpoint.#server.once("error", (error: NodeJS.ErrnoException) =>
        reject(listenFailed(`${host}:${port}`, error)),
      );
      endpoint.#server.listen({ host, port }, resolve);
    });
    endpoint.#server.removeAllListeners("error");
    endpoint.#server.on("error", (error) => endpoint.#log.warn("rpc listener failed", { error }));
    return endpoint;
  }

  /** Where it really listens: the port is never 0. */
  get address(): { readonly host: string; readonly port: number } {
    const address = this.#server.address();
    if (address === null || typeof address === "string") return { host: "", port: 0 };
    return { host: address.address, port: address.port };
  }

  /** `host:port`, IPv6 in brackets. */
  get endpoint(): string {
    const { host, port } = this.address;
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  get servesHttp(): boolean {
    return this.#http !== undefined;
  }

  get servesWs(): boolean {
    return this.#ws !== undefined;
  }

  /** Serves (or no longer serves) plain requests. */
  setHttp(face: HttpFace | undefined): void {
    if (face === undefined) this.#http = undefined;
    else {
      const { server, vhosts = ["localhost"], cors = [], pages } = face;
      this.#http = { server, hosts: new HostRules(vhosts), cors: new OriginRules(cors), pages };
    }
  }

  /** Serves (or no longer serves) WebSocket; open ones are closed (1001). */
  setWs(face: WsFace | undefined): void {
    this.#ws?.close();
    this.#ws =
      face === undefined
        ? undefined
        : new WsSide(face, { clock: this.#clock, limits: this.#limits, log: this.#log });
  }

  /**
   * Stops listening (the port is free at once) and closes idle connections; answers under way may still be written for three
   * seconds, then every connection is closed. Twice is fine.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Closes every connection now, also those whose answer is being written. */
  cut(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  async #close(): Promise<void> {
    this.setWs(undefined);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const [socket, { active }] of this.#sockets) if (active === 0) socket.destroy();
    const timer = this.#clock.after(CLOSE_GRACE_MS, () => this.cut());
    await closed;
    timer.cancel();
    this.#sockets.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(socket: Socket): void {
    turnsOf(this.#clock).arrived();
    if (this.#sockets.size >= this.#limits.connections && !this.#dropIdle()) {
      socket.destroy();
      return;
    }
    const remote = `${socket.remoteAddress ?? ""}:${socket.remotePort ?? 0}`;
    this.#sockets.set(socket, { info: { transport: "http", remote }, active: 0, idleSince: this.#turn++ });
    this.#serveFast(socket);
  }

  #serveFast(socket: Socket): void {
    const state = this.#sockets.get(socket);
    if (state === undefined) return;
    const line = new FastLine(socket, state, state.info, this.#fastHost);
    this.#fast.add(line);
    this.#sweep ??= this.#clock.after(this.#limits.httpCheckIntervalMs, () => this.#checkFast());
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#fast.delete(line);
      if (this.#sockets.size > 0) return;
      this.#sweep?.cancel();
      this.#sweep = undefined;
    });
  }

  /** The idle and header time-outs of the short road; node:http has its own for what it was given. */
  #checkFast(): void {
    for (const line of this.#fast) {
      if (line.isHandedOff) this.#fast.delete(line);
      else line.check();
    }
    this.#sweep =
      this.#sockets.size === 0
        ? undefined
        : this.#clock.after(this.#limits.httpCheckIntervalMs, () => this.#checkFast());
  }

  #makeFastHost(serveByNode: (socket: Socket) => void): FastHost {
    const isClosing = () => this.#closing !== undefined;
    return {
      limits: this.#limits,
      clock: this.#clock,
      face: () => (this.#http?.cors.isEmpty === true && answersCalls(this.#http) ? this.#http : undefined),
      turn: () => this.#turn++,
      get isClosing() {
        return isClosing();
      },
      handOff(socket, unread) {
        socket.pause();
        socket.unshift(unread);
        serveByNode(socket);
        socket.resume();
      },
    };
  }

  /** Closes the connection that has been idle longest. */
  #dropIdle(): boolean {
    let oldest: [Socket, SocketState] | undefined;
    for (const entry of this.#sockets) {
      if (entry[1].active === 0 && (oldest === undefined || entry[1].idleSince < oldest[1].idleSince))
        oldest = entry;
    }
    if (oldest === undefined) return false;
    this.#sockets.delete(oldest[0]);
    oldest[0].destroy();
    return true;
  }

  #request(request: IncomingMessage, response: ServerResponse, isWaiting: boolean): void {
    const state = this.#sockets.get(request.socket);
    const side = this.#http;
    if (state === undefined || side === undefined) {
      this.#refuse(response, 404, "not found");
      return;
    }
    const { headers } = request;
    if (request.rawHeaders.length > 2 * this.#limits.httpHeaderCount) {
      this.#refuse(response, 431, "too many headers");
      return;
    }
    if (!side.hosts.allows(headers.host) || countHosts(request.rawHeaders) > 1) {
      this.#refuse(response, 403, "invalid host specified");
      return;
    }
    response.sendDate = false;
    const origin = headers.origin;
    if (!side.cors.isEmpty && writeCors(side.cors, origin, request, response)) return;
    const onFault = (error: unknown) => this.#log.error("a page failed", { url: request.url, error });
    const { pages } = side;
    if (
      pages !== undefined &&
      servePage(pages, request, response, { onFault, isForeign: isForeign(request, side.cors) })
    )
      return;
    if (!answersCalls(side)) {
      const isRead = request.method === "GET" || request.method === "HEAD";
      this.#refuse(response, isRead ? 404 : 405, isRead ? "no such page" : "method not allowed", isWaiting);
      return;
    }
    const refusal = refusalOf(request, this.#limits.httpBodyBytes);
    if (refusal !== undefined) {
      this.#refuse(response, ...refusal, isWaiting);
      return;
    }
    if (request.method !== "POST") {
      // health check: GET without a query, or OPTIONS where no CORS layer took it
      response.writeHead(200, ["Content-Length", "0"]);
      response.end();
      return;
    }
    const lease = this.#bodies.lease();
    response.once("close", () => lease[Symbol.dispose]());
    if (!lease.reaches(Number(headers["content-length"] ?? 0))) {
      this.#refuse(response, 503, NO_ROOM, isWaiting);
      return;
    }
    if (isWaiting) response.writeContinue();
    readBody(
      request,
      { limits: this.#limits, lease },
      (body) => this.#answer(body, side.server, infoOf(state, headers), response, state),
      (why) => {
        if (why === "too large") this.#refuse(response, 413, tooLargeText(this.#limits.httpBodyBytes));
        if (why === "no room") this.#refuse(response, 503, NO_ROOM);
      },
    );
  }

  #answer(
    body: Body,
    server: RpcServer,
    info: ConnectionInfo,
    response: ServerResponse,
    state: SocketState,
  ): void {
    state.active++; // only now: who is still sending its body may be closed for somebody who is not
    if ("refusal" in body || body.text === "") {
      this.#write(response, "refusal" in body ? refusalText(body.refusal) : undefined, state);
      return;
    }
    const connection = new RpcConnection(server, info, undefined, () => {});
    const answer = connection.answer(body.text, this.#limits.httpRequestTimeoutMs);
    if (answer === undefined || typeof answer === "string") this.#write(response, answer, state);
    else this.#later(answer, response, state);
  }

  #later(answer: PendingAnswer, response: ServerResponse, state: SocketState): void {
    const gone = () => {
      if (!response.writableEnded) answer.abort();
    };
    response.once("close", gone);
    void answer.text.then((text) => {
      response.off("close", gone);
      this.#write(response, text, state);
    });
  }

  #write(response: ServerResponse, text: string | undefined, state: SocketState): void {
    this.#idle(state);
    if (response.destroyed) return;
    if (this.#closing !== undefined) response.shouldKeepAlive = false;
    if (text === undefined) {
      response.writeHead(200, ["Content-Type", "application/json", "Content-Length", "0"]);
      response.end();
      return;
    }
    response.writeHead(200, [
      "Content-Type",
      "application/json",
      "Content-Length",
      String(Buffer.byteLength(text)),
    ]);
    response.end(text);
    if (text.length > 65_536) this.#watchWrite(response);
  }

  /** A client that does not read its reply is closed after the write time-out. */
  #watchWrite(response: ServerResponse): void {
    const timer = this.#clock.after(this.#limits.httpWriteTimeoutMs, () => response.destroy());
    response.once("close", () => timer.cancel());
  }

  /**
   * Refuses. What the client still sends is read and thrown away for a second, so that it gets to see the answer
   * (closing on unread bytes would reset the connection and lose it), then the connection is closed.
   */
  #refuse(response: ServerResponse, status: number, text: string, mustClose = false): void {
    response.writeHead(status, {
      "Content-Type": "text/plain; charset=utf-8",
      "X-Content-Type-Options": "nosniff",
      "Content-Length": Buffer.byteLength(text),
      ...(mustClose ? { Connection: "close" } : {}),
    });
    response.end(text);
    const { req: request } = response;
    if (request.complete) return;
    // megabytes that nobody wants are not read to throw them away: they wait in the kernel until the connection goes
    // (in the next turn: node:http begins to throw away in this one)
    if (status === 413 || status === 503)
      response.once("finish", () => setImmediate(() => request.socket.pause()));
    const timer = this.#clock.after(LINGER_MS, () => {
      if (!request.complete) request.socket.destroy();
    });
    request.socket.once("close", () => timer.cancel());
  }

  #idle(state: SocketState): void {
    state.active--;
    state.idleSince = this.#turn++;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const state = this.#sockets.get(request.socket);
    const side = this.#ws;
    if (state === undefined || side === undefined) {
      refuseUpgrade(socket, 404, "not found");
      return;
    }
    if (request.rawHeaders.length > 2 * this.#limits.httpHeaderCount) {
      refuseUpgrade(socket, 431, "too many headers");
      return;
    }
    if (!side.hosts.allows(request.headers.host) || countHosts(request.rawHeaders) > 1) {
      refuseUpgrade(socket, 403, "invalid host specified");
      return;
    }
    state.active++;
    side.accept(request, socket, head, { ...infoOf(state, request.headers), transport: "ws" });
  }
}

function infoOf(state: SocketState, headers: IncomingMessage["headers"]): ConnectionInfo {
  const { host, origin } = headers;
  const userAgent = headers["user-agent"];
  if (host === undefined && origin === undefined && userAgent === undefined) return state.info;
  return { transport: "http", remote: state.info.remote, host, origin, userAgent };
}
