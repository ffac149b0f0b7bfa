// long: the public face of the protocol in one place
import { keccak256, type PrivateKey, publicKeyOf } from "#crypto";
import { type Enode, type LocalNode, type NodeSource, seqOf, udpEndpointOf } from "#enode";
import type { Clock, Endpoint, Entropy, Rand, Timer, UdpSocket } from "#host";
import { type Logger, silentLogger } from "#log";
import { Lookup, RandomWalk, Table, tableLimits } from "#p2p/table";
import { toHex } from "#util";
import { Intake, type IntakeCounts } from "./intake.ts";
import { discv4Limits as limits } from "./limits.ts";
import { PendingReplies } from "./pending.ts";
import { Requests, type Wire } from "./requests.ts";
import { Responder } from "./responder.ts";

export interface Discv4Config {
  readonly key: PrivateKey;
  readonly localNode: LocalNode;
  readonly bootnodes?: readonly Enode[] | undefined;
  /** Addresses we deal with; default all. */
  readonly isAllowed?: ((ip: string) => boolean) | undefined;
  /** Gets what is no packet of v4, in the order it came: the way to v5 on the same socket. */
  readonly unhandled?: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  readonly pingIntervalMs?: number | undefined;
  readonly refreshIntervalMs?: number | undefined;
  readonly log?: Logger | undefined;
}

export interface Discv4World {
  /** Its owner closes it, after this. */
  readonly socket: UdpSocket;
  readonly clock: Clock;
  readonly rand: Rand;
  readonly entropy: Entropy;
}

/** Figures of a running discovery. */
export interface Discv4Counts extends Readonly<IntakeCounts> {
  readonly sent: number;
  /** Questions from endpoints that have not proven themselves: left unanswered. */
  readonly unproven: number;
}

/**
 * Node discovery v4 with endpoint proof, EIP-8 and node records (EIP-868), on one UDP socket.
 *
 * @see devp2p discv4.md · geth p2p/discover/v4_udp.go@v1.17.5
 */
export class Discv4 implements AsyncDisposable {
  readonly table: Table;
  readonly #config: Discv4Config;
  readonly #world: Discv4World;
  readonly #log: Logger;
  readonly #pending: PendingReplies;
  readonly #requests: Requests;
  readonly #responder: Responder;
  readonly #intake: Intake;
  /** BOUNDED: what its owners ask for. */
  readonly #walks = new Set<RandomWalk>();
  #unanswered = 0;
  #doubtedAt = Number.NEGATIVE_INFINITY;
  #expiry: Timer | undefined;
  #isClosed = false;

  constructor(config: Discv4Config, world: Discv4World) {
    const { key, localNode, isAllowed = () => true } = config;
    const { socket, clock } = world;
    this.#config = config;
    this.#world = world;
    this.#log = (config.log ?? silentLogger).child({ room: "discv4" });
    this.#pending = new PendingReplies(clock, (isAnswered) => this.#tellEnd(isAnswered));
    const wire: Wire = { key, localNode, socket, clock, pending: this.#pending, isAllowed };
    this.#requests = new Requests(wire);
    this.table = this.#makeTable(isAllowed);
    this.#responder = new Responder(wire, this.#requests, this.table);
    this.#intake = new Intake({
      clock,
      isAllowed,
      isExpected: (packet, from) =>
        this.#pending.expects(packet, from.host) || this.#responder.isLatePong(packet, from),
      handle: (packet, publicKey, from) => this.#responder.handle(packet, publicKey, from),
      unhandled: config.unhandled,
    });
    socket.onMessage((bytes, from) => this.#intake.receive(bytes, from));
  }

  /** Begins to fill the table. Packets are answered from construction on. */
  start(): void {
    this.table.start();
    this.#scheduleExpiry();
  }

  /** Ends every request, lookup and source. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#expiry?.cancel();
    this.#intake.close();
    this.#pending.close();
    for (const walk of this.#walks) walk.close();
    await this.table.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get counts(): Discv4Counts {
    return { ...this.#intake.counts, sent: this.#requests.sent, unproven: this.#responder.unproven };
  }

  /** Requests that wait for their reply. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Pings a node: the version of its record, 0 if it tells none; undefined if it does not answer. */
  async ping(node: Enode): Promise<bigint | undefined> {
    const to = udpEndpointOf(node);
    return to === undefined ? undefined : this.#requests.ping(node.id, to);
  }

