import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { OriginRules } from "./access.ts";

const CONTENT_TYPES: ReadonlySet<string> = new Set([
  "application/json",
  "application/json-rpc",
  "application/jsonrequest",
]);

/** Status and text for a request that is not read at all. */
export function refusalOf(
  { method, headers, url }: IncomingMessage,
  maxBodyBytes: number,
): [number, string] | undefined {
  if (method === "OPTIONS") return undefined;
  if (method === "GET") {
    const isProbe =
      headers["transfer-encoding"] === undefined &&
      (headers["content-length"] ?? "0") === "0" &&
      !(url ?? "").includes("?");
    return isProbe ? undefined : [405, "method not allowed"];
  }
  if (method !== "POST") return [405, "method not allowed"];
  const length = Number(headers["content-length"] ?? 0);
  if (length > maxBodyBytes) return [413, tooLargeText(maxBodyBytes)];
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity")
    return [415, "compressed request bodies are not supported"];
  const type = headers["content-type"] ?? "";
  if (type === "application/json") return undefined;
  const semicolon = type.indexOf(";");
  const media = (semicolon < 0 ? type : type.slice(0, semicolon)).trim().toLowerCase();
  return CONTENT_TYPES.has(media)
    ? undefined
    : [415, "invalid content type, only application/json is supported"];
}

export function tooLargeText(limit: number): string {
  return `content length too large (more than ${limit} bytes)`;
}

/** node:http keeps the first of two Host headers and drops the second; a proxy before us may have judged the other. */
export function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === "host") count++;
  }
  return count;
}

/**
 * True for a request that a web page of another site makes, a link there too: it could not read the answer, but have a profile
 * taken. What no browser sends has neither header.
 */
export function isForeign({ headers }: IncomingMessage, cors: OriginRules): boolean {
  const { origin, host } = headers;
  const site = headers["sec-fetch-site"];
  if (origin !== undefined)
    return !cors.allows(origin) && origin.toLowerCase() !== `http://${host?.toLowerCase()}`;
  return site !== undefined && site !== "same-origin" && site !== "none";
}

/** Adds CORS headers for a listed origin; answers a preflight itself (true). */
export function writeCors(
  rules: OriginRules,
  origin: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const isPreflight =
    request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined;
  response.setHeader(
    "Vary",
    isPreflight ? "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" : "Origin",
  );
  if (origin !== undefined && rules.allows(origin)) {
    response.setHeader("Access-Control-Allow-Origin", rules.allowsAll ? "*" : origin);
    if (isPreflight) {
      response.setHeader("Access-Control-Allow-Methods", "POST, GET");
      const asked = request.headers["access-control-request-headers"];
      if (asked !== undefined) response.setHeader("Access-Control-Allow-Headers", asked);
      response.setHeader("Access-Control-Max-Age", "600");
    }
  }
  if (!isPreflight) return false;
  response.writeHead(204);
  response.end();
  return true;
}

const BROKEN: ReadonlyMap<string, string> = new Map([
  ["HPE_HEADER_OVERFLOW", "431 Request Header Fields Too Large"],
  ["ERR_HTTP_REQUEST_TIMEOUT", "408 Request Timeout"],
]);

/** What node's parser refused: one status line, then the connection is closed. */
export function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status = BROKEN.get(error.code ?? "") ?? "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
