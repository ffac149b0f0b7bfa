import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** What a GET of a path is answered with, beside JSON-RPC. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string | Readable;
  /** Name the answer is saved under. */
  readonly fileName?: string | undefined;
}

/** What makes the page of a path; undefined: there is none. The signal aborts when the client is gone. */
export type Pages = (
  path: string,
  query: URLSearchParams,
  signal: AbortSignal,
) => (() => Page | Promise<Page>) | undefined;

const isEmpty = ({ headers }: IncomingMessage) =>
  headers["transfer-encoding"] === undefined && (headers["content-length"] ?? "0") === "0";

/** What the web page of another site gets to see of any page, which is not even made. */
const FOREIGN: Page = {
  status: 403,
  type: "text/plain; charset=utf-8",
  body: "not for pages of other sites",
};

/** Answers a GET or HEAD by its page. False: there is none, and nothing was written. `onFault` hears what a page threw. */
export function servePage(
  pages: Pages,
  request: IncomingMessage,
  response: ServerResponse,
  { onFault, isForeign }: { onFault: (error: unknown) => void; isForeign: boolean },
): boolean {
  if ((request.method !== "GET" && request.method !== "HEAD") || !isEmpty(request)) return false;
  const gone = new AbortController();
  // not by URL: it throws for `//` and other targets that anybody may send
  const { url = "/" } = request;
  const at = url.indexOf("?");
  const path = at < 0 ? url : url.slice(0, at);
  const make = pages(path, new URLSearchParams(at < 0 ? "" : url.slice(at)), gone.signal);
  if (make === undefined) return false;
  response.once("close", () => gone.abort());
  void (async () => {
    try {
      await write(isForeign ? FOREIGN : await make(), response);
    } catch (error) {
      if (gone.signal.aborted) return;
      onFault(error);
      if (!response.headersSent) response.writeHead(500, { "Content-Length": "0" });
      response.end();
    }
  })();
  return true;
}

async function write({ status, type, body, fileName }: Page, response: ServerResponse): Promise<void> {
  const named = fileName === undefined ? {} : { "Content-Disposition": `attachment; filename="${fileName}"` };
  const headers = {
    "Content-Type": type,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...named,
  };
  if (typeof body === "string") {
    response.writeHead(status, { ...headers, "Content-Length": String(Buffer.byteLength(body)) });
    response.end(body);
    return;
  }
  response.writeHead(status, headers);
  await pipeline(body, response);
}
