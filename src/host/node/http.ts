import { request } from "node:http";
import { networkInterfaces } from "node:os";
import { type Http, HostError, type LocalAddress } from "#host";

/** Each on a connection of its own. */
export const nodeHttp: Http = {
  request(url, { method = "GET", headers = {}, body, timeoutMs, maxBytes, signal }) {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        clearTimeout(timer);
        outgoing.destroy();
        if (signal?.aborted === true) reject(signal.reason);
        else
          reject(HostError("HTTP_FAILED", { url, why: String((error as Error).message) }, { cause: error }));
      };
      const outgoing = request(url, { method, headers, signal, agent: false }, (incoming) => {
        const chunks: Buffer[] = [];
        let size = 0;
        incoming.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxBytes) fail(new Error(`longer than ${maxBytes} bytes`));
          else chunks.push(chunk);
        });
        incoming.on("error", fail);
        incoming.on("end", () => {
          clearTimeout(timer);
          resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
        });
      });
      const timer = setTimeout(() => fail(new Error(`not within ${timeoutMs} ms`)), timeoutMs);
      outgoing.on("error", fail);
      outgoing.end(body);
    });
  },
};

/** Of all interfaces, as the system lists them. */
export function localAddresses(): LocalAddress[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address, cidr, internal }) => ({
      ip: address,
      prefixLength: Number(cidr?.split("/")[1] ?? 0),
      isLoopback: internal,
    }));
}
