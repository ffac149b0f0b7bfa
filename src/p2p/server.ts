// long: the life of a server and everything that is asked of it; the way in is the doorway's
import { parsePrivateKey, publicKeyOf } from "#crypto";
import { type Enode, formatEnode, makeEnode, type NodeId, nodeIdOf, shortId } from "#enode";
import { formatEnr } from "#enr";
import { Feed } from "#event";
import type { Host, TcpListener } from "#host";
import { nodeHost } from "#host/node";
import { type Logger, silentLogger } from "#log";
import type { Discv4 } from "#p2p/discv4";
import type { Discv5 } from "#p2p/discv5";
import { formatEndpoint, makeAllowList, parseListenAddr } from "#p2p/netutil";
import { shareHandshakes } from "#p2p/rlpx";
import { DisposeStack, GlimError, Scope } from "#util";
import { matchProtocols } from "./caps.ts";
import { maxDialedConns } from "./check.ts";
import { DialDriver } from "./dial.driver.ts";
import { DialScheduler } from "./dial.ts";
import { discoveryConfigOf, nodeOf } from "./discovery-config.ts";
import { Discovery } from "./discovery.ts";
import { type Arrival, Doorway, type DoorwayFace, type HandshakeCounts } from "./doorway.ts";
import { P2pError } from "./errors.ts";
import { anchorsOf, outboundLimits, whoMakesRoom } from "./outbound.ts";
import type { Peer, PeerInfo } from "./peer.ts";
import { PeerConnection } from "./peer-connection.ts";
import type { Protocol } from "./protocol.ts";
import type { NodeInfo, PeerEvent, Self, ServerConfig } from "./server-types.ts";
import { Rarely } from "./throttle.ts";

/** geth p2p/server.go:49-57@v1.8.27; maxPeers is ours (attacks-and-faults §3.2). */
const DEFAULT_MAX_PEERS = 50;
const DEFAULT_MAX_PENDING = 50;
const DEFAULT_DIAL_RATIO = 3;
/** How often full slots are looked at again. */
const CANDIDATE_INTERVAL_MS = 1_000;

type State = "new" | "starting" | "running" | "stopping" | "stopped";

/**
 * Manages connections: listens, dials, admits, and runs protocols on what it admitted.
 *
 *   new → starting → running → stopping → stopped      single use, as geth's; a failed start leaves it stopped
 *
 * `stop` may be called at any time and any number of times; during `start` it ends the start.
 *
 * @see geth p2p/server.go@v1.8.27
 */
export class Server implements AsyncDisposable {
  readonly config: ServerConfig;
  readonly peerEvents: Feed<PeerEvent>;
  readonly #host: Host;
  readonly #log: Logger;
  readonly #protocols: readonly Protocol[];
  readonly #maxPeers: number;
  readonly #maxDialed: number;
  readonly #publicKey: Uint8Array;
  readonly #key: ReturnType<typeof parsePrivateKey>;
  readonly #isAllowed: (ip: string) => boolean;
  /** Live peers by id. BOUNDED: maxPeers, plus trusted nodes and our static dials. */
  readonly #peers = new Map<NodeId, PeerConnection>();
  /** BOUNDED: what the operator adds. */
  readonly #trusted = new Set<NodeId>();
  readonly #acceptFailures = new Rarely(1_000);
  readonly #scheduler: DialScheduler;
  readonly #dialer: DialDriver;
  readonly #doorway: Doorway;
  readonly #scope: Scope;
  readonly #id: NodeId;
  #listening: TcpListener | undefined;
  #discovery: Discovery | undefined;
  #running: DisposeStack | undefined;
  #state: State = "new";
  #stopped: Promise<void> | undefined;
  #started: Promise<void> | undefined;

