import type { Clock, Timer } from "#host";
import { type Claim, type ClaimKind, type ClaimKinds, type ClaimOptions, LightError } from "#light";
import { deferred, GlimError } from "#util";
import type { Asked } from "./kinds.ts";
import { clientLimits } from "./limits.ts";
import type { Retriever } from "./retriever.ts";
import type { ServerPeer } from "./server-peer.ts";

export interface ClaimParts {
  readonly clock: Clock;
  readonly retriever: Retriever;
  readonly servers: () => Iterable<ServerPeer>;
  readonly refute: (server: ServerPeer, reason: Error) => void;
}

/** 0: every block of its chain is in its index; 1: only the last ones; 2: none. geth les/protocol.go:57@v1.11.6 */
function indexRank({ status: { recentTxLookup }, head }: ServerPeer): 0 | 1 | 2 {
  if (recentTxLookup === 0 || recentTxLookup - 1 > head.number) return 0;
  return recentTxLookup === 1 ? 2 : 1;
}

const whatOf: Readonly<Record<ClaimKind, string>> = { txStatus: "transaction status", sendTx: "transaction" };

/**
 * Asks servers what nobody can prove, each once: the most complete index first, then the quickest. One that is silent for the soft timeout
 * is passed over (its answer still counts when it comes), and one that connects meanwhile is asked too.
 * @throws LIGHT_NO_SERVER if there is nobody, the signal's reason
 */
export async function* claimsOf<K extends ClaimKind>(
  { clock, retriever, servers, refute }: ClaimParts,
  kind: K,
  ask: ClaimKinds[K]["ask"],
  options: ClaimOptions = {},
): AsyncIterableIterator<Claim<ClaimKinds[K]["answer"]>> {
  const {
    servers: most = Number.POSITIVE_INFINITY,
    parallel = 1,
    except,
    onAsk,
    onFailure,
    signal,
  } = options;
  const request = { kind, ask, verify: (answer: unknown) => answer } as unknown as Asked; // a claim is believed by nobody here
  const asked = new Set<ServerPeer>();
  const claims: Claim<ClaimKinds[K]["answer"]>[] = [];
  const timers = new Set<Timer>();
  let wake = deferred<void>();
  let active = 0;
  let isOver = false;
  let bug: { readonly error: unknown } | undefined;

  const next = (): ServerPeer | undefined => {
    if (isOver || asked.size >= most) return undefined;
    return [...servers()]
      .filter((server) => !server.isOver && !asked.has(server) && except?.has(server.name) !== true)
      .sort((a, b) => indexRank(a) - indexRank(b) || a.latencyMs - b.latencyMs)[0];
  };
  const start = async (server: ServerPeer): Promise<void> => {
    asked.add(server);
    active++;
    onAsk?.(server.name);
    const timer = clock.after(clientLimits.softTimeoutMs, () => {
      const other = next();
      if (other !== undefined) void start(other);
    });
    timers.add(timer);
    try {
      const answer = await retriever.ask(request, whatOf[kind], {
        signal,
        timeoutMs: options.timeoutMs,
        only: (other) => other === server,
      });
      claims.push({
        answer: answer as ClaimKinds[K]["answer"], // judged by the row of this very kind
        server: server.name,
        limitsIndex: indexRank(server) > 0,
        refute: (reason) => refute(server, reason),
      });
    } catch (error) {
      if (error instanceof GlimError) onFailure?.(error);
      else if (signal?.aborted !== true) bug ??= { error };
    } finally {
      timer.cancel();
      timers.delete(timer);
      active--;
      wake.resolve();
    }
  };

  try {
    if ([...servers()].every((server) => server.isOver)) throw LightError("NO_SERVER");
    for (;;) {
      signal?.throwIfAborted();
      if (bug !== undefined) throw bug.error;
      const claim = claims.shift();
      if (claim !== undefined) {
        yield claim;
        continue;
      }
      for (let server = next(); server !== undefined && active < parallel; server = next())
        void start(server);
      if (active === 0) return;
      await wake.promise;
      wake = deferred<void>();
    }
  } finally {
    isOver = true;
    for (const timer of timers) timer.cancel();
  }
}
