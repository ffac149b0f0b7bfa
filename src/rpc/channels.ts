import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { WebSocket } from "ws";
import { RpcError, rpcCodes } from "./errors.ts";
import { JsonSplitter } from "./json.ts";
import type { RpcServer } from "./server.ts";

/** An open two-way connection. */
export interface Duplex {
  send(text: string): void;
  close(): void;
}

/** How a client reaches its server: one exchange at a time (HTTP), or a connection that also brings notifications. */
export type Channel =
  | {
      readonly kind: "http";
      exchange(text: string, signal: AbortSignal): Promise<string>;
      close(): void;
    }
  | {
      readonly kind: "duplex";
      open(onMessage: (text: string) => void, onClose: (error: RpcError) => void): Promise<Duplex>;
    };

/** Largest reply a client takes: a batch of 25 MB and then some. */
const REPLY_BYTES = 64 * 1024 * 1024;

export function disconnected(why: string, cause?: unknown): RpcError {
  return new RpcError(
    rpcCodes.disconnected,
    `disconnected: ${why}`,
    undefined,
    cause === undefined ? undefined : { cause },
  );
}

/** Straight into a server of this process, by the same texts as over a wire. */
export function inProcessChannel(server: RpcServer): Channel {
  return {
    kind: "duplex",
    async open(onMessage, onClose) {
      if (server.isClosed) throw disconnected("the server is closed");
      const connection = server.connect({ transport: "inproc", remote: "" }, onMessage, () =>
        onClose(disconnected("the server closed")),
      );
      return {
        send: (text) => void connection.receive(text),
        close: () => connection.close(),
      };
    },
  };
}

/** One POST a message over kept-alive connections. */
export function httpChannel(endpoint: string): Channel {
  const url = new URL(endpoint);
  const isSecure = url.protocol === "https:";
  const agent = isSecure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const start = isSecure ? httpsRequest : httpRequest;
  let isClosed = false;
  const once = (text: string, signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) };
      const request = start(url, { agent, method: "POST", headers, signal }, (response) => {
        readReply(response).then(resolve, reject);
      });
      request.on("error", (cause: NodeJS.ErrnoException) => {
        const isStale = request.reusedSocket && cause.code === "ECONNRESET";
        reject(isStale ? new StaleSocket() : disconnected(cause.code ?? cause.message, cause));
      });
      request.end(text);
    });
  return {
    kind: "http",
    async exchange(text, signal) {
      for (let tries = 0; ; tries++) {
        try {
          return await once(text, signal);
        } catch (error) {
          // the server closed a kept-alive socket just as we took it, so ask on a new one. (A server that died in the
          // middle looks the same: the call may have run, as after any lost connection.)
          if (!(error instanceof StaleSocket) || isClosed || tries >= 2)
            throw error instanceof StaleSocket ? disconnected("connection reset") : error;
        }
      }
    },
    close() {
      isClosed = true;
      agent.destroy();
    },
  };
}

class StaleSocket extends Error {}

async function readReply(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const part = chunk as Buffer; // as: no encoding was set
    size += part.length;
    if (size > REPLY_BYTES) throw disconnected(`reply of more than ${REPLY_BYTES} bytes`);
    chunks.push(part);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (response.statusCode === 200) return text;
  throw disconnected(
    `HTTP status ${response.statusCode ?? 0}${text === "" ? "" : `: ${text.slice(0, 200)}`}`,
  );
}

export function wsChannel(endpoint: string): Channel {
  return {
    kind: "duplex",
    open: (onMessage, onClose) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(endpoint, { perMessageDeflate: false, maxPayload: REPLY_BYTES });
        let isOpen = false;
        let failure: Error | undefined;
        socket.on("open", () => {
          isOpen = true;
          resolve({ send: (text) => socket.send(text), close: () => socket.close(1000) });
        });
        socket.on("message", (raw) =>
          onMessage(
            Array.isArray(raw)
              ? Buffer.concat(raw).toString("utf8")
              : Buffer.from(raw as Buffer).toString("utf8"),
          ),
        ); // as: binaryType is nodebuffer
        socket.on("error", (error) => {
          failure = error;
        });
        socket.on("close", (code, reason) => {
          const why = failure?.message ?? `closed with ${code} ${reason.toString("utf8")}`.trim();
          if (isOpen) onClose(disconnected(why, failure));
          else reject(disconnected(why, failure));
        });
      }),
  };
}

export function ipcChannel(path: string): Channel {
  return {
    kind: "duplex",
    open: (onMessage, onClose) =>
      new Promise((resolve, reject) => {
        const socket = connect(path);
        const splitter = new JsonSplitter(REPLY_BYTES);
        let isOpen = false;
        let failure: Error | undefined;
        socket.on("connect", () => {
          isOpen = true;
          resolve({ send: (text) => void socket.write(`${text}\n`), close: () => socket.destroy() });
        });
        socket.on("data", (chunk: Buffer) => {
          const broken = splitter.push(chunk, onMessage);
          if (broken !== undefined) socket.destroy(new Error(`unreadable reply: ${broken}`));
        });
        socket.on("error", (error) => {
          failure = error;
        });
        socket.on("close", () => {
          const why = failure?.message ?? "the server closed the connection";
          if (isOpen) onClose(disconnected(why, failure));
          else reject(disconnected(why, failure));
        });
      }),
  };
}
