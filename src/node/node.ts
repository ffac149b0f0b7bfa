import { existsSync } from "node:fs";
import { join } from "node:path";
import type { AccountManager } from "#accounts";
import type { HidPort } from "#accounts/usb";
import { generateKey } from "#crypto";
import { assertStoresReadable, type KeyValueStore, memoryStore, openLevelStore } from "#ethdb";
import { EventMux } from "#event";
import type { Host } from "#host";
import { nodeHost } from "#host/node";
import type { Logger } from "#log";
import { type Protocol, Server } from "#p2p";
import { type Api, inProcess, type RpcClient, type RpcServer } from "#rpc";
import { type Deferred, deferred, type GlimError, isError } from "#util";
import { addDevices, makeAccountManager } from "./accounts.ts";
import { builtinApis, type NodeFace } from "./builtin-apis.ts";
import { type Config, parseConfig, type ResolvedConfig } from "./config.ts";
import { Endpoints } from "./endpoints.ts";
import { CrashMarker } from "./crash-marker.ts";
import { Metrics } from "#metrics";
import { Ops, type OpsFace } from "./ops.ts";
import { meterApis, meterProtocols, meterStore } from "./meters.ts";
import { type Health, healthOf } from "./vitals.ts";
import { DebugApi } from "./debug-api.ts";
import { DiskWatch } from "./disk-watch.ts";
import { NodeError } from "./errors.ts";
import { openInstanceDir } from "./instance-dir.ts";
import { loadNodeKey } from "./node-key.ts";
import { loadNodeList } from "./node-lists.ts";
import { resolveInstancePath } from "./paths.ts";
import type {
  DatabaseOptions,
  Service,
  ServiceClass,
  ServiceConstructor,
  ServiceContext,
} from "./service.ts";

/** Block cache of the store that remembers nodes: all of it is read at start and then held in memory. */
const NODE_STORE_CACHE_BYTES = 256 * 1024;

/** Everything one run of a node has acquired so far, in the order it is undone from the bottom up. */
interface Run {
  lock: AsyncDisposable | undefined;
  marker: CrashMarker | undefined;
  debug: DebugApi | undefined;
  ops: Ops | undefined;
  recentCrashes: number;
  disk: DiskWatch | undefined;
  readonly eventMux: EventMux;
  readonly databases: KeyValueStore[];
  readonly services: Service[];
  server: Server | undefined;
  endpoints: Endpoints | undefined;
  /** `failed` has been resolved. */
  isFailing: boolean;
  /** Aborted by a stop() that comes while the start is under way. */
  readonly cancelled: AbortController;
  readonly ended: Deferred<void>;
  /** The environment fails this run: it cannot write any more. */
  readonly failed: Deferred<GlimError>;
}

/** What a node stands on, beside its config. */
export interface NodeOptions {
  readonly host?: Host | undefined;
  /** The way to hardware wallets, instead of the package `usb`. */
  readonly hidPort?: HidPort | undefined;
}

/**
 * A container of services over one p2p server, one data directory and one set of RPC endpoints (seed: node.Node).
 *
 * A node is stopped or running. `start` runs the constructors in registration order, then p2p, then each service's
 * start, then the endpoints (in process, IPC, HTTP, WebSocket); what fails undoes everything, the lock included. `stop`
 * closes the endpoints, then p2p, then the services in reverse, and reports every failure at once. Both wait for each other; a stop during a start cancels it.
 */
