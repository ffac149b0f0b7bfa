import type { IncomingMessage } from "node:http";

/** Why there is no body: more than the limit (nothing more is buffered), or the client left in the middle. */
export type BodyFailure = "too large" | "gone";

/** Reads a request body, at most `maxBytes` of it. One of the two callbacks is called, once. */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  done: (body: string) => void,
  fail: (why: BodyFailure) => void,
): void {
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let size = 0;
  let isOver = false;
  request.on("data", (chunk: Buffer) => {
    if (isOver) return;
    size += chunk.length;
    if (size > maxBytes) {
      isOver = true;
      first = undefined;
      rest = undefined;
      fail("too large");
    } else if (first === undefined) first = chunk;
    else if (rest === undefined) rest = [first, chunk];
    else rest.push(chunk);
  });
  request.on("end", () => {
    if (isOver) return;
    isOver = true;
    done((rest === undefined ? first : Buffer.concat(rest))?.toString("utf8") ?? "");
  });
  request.on("close", () => {
    if (isOver) return;
    isOver = true;
    fail("gone");
  });
}
