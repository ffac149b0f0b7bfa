import type { Socket } from "node:net";
import type { Clock } from "#host";
import type { HostRules } from "./access.ts";
import { type PendingAnswer, RpcConnection } from "./connection.ts";
import type { RpcLimits } from "./limits.ts";
import type { ConnectionInfo } from "./method.ts";
import type { RpcServer } from "./server.ts";

/** What a fast line needs of its endpoint. */
export interface FastHost {
  readonly limits: RpcLimits;
  readonly clock: Clock;
  /** What is served to plain requests now; undefined if nothing is, or if replies need CORS headers. */
  face(): { readonly server: RpcServer; readonly hosts: HostRules } | undefined;
  readonly isClosing: boolean;
  /** Counts up: the order in which connections were last used. */
  turn(): number;
  /** Gives the socket to node:http for good, with what was read of it and not answered. */
  handOff(socket: Socket, unread: Buffer): void;
}

/** What the endpoint knows of a socket: requests being answered, and when it was last used. */
export interface Activity {
  active: number;
  idleSince: number;
}

/** A head that was read and found plain. */
interface PlainHead {
  readonly text: string;
  readonly bodyBytes: number;
  readonly info: ConnectionInfo;
}

/** Longest head that is looked at here, bytes. */
const HEAD_BYTES = 2_048;
/** BOUNDED: bytes kept while an answer is under way; past it reading pauses. */
const HELD_BYTES = 65_536;
/** Replies of this length are watched until the client has taken them. */
const WATCHED_BYTES = 65_536;

/** Headers that change nothing about how a request is read or answered. Any other goes to node:http. */
const PLAIN_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "content-type",
  "content-length",
  "connection",
  "user-agent",
  "accept",
  "accept-encoding",
  "accept-language",
  "sec-fetch-mode",
]);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VISIBLE = /^[\x20-\x7e]*$/;

/**
 * Reads a head of the plainest form: POST, HTTP/1.1, kept alive, JSON, a length, headers of the list above, none twice.
 * Undefined for everything else, right or wrong: node:http judges that.
 */
export function readPlainHead(
  text: string,
  hosts: HostRules,
  maxBodyBytes: number,
  { transport, remote }: ConnectionInfo,
): PlainHead | undefined {
  const [requestLine = "", ...lines] = text.split("\r\n");
  if (!/^POST \/[\x21-\x7e]* HTTP\/1\.1$/.test(requestLine)) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = withoutSpaces(line.slice(colon + 1));
    if (!TOKEN.test(name) || !VISIBLE.test(value) || !PLAIN_HEADERS.has(name) || headers.has(name))
      return undefined;
    headers.set(name, value);
  }
  const host = headers.get("host");
  const length = headers.get("content-length") ?? "";
  if (host === undefined || host === "" || !hosts.allows(host)) return undefined;
  if (headers.get("content-type")?.toLowerCase() !== "application/json") return undefined;
  if ((headers.get("connection") ?? "keep-alive").toLowerCase() !== "keep-alive") return undefined;
  if (!/^[1-9][0-9]{0,7}$/.test(length) || Number(length) > maxBodyBytes) return undefined;
  const info: ConnectionInfo = { transport, remote, host, userAgent: headers.get("user-agent") };
  return { text, bodyBytes: Number(length), info };
}

/**
 * The short road of an HTTP connection: a plain request that arrives whole in one piece, as nearly all RPC requests do,
 * is answered without node:http's request and response objects, which cost more than the RPC itself. Anything that is
 * not exactly of that form (another method, header, version, a body in pieces, two requests at once) is handed to
 * node:http unread, with the socket, for good. So this never has to refuse, and never has to wait for bytes.
 */
export class FastLine {
  readonly #socket: Socket;
  readonly #activity: Activity;
  readonly #info: ConnectionInfo;
  readonly #host: FastHost;
  #head: PlainHead | undefined;
  #hosts: HostRules | undefined;
  #connection: RpcConnection | undefined;
  #pending: PendingAnswer | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #isFresh = true;
  #idleChecks = 0;
  #isHandedOff = false;

