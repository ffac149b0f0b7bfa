import { type RpcErrorObject, rpcCodes } from "./errors.ts";
import { type JsonRefusal, writeJson } from "./json.ts";
import type { RpcLimits } from "./limits.ts";

/** One item of what a client sent, looked at but not run. `id` is the JSON text to echo. */
export type Incoming =
  | { readonly kind: "call"; readonly id: string; readonly method: string; readonly params: unknown }
  | { readonly kind: "notification"; readonly method: string; readonly params: unknown }
  | { readonly kind: "invalid"; readonly id: string; readonly why: string };

/** Text of an id that can be echoed as it came; undefined for objects, lists, −0, 1e309, beyond 2⁵³, over 1 KiB (RP-10). */
function idText(id: unknown, maxBytes: number): string | undefined {
  if (typeof id === "number") {
    const isExact = Number.isInteger(id)
      ? Number.isSafeInteger(id) && !Object.is(id, -0)
      : Number.isFinite(id);
    return isExact ? String(id) : undefined;
  }
  if (typeof id === "string") {
    if (id.length > maxBytes || (id.length * 3 > maxBytes && Buffer.byteLength(id) > maxBytes))
      return undefined;
    return JSON.stringify(id);
  }
  return id === null ? "null" : undefined;
}

/** Checks shape, version, id and method name, in that order; nothing is looked up yet. */
export function readMessage(value: unknown, limits: RpcLimits): Incoming {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return invalid("null");
  const { jsonrpc, id, method, params } = value as Record<string, unknown>; // as: a JSON object, members still unknown
  const echo = id === undefined ? undefined : idText(id, limits.idBytes);
  if (id !== undefined && echo === undefined) return invalid("null");
  if (jsonrpc !== "2.0" || typeof method !== "string" || method === "") return invalid(echo ?? "null");
  if (method.length > limits.methodNameBytes || Buffer.byteLength(method) > limits.methodNameBytes) {
    return invalid(echo ?? "null", `method name too long: more than ${limits.methodNameBytes} bytes`);
  }
  return echo === undefined
    ? { kind: "notification", method, params }
    : { kind: "call", id: echo, method, params };
}

function invalid(id: string, why = "invalid request"): Incoming {
  return { kind: "invalid", id, why };
}

export function resultText(id: string, result: string): string {
  return `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
}

export function errorText(id: string, { code, message, data }: RpcErrorObject): string {
  const tail = data === undefined ? "" : `,"data":${writeJson(data)}`;
  return `{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":${JSON.stringify(message)}${tail}}}`;
}

/** Without id: broken JSON and the like. */
export const parseErrorText = errorText("null", { code: rpcCodes.parseError, message: "parse error" });

/** A text that was not even parsed. */
export const refusalText = (why: JsonRefusal): string =>
  errorText("null", { code: rpcCodes.invalidRequest, message: `invalid request: ${why}` });

export function notificationText(namespace: string, subscription: string, result: string): string {
  return `{"jsonrpc":"2.0","method":"${namespace}_subscription","params":{"subscription":"${subscription}","result":${result}}}`;
}
