// long: the driver that joins codec, calls, table and talk; each of them has its own file
import type { PrivateKey } from "#crypto";
import {
  type Enode,
  type LocalNode,
  logDistance,
  type NodeSource,
  seqOf,
  readNode,
  udpEndpointOf,
} from "#enode";
import type { Clock, Endpoint, Entropy, Rand, UdpSocket } from "#host";
import { type Logger, silentLogger } from "#log";
import { checkRelayIp, isLan, isRelayable, NetRates } from "#p2p/netutil";
import { Lookup, RandomWalk, Table, tableLimits } from "#p2p/table";
import { formatIp, parseIp, toHex, utf8Encode, TokenBucket } from "#util";
import { type Call, Calls } from "./calls.ts";
import { Codec, type Incoming } from "./codec.ts";
import { discv5Limits as limits } from "./limits.ts";
import { type BodyOf, type Message } from "./messages.ts";
import { Talk, type TalkHandler } from "./talk.ts";

export interface Discv5Config {
  readonly key: PrivateKey;
  readonly localNode: LocalNode;
  readonly bootnodes?: readonly Enode[] | undefined;
  readonly isAllowed?: ((ip: string) => boolean) | undefined;
  readonly pingIntervalMs?: number | undefined;
  readonly refreshIntervalMs?: number | undefined;
  readonly log?: Logger | undefined;
}

export interface Discv5World {
  /** Its owner closes it, after this; may be shared with v4. */
  readonly socket: UdpSocket;
  readonly clock: Clock;
  readonly rand: Rand;
  readonly entropy: Entropy;
}

/** Packets, by what became of them. */
export interface Discv5Counts {
  received: number;
  sent: number;
  junk: number;
  bad: number;
  /** Challenges sent. */
  challenged: number;
  /** Replies and challenges that nobody waits for. */
  unasked: number;
  /** Over the rate of handshakes. */
  limited: number;
}

const perSecond = (count: number) => ({ capacity: count, everyMs: 1_000 / count });

/**
 * Node discovery v5.1 on one UDP socket.
 *
 * @see devp2p discv5-wire.md, discv5-theory.md · geth p2p/discover/v5_udp.go@v1.17.5
 */
