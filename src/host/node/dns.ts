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
      signal?.throwIfAborted();
      const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
      if (servers !== undefined) resolver.setServers(servers);
      const onAbort = () => resolver.cancel();
      // the resolver's own time-out is for each server it tries
      const timer = setTimeout(onAbort, timeoutMs);
      signal?.addEventListener("abort", onAbort, { once: true });
      try {
        const records = await resolver.resolveTxt(name);
        return records.map((pieces) => pieces.join(""));
      } catch (error) {
        signal?.throwIfAborted();
        const why = (error as NodeJS.ErrnoException).code ?? String(error);
        throw HostError("LOOKUP_FAILED", { name, why }, { cause: error });
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      }
    },
  };
}
