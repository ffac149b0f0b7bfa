import { checkForkId, type ForkChain, forkIdAt } from "#core/forkid";
import { type PrivateKey, parsePrivateKey } from "#crypto";
import { enrEntries, enrPair } from "#enr";
import { Feed } from "#event";
import type { FlowParameters } from "#les/flowcontrol";
import {
  type ClientStatus,
  type CostTable,
  defaultCosts,
  LesError,
  lesLimits,
  lesTable,
  type LesVersion,
  lesVersions,
  readClientStatus,
  requestNames,
  serverStatusEntries,
} from "#les/protocol";
import type { Service, ServiceContext } from "#node";
import type { MsgReadWriter, Peer, Protocol, Server } from "#p2p";
import type { Api } from "#rpc";
import { deferred, toHex } from "#util";
import type { AnnouncedHead } from "./announced-head.ts";
import { lesServerApi } from "./api.ts";
import type { LesBackend } from "./backend.ts";
import { ClientConnection } from "./client-connection.ts";
import { ClientPool } from "./client-pool.ts";
import { ServingThrottle } from "./throttle.ts";

export interface LesServerOptions {
  /** The chain that is served: the `Ethereum` service, or anything of this shape. */
  readonly eth: LesBackend;
  /** Most time spent on light clients, percent of one core: 1 … 100. Default 50. */
  readonly lightServ?: number | undefined;
  /** Most clients at once, of p2p.maxPeers. 0 lets only trusted peers in. Default 20. */
  readonly lightPeers?: number | undefined;
  /** Buffer of each client, cost units (1 unit ≈ 1 ns of serving); `minRecharge` per millisecond. */
  readonly flow?: FlowParameters | undefined;
  /** Blocks back from the head whose state is served; 0 = every state that is kept, and fewer are promised than are. Default 0. */
  readonly recentState?: number | undefined;
  /** Versions offered; default all: 4, 3, 2. */
  readonly versions?: readonly LesVersion[] | undefined;
  /** Takes relayed transactions. Default true. */
  readonly txRelay?: boolean | undefined;
}

/** What happened to a client. `buffer`: cost units. */
export type ClientEvent =
  | { readonly type: "connected" | "disconnected"; readonly peer: string }
  | { readonly type: "frozen"; readonly peer: string; readonly buffer: number };

const DEFAULT_FLOW: FlowParameters = { bufferLimit: 300_000_000, minRecharge: 50_000 };

/** Announced prices are twice the average serving times, as geth's (les/costtracker.go:36@v1.11.6). */
const PRICES = Object.fromEntries(
  requestNames.map((name) => [
    name,
    { base: defaultCosts[name].base * 2, perItem: defaultCosts[name].perItem * 2 },
  ]),
) as unknown as CostTable; // the names are exactly the table's

/**
 * Serves light clients (les/2, les/3, les/4) from a full chain: headers, bodies, receipts, proofs, code, transaction relay
 * and status. Every request is paid for from the client's buffer; a client that overruns it is told to stop (les/3 on) or
 * dropped.
 */
export class LesServer implements Service {
  readonly protocols: readonly Protocol[];
  readonly apis: readonly Api[];
  readonly clientEvents: Feed<ClientEvent>;
  readonly options: Required<{ [K in keyof LesServerOptions]: NonNullable<LesServerOptions[K]> }>;
  readonly #context: ServiceContext;
  readonly #pool: ClientPool;
  readonly #throttle: ServingThrottle;
  /** Clients after the handshake, by node id. BOUNDED by lightPeers and the trusted peers. */
  readonly #clients = new Map<string, ClientConnection>();
  readonly #started = deferred<{ key: PrivateKey }>();
  #subscription: Disposable | undefined;

  /** @throws RangeError for a lightServ or a flow that cannot be */
  constructor(context: ServiceContext, options: LesServerOptions) {
    this.#context = context;
    this.options = {
      lightServ: 50,
      lightPeers: 20,
      flow: DEFAULT_FLOW,
      recentState: 0,
      versions: lesVersions,
      txRelay: true,
      ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
      eth: options.eth,
    };
    const { lightServ, lightPeers, flow } = this.options;
    if (!(lightServ >= 1 && lightServ <= 100))
      throw new RangeError(`lightServ is a percentage, 1 to 100; got ${lightServ}`);
    if (!(Number.isSafeInteger(lightPeers) && lightPeers >= 0))
      throw new RangeError(`lightPeers is a count; got ${lightPeers}`);
    if (![flow.bufferLimit, flow.minRecharge].every((value) => Number.isSafeInteger(value) && value > 0))
      throw new RangeError("flow: bufferLimit and minRecharge are positive integers");
    this.clientEvents = new Feed((error) => context.log.error("listener of client events failed", { error }));
    this.#pool = new ClientPool(lightPeers);
    this.#throttle = new ServingThrottle(context.host.clock, lightServ / 100);
    this.protocols = this.options.versions.map((version) => this.#protocol(version));
    this.apis = [lesServerApi(this)];
  }

  /** Clients connected now. */
  get clients(): ReadonlyMap<string, ClientConnection> {
    return this.#clients;
  }

  start(server: Server): void {
    this.#subscription = this.options.eth.headEvents.subscribe(() => {
      for (const client of this.#clients.values()) client.announceHead();
    });
    this.#started.resolve({ key: parsePrivateKey(server.config.privateKey) });
  }

  stop(): void {
    this.#subscription?.[Symbol.dispose]();
    this.#started.reject(LesError("USELESS_PEER", { reason: "server is stopping" }));
    for (const { peer } of this.#clients.values()) peer.disconnect("quitting");
  }

  #head(): AnnouncedHead {
    const { chain } = this.options.eth;
    return { header: chain.head, td: chain.td(chain.head.hash) ?? 0n };
  }