export class Discv5 implements AsyncDisposable {
  readonly table: Table;
  readonly counts: Discv5Counts = {
    received: 0,
    sent: 0,
    junk: 0,
    bad: 0,
    challenged: 0,
    unasked: 0,
    limited: 0,
  };
  readonly #config: Discv5Config;
  readonly #world: Discv5World;
  readonly #codec: Codec;
  readonly #calls: Calls;
  readonly #talk: Talk;
  readonly #handshakes: TokenBucket;
  readonly #handshakeShares = new NetRates(
    [
      { v4Bits: 24, v6Bits: 64, ...perSecond(limits.handshakesPerSubnet) },
      { v4Bits: 16, v6Bits: 48, ...perSecond(limits.handshakesPerNetwork) },
    ],
    limits.trackedNetworks,
  );
  /** BOUNDED: what its owners ask for. */
  readonly #walks = new Set<RandomWalk>();
  #isClosed = false;

  constructor(config: Discv5Config, world: Discv5World) {
    this.#config = config;
    this.#world = world;
    const { key, localNode } = config;
    const { clock, entropy, socket } = world;
    this.#codec = new Codec({ key, localNode, clock, entropy });
    this.#calls = new Calls(clock, (call) => this.#sendCall(call));
    this.#talk = new Talk(clock);
    this.#handshakes = new TokenBucket({ ...perSecond(limits.handshakesPerSecond), now: clock.now() });
    this.table = this.#makeTable();
    socket.onMessage((bytes, from) => this.#receive(bytes, from));
  }

  /** Begins to fill the table. Packets are answered from construction on. */
  start(): void {
    this.table.start();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#calls.close();
    for (const walk of this.#walks) walk.close();
    await this.table.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Requests that wait for their turn or reply. */
  get pending(): number {
    return this.#calls.size;
  }

  get sessions(): number {
    return this.#codec.sessions;
  }

  /** Pings a node: the version of its record; undefined if it does not answer. */
  async ping(node: Enode): Promise<bigint | undefined> {
    const to = udpEndpointOf(node);
    if (to === undefined) return undefined;
    const { localNode } = this.#config;
    localNode.addContact(to.host);
    let seq: bigint | undefined;
    await this.#call(
      node,
      to,
      { name: "ping", body: { requestId: this.#requestId(), enrSeq: localNode.record.seq } },
      "pong",
      (message) => {
        if (message.name === "pong") seq = this.#pong(to, message.body);
        return false;
      },
    );
    return seq;
  }

  /** Nodes that `node` knows at these log distances from itself, 0 … 256; undefined if it does not answer. */
  async findnode(node: Enode, distances: readonly number[]): Promise<readonly Enode[] | undefined> {
    const to = udpEndpointOf(node);
    if (to === undefined) return undefined;
    const nodes = new Map<string, Enode>();
    let packets = 0;
    let told = 0;
    const take = (message: Message): boolean => {
      if (message.name !== "nodes") return false;
      for (const record of message.body.records) {
        if (++told > limits.nodes) return false;
        const found = this.#relayed(record, node, to, distances);
        if (found !== undefined) nodes.set(found.id, found);
      }
      return ++packets < Math.min(message.body.total, limits.nodesPackets);
    };
    const body = { requestId: this.#requestId(), distances };
    const isAnswered = await this.#call(node, to, { name: "findnode", body }, "nodes", take);
    return isAnswered ? [...nodes.values()] : undefined;
  }

  /** The record a node has now; undefined if it gives none. */
  async requestRecord(node: Enode): Promise<Enode | undefined> {
    return (await this.findnode(node, [0]))?.find(({ id }) => id === node.id);
  }

  /** Asks a protocol of another node; undefined if it does not answer, nothing if it has no such protocol. */
  async talkRequest(node: Enode, protocol: string, request: Uint8Array): Promise<Uint8Array | undefined> {
    const to = udpEndpointOf(node);
    if (to === undefined) return undefined;
    let response: Uint8Array | undefined;
    const body = { requestId: this.#requestId(), protocol: utf8Encode(protocol), request };
    await this.#call(node, to, { name: "talkRequest", body }, "talkResponse", (message) => {
      if (message.name === "talkResponse") ({ response } = message.body);
      return false;
    });
    return response;
  }

  /** Answers a protocol's TALKREQs from now on. @returns ends it */
  handleTalk(protocol: string, handler: TalkHandler): Disposable {
    return this.#talk.register(protocol, handler);
  }

  /** The 16 nodes nearest to an id that can be found. */
  async lookup(target: string): Promise<readonly Enode[]> {
    if (this.table.size === 0 && !this.#isClosed) await this.table.refresh();
    return this.#lookup(target).run();
  }

  /** The newest we can learn of a node: asked itself, then looked up. The node as given if nothing is learnt. */
  async resolve(node: Enode): Promise<Enode> {
    const known = this.table.node(node.id);
    const best = known !== undefined && seqOf(known) > seqOf(node) ? known : node;
    const direct = await this.requestRecord(best);
    if (direct !== undefined) return direct;
    const found = (await this.lookup(node.id)).find(({ id }) => id === node.id);
    return found !== undefined && seqOf(found) > seqOf(best) ? found : best;
  }

  /** Nodes met on walks to random places. */
  randomNodes(): NodeSource {
    const walk = new RandomWalk({
      name: "discv5",
      clock: this.#world.clock,
      table: this.table,
      lookup: () => this.#lookup(this.#randomId()),
      onClose: () => this.#walks.delete(walk),
    });
    this.#walks.add(walk);
    if (this.#isClosed) walk.close();
    return walk;
  }

  #makeTable(): Table {
    const { localNode, bootnodes = [], isAllowed, pingIntervalMs, refreshIntervalMs, log } = this.#config;
    const { clock, rand } = this.#world;
    const transport = {
      ping: (node: Enode) => this.ping(node),
      requestRecord: (node: Enode) => this.requestRecord(node),
      lookupSelf: () => this.#lookup(localNode.id).run(),
      lookupRandom: () => this.#lookup(this.#randomId()).run(),
    };
    const config = {
      self: localNode.id,
      database: localNode.database,
      bootnodes,
      isAllowed,
      pingIntervalMs,
      refreshIntervalMs,
    };
    return new Table(config, {
      transport,
      clock,
      rand,
      log: (log ?? silentLogger).child({ room: "discv5" }),
    });
  }

  #lookup(target: string): Lookup {
    return new Lookup({
      self: this.#config.localNode.id,
      target,
      start: this.table.closestToAsk(target, tableLimits.bucketSize),
      query: async (node) => {
        const found = await this.findnode(node, lookupDistances(target, node.id));
        if (!this.#isClosed) this.table.trackRequest(node, found, "v5");
        return found;
      },
    });
  }

  #receive(bytes: Uint8Array, from: Endpoint): void {
    if (this.#isClosed) return;
    this.counts.received++;
    if (this.#config.isAllowed?.(from.host) === false) return void this.counts.bad++;
    this.#handle(
      this.#codec.open(bytes, from, () => this.#mayHandshake(from.host)),
      from,
    );
  }

  #mayHandshake(ip: string): boolean {
    const now = this.#world.clock.now();
    return isLan(ip) || (this.#handshakeShares.take(ip, now) && this.#handshakes.take(now));
  }

  #handle(incoming: Incoming, from: Endpoint): void {
    switch (incoming.type) {
      case "junk":
        return void this.counts.junk++;
      case "bad":
        return void this.counts.bad++;
      case "limited":
        return void this.counts.limited++;
      case "unknown":
        this.counts.challenged++;
        return this.#sendTo(
          from,
          this.#codec.challenge(incoming.id, from, incoming.nonce, this.#known(incoming.id)),
        );
      case "challenge":
        return this.#challenged(incoming.challenge, from);
      case "message":
        if (incoming.node !== undefined)
          this.table.addProven(incoming.node, { isInbound: true, isLive: false });
        return this.#message(incoming.id, incoming.message, from);
    }
  }

  #challenged(challenge: Extract<Incoming, { type: "challenge" }>["challenge"], from: Endpoint): void {
    const call = this.#calls.challenged(challenge.nonce, from);
    const answer = call && this.#codec.answer(call.node, call.to, challenge, call.message);
    if (call === undefined || answer === undefined) return void this.counts.unasked++;
    this.#sendTo(call.to, answer.packet);
    this.#calls.resent(call.node.id, answer.nonce);
  }

  #message(id: string, message: Message, from: Endpoint): void {
    switch (message.name) {
      case "ping":
        return this.#reply(id, from, {
          name: "pong",
          body: {
            requestId: message.body.requestId,
            enrSeq: this.#config.localNode.record.seq,
            ip: parseIp(from.host) ?? new Uint8Array(4),
            port: from.port,
          },
        });
      case "findnode":
        return this.#answerFindnode(id, message.body, from);
      case "talkRequest":
        return void this.#answerTalk(id, message.body, from);
      case "pong":
      case "nodes":
      case "talkResponse":
        if (!this.#calls.settle(id, from, message)) this.counts.unasked++;
    }
  }

  #answerFindnode(id: string, { requestId, distances }: BodyOf<"findnode">, from: Endpoint): void {
    const records: Uint8Array[] = [];
    for (const distance of new Set(distances)) {
      if (distance > 256) continue;
      const nodes = distance === 0 ? [this.#config.localNode.node] : this.table.atDistance(distance);
      for (const { record, ip } of nodes) {
        if (record === undefined || records.length >= limits.nodes) continue;
        if (distance === 0 || (ip !== undefined && checkRelayIp(from.host, ip) === undefined))
          records.push(record.bytes);
      }
    }
    const packets = packRecords(records);
    for (const part of packets)
      this.#reply(id, from, { name: "nodes", body: { requestId, total: packets.length, records: part } });
  }

  async #answerTalk(
    id: string,
    { requestId, protocol, request }: BodyOf<"talkRequest">,
    from: Endpoint,
  ): Promise<void> {
    const node = this.table.node(id);
    const response = await this.#talk.answer(protocol, { id, from, node, bytes: request });
    if (!this.#isClosed) this.#reply(id, from, { name: "talkResponse", body: { requestId, response } });
  }

  /** What they say our address is counts as a statement of theirs. */
  #pong(from: Endpoint, { ip, port, enrSeq }: BodyOf<"pong">): bigint {
    const isAddress = ip.length === 4 || ip.length === 16;
    if (isAddress && port > 0 && port <= 65_535)
      this.#config.localNode.addEndpointStatement(from.host, { host: formatIp(ip), port });
    return enrSeq;
  }

  /** A node that another told us of; undefined if it is not what was asked for, or none to be contacted (DI-05, DI-11). */
  #relayed(
    bytes: Uint8Array,
    teller: Enode,
    from: Endpoint,
    distances: readonly number[],
  ): Enode | undefined {
    const node = readNode(bytes);
    if (node?.ip === undefined || node.id === this.#config.localNode.id) return undefined;
    if (!distances.includes(logDistance(teller.id, node.id))) return undefined;
    const isAllowed = this.#config.isAllowed?.(node.ip) ?? true;
    return isAllowed && isRelayable(from.host, node.ip, node.udp) ? node : undefined;
  }

  #known(id: string): Enode | undefined {
    const node = this.table.node(id) ?? this.#config.localNode.database.node(id);
    return node?.record === undefined ? undefined : node;
  }

  #call(
    node: Enode,
    to: Endpoint,
    message: Message,
    reply: Call["reply"],
    take: Call["take"],
  ): Promise<boolean> {
    return this.#calls.make({ node, to, message, reply, take });
  }

  #sendCall({ node, to, message }: Call): Uint8Array {
    const { packet, nonce } = this.#codec.seal(node.id, to, message);
    this.#sendTo(to, packet);
    return nonce;
  }

  #reply(id: string, to: Endpoint, message: Message): void {
    const { packet } = this.#codec.seal(id, to, message);
    if (packet.length <= limits.maxPacketBytes) this.#sendTo(to, packet);
  }

  #sendTo(to: Endpoint, packet: Uint8Array): void {
    this.counts.sent++;
    this.#world.socket.send(packet, to);
  }

  #requestId(): Uint8Array {
    return this.#world.entropy.bytes(limits.requestIdBytes);
  }

  #randomId(): string {
    return toHex(this.#world.entropy.bytes(32)).slice(2);
  }
}

/** The distance of the target from the node asked, and its neighbours. */
function lookupDistances(target: string, asked: string): number[] {
  const distance = logDistance(target, asked);
  const distances = [distance];
  for (let i = 1; distances.length < limits.lookupDistances; i++) {
    if (distance + i <= 256) distances.push(distance + i);
    if (distance - i > 0) distances.push(distance - i);
  }
  return distances;
}

/** Records in as many packets as they need; one at least. */
function packRecords(records: readonly Uint8Array[]): Uint8Array[][] {
  const packets: Uint8Array[][] = [[]];
  let size = 0;
  for (const record of records) {
    if (size + record.length > limits.nodesBytes) {
      packets.push([]);
      size = 0;
    }
    packets.at(-1)?.push(record);
    size += record.length;
  }
  return packets;
}