export class Node implements AsyncDisposable {
  readonly config: ResolvedConfig;
  /** What is counted, over all runs; undefined unless the config has `metrics`. */
  readonly metrics: Metrics | undefined;
  /** Every account this node can sign for. In both states; a stop locks them. */
  readonly accountManager: AccountManager;
  readonly #host: Host;
  readonly #hidPort: HidPort | undefined;
  /** Hubs are added once. */
  #hasDevices = false;
  readonly #log: Logger;
  readonly #constructors: ServiceConstructor[] = [];
  #run: Run | undefined;
  #starting: Run | undefined;
  #stopping: Run | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** @throws CONFIG_INVALID with every problem of the config. Touches no file, opens nothing. */
  constructor(config: Config = {}, { host = nodeHost(), hidPort }: NodeOptions = {}) {
    this.config = parseConfig(config);
    this.metrics = this.config.metrics.host === "" ? undefined : new Metrics();
    this.#host = host;
    this.#hidPort = hidPort;
    this.#log = this.config.logger;
    this.accountManager = makeAccountManager(this.config, host, () => this.#isRpcOpen);
  }

  /** @throws NODE_RUNNING */
  register(constructor: ServiceConstructor): void {
    if (this.#run !== undefined || this.#starting !== undefined) throw NodeError("RUNNING");
    this.#constructors.push(constructor);
  }

  /** All or nothing. @throws NODE_RUNNING, NODE_DATADIR_USED, NODE_STOPPED_WHILE_STARTING, or what a part threw */
  async start(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  /** @throws NODE_NOT_STARTED; NODE_STOP_FAILED naming every part that failed, after all have been stopped */
  async stop(): Promise<void> {
    if (this.#starting !== undefined) {
      this.#starting.cancelled.abort();
      return this.#inTurn(async () => {
        if (this.#run !== undefined) await this.#stop(this.#run); // it had been past its last step
      });
    }
    return this.#inTurn(async () => {
      if (this.#run === undefined) throw NodeError("NOT_STARTED");
      await this.#stop(this.#run);
    });
  }

  /** Stop, then start. Endpoints opened by admin_start… do not come back: they were of that run. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Resolves when this run has been stopped; at once if the node is not running. */
  async wait(): Promise<void> {
    await this.#run?.ended.promise;
  }

  /**
   * Resolves when this run can go on no longer, with the reason: the disk is (nearly) full, or a database takes no more
   * writes. Whoever owns the node should stop it then; its error says the exit code. Never resolves otherwise.
   */
  async failed(): Promise<GlimError> {
    return this.#run === undefined ? new Promise(() => {}) : this.#run.failed.promise;
  }

  /** A client in this process: every namespace, an EIP-1193 provider. @throws NODE_NOT_STARTED */
  attach(): RpcClient {
    return inProcess(this.rpcHandler);
  }

  /** The in-process RPC server. @throws NODE_NOT_STARTED, also after a stop: its services are gone */
  get rpcHandler(): RpcServer {
    return this.#running().server;
  }

  /** The running service of exactly this class. @throws NODE_NOT_STARTED, NODE_UNKNOWN_SERVICE */
  service<T>(type: ServiceClass<T>): T {
    if (this.#run === undefined) throw NodeError("NOT_STARTED");
    return findService(this.#run.services, type);
  }

  /** What this run's services tell each other. @throws NODE_NOT_STARTED */
  get eventMux(): EventMux {
    if (this.#run === undefined) throw NodeError("NOT_STARTED");
    return this.#run.eventMux;
  }

  /** The p2p server; undefined while stopped. */
  get server(): Server | undefined {
    return this.#run?.server;
  }

  get isRunning(): boolean {
    return this.#run !== undefined;
  }

  /** How this node is: what `/health` answers. */
  get health(): Health {
    return this.#healthOf(this.#run);
  }

  /** `host:port` of metrics, health and profiles; "" = off. */
  get metricsEndpoint(): string {
    return this.#run?.ops?.endpoint ?? "";
  }

  /** `host:port` that HTTP really listens on, else the configured one; "" = off. */
  get httpEndpoint(): string {
    const { host, port } = this.config.http;
    return this.#run?.endpoints?.http?.endpoint ?? (host === "" ? "" : hostPort(host, port));
  }

  /** The same for WebSocket. */
  get wsEndpoint(): string {
    const { host, port } = this.config.ws;
    return (
      this.#run?.endpoints?.ws?.endpoint ?? (host === "" ? "" : hostPort(host, port ?? this.config.http.port))
    );
  }

  /** Path of the IPC socket; "" = off. */
  get ipcEndpoint(): string {
    return this.config.ipcEndpoint;
  }

  /** A stop under way waits no longer for answers that are still being written. */
  hurry(): void {
    this.#stopping?.endpoints?.hurry();
  }

  /** This run ends by a fault: the stop that follows leaves the mark of an unclean end, for the next start to see. */
  endUnclean(): void {
    if (this.#run !== undefined) this.#run.marker = undefined;
  }

  /** Works in both states; while the node is stopped the caller closes the store. */
  async openDatabase(name: string, options: DatabaseOptions = {}): Promise<KeyValueStore> {
    const run = this.#run;
    return run === undefined ? this.#openStore(name, options) : this.#openFor(run, name, options);
  }

  /** seed-behaviour §1.3: absolute as it is, else inside the instance directory, "" if ephemeral. */
  resolvePath(path: string): string {
    return resolveInstancePath(path, this.config, (file) => existsSync(file));
  }

  /** Stops if it runs; quiet otherwise, so `await using` may follow a stop(). */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#starting === undefined && this.#run === undefined) {
      await this.#turn.catch(() => {});
      if (this.#run === undefined) return;
    }
    await this.stop();
  }

  /** Life-cycle calls one after the other. */
  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action, action);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #start(): Promise<void> {
    if (this.#run !== undefined) throw NodeError("RUNNING");
    const run: Run = {
      lock: undefined,
      marker: undefined,
      debug: undefined,
      ops: undefined,
      recentCrashes: 0,
      disk: undefined,
      eventMux: new EventMux((error) => this.#log.error("listener of events failed", { error })),
      databases: [],
      services: [],
      server: undefined,
      endpoints: undefined,
      isFailing: false,
      cancelled: new AbortController(),
      ended: deferred<void>(),
      failed: deferred<GlimError>(),
    };
    void run.failed.promise.then(() => {
      run.isFailing = true;
    });
    this.#starting = run;
    try {
      for (const step of this.#steps(run)) {
        await step();
        if (run.cancelled.signal.aborted) throw NodeError("STOPPED_WHILE_STARTING");
      }
      this.#run = run;
    } catch (error) {
      for (const { part, error: other } of await this.#undo(run)) {
        this.#log.error("undoing a failed start failed", { part, error: other });
      }
      if (error === run.cancelled.signal.reason) throw NodeError("STOPPED_WHILE_STARTING");
      throw error;
    } finally {
      this.#starting = undefined;
    }
    this.#log.info("node started", { name: this.config.identifier, dataDir: this.config.dataDir });
  }

  async #stop(run: Run): Promise<void> {
    this.#run = undefined;
    this.#stopping = run;
    const failures = await this.#undo(run);
    this.#stopping = undefined;
    run.ended.resolve();
    this.#log.info("node stopped");
    if (failures.length > 0) throw NodeError("STOP_FAILED", { failures });
  }

  /** The start, step by step; each leaves what it acquired in `run` before it can fail. */
  *#steps(run: Run): Iterable<() => Promise<void>> {
    const { dataDir, instanceName, ipcEndpoint, http, ws } = this.config;
    if (dataDir !== "") {
      // before anything is written, the lock's file included (F42)
      yield async () => assertStoresReadable(join(dataDir, instanceName));
      yield async () => {
        run.lock = await openInstanceDir(dataDir, instanceName, this.#host);
      };
      yield () => this.#watchDisk(run);
      yield () => this.#markStart(run);
    }
    yield async () => {
      run.ops = await Ops.open(this.#opsFace(run), this.config.metrics);
    };
    yield () => this.#startAccounts();
    for (const constructor of this.#constructors) yield () => this.#construct(run, constructor);
    yield async () => {
      run.server = await this.#makeServer(run);
      await run.server.start();
    };
    for (const service of run.services) yield async () => service.start(runningServer(run));
    yield async () => {
      run.debug = new DebugApi(this.#face(run));
      const apis: readonly Api[] = [
        ...builtinApis(this.#face(run)),
        run.debug.api,
        ...run.services.flatMap((service) => service.apis),
      ];
      checkMethods(apis);
      const { metrics } = this;
      run.endpoints = new Endpoints(
        metrics === undefined ? apis : meterApis(apis, metrics, this.#host.clock),
        {
          host: this.#host,
          log: this.#log,
          pages: run.ops?.healthPages,
          personal: this.config.enablePersonal,
        },
      );
    };
    if (ipcEndpoint !== "") yield async () => run.endpoints?.startIpc(ipcEndpoint);
    if (http.host !== "") yield async () => run.endpoints?.startHttp(http);
    if (ws.host !== "") yield async () => run.endpoints?.startWs({ ...ws, vhosts: http.vhosts });
  }

  async #startAccounts(): Promise<void> {
    if (!this.#hasDevices)
      this.#hasDevices = await addDevices(this.accountManager, this.config, this.#host, this.#hidPort);
    await this.accountManager.start();
  }

  async #watchDisk(run: Run): Promise<void> {
    const { dataDir: path, minFreeDiskMb: minFreeMb } = this.config;
    if (minFreeMb === 0) return;
    const disk = new DiskWatch({
      path,
      minFreeMb,
      host: this.#host,
      log: this.#log,
      onFull: run.failed.resolve,
    });
    run.disk = disk;
    await disk.start();
  }

  async #markStart(run: Run): Promise<void> {
    const { clock, files } = this.#host;
    const marker = new CrashMarker(this.resolvePath("running"), files);
    run.recentCrashes = await marker.begin(clock.unixSeconds());
    run.marker = marker;
    if (run.recentCrashes > 0)
      this.#log.warn("the last run did not end in order", { crashesInTenMinutes: run.recentCrashes });
  }

  async #construct(run: Run, constructor: ServiceConstructor): Promise<void> {
    const earlier = [...run.services];
    const context: ServiceContext = {
      config: this.config,
      log: this.#log,
      host: this.#host,
      isEphemeral: this.config.dataDir === "",
      recentCrashes: run.recentCrashes,
      accountManager: this.accountManager,
      eventMux: run.eventMux,
      metrics: this.metrics,
      cancelled: run.cancelled.signal,
      openDatabase: (name, options = {}) => this.#openFor(run, name, options),
      resolvePath: (path) => this.resolvePath(path),
      service: (type) => findService(earlier, type),
    };
    const service = await constructor(context);
    const type: unknown = service.constructor;
    const isDouble = type !== Object && earlier.some((other) => other.constructor === type);
    run.services.push(service);
    if (isDouble) throw NodeError("DUPLICATE_SERVICE", { name: service.constructor.name });
  }

  async #makeServer(run: Run): Promise<Server> {
    const { services } = run;
    const { p2p, identifier, dataDir } = this.config;
    const isEphemeral = dataDir === "";
    const nodes = async (given: typeof p2p.staticNodes, file: string) =>
      given ??
      (isEphemeral ? [] : ((await loadNodeList(this.resolvePath(file), this.#host, this.#log)) ?? []));
    const privateKey =
      p2p.privateKey ??
      (isEphemeral
        ? generateKey(this.#host.entropy)
        : await loadNodeKey(this.resolvePath("nodekey"), this.#host, this.#log));
    return new Server(
      {
        ...p2p,
        privateKey,
        nodeStore: await this.#openNodeStore(run),
        name: identifier,
        staticNodes: await nodes(p2p.staticNodes, "static-nodes.json"),
        trustedNodes: await nodes(p2p.trustedNodes, "trusted-nodes.json"),
        protocols: this.#metered([
          ...(p2p.protocols ?? []),
          ...services.flatMap((service) => [...service.protocols]),
        ]),
        log: p2p.log ?? this.#log,
      },
      this.#host,
    );
  }

  /**
   * Endpoints, p2p, services last to first, accounts, databases, lock: nothing new comes in while the chain is written
   * (attacks-and-faults §4.2; geth stops p2p after its services). Everything is tried; what failed is told.
   */
  async #undo(run: Run): Promise<{ part: string; error: unknown }[]> {
    const failures: { part: string; error: unknown }[] = [];
    const attempt = async (part: string, undo: () => unknown) => {
      try {
        await undo();
      } catch (error) {
        failures.push({ part, error });
      }
    };
    await attempt("rpc", () => run.endpoints?.[Symbol.asyncDispose]());
    await attempt("p2p", () => run.server?.stop());
    for (const service of run.services.toReversed())
      await attempt(service.constructor.name, () => service.stop());
    await attempt("events", () => run.eventMux.stop());
    await attempt("accounts", () => this.accountManager.stop());
    await attempt("marker", () => run.marker?.clear());
    for (const database of run.databases.toReversed()) await attempt("database", () => database.close());
    await attempt("metrics", () => run.ops?.[Symbol.asyncDispose]());
    await attempt("debug", () => run.debug?.[Symbol.dispose]());
    await attempt("disk", () => run.disk?.[Symbol.dispose]());
    await attempt("lock", () => run.lock?.[Symbol.asyncDispose]());
    return failures;
  }

  async #openFor(run: Run, name: string, options: DatabaseOptions): Promise<KeyValueStore> {
    const store = await this.#openStore(name, { ...options, onFailure: run.failed.resolve });
    run.databases.push(store);
    return this.metrics === undefined ? store : meterStore(store, name, this.metrics);
  }

  /**
   * What remembers nodes. It can be learnt again: one that cannot be opened is removed and begun anew, and no damage to it
   * stops the node.
   */
  async #openNodeStore(run: Run): Promise<KeyValueStore | undefined> {
    const { p2p, dataDir } = this.config;
    const folder = p2p.nodeDatabase ?? "";
    if (dataDir === "" && folder === "") return undefined;
    // beside geth's own, never in it (decisions.md)
    const usual = this.config.instanceName === "geth" ? "glim-nodes" : "nodes";
    const path = this.resolvePath(folder === "" ? usual : folder);
    if (path === "") return undefined;
    const open = () => openLevelStore(path, { cacheBytes: NODE_STORE_CACHE_BYTES });
    const store = await open().catch(async (error: unknown) => {
      if (!isError(error, "DB_OPEN_FAILED")) throw error;
      this.#log.warn("the node database cannot be opened and is begun anew", { error });
      await this.#host.files.remove(path);
      return open();
    });
    run.databases.push(store);
    return store;
  }

  async #openStore(
    name: string,
    { cacheBytes, onFailure }: DatabaseOptions & { onFailure?: (error: GlimError) => void },
  ): Promise<KeyValueStore> {
    const { dataDir, instanceName } = this.config;
    if (dataDir === "") return memoryStore();
    // beside geth's files, never geth's own chain data (decisions.md)
    const folder = instanceName === "geth" ? `glim-${name}` : name;
    return openLevelStore(this.resolvePath(folder), { cacheBytes, onFailure, log: this.#log });
  }

  #healthOf(run: Run | undefined): Health {
    return healthOf({
      state: run !== undefined ? "running" : this.#stopping === undefined ? "stopped" : "stopping",
      isFailing: run?.isFailing ?? false,
      peers: run?.server?.peers.size ?? 0,
      vitals: run === undefined ? [] : run.services.flatMap((service) => service.vitals?.() ?? []),
    });
  }

  #metered(protocols: readonly Protocol[]): readonly Protocol[] {
    return this.metrics === undefined ? protocols : meterProtocols(protocols, this.metrics);
  }

  #opsFace(run: Run): OpsFace {
    return {
      metrics: this.metrics,
      server: () => run.server,
      vitals: () => run.services.flatMap((service) => service.vitals?.() ?? []),
      health: () => this.#healthOf(this.#run === run ? run : undefined),
      mayShowHeap: async () =>
        !(await this.accountManager.wallets()).some((wallet) => wallet.status().text === "Unlocked"),
      host: this.#host,
      log: this.#log,
    };
  }

  /** HTTP or WebSocket is configured, or was opened by admin_start…. */
  get #isRpcOpen(): boolean {
    const endpoints = (this.#run ?? this.#starting)?.endpoints;
    const { http, ws } = this.config;
    return http.host !== "" || ws.host !== "" || endpoints?.http !== undefined || endpoints?.ws !== undefined;
  }

  #running(): Endpoints {
    const endpoints = this.#run?.endpoints;
    if (endpoints === undefined) throw NodeError("NOT_STARTED");
    return endpoints;
  }

  /** What admin_ and net_ may touch, for the length of one run. */
  #face(run: Run): NodeFace {
    const networkId = () =>
      this.config.networkId ?? run.services.find((service) => service.networkId !== undefined)?.networkId;
    const shownEndpoints = () => ({ http: this.httpEndpoint, ws: this.wsEndpoint });
    const endpoints = () => {
      if (run.endpoints === undefined) throw NodeError("NOT_STARTED");
      return run.endpoints;
    };
    return {
      config: this.config,
      metrics: this.metrics,
      get server() {
        return run.server;
      },
      get networkId() {
        const id = networkId();
        return id === undefined ? undefined : BigInt(id);
      },
      get httpEndpoint() {
        return shownEndpoints().http;
      },
      get wsEndpoint() {
        return shownEndpoints().ws;
      },
      get isServingHttp() {
        return run.endpoints?.http !== undefined;
      },
      get isServingWs() {
        return run.endpoints?.ws !== undefined;
      },
      unixSeconds: () => this.#host.clock.unixSeconds(),
      sleep: (ms, options) => this.#host.clock.sleep(ms, options),
      startHttp: (settings) => endpoints().startHttp(settings),
      stopHttp: () => endpoints().stopHttp(),
      startWs: (settings) => endpoints().startWs(settings),
      stopWs: () => endpoints().stopWs(),
    };
  }
}

function runningServer({ server }: Run): Server {
  if (server === undefined) throw NodeError("NOT_STARTED");
  return server;
}

function findService<T>(services: readonly Service[], type: ServiceClass<T>): T {
  const found = services.find((service) => service.constructor === type);
  if (found === undefined) throw NodeError("UNKNOWN_SERVICE");
  return found as T; // as: its constructor is the class of T
}

/** geth lets one of two equal names win by chance (Trap 33); here it is a mistake that is told. */
function checkMethods(apis: readonly Api[]): void {
  const seen = new Set<string>();
  for (const { namespace, methods, subscriptions } of apis)
    for (const name of [...methods.keys(), ...[...subscriptions.keys()].map((one) => `subscribe ${one}`)]) {
      const full = `${namespace}_${name}`;
      if (seen.has(full)) throw NodeError("DUPLICATE_METHOD", { name: full });
      seen.add(full);
    }
}

function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
