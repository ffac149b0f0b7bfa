// Asks a method of a table as a client would: raw JSON in, parsed JSON out. No transport between.
import { RpcServer, type Api } from "#rpc";
import type { Host } from "#host";

export interface Asker {
  (method: string, ...params: readonly unknown[]): Promise<unknown>;
}

/** Calls by wire name. A refusal is thrown as what the handler threw. */
export function asker(
  apis: readonly Api[],
  host: Pick<Host, "clock" | "entropy">,
  signal: AbortSignal = new AbortController().signal,
): Asker {
  const server = new RpcServer({ apis, host });
  return async (name, ...params) => {
    const method = server.method(name);
    if (method === undefined) throw new Error(`no method ${name}`);
    const connection = { transport: "inproc", remote: "" } as const;
    return JSON.parse(await method.call(params, { signal, ...connection, connection }));
  };
}
