// A LES server of ours in virtual time, over a chain in memory, and clients that speak to it in single messages, rightly or wrongly.
import type { BlockChain, HeadEvent } from "#core";
import { forkIdAt } from "#core/forkid";
import type { Transaction } from "#core/types";
import type { Feed } from "#event";
import { SimulatedClock, seededRand } from "#host/sim";
import { LesServer, type LesServerOptions } from "#les";
import {
  clientStatusEntries,
  type KeyValue,
  lesTable,
  type LesVersion,
  readServerStatus,
  type ServerStatus,
} from "#les/protocol";
import type { LesBackend, LesChain } from "#les/server";
import { silentLogger } from "#log";
import type { ServiceContext } from "#node";
import { type DisconnectReason, messagePipe, type Peer, type Server } from "#p2p";
import { deferred, toHex, utf8Encode } from "#util";
import { keccak256 } from "#crypto";
import { namedKey } from "./clique.ts";

type Table = ReturnType<typeof lesTable>;
type Decoded = ReturnType<Table["decode"]>;

/** The server's node key: announcements are signed by it. */
export const lesServerKey = namedKey("les server");

export interface LesWorldOptions extends Omit<LesServerOptions, "eth"> {
  readonly chain: BlockChain;
  /** What is served instead of the chain itself. */
  readonly served?: Partial<LesChain> | undefined;
  readonly clock?: SimulatedClock | undefined;
  readonly relayTransaction?: ((tx: Transaction) => Promise<void>) | undefined;
  readonly pendingTransaction?: ((hash: Uint8Array) => Transaction | undefined) | undefined;
}

export interface ClientOptions {
  readonly version?: LesVersion | undefined;
  readonly id?: string | undefined;
  readonly isTrusted?: boolean | undefined;
  readonly remoteAddress?: string | undefined;
}

/** The server, started, and what connects clients to it. */
export class LesWorld {
  readonly clock: SimulatedClock;
  readonly server: LesServer;
  readonly chain: BlockChain;
  #count = 0;

  constructor({ chain, served, clock, relayTransaction, pendingTransaction, ...options }: LesWorldOptions) {
    this.clock = clock ?? new SimulatedClock();
    this.chain = chain;
    const eth: LesBackend = {
      chainConfig: chain.config,
      networkId: chain.config.chainId,
      chain: served === undefined ? chain : overlay(chain, served),
      headEvents: chain.headEvents as Feed<HeadEvent>,
      relayTransaction: relayTransaction ?? (async () => {}),
      pendingTransaction: pendingTransaction ?? (() => undefined),
    };
    const context = { host: { clock: this.clock, rand: seededRand(1) }, log: silentLogger };
    this.server = new LesServer(context as unknown as ServiceContext, { ...options, eth }); // it asks for no more of it
    this.server.start({ config: { privateKey: lesServerKey } } as unknown as Server); // nor of this
  }

  /** A client whose connection has begun; it has said nothing yet. */
  dial(options: ClientOptions = {}): PipeClient {
    return new PipeClient(this, {
      id: toHex(keccak256(utf8Encode(`client ${this.#count++}`))).slice(2),
      ...options,
    });
  }

  /** A client after the handshake. */
  async connect(options: ClientOptions & { readonly announceType?: 0 | 1 | 2 } = {}): Promise<PipeClient> {
    const client = this.dial(options);
    client.send("status", client.status({ announceType: options.announceType }));
    await client.next();
    return client;
  }
}

/** The chain with some of its reads replaced. */
function overlay(chain: BlockChain, served: Partial<LesChain>): LesChain {
  return new Proxy(chain, {
    get(target, name) {
      if (name in served) return served[name as keyof LesChain];
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

export class PipeClient {
  readonly version: LesVersion;
  readonly id: string;
  readonly table: Table;
  /** The reason the server gave in a disconnect of its own. */
  disconnected: DisconnectReason | undefined;
  /** What the server's handler ended with: an error, or undefined. */
  readonly ended: Promise<unknown>;
  isOver = false;
  readonly #pipe = messagePipe();
  readonly #world: LesWorld;
  #nextId = 1n;

  constructor(
    world: LesWorld,
    { version = 4, id = "", isTrusted = false, remoteAddress = "127.0.0.1:1" }: ClientOptions,
  ) {
    this.#world = world;
    this.version = version;
    this.id = id;
    this.table = lesTable(version);
    const protocol = world.server.protocols.find((it) => it.version === version);
    if (protocol === undefined) throw new Error(`the server does not offer les/${version}`);
    const peer = {
      id,
      isTrusted,
      remoteAddress,
      log: silentLogger,
      disconnect: (reason: DisconnectReason) => {
        this.disconnected ??= reason;
        this.#pipe[0].close();
      },
    } as unknown as Peer; // the server reads no more of it
    const over = new AbortController();
    const ended = deferred<unknown>();
    this.ended = ended.promise;
    protocol.run(peer, this.#pipe[1], over.signal).then(
      () => ended.resolve(undefined),
      (error: unknown) => ended.resolve(error),
    );
    void this.ended.then(() => {
      this.isOver = true;
      this.#pipe[0].close();
      over.abort(new Error("over"));
    });
  }

  /** A right client status; `changes` replace what they name. */
  status({
    announceType = 1,
    ...changes
  }: {
    announceType?: 0 | 1 | 2 | undefined;
    networkId?: bigint;
    genesisHash?: Uint8Array;
  } = {}): KeyValue[] {
    const { chain } = this.#world;
    const place = { config: chain.config, genesisHash: chain.genesis.hash, genesisTime: chain.genesis.time };
    return clientStatusEntries({
      protocolVersion: this.version,
      networkId: chain.config.chainId,
      headTd: 0n,
      headHash: new Uint8Array(32),
      headNumber: 0,
      genesisHash: chain.genesis.hash,
      forkId: this.version >= 4 ? forkIdAt(place, chain.genesis) : undefined,
      announceType,
      ...changes,
    });
  }

  send(name: string, body: unknown, reqId = this.#nextId++): void {
    const { code, payload } = this.table.encode(name as "status", body as never, { reqId }); // tests name rows of the table
    this.sendRaw(code, payload);
  }

  sendRaw(code: number, payload: Uint8Array): void {
    this.#pipe[0].writeMsg(code, payload).catch(() => {});
  }

  /** The server's next message. */
  async next(): Promise<Decoded> {
    return this.table.decode(await this.#pipe[0].readMsg());
  }

  async nextBody(name: string): Promise<unknown> {
    const message = await this.next();
    if (message.name !== name) throw new Error(`${message.name} came, not ${name}`);
    return message.body;
  }

  /** Sends and reads the reply. */
  async request(name: string, body: unknown): Promise<Decoded> {
    this.send(name, body);
    return await this.next();
  }

  /** The server's status, checked as a client does. */
  readStatus(entries: readonly KeyValue[]): ServerStatus {
    const { chain } = this.#world;
    return readServerStatus(entries, {
      version: this.version,
      networkId: chain.config.chainId,
      genesisHash: chain.genesis.hash,
      checkForkId: () => undefined,
    });
  }

  close(): void {
    this.#pipe[0].close();
  }

  get connection() {
    const connection = this.#world.server.clients.get(this.id);
    if (connection === undefined) throw new Error("not a client of the server");
    return connection;
  }
}
