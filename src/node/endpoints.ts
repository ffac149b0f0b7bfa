// long: one class, every way in and out of an endpoint
import type { Host } from "#host";
import type { Logger } from "#log";
import { type Api, HttpEndpoint, IpcEndpoint, type Pages, RpcServer, selectApis } from "#rpc";

/** What an HTTP endpoint is opened with. */
export interface HttpSettings {
  readonly host: string;
  readonly port: number;
  readonly cors: readonly string[];
  readonly vhosts: readonly string[];
  readonly modules: readonly string[];
}

export interface WsSettings {
  readonly host: string;
  /** undefined: the port of HTTP, where that is open on the same host. */
  readonly port: number | undefined;
  readonly origins: readonly string[];
  readonly vhosts: readonly string[];
  readonly modules: readonly string[];
  readonly exposeAll: boolean;
}

/** Signs with the keys of this machine: named by itself, it is still not served to the network. */
const PERSONAL = "personal";

interface Face {
  readonly endpoint: HttpEndpoint;
  readonly server: RpcServer;
}

/**
 * The RPC endpoints of one run of a node. HTTP and WebSocket may come and go while it runs (admin_startHTTP, …), and share
 * a port when host and port are the same. In process and IPC serve everything; HTTP and WebSocket by the module rule, without personal_ unless
 * that is enabled.
 */
export class Endpoints implements AsyncDisposable {
  /** In process: every table. */
  readonly server: RpcServer;
  /** What HTTP and WebSocket may serve. */
  readonly #remoteApis: readonly Api[];
  readonly #host: Pick<Host, "clock" | "entropy">;
  readonly #log: Logger;
  readonly #pages: Pages | undefined;
  #ipc: IpcEndpoint | undefined;
  #http: Face | undefined;
  #ws: Face | undefined;
  /** Listeners that write their last answers. BOUNDED: two at a time, three seconds each. */
  readonly #closing = new Map<HttpEndpoint, Promise<void>>();

  /** @param options - `personal`: whether personal_ may be served beyond IPC and this process (RP-18) */
  constructor(
    apis: readonly Api[],
    {
      host,
      log,
      pages,
      personal = false,
    }: {
      host: Pick<Host, "clock" | "entropy">;
      log: Logger;
      pages?: Pages | undefined;
      personal?: boolean | undefined;
    },
  ) {
    this.#remoteApis = personal ? apis : apis.filter(({ namespace }) => namespace !== PERSONAL);
    this.#pages = pages;
    this.#host = host;
    this.#log = log;
    this.server = new RpcServer({ apis, host, log });
  }

  get http(): HttpEndpoint | undefined {
    return this.#http?.endpoint;
  }

  get ws(): HttpEndpoint | undefined {
    return this.#ws?.endpoint;
  }

  get ipcPath(): string | undefined {
    return this.#ipc?.path;
  }

  async startIpc(path: string): Promise<void> {
    this.#ipc = await IpcEndpoint.open({ path, server: this.server, log: this.#log });
    this.#log.info("IPC endpoint opened", { path });
  }

  async startHttp({ host, port, cors, vhosts, modules }: HttpSettings): Promise<void> {
    this.#checkModules("HTTP", modules);
    const server = this.#serverFor(modules);
    const face = { server, vhosts, cors, pages: this.#pages };
    const shared = sharedWith(this.#ws, host, port);
    if (shared !== undefined) {
      shared.setHttp(face);
      this.#http = { endpoint: shared, server };
    } else {
      const endpoint = await HttpEndpoint.open({
        host,
        port,
        http: face,
        clock: this.#host.clock,
        log: this.#log,
      });
      this.#http = { endpoint, server };
    }
    this.#log.info("HTTP endpoint opened", {
      url: `http://${this.#http.endpoint.endpoint}`,
      cors,
      vhosts,
      modules: server.namespaces,
    });
  }

  async startWs({ host, port, origins, vhosts, modules, exposeAll }: WsSettings): Promise<void> {
    if (!exposeAll) this.#checkModules("WebSocket", modules);
    const server = exposeAll
      ? new RpcServer({ apis: this.#remoteApis, host: this.#host, log: this.#log })
      : this.#serverFor(modules);
    const face = { server, vhosts, origins };
    const shared = sharedWith(this.#http, host, port);
    if (shared !== undefined) {
      shared.setWs(face);
      this.#ws = { endpoint: shared, server };
    } else {
      const endpoint = await HttpEndpoint.open({
        host,
        port: port ?? 0,
        ws: face,
        clock: this.#host.clock,
        log: this.#log,
      });
      this.#ws = { endpoint, server };
    }
    this.#log.info("WebSocket endpoint opened", {
      url: `ws://${this.#ws.endpoint.endpoint}`,
      modules: server.namespaces,
    });
  }

  /**
   * Closes HTTP; the port stays open while WebSocket shares it. Returns once nothing new is served: the call that asked
   * for it may have come over this very endpoint, and its answer is still written.
   */
  stopHttp(): void {
    const face = this.#http;
    this.#http = undefined;
    if (face === undefined) return;
    face.endpoint.setHttp(undefined);
    face.server.finish();
    if (!face.endpoint.servesWs) this.#close(face.endpoint);
  }

  stopWs(): void {
    const face = this.#ws;
    this.#ws = undefined;
    if (face === undefined) return;
    face.server.close();
    face.endpoint.setWs(undefined);
    if (!face.endpoint.servesHttp) this.#close(face.endpoint);
  }

  /** Those that write their last answers are cut off. */
  hurry(): void {
    for (const endpoint of this.#closing.keys()) endpoint.cut();
  }

  #close(endpoint: HttpEndpoint): void {
    this.#closing.set(
      endpoint,
      endpoint.close().finally(() => this.#closing.delete(endpoint)),
    );
  }

  async stopIpc(): Promise<void> {
    const ipc = this.#ipc;
    this.#ipc = undefined;
    await ipc?.close();
  }

  /** WebSocket, HTTP, IPC, in process: the order of geth. Every one is closed, the first failure is thrown at the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopWs();
    this.stopHttp();
    const results = await Promise.allSettled([...this.#closing.values(), this.stopIpc()]);
    this.server.close();
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** Says which listed modules there are none of, as geth does (node/rpcstack.go:650@v1.17.5); the others are served. */
  #checkModules(name: string, modules: readonly string[]): void {
    const available = [...new Set(this.#remoteApis.map(({ namespace }) => namespace))].sort();
    const unavailable = modules.filter((one) => one !== "rpc" && !available.includes(one));
    if (unavailable.includes(PERSONAL))
      this.#log.warn("personal_ is served over IPC; here with --rpc.enabledeprecatedpersonal only", { name });
    if (unavailable.length > 0)
      this.#log.error(`Unavailable modules in ${name} API list`, { unavailable, available });
  }

  #serverFor(modules: readonly string[]): RpcServer {
    return new RpcServer({ apis: selectApis(this.#remoteApis, modules), host: this.#host, log: this.#log });
  }
}

/** The listener of the other side, if it is the one asked for. */
function sharedWith(
  face: Face | undefined,
  host: string,
  port: number | undefined,
): HttpEndpoint | undefined {
  if (face === undefined || host === "") return undefined;
  const { address } = face.endpoint;
  const sameHost =
    host === address.host ||
    (host === "localhost" && (address.host === "127.0.0.1" || address.host === "::1"));
  return sameHost && (port === undefined || (port !== 0 && port === address.port))
    ? face.endpoint
    : undefined;
}
