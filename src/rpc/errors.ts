import { GlimError } from "#util";

/** Codes of JSON-RPC 2.0, of geth, and of EIP-1193 (4900). */
export const rpcCodes = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** A method failed in an expected way; the text says how. */
  failed: -32000,
  timeout: -32002,
  tooLarge: -32003,
  busy: -32005,
  /** `execution reverted`; data holds the revert bytes. */
  revert: 3,
  /** The connection to the server is gone (client side, EIP-1193). */
  disconnected: 4900,
} as const;

/** The three members of a JSON-RPC error object. */
export interface RpcErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/**
 * An error that reaches an RPC client as it is: thrown by method handlers, and thrown by {@link RpcClient} for every
 * error reply, so both ends see one shape. It is also what EIP-1193 calls a ProviderRpcError.
 */
export class RpcError extends Error implements RpcErrorObject {
  override readonly name = "RpcError";
  readonly code: number;
  readonly data?: unknown;

  constructor(code: number, message: string, data?: unknown, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    if (data !== undefined) this.data = data;
  }
}

/** −32602 with the place: `invalid argument 1.topics[0]: …`. `path` starts with the argument's index. */
export function invalidParams(path: string, why: string): RpcError {
  return new RpcError(rpcCodes.invalidParams, `invalid argument ${path}: ${why}`);
}

/**
 * What a client is told of an error thrown by a handler. `undefined`: unexpected, so the client gets −32603 and an id,
 * and the log gets the rest.
 */
export function expectedError(error: unknown): RpcErrorObject | undefined {
  if (error instanceof RpcError) return error;
  if (error instanceof GlimError) {
    if (error.rpcCode !== undefined) return { code: error.rpcCode, message: error.message };
    return error.blame === "bug" ? undefined : { code: rpcCodes.failed, message: error.message };
  }
  if (error instanceof Error && error.name === "AbortError")
    return { code: rpcCodes.timeout, message: "request aborted" };
  return undefined;
}
