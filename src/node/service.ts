import type { AccountManager } from "#accounts";
import type { KeyValueStore } from "#ethdb";
import type { EventMux } from "#event";
import type { Host } from "#host";
import type { Logger } from "#log";
import type { Metrics } from "#metrics";
import type { Protocol, Server } from "#p2p";
import type { Api } from "#rpc";
import type { ResolvedConfig } from "./config.ts";
import type { Vitals } from "./vitals.ts";

/** What runs inside a node (seed: node.Service). */
export interface Service {
  /** Read once, before p2p starts. */
  readonly protocols: readonly Protocol[];
  /** Read once, after every service has started. */
  readonly apis: readonly Api[];
  /** Answers net_version unless the config names one; the first service that has it decides. */
  readonly networkId?: bigint | number | undefined;
  /** Called in registration order, after p2p listens. Must not wait for the network. */
  start(server: Server): void | Promise<void>;
  /**
   * Called once per constructed service, in reverse order; also when it was never started, or its own start failed, since
   * a start that fails undoes everything. The node closes the service's databases afterwards.
   */
  stop(): void | Promise<void>;
  /** How it is, for health probes and gauges; undefined while it has nothing to say. Asked often: quick. */
  vitals?(): Vitals | undefined;
}

/** A class whose instances are services, as a key for lookups. */
export type ServiceClass<T> = abstract new (...args: never[]) => T;

/** Makes a service; may be async (to open its databases). Runs in registration order at each start. */
export type ServiceConstructor = (context: ServiceContext) => Service | Promise<Service>;

export interface DatabaseOptions {
  /** LevelDB's block cache, bytes; default 8 MiB. */
  readonly cacheBytes?: number | undefined;
}

/** What a service's constructor is given (seed: node.ServiceContext). */
export interface ServiceContext {
  readonly config: ResolvedConfig;
  readonly log: Logger;
  readonly host: Host;
  /** True if nothing is written to disk. */
  readonly isEphemeral: boolean;
  /** Runs on this data directory in the last 10 minutes that ended in a crash. */
  readonly recentCrashes: number;
  /** Every account this node can sign for (seed: AccountManager). */
  readonly accountManager: AccountManager;
  /** Events between services of this run (seed: EventMux); anew at each start. */
  readonly eventMux: EventMux;
  /** What this node counts; undefined where nothing is counted. */
  readonly metrics?: Metrics | undefined;
  /** A store under the instance directory, in memory for an ephemeral node. The node closes it after the services stopped. */
  openDatabase(name: string, options?: DatabaseOptions): Promise<KeyValueStore>;
  /** Absolute path inside the instance directory; "" for a relative path of an ephemeral node. */
  resolvePath(path: string): string;
  /** Aborted by a stop that comes before every part has started: what takes long in a start ends by it. */
  readonly cancelled: AbortSignal;
  /**
   * A service constructed earlier, by its class.
   * @throws NODE_UNKNOWN_SERVICE
   */
  service<T>(type: ServiceClass<T>): T;
}
