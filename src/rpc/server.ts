import { Deadlines, type Host, type Turns, turnsOf } from "#host";
import { type Logger, silentLogger } from "#log";
import { RpcConnection } from "./connection.ts";
import type { Context } from "./context.ts";
import { type RpcLimits, rpcLimits } from "./limits.ts";
import type { Api, ConnectionInfo, Method, Subscription } from "./method.ts";
import { json } from "./codec.ts";
import { api, method } from "./method.ts";
import { Admission } from "./admission.ts";

export interface RpcServerOptions {
  /** The namespaces it serves; of two equal method names the later wins. `rpc_modules` is always there. */
  readonly apis: readonly Api[];
  readonly host: Pick<Host, "clock" | "entropy">;
  readonly log?: Logger | undefined;
  readonly limits?: Partial<RpcLimits> | undefined;
}

/**
 * The one JSON-RPC core behind every transport: method tables and what is served at once. It owns no socket; a transport
 * asks for a connection, hands it texts, and writes what comes back.
 */
export class RpcServer implements Disposable {
  readonly limits: RpcLimits;
  readonly host: Pick<Host, "clock" | "entropy">;
  readonly log: Logger;
  /** Turns of the event loop, shared with all who read the same clock. */
  readonly turns: Turns;
  /** Costly calls at once (RP-19). */
  readonly heavy: Admission;
  readonly #methods = new Map<string, Method>();
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #namespaces = new Set<string>();
  readonly #connections = new Set<RpcConnection>();
  /** By their length: one, unless transports with other limits share this server. */
  readonly #deadlines = new Map<number, Deadlines<Context>>();
  #isClosed = false;
  #isOver = false;
  #openSubscriptions = 0;

  constructor({ apis, host, log = silentLogger, limits = {} }: RpcServerOptions) {
    this.limits = { ...rpcLimits, ...limits };
    this.host = host;
    this.log = log;
    this.turns = turnsOf(host.clock);
    this.heavy = new Admission(this.limits.heavyAtOnce, this.limits.heavyWaiting);
    for (const one of [rpcApi(this.#namespaces), ...apis]) this.#add(one);
  }

  #add({ namespace, methods, subscriptions }: Api): void {
    this.#namespaces.add(namespace);
    for (const [name, one] of methods) this.#methods.set(`${namespace}_${name}`, one);
    for (const [name, one] of subscriptions) this.#subscriptions.set(`${namespace}_${name}`, one);
  }

  /** Namespaces served here, `rpc` included, sorted. */
  get namespaces(): readonly string[] {
    return [...this.#namespaces].sort();
  }

  /** By full wire name, e.g. `eth_blockNumber`. A Map: `__proto__` is a name like any other (RP-09). */
  method(name: string): Method | undefined {
    return this.#methods.get(name);
  }

  /** By namespace and name, e.g. `eth`, `newHeads`. */
  subscription(namespace: string, name: string): Subscription | undefined {
    return this.#subscriptions.get(`${namespace}_${name}`);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  /** The waits of calls that get `timeoutMs`. */
  deadlines(timeoutMs: number): Deadlines<Context> {
    let deadlines = this.#deadlines.get(timeoutMs);
    if (deadlines === undefined) {
      deadlines = new Deadlines(this.host.clock, timeoutMs, (context) => context.expire());
      if (this.#isOver) deadlines.close();
      this.#deadlines.set(timeoutMs, deadlines);
    }
    return deadlines;
  }

  /** Counts one more subscription (BOUNDED: limits.subscriptions over all connections), or says no. */
  takeSubscription(): boolean {
    if (this.#openSubscriptions >= this.limits.subscriptions) return false;
    this.#openSubscriptions++;
    return true;
  }

  releaseSubscription(): void {
    this.#openSubscriptions--;
  }

  /**
   * A client's end. `send` writes one message to it (notifications); without it the client cannot subscribe (HTTP).
   * The transport calls `connection.close()` when the client is gone; `onClose` tells it that the server closed.
   */
  connect(info: ConnectionInfo, send?: (text: string) => void, onClose?: () => void): RpcConnection {
    const connection = new RpcConnection(this, info, send, () => {
      this.#connections.delete(connection);
      onClose?.();
    });
    if (this.#isClosed) connection.close();
    else this.#connections.add(connection);
    return connection;
  }

  /** No more texts will come: what runs goes on, and no timer outlasts it. */
  finish(): void {
    this.#isOver = true;
    for (const deadlines of this.#deadlines.values()) deadlines.close();
  }

  /** Ends every connection's subscriptions and aborts their calls. Texts that come later get an error, never silence. */
  close(): void {
    this.#isClosed = true;
    for (const connection of [...this.#connections]) connection.close();
    this.finish();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function rpcApi(namespaces: ReadonlySet<string>): Api {
  return api({
    namespace: "rpc",
    methods: {
      modules: method({
        doc: "Namespaces served at this endpoint, with their version.",
        params: [],
        result: json,
        isConcurrent: true,
        handle: () => Object.fromEntries([...namespaces].sort().map((name) => [name, "1.0"])),
      }),
    },
  });
}

/**
 * The tables an endpoint may serve (seed-behaviour §1.5): with a list, the listed namespaces whole (their non-public
 * tables too); with an empty or no list, every public table. A list of one empty string is a list: nothing but `rpc`.
 */
export function selectApis(apis: readonly Api[], modules: readonly string[] = []): readonly Api[] {
  if (modules.length === 0) return apis.filter((one) => one.isPublic);
  const listed = new Set(modules);
  return apis.filter((one) => listed.has(one.namespace));
}
