import type { IncomingMessage } from "node:http";
import type { BodyLease } from "./body-budget.ts";
import { budgetOf, type JsonRefusal, JsonScan } from "./json.ts";
import type { RpcLimits } from "./limits.ts";

/** Why there is no body: more than the limit, or than others leave room for (nothing more is buffered), or the client left in the middle. */
export type BodyFailure = "too large" | "no room" | "gone";

/** A whole body, or why its JSON is not read: then nothing of it was kept. */
export type Body = { readonly text: string } | { readonly refusal: JsonRefusal };

/**
 * Reads a request body, at most `httpBodyBytes` of it. What will be refused for its nesting or its count is seen as it comes, and
 * thrown away piece by piece: megabytes are not put together to be looked at once (RP-08). One of the two callbacks is called, once.
 */
export function readBody(
  request: IncomingMessage,
  { limits, lease }: { readonly limits: RpcLimits; readonly lease: BodyLease },
  done: (body: Body) => void,
  fail: (why: BodyFailure) => void,
): void {
  const kept: Buffer[] = [];
  let scan: JsonScan | undefined;
  let refusal: JsonRefusal | undefined;
  let size = 0;
  let isOver = false;
  const keep = (chunk: Buffer): void => {
    kept.push(chunk);
    if (kept.length === 1) return; // one that is whole is looked at by who answers it
    if (scan === undefined) {
      scan = new JsonScan(budgetOf(limits));
      for (const one of kept) refusal ??= scan.push(one);
    } else refusal = scan.push(chunk);
    if (refusal !== undefined) kept.length = 0;
  };
  request.on("data", (chunk: Buffer) => {
    if (isOver) return;
    size += chunk.length;
    const isLarge = size > limits.httpBodyBytes;
    if (!isLarge && lease.reaches(size)) {
      if (refusal === undefined) keep(chunk);
      return;
    }
    isOver = true;
    kept.length = 0;
    fail(isLarge ? "too large" : "no room");
  });
  request.on("end", () => {
    if (isOver) return;
    isOver = true;
    const [first] = kept;
    if (refusal !== undefined) done({ refusal });
    else done({ text: (kept.length === 1 ? first : Buffer.concat(kept))?.toString("utf8") ?? "" });
  });
  request.on("close", () => {
    if (isOver) return;
    isOver = true;
    fail("gone");
  });
}