  #protocol(version: LesVersion): Protocol {
    const { name, length, messageName } = lesTable(version);
    return {
      name,
      version,
      length,
      maxMessageBytes: lesLimits.messageBytes,
      messageName,
      run: (peer, rw, signal) => this.#run(version, peer, rw, signal),
      // geth les/server.go:185@v1.11.6; 0: the value-fx extension is not served
      attributes: () => [enrPair(enrEntries.les, { vfxVersion: 0 })],
      isCandidate: () => false, // clients come by themselves
      nodeInfo: () => this.#nodeInfo(),
      peerInfo: (id) => this.#peerInfo(id),
    };
  }

  async #run(version: LesVersion, peer: Peer, rw: MsgReadWriter, signal: AbortSignal): Promise<void> {
    const { key } = await this.#started.promise;
    const told = this.#head();
    const status = await this.#handshake(version, rw, told);
    if (status.isServer) return await this.#besideServer(rw);
    using _place = this.#pool.admit(peer);
    const { eth, flow, recentState, txRelay } = this.options;
    const client = new ClientConnection({
      backend: eth,
      peer,
      rw,
      version,
      announceType: status.announceType,
      told,
      flow,
      costs: PRICES,
      recentState,
      txRelay,
      throttle: this.#throttle,
      host: this.#context.host,
      nodeKey: key,
      onFrozen: (buffer) => this.clientEvents.send({ type: "frozen", peer: peer.id, buffer }),
    });
    this.#clients.set(peer.id, client);
    this.clientEvents.send({ type: "connected", peer: peer.id });
    client.announceHead(); // there may be a newer one than in our status
    try {
      await client.serve(signal);
    } finally {
      this.#clients.delete(peer.id);
      this.clientEvents.send({ type: "disconnected", peer: peer.id });
    }
  }

  /** Two servers have nothing to say to each other, but the peer's other protocols go on. geth les/server_handler.go:128@v1.11.6 */
  async #besideServer(rw: MsgReadWriter): Promise<void> {
    const { code } = await rw.readMsg();
    throw LesError("INVALID_CODE", { code });
  }

  /** Both statuses cross; ours goes out without waiting. */
  async #handshake(
    version: LesVersion,
    rw: MsgReadWriter,
    { header: head, td }: AnnouncedHead,
  ): Promise<ClientStatus> {
    const { eth, flow, txRelay } = this.options;
    const { genesis } = eth.chain;
    const states = this.#servedStates();
    const forkChain: ForkChain = {
      config: eth.chainConfig,
      genesisHash: genesis.hash,
      genesisTime: genesis.time,
    };
    const table = lesTable(version);
    const { code, payload } = table.encode(
      "status",
      serverStatusEntries({
        protocolVersion: version,
        networkId: eth.networkId,
        headTd: td,
        headHash: head.hash,
        headNumber: head.number,
        genesisHash: genesis.hash,
        forkId: version >= 4 ? forkIdAt(forkChain, head) : undefined,
        serveHeaders: true,
        serveChainSince: 0,
        serveRecentChain: 0,
        serveStateSince: states.since,
        serveRecentState: states.recent,
        txRelay,
        recentTxLookup: 0,
        bufferLimit: flow.bufferLimit,
        minRecharge: flow.minRecharge,
        costs: PRICES,
      }),
    );
    const [msg] = await Promise.all([this.#firstMessage(rw), rw.writeMsg(code, payload)]);
    const message = table.decode(msg);
    if (message.name !== "status") throw LesError("NO_STATUS", { code: message.code });
    return readClientStatus(message.body, {
      version,
      networkId: eth.networkId,
      genesisHash: genesis.hash,
      checkForkId: (id) => {
        const verdict = checkForkId(forkChain, head, id);
        return verdict === "ok" ? undefined : verdict;
      },
    });
  }

  /**
   * What is promised of states. A client's head may be a few blocks behind ours: so many fewer than are here, as geth does
   * (les/peer.go:1021@v1.11.6).
   */
  #servedStates(): { since: number; recent: number } {
    const { since, recent } = this.options.eth.chain.servedStates ?? { since: 0, recent: 0 };
    const kept = recent === 0 ? 0 : Math.max(1, recent - lesLimits.blockSafetyMargin);
    const { recentState } = this.options;
    if (kept === 0 || recentState === 0) return { since, recent: Math.max(kept, recentState) };
    return { since, recent: Math.min(kept, recentState) };
  }

  #firstMessage(rw: MsgReadWriter): ReturnType<MsgReadWriter["readMsg"]> {
    const { handshakeTimeoutMs: timeoutMs } = lesLimits;
    return new Promise((resolve, reject) => {
      const timer = this.#context.host.clock.after(timeoutMs, () =>
        reject(LesError("HANDSHAKE_TIMEOUT", { timeoutMs })),
      );
      rw.readMsg()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  /** admin_nodeInfo, `protocols.les`. @see geth les/commons.go:60@v1.11.6 */
  #nodeInfo(): unknown {
    const { chain, networkId } = this.options.eth;
    const { header, td } = this.#head();
    return {
      network: networkId,
      difficulty: td,
      genesis: toHex(chain.genesis.hash),
      head: toHex(header.hash),
    };
  }

  /** admin_peers: the head this client was told of. @see geth les/peer.go:175@v1.11.6 */
  #peerInfo(id: string): unknown {
    const client = this.#clients.get(id);
    if (client === undefined) return undefined;
    return {
      version: client.version,
      difficulty: client.told.td,
      head: toHex(client.told.header.hash),
    };
  }
}
