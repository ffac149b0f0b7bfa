/** admin_exportChain, admin_importChain: on IPC and in process only, since they touch files (RP-20). */
import {
  bool,
  type CallContext,
  hexOrDecimal,
  method,
  type Method,
  optional,
  RpcError,
  rpcCodes,
  textUpTo,
} from "#rpc";
import type { ChainFiles } from "./controls.ts";

const path = textUpTo(4_096);

/** @throws −32601 for callers that might be somebody else */
export function checkTransport({ transport }: CallContext): void {
  if (transport === "ipc" || transport === "inproc") return;
  throw new RpcError(rpcCodes.methodNotFound, "methods that touch files are served over IPC only");
}

export function chainFileMethods(files: ChainFiles): Record<string, Method> {
  return {
    exportChain: method({
      doc: "Writes the chain, or blocks first to last, to a new file inside the data directory (geth's form; .gz compresses). IPC only.",
      params: [path, optional(hexOrDecimal), optional(hexOrDecimal)],
      result: bool,
      isHeavy: true,
      handle: async ([file, first, last], ctx) => {
        checkTransport(ctx);
        await files.exportChain(file, first, last, ctx);
        return true;
      },
    }),
    importChain: method({
      doc: "Takes in a file of blocks inside the data directory. IPC only.",
      params: [path],
      result: bool,
      isHeavy: true,
      handle: async ([file], ctx) => {
        checkTransport(ctx);
        await files.importChain(file, ctx);
        return true;
      },
    }),
  };
}
