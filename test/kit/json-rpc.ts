// A JSON-RPC caller over HTTP for tests and benches: no code of ours under it, so it can judge ours.
import { Agent, request } from "node:http";

export interface JsonRpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** What the other side answered as an error, with its code and data. */
export class JsonRpcError extends Error {
  readonly code: number;
  readonly data: unknown;
  constructor(method: string, { code, message, data }: JsonRpcFailure) {
    super(`${method}: ${message} (${code})`);
    this.code = code;
    this.data = data;
  }
}

export interface JsonRpc extends Disposable {
  <T = unknown>(method: string, params?: readonly unknown[]): Promise<T>;
}

/**
 * A caller that keeps `connections` sockets open, so that concurrency is what the bench says it is.
 * @param extra headers of each request, made anew
 */
export function jsonRpc(
  url: string,
  connections = 16,
  extra: () => Readonly<Record<string, string>> = () => ({}),
): JsonRpc {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const { hostname, port, pathname } = new URL(url);
  let nextId = 0;
  const call = (method: string, params: readonly unknown[] = []): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: ++nextId, method, params });
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        ...extra(),
      };
      const req = request({ agent, hostname, port, path: pathname, method: "POST", headers }, (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (chunk: Buffer) => chunks.push(chunk));
        res.on("error", reject);
        res.on("end", () => {
          try {
            const reply = JSON.parse(Buffer.concat(chunks).toString()) as {
              result?: unknown;
              error?: JsonRpcFailure;
            };
            if (reply.error === undefined) resolve(reply.result);
            else reject(new JsonRpcError(method, reply.error));
          } catch (error) {
            reject(new Error(`${method}: HTTP ${res.statusCode}`, { cause: error }));
          }
        });
      });
      req.on("error", reject);
      req.end(body);
    });
  return Object.assign(call, { [Symbol.dispose]: () => agent.destroy() }) as JsonRpc;
}
