/** What the tests of the RPC transports share: raw exchanges that say exactly what goes over the wire. */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { WebSocket } from "ws";

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpAsk {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

/** One HTTP request on a connection of its own. */
export function http(
  port: number,
  { method = "POST", path = "/", headers = {}, body = "" }: HttpAsk,
): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const type = method === "POST" ? { "Content-Type": "application/json" } : {};
    const request = httpRequest(
      { host: "127.0.0.1", port, method, path, headers: { ...type, ...headers }, agent: false },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
        response.on("error", reject);
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

/**
 * What a connection to a port that was just closed ends with. The reset is Linux's: while another test thread of this
 * process starts a program, the child still holds the listening socket between fork and exec, and the system takes the
 * connection into a queue that nobody reads.
 */
export const CLOSED_PORT = /ECONNREFUSED|ECONNRESET/;

/** Sends bytes as they are and gives everything that came back until the other end closed (or `until` matches). */
export function raw(port: number | string, text: string | Buffer, until?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = typeof port === "number" ? connect(port, "127.0.0.1") : connect(port);
    let got = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      got += chunk;
      if (until?.test(got) === true) socket.destroy();
    });
    socket.on("close", () => resolve(got));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
    socket.write(text);
  });
}

/** A peer that sends texts and hands out what it gets, in order. */
export interface Line {
  send(text: string): void;
  /** The next message; rejects once the line is closed and empty. */
  next(): Promise<string>;
  /** Resolves when the other end has closed; WebSocket: with the close code. */
  readonly closed: Promise<number | undefined>;
  close(): void;
}

class Inbox {
  readonly #held: string[] = [];
  readonly #waiting: { resolve(text: string): void; reject(error: Error): void }[] = [];
  #isOver = false;

  push(text: string): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#held.push(text);
    else next.resolve(text);
  }

  end(): void {
    this.#isOver = true;
    for (const waiter of this.#waiting) waiter.reject(new Error("line closed"));
  }

  next(): Promise<string> {
    const held = this.#held.shift();
    if (held !== undefined) return Promise.resolve(held);
    if (this.#isOver) return Promise.reject(new Error("line closed"));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}

export function wsLine(
  port: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Line & { socket: WebSocket }> {
  const inbox = new Inbox();
  const socket = new WebSocket(`ws://127.0.0.1:${port}/any/path`, { headers });
  const closed = new Promise<number>((resolve) => socket.on("close", (code) => resolve(code)));
  socket.on("message", (data) => inbox.push((data as Buffer).toString())); // one Buffer, as ws gives by default
  void closed.then(() => inbox.end());
  return new Promise((resolve, reject) => {
    socket.on("open", () =>
      resolve({
        socket,
        closed,
        send: (text) => socket.send(text),
        next: () => inbox.next(),
        close: () => socket.close(),
      }),
    );
    socket.on("error", reject);
  });
}

/** Lines end with a line end, as the server writes them. */
export function ipcLine(path: string): Promise<Line & { socket: Socket }> {
  const inbox = new Inbox();
  const socket = connect(path);
  const closed = new Promise<undefined>((resolve) => socket.on("close", () => resolve(undefined)));
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) inbox.push(line);
  });
  void closed.then(() => inbox.end());
  return new Promise((resolve, reject) => {
    socket.on("connect", () =>
      resolve({
        socket,
        closed,
        send: (text) => void socket.write(text),
        next: () => inbox.next(),
        close: () => socket.destroy(),
      }),
    );
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
  });
}

/** Several exchanges, one line each: the form of one JSON-RPC call. */
export function call(id: number | string, method: string, params?: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) });
}
