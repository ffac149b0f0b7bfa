// Nodes of discovery v4 on one simulated net, and peers that send by hand.
import { generateKey, type PrivateKey, publicKeyOf } from "#crypto";
import { type Enode, LocalNode, makeEnode, NodeDatabase, nodeIdOf } from "#enode";
import { enrEntries } from "#enr";
import type { Endpoint, Net, UdpSocket } from "#host";
import { memoryNet, SimulatedClock, seededRand, type UdpWeather } from "#host/sim";
import type { Logger } from "#log";
import {
  type BodyOf,
  Discv4,
  type Discv4Config,
  openPacket,
  type OpenPacket,
  type PacketName,
  sealPacket,
  signerOf,
} from "#p2p/discv4";

export interface World {
  readonly clock: SimulatedClock;
  readonly net: Net;
  readonly rand: ReturnType<typeof seededRand>;
  readonly entropy: { bytes(length: number): Uint8Array };
}

/** A net of one seed. Datagrams take 10 ms unless the weather says otherwise. */
export function makeWorld(seed: number, weather: Omit<UdpWeather, "clock" | "rand"> = {}): World {
  const clock = new SimulatedClock();
  const rand = seededRand(seed);
  const entropy = { bytes: (length: number) => Uint8Array.from({ length }, () => rand.int(256)) };
  return {
    clock,
    rand,
    entropy,
    net: memoryNet({ clock, rand: seededRand(seed + 1), latencyMs: 10, ...weather }),
  };
}

export interface DiscoveryNode {
  readonly discv4: Discv4;
  readonly localNode: LocalNode;
  readonly database: NodeDatabase;
  readonly node: Enode;
  readonly endpoint: Endpoint;
  close(): Promise<void>;
}

export interface NodeOptions
  extends Partial<Pick<Discv4Config, "bootnodes" | "isAllowed" | "unhandled" | "pingIntervalMs">> {
  readonly ip: string;
  readonly port?: number | undefined;
  readonly key?: PrivateKey | undefined;
  readonly log?: Logger | undefined;
  /** A clock that goes wrong. */
  readonly clock?: SimulatedClock | undefined;
  readonly database?: NodeDatabase | undefined;
}

/** A node that runs; `start()` has been called. */
export async function startNode(world: World, options: NodeOptions): Promise<DiscoveryNode> {
  const { ip, port = 30_303, clock = world.clock, ...config } = options;
  const key = options.key ?? generateKey(world.entropy);
  const database = options.database ?? (await NodeDatabase.open(clock));
  const localNode = new LocalNode({ key, database, clock });
  localNode.setFallbackIp(ip);
  localNode.setFallbackUdp(port);
  localNode.set(enrEntries.tcp, port);
  const socket = await world.net.bindUdp({ host: ip, port });
  const { rand, entropy } = world;
  const discv4 = new Discv4({ ...config, key, localNode }, { socket, clock, rand, entropy });
  discv4.start();
  return {
    discv4,
    localNode,
    database,
    node: makeEnode(publicKeyOf(key), { ip, tcp: port, udp: port }),
    endpoint: { host: ip, port },
    async close() {
      await discv4.close();
      await socket.close();
    },
  };
}

/** A peer that the test plays: it answers nothing by itself. */
export class HandPeer {
  readonly key: PrivateKey;
  readonly publicKey: Uint8Array;
  readonly id: string;
  readonly socket: UdpSocket;
  readonly #world: World;
  /** Everything it got, in order. */
  readonly got: { packet: OpenPacket; from: Endpoint; bytes: number }[] = [];
  /** Bytes it got, of whatever kind. */
  gotBytes = 0;
  sentBytes = 0;

  constructor(world: World, socket: UdpSocket, key: PrivateKey = generateKey(world.entropy)) {
    this.#world = world;
    this.key = key;
    this.publicKey = publicKeyOf(key);
    this.id = nodeIdOf(this.publicKey);
    this.socket = socket;
    socket.onMessage((bytes, from) => {
      this.gotBytes += bytes.length;
      const packet = openPacket(bytes);
      if (typeof packet !== "string") this.got.push({ packet, from, bytes: bytes.length });
    });
  }

  static async bind(
    world: World,
    ip: string,
    { port = 30_303, key }: { port?: number; key?: PrivateKey } = {},
  ) {
    return new HandPeer(world, await world.net.bindUdp({ host: ip, port }), key);
  }

  get node(): Enode {
    const { host, port } = this.socket.local;
    return makeEnode(this.publicKey, { ip: host, tcp: port, udp: port });
  }

  /** Unix seconds at which a packet made now ends to be valid. */
  get soon(): bigint {
    return BigInt(this.#world.clock.unixSeconds() + 20);
  }

  send<N extends PacketName>(name: N, body: BodyOf<N>, to: Endpoint, socket = this.socket): Uint8Array {
    const { packet, hash } = sealPacket(name, body, this.key);
    this.sentBytes += packet.length;
    socket.send(packet, to);
    return hash;
  }

  ping(to: Endpoint, change: Partial<BodyOf<"ping">> = {}): Uint8Array {
    const endpoint = { ip: Uint8Array.of(1, 2, 3, 4), udp: 1, tcp: 2 };
    return this.send(
      "ping",
      { version: 4, from: endpoint, to: endpoint, expiration: this.soon, ...change },
      to,
    );
  }

  pong(to: Endpoint, pingHash: Uint8Array, change: Partial<BodyOf<"pong">> = {}): void {
    const endpoint = { ip: Uint8Array.of(1, 2, 3, 4), udp: 1, tcp: 2 };
    this.send("pong", { to: endpoint, pingHash, expiration: this.soon, ...change }, to);
  }

  findnode(to: Endpoint, target: Uint8Array = this.publicKey): void {
    this.send("findnode", { target, expiration: this.soon }, to);
  }

  /** Packets of one kind, and forgets all that was got. */
  take<N extends PacketName>(name: N): (OpenPacket & { name: N })[] {
    const of = this.got.filter(({ packet }) => packet.name === name).map(({ packet }) => packet);
    this.got.length = 0;
    return of as (OpenPacket & { name: N })[];
  }

  /** Proves its endpoint to a node: pings it, and answers its ping. */
  async bond(to: Endpoint): Promise<void> {
    this.ping(to);
    await this.#world.clock.advance(100);
    for (const { hash } of this.take("ping")) this.pong(to, hash);
    await this.#world.clock.advance(100);
    this.got.length = 0;
  }
}

/** Who signed it, as an id. */
export function signerIdOf(packet: OpenPacket): string | undefined {
  const publicKey = signerOf(packet);
  return publicKey === undefined ? undefined : nodeIdOf(publicKey);
}