  /**
   * @throws P2P_NO_PRIVATE_KEY, NETUTIL_* for a bad network or address, ENODE_*, ENR_* for a node that does not parse
   */
  constructor(config: ServerConfig, host: Host = nodeHost()) {
    if (config.privateKey === undefined) throw P2pError("NO_PRIVATE_KEY");
    const { maxPeers = DEFAULT_MAX_PEERS, noDiscovery = true, noDial = false } = config;
    const log = (config.log ?? silentLogger).child({ room: "p2p" });
    this.config = config;
    this.#host = host;
    this.#log = log;
    this.peerEvents = new Feed((error) => log.error("peer event listener failed", { error }));
    this.#protocols = config.protocols ?? [];
    this.#maxPeers = maxPeers;
    this.#maxDialed = maxDialedConns({
      maxPeers,
      dialRatio: config.dialRatio || DEFAULT_DIAL_RATIO,
      noDiscovery: noDiscovery && config.discoveryV5 !== true,
      noDial,
    });
    this.#key = parsePrivateKey(config.privateKey);
    this.#publicKey = publicKeyOf(this.#key);
    this.#id = nodeIdOf(this.#publicKey);
    this.#isAllowed = makeAllowList(config.netRestrict);
    this.#scheduler = new DialScheduler({
      self: this.#id,
      maxDialed: this.#maxDialed,
      isAllowed: this.#isAllowed,
    });
    this.#dialer = new DialDriver(this.#scheduler, {
      clock: host.clock,
      view: { peers: this.#peers },
      dial: (dial) => this.#track(`dial ${shortId(dial.node.id)}`, () => this.#doorway.dial(dial)),
    });
    this.#doorway = this.#makeDoorway();
    this.#scope = new Scope("p2p", (error, task) => log.error("p2p task failed", { task, error }));
    for (const node of config.staticNodes ?? []) this.#addStatic(nodeOf(node));
    for (const node of config.trustedNodes ?? []) this.#trusted.add(nodeOf(node).id);
  }

  /** Who we are; the address is known once the listener is up. */
  get self(): Self {
    const local = this.#listening?.local;
    const localNode = this.#discovery?.localNode;
    if (localNode !== undefined) {
      const { node } = localNode;
      return { id: node.id, node, enode: formatEnode(node), enr: formatEnr(localNode.record) };
    }
    const ip = this.config.externalIp ?? this.#fallbackIp();
    const node = makeEnode(this.#publicKey, { ip, tcp: local?.port ?? 0, udp: 0 });
    return { id: node.id, node, enode: formatEnode(node), enr: "" };
  }

  /** Discovery of nodes by v4; undefined while it is off. */
  get discv4(): Discv4 | undefined {
    return this.#discovery?.v4;
  }

  /** Discovery of nodes by v5.1; undefined while it is off. */
  get discv5(): Discv5 | undefined {
    return this.#discovery?.v5;
  }

  /** How handshakes ended since the start, by direction. */
  get handshakes(): HandshakeCounts {
    return this.#doorway.counts;
  }

  /** The address to tell while nobody has told us ours. */
  #fallbackIp(): string {
    const host = this.#listening?.local.host ?? "";
    return host === "" || host === "::" || host === "0.0.0.0" ? "127.0.0.1" : host;
  }

  /** Connected peers by 64-hex id. A live view. */
  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.#peers;
  }

  /** `host:port` of the listener; undefined without one. */
  get listenAddr(): string | undefined {
    return this.#listening === undefined ? undefined : formatEndpoint(this.#listening.local);
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  /**
   * Binds the listener and begins to dial.
   *
   * @throws P2P_ALREADY_RUNNING unless new; HOST_LISTEN_FAILED; P2P_NOT_RUNNING if `stop` came in between
   */
  async start({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#state !== "new") throw P2pError("ALREADY_RUNNING");
    signal?.throwIfAborted();
    this.#state = "starting";
    this.#started = this.#start(signal);
    await this.#started;
  }

  async #start(signal: AbortSignal | undefined): Promise<void> {
    try {
      await using stack = new DisposeStack();
      const { listenAddr } = this.config;
      const { threads, clock } = this.#host;
      if (threads !== undefined) this.#doorway.useHandshakes(stack.use(shareHandshakes({ threads, clock })));
      if (listenAddr !== undefined && listenAddr !== "") await this.#listen(listenAddr, stack);
      else if (this.config.noDial === true)
        this.#log.warn("P2P server will be useless, neither dialing nor listening");
      this.#discovery = stack.use(await this.#startDiscovery());
      signal?.throwIfAborted();
      if (this.#state !== "starting") throw P2pError("NOT_RUNNING");
      this.#state = "running";
      this.#running = stack.move();
      this.#log.info("P2P networking started", { enode: this.self.enode });
      for (const anchor of [...this.#discovery.localNode.database.anchors].reverse())
        this.#scheduler.addCandidate(anchor, { isFirst: true });
      this.#scope.spawn("candidates", (scopeSignal) => this.#feedDialer(scopeSignal));
      this.#scope.spawn("outbound peers", (scopeSignal) => this.#tendOutbound(scopeSignal));
      this.#dialer.poke();
    } catch (error) {
      this.#discovery = undefined;
      this.#state = "stopped";
      this.#dialer.close();
      throw error;
    }
  }

  async #listen(listenAddr: string, stack: DisposeStack): Promise<void> {
    const listener = await this.#host.net.listenTcp(
      parseListenAddr(listenAddr),
      (socket) => this.#doorway.accept(socket),
      (error) =>
        this.#acceptFailures.run(this.#host.clock.now(), (heldBack) =>
          this.#log.warn("cannot accept", { error, heldBack }),
        ),
    );
    stack.defer(() => listener.close());
    this.#listening = listener;
  }

  #startDiscovery(): Promise<Discovery> {
    const parts = {
      key: this.#key,
      local: this.#listening?.local,
      fallbackIp: this.#fallbackIp(),
      isAllowed: this.#isAllowed,
      log: this.#log,
    };
    return Discovery.start(discoveryConfigOf(this.config, parts, this.#host), this.#host);
  }

  /** Fetches nodes as long as there are slots for them to fill. */
  async #feedDialer(signal: AbortSignal): Promise<void> {
    const { clock } = this.#host;
    const candidates = this.#discovery?.candidates;
    if (candidates === undefined || this.#maxDialed === 0) return;
    while (!signal.aborted) {
      if (this.#scheduler.wanted({ peers: this.#peers }) <= 0) {
        await clock.sleep(CANDIDATE_INTERVAL_MS, { signal });
        continue;
      }
      const node = await candidates.next();
      if (node === undefined) return;
      this.#scheduler.addCandidate(node);
      this.#dialer.poke();
    }
  }

  /** Every five minutes: remembers the steady peers for the next start, and lets another have the place of one. */
  async #tendOutbound(signal: AbortSignal): Promise<void> {
    const { clock, rand } = this.#host;
    while (!signal.aborted) {
      await clock.sleep(outboundLimits.everyMs, { signal });
      this.#storeAnchors();
      const room = { maxDialed: this.#maxDialed, waiting: this.#scheduler.waiting, rand };
      whoMakesRoom(this.#peers.values(), room)?.disconnect("tooManyPeers");
    }
  }

  #storeAnchors(): void {
    const anchors = anchorsOf(this.#peers.values());
    if (anchors.length > 0) this.#discovery?.localNode.database.storeAnchors(anchors);
  }

  /** Closes the listener, tells every peer "client quitting" and waits until nothing of this server runs. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #stop(): Promise<void> {
    const wasStarting = this.#state === "starting";
    if (this.#state === "new" || this.#state === "stopped") {
      this.#state = "stopped";
      this.#dialer.close();
      return;
    }
    this.#state = "stopping";
    if (wasStarting) await this.#started?.catch(() => {}); // it sees the state and undoes itself
    this.#dialer.close();
    this.#storeAnchors();
    this.#doorway.close();
    for (const peer of this.#peers.values()) peer.disconnect("quitting");
    await this.#running?.[Symbol.asyncDispose]();
    await this.#scope.close();
    this.#state = "stopped";
    this.#log.info("P2P networking stopped");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Keeps a node connected: dialled now and whenever it is lost. @throws ENODE_*, P2P_BAD_CONFIG without an address */
  addPeer(node: string | Enode): void {
    this.#addStatic(nodeOf(node));
    if (this.#state === "running") this.#dialer.poke();
  }

  /** Stops keeping it connected, and disconnects it ("disconnect requested"); works for any peer. */
  removePeer(node: string | Enode): void {
    const { id } = nodeOf(node);
    this.#scheduler.removeStatic(id);
    this.#peers.get(id)?.disconnect("requested");
  }

  /** Admits the node over every cap, from now on; a connected one at once. */
  addTrustedPeer(node: string | Enode): void {
    const { id } = nodeOf(node);
    this.#trusted.add(id);
    const peer = this.#peers.get(id);
    if (peer !== undefined) peer.isTrusted = true;
  }

  /** Takes the privilege away; the peer stays. */
  removeTrustedPeer(node: string | Enode): void {
    const { id } = nodeOf(node);
    this.#trusted.delete(id);
    const peer = this.#peers.get(id);
    if (peer !== undefined) peer.isTrusted = false;
  }

  /** admin_nodeInfo. */
  nodeInfo(): NodeInfo {
    const { node, enode, enr, id } = this.self;
    const protocols = new Map<string, unknown>();
    for (const { name, nodeInfo } of this.#protocols) {
      if (!protocols.has(name)) protocols.set(name, nodeInfo === undefined ? "unknown" : nodeInfo());
    }
    return {
      id,
      name: this.config.name,
      enode,
      enr,
      ip: node.ip ?? "",
      ports: { discovery: node.udp, listener: node.tcp },
      listenAddr: this.listenAddr ?? this.config.listenAddr ?? "",
      protocols: Object.fromEntries(protocols),
    };
  }

  /** admin_peers: sorted by id. */
  peersInfo(): PeerInfo[] {
    return [...this.#peers.values()].map((peer) => peer.info()).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #addStatic(node: Enode): void {
    if (this.#scheduler.addStatic(node)) return;
    if (node.ip === undefined || node.tcp === 0)
      throw P2pError("BAD_CONFIG", { problem: "node without an address cannot be dialled" });
    this.#log.warn("static node is never dialled: self, not in netRestrict, or too many", {
      peer: shortId(node.id),
    });
  }

  /** Runs a task of the scope whose end the caller can wait for. Never rejects: a bug in one task ends no other. */
  #track(name: string, run: () => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      if (this.#scope.isClosed) return resolve();
      this.#scope.spawn(name, async () => {
        try {
          await run();
        } catch (error) {
          this.#log.error("p2p task failed", { task: name, error });
        } finally {
          resolve();
        }
      });
    });
  }

  #makeDoorway(): Doorway {
    const { name, maxPendingPeers, acceptPlainHandshake: acceptPlain } = this.config;
    const config = {
      key: this.#key,
      publicKey: this.#publicKey,
      id: this.#id,
      name,
      protocols: this.#protocols,
      maxPending: maxPendingPeers || DEFAULT_MAX_PENDING, // 0 = default, as geth
      acceptPlain,
      log: this.#log,
    };
    const isRunning = () => this.#state === "running";
    const occupancy = {
      self: this.#id,
      maxPeers: this.#maxPeers,
      maxDialed: this.#maxDialed,
      peers: this.#peers,
    };
    const face: DoorwayFace = {
      get isRunning() {
        return isRunning();
      },
      occupancy,
      isTrusted: (id) => this.#trusted.has(id),
      isAllowed: this.#isAllowed,
      add: (arrival) => this.#add(arrival),
      track: (name, run) => this.#track(name, run),
    };
    return new Doorway(config, face, this.#host);
  }

  #add(parts: Arrival): void {
    const { id, hello } = parts;
    const peer = new PeerConnection({
      ...parts,
      isTrusted: this.#trusted.has(id),
      windows: matchProtocols(parts.offered, hello.caps),
      clock: this.#host.clock,
      log: this.#log,
      msgEvents: this.config.enableMsgEvents === true ? this.peerEvents : undefined,
    });
    this.#peers.set(id, peer);
    this.#log.debug("peer added", {
      peer: shortId(id),
      inbound: peer.inbound,
      remote: peer.remoteAddress,
      peers: this.#peers.size,
    });
    void this.#track(`peer ${shortId(id)}`, async () => {
      this.peerEvents.send({ type: "add", peer: id });
      const error = await peer.run();
      this.#peers.delete(id);
      this.#log.debug("peer dropped", { peer: shortId(id), peers: this.#peers.size, error });
      this.peerEvents.send({ type: "drop", peer: id, error: error.message });
      if (parts.dialed !== undefined && error instanceof GlimError && error.blame === "peer")
        this.#scheduler.avoid(id, error.backoff, this.#host.clock.now());
      this.#dialer.poke();
    });
  }
}