  /** What a node knows near a 64-byte public key. */
  async findnode(node: Enode, target: Uint8Array): Promise<readonly Enode[] | undefined> {
    return this.#requests.findnode(node, target);
  }

  /** The record a node has now; undefined if it gives none. */
  async requestRecord(node: Enode): Promise<Enode | undefined> {
    return this.#requests.requestRecord(node);
  }

  /** The 16 nodes nearest to a 64-byte public key that can be found. */
  async lookup(target: Uint8Array): Promise<readonly Enode[]> {
    if (this.table.size === 0 && !this.#isClosed) await this.table.refresh();
    return this.#lookup(target).run();
  }

  /** The newest we can learn of a node: asked itself, then looked up. The node as given if nothing is learnt. */
  async resolve(node: Enode): Promise<Enode> {
    const direct = await this.requestRecord(node);
    if (direct !== undefined) return direct;
    const known = this.table.node(node.id);
    const newer =
      known !== undefined && seqOf(known) > seqOf(node) ? await this.requestRecord(known) : undefined;
    if (newer !== undefined) return newer;
    const found = (await this.lookup(node.publicKey)).find(({ id }) => id === node.id);
    return (found === undefined ? undefined : await this.requestRecord(found)) ?? found ?? node;
  }

  /** Nodes met on walks to random places. */
  randomNodes(): NodeSource {
    const walk = new RandomWalk({
      name: "discv4",
      clock: this.#world.clock,
      table: this.table,
      lookup: () => this.#lookup(this.#randomTarget()),
      onClose: () => this.#walks.delete(walk),
    });
    this.#walks.add(walk);
    if (this.#isClosed) walk.close();
    return walk;
  }

  #makeTable(isAllowed: (ip: string) => boolean): Table {
    const { localNode, bootnodes, key, pingIntervalMs, refreshIntervalMs } = this.#config;
    const { clock, rand } = this.#world;
    const transport = {
      ping: (node: Enode) => this.ping(node),
      requestRecord: (node: Enode) => this.requestRecord(node),
      lookupSelf: () => this.#lookup(publicKeyOf(key)).run(),
      lookupRandom: () => this.#lookup(this.#randomTarget()).run(),
    };
    return new Table(
      {
        self: localNode.id,
        database: localNode.database,
        bootnodes,
        isAllowed,
        pingIntervalMs,
        refreshIntervalMs,
      },
      { transport, clock, rand, log: this.#log },
    );
  }

  #lookup(target: Uint8Array): Lookup {
    const { localNode } = this.#config;
    const targetId = toHex(keccak256(target)).slice(2);
    return new Lookup({
      self: localNode.id,
      target: targetId,
      start: this.table.closestToAsk(targetId, tableLimits.bucketSize),
      query: async (node) => {
        const found = await this.#requests.findnode(node, target);
        if (!this.#isClosed) this.table.trackRequest(node, found, "v4");
        return found;
      },
    });
  }

  #randomTarget(): Uint8Array {
    return this.#world.entropy.bytes(64);
  }

  /** Many requests in a row without an answer: others may take ours for old (DI-17). */
  #tellEnd(isAnswered: boolean): void {
    this.#unanswered = isAnswered ? 0 : this.#unanswered + 1;
    const now = this.#world.clock.now();
    if (this.#unanswered <= limits.clockDoubtTimeouts) return;
    this.#unanswered = 0;
    if (now - this.#doubtedAt < limits.clockDoubtEveryMs) return;
    this.#doubtedAt = now;
    this.#log.warn("no node answers: is the clock of this machine right, and does UDP get through?", {
      requests: limits.clockDoubtTimeouts + 1,
      unixSeconds: this.#world.clock.unixSeconds(),
    });
  }

  /** Old nodes are dropped once the network has been joined: before, they are all we have. */
  #scheduleExpiry(): void {
    this.#expiry = this.#world.clock.after(limits.expiryMs, () => {
      if (this.#responder.hasBonded) this.#config.localNode.database.expire();
      this.#scheduleExpiry();
    });
  }
}