  constructor(socket: Socket, activity: Activity, info: ConnectionInfo, host: FastHost) {
    this.#socket = socket;
    this.#activity = activity;
    this.#info = info;
    this.#host = host;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("error", ignore); // the close that follows is what counts
    socket.once("close", () => this.#pending?.abort());
  }

  get isHandedOff(): boolean {
    return this.#isHandedOff;
  }

  /** Called every `httpCheckIntervalMs`: a line that said nothing for too long is closed. */
  check(): void {
    if (this.#activity.active > 0) return;
    const { httpHeadersTimeoutMs, httpIdleTimeoutMs, httpCheckIntervalMs } = this.#host.limits;
    const limitMs = this.#isFresh ? httpHeadersTimeoutMs : httpIdleTimeoutMs;
    if (++this.#idleChecks * httpCheckIntervalMs > limitMs) this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#activity.active > 0) this.#hold(chunk);
    else this.#request(chunk);
  };

  readonly #onEnd = (): void => {
    this.#pending?.abort();
    this.#socket.end();
  };

  #hold(chunk: Buffer): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > HELD_BYTES) this.#socket.pause();
  }

  #request(chunk: Buffer): void {
    const face = this.#host.face();
    const end = chunk.indexOf("\r\n\r\n");
    if (face === undefined || end < 0 || end > HEAD_BYTES) {
      this.#handOff(chunk);
      return;
    }
    const text = chunk.toString("latin1", 0, end);
    // a kept-alive client sends the same head again and again: then all of it has been checked
    if (this.#head === undefined || this.#head.text !== text || this.#hosts !== face.hosts) {
      this.#head = readPlainHead(text, face.hosts, this.#host.limits.httpBodyBytes, this.#info);
      this.#hosts = face.hosts;
      this.#connection =
        this.#head === undefined
          ? undefined
          : new RpcConnection(face.server, this.#head.info, undefined, ignore);
    }
    const start = end + 4;
    if (
      this.#head === undefined ||
      this.#connection === undefined ||
      chunk.length !== start + this.#head.bodyBytes
    ) {
      this.#handOff(chunk);
      return;
    }
    this.#isFresh = false;
    this.#idleChecks = 0;
    this.#activity.idleSince = this.#host.turn();
    this.#answer(
      this.#connection.answer(chunk.toString("utf8", start), this.#host.limits.httpRequestTimeoutMs),
    );
  }

  #answer(answer: string | undefined | PendingAnswer): void {
    if (answer === undefined || typeof answer === "string") {
      this.#write(answer);
      return;
    }
    this.#pending = answer;
    this.#activity.active++;
    void answer.text.then((text) => {
      this.#pending = undefined;
      this.#activity.active--;
      this.#activity.idleSince = this.#host.turn();
      if (this.#socket.destroyed) return;
      this.#write(text);
      this.#next();
    });
  }

  /** What came while the answer was under way. */
  #next(): void {
    if (this.#heldBytes === 0) return;
    const chunk = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    this.#socket.resume();
    this.#request(chunk);
  }

  #write(text = ""): void {
    const socket = this.#socket;
    const bytes = Buffer.byteLength(text);
    const { isClosing } = this.#host;
    const closing = isClosing ? "Connection: close\r\n" : "";
    const isWritten = socket.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${closing}Content-Length: ${bytes}\r\n\r\n${text}`,
      bytes === text.length ? "latin1" : "utf8",
    );
    if (isClosing) socket.destroySoon();
    else if (!isWritten) this.#waitForReader(bytes);
  }

  /** A client that does not take its reply is sent no other, and is closed after the write time-out. */
  #waitForReader(bytes: number): void {
    const socket = this.#socket;
    socket.pause();
    const timer =
      bytes > WATCHED_BYTES || socket.writableLength > WATCHED_BYTES
        ? this.#host.clock.after(this.#host.limits.httpWriteTimeoutMs, () => socket.destroy())
        : undefined;
    const done = () => {
      timer?.cancel();
      socket.off("drain", done);
      socket.off("close", done);
      if (!socket.destroyed) socket.resume();
    };
    socket.on("drain", done);
    socket.on("close", done);
  }

  #handOff(unread: Buffer): void {
    this.#isHandedOff = true;
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#host.handOff(this.#socket, unread);
  }
}

/** Without the spaces around it. `trim` takes off more: a bare line feed, which ends the head for other parsers. */
function withoutSpaces(text: string): string {
  let from = 0;
  let to = text.length;
  while (text[from] === " ") from++;
  while (to > from && text[to - 1] === " ") to--;
  return text.slice(from, to);
}

function ignore(): void {}
