import { Resolver } from "node:dns/promises";
import { type Dns, HostError } from "#host";

/**
 * Names by the machine's resolver, or by these servers (`ip` or `ip:port`).
 *
 * @throws HOST_LOOKUP_FAILED by its calls
 */
export function nodeDns(servers?: readonly string[]): Dns {
  return {
    async txt(name, { timeoutMs, signal }) {
      const records = await ask(servers, name, timeoutMs, signal, (resolver) => resolver.resolveTxt(name));
      return records.map((pieces) => pieces.join(""));
    },
    address: (name, { timeoutMs }) =>
      ask(servers, name, timeoutMs, undefined, async (resolver) => {
        const found = await resolver.resolve4(name).catch(() => resolver.resolve6(name));
        if (found[0] === undefined) throw new Error("no address");
        return found[0];
      }),
  };
}

/** One question to a resolver of its own, so that it can be given up. */
async function ask<T>(
  servers: readonly string[] | undefined,
  name: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  send: (resolver: Resolver) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  if (servers !== undefined) resolver.setServers(servers);
  const cancel = () => resolver.cancel();
  // the resolver's own time-out is for each server it tries
  const timer = setTimeout(cancel, timeoutMs);
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    return await send(resolver);
  } catch (error) {
    signal?.throwIfAborted();
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw HostError("LOOKUP_FAILED", { name, why }, { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
  }
}
