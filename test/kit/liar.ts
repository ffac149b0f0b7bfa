// A LES server of ours that lies: an honest one over real sockets, and between it and its client somebody who changes what is asked, what
// is answered, and when.
import type { BlockChain } from "#core";
import type { Header } from "#core/types";
import type { Net, TcpSocket } from "#host";
import { nodeHost } from "#host/node";
import { LesServer, type LesServerOptions } from "#les";
import { type Announce, type KeyValue, lesTable, type LesVersion } from "#les/protocol";
import { silentLogger } from "#log";
import { Node, type ServiceContext } from "#node";
import type { Msg, MsgReadWriter, Protocol } from "#p2p";
import { type Deferred, deferred, isError } from "#util";

type Table = ReturnType<typeof lesTable>;

/** Said by a script instead of a body: no reply at all. */
export const silence = Symbol("no reply");

export type Asking =
  | "getBlockHeaders"
  | "getBlockBodies"
  | "getReceipts"
  | "getCode"
  | "getProofsV2"
  | "sendTxV2"
  | "getTxStatus";
export type Replying = "blockHeaders" | "blockBodies" | "receipts" | "code" | "proofsV2" | "txStatus";

/** What a liar does; a member that is absent means honesty. */
export interface Lies {
  readonly status?: (keys: KeyValue[]) => KeyValue[];
  /** The honest server is asked this instead. */
  readonly ask?: Partial<Record<Asking, (body: never) => unknown>>;
  /** The client is told this instead. */
  readonly reply?: Partial<Record<Replying, (body: never) => unknown>>;
  readonly bufferValue?: (honest: bigint) => bigint;
  /** Replies of these kinds wait for `release()`. */
  readonly holds?: readonly Replying[];
  /** How often a reply is sent. Default 1. */
  readonly times?: number;
  /** Raw payload instead of that reply's. */
  readonly raw?: Partial<Record<Replying, (payload: Uint8Array) => Uint8Array>>;
}

export interface LiarOptions {
  readonly chain: BlockChain;
  readonly lies?: Lies | undefined;
  readonly server?: Omit<LesServerOptions, "eth"> | undefined;
}

export class Liar implements AsyncDisposable {
  readonly node: Node;
  /** May be changed at any time. */
  lies: Lies;
  /** Names of the requests that came, in order. */
  readonly requests: string[] = [];
  /** The reason code that the last client gave when it left; undefined if it said nothing. */
  readonly dropped: Deferred<number | undefined> = deferred();
  readonly #chain: BlockChain;
  readonly #gate: Gate;
  #held: (() => void)[] = [];
  #onRequest: (() => void)[] = [];
  #link: { readonly rw: MsgReadWriter; readonly table: Table } | undefined;

  private constructor(node: Node, { chain, lies = {} }: LiarOptions, gate: Gate) {
    this.node = node;
    this.lies = lies;
    this.#chain = chain;
    this.#gate = gate;
  }

  static async start(options: LiarOptions): Promise<Liar> {
    const gate = new Gate();
    const host = nodeHost();
    const node = new Node(
      { name: "glim-liar", logger: silentLogger, p2p: { listenAddr: "127.0.0.1:0", maxPeers: 10 } },
      { host: { ...host, net: gate.around(host.net) } },
    );
    const liar = new Liar(node, options, gate);
    node.register((context) => liar.#service(context, options.server ?? {}));
    await node.start();
    return liar;
  }

  get enode(): string {
    const { server } = this.node;
    if (server === undefined) throw new Error("the liar does not run");
    return server.self.enode;
  }

  /** Resolves when a request of that name has come (again). */
  async asked(name: Asking): Promise<void> {
    const before = this.requests.length;
    if (this.requests.includes(name)) return;
    while (!this.requests.slice(before).includes(name))
      await new Promise<void>((resolve) => this.#onRequest.push(resolve));
  }

  /** Lets go what was held, and holds nothing more. */
  release(): void {
    this.lies = { ...this.lies, holds: [] };
    for (const send of this.#held.splice(0)) send();
  }

  /** From now on only so many bytes leave the socket each time `drip` is called. */
  stall(): void {
    this.#gate.isShut = true;
  }

  drip(bytes: number): void {
    this.#gate.drip(bytes);
  }

  /** A message out of turn. */
  send(name: string, body: unknown, ids: { reqId?: bigint; bv?: bigint } = {}): void {
    if (this.#link === undefined) throw new Error("nobody is connected");
    const { code, payload } = this.#link.table.encode(name as "announce", body as never, ids); // tests name rows of the table
    this.#link.rw.writeMsg(code, payload).catch(() => {});
  }

  announce(header: Header, changes: Partial<Announce> = {}): void {
    const td = this.#chain.td(header.hash) ?? 0n;
    this.send("announce", {
      hash: header.hash,
      number: header.number,
      td,
      reorgDepth: 0n,
      update: [],
      ...changes,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gate.open();
    await this.node.stop();
  }

  /** The honest server, with our wire between it and its clients. */
  #service(context: ServiceContext, options: Omit<LesServerOptions, "eth">): LesServer {
    const chain = this.#chain;
    const server = new LesServer(context, {
      lightServ: 100,
      ...options,
      eth: {
        chainConfig: chain.config,
        networkId: chain.config.chainId,
        chain,
        headEvents: chain.headEvents,
        relayTransaction: async () => {},
        pendingTransaction: () => undefined,
      },
    });
    const protocols = server.protocols.map((protocol) => this.#between(protocol));
    Object.defineProperty(server, "protocols", { value: protocols });
    return server;
  }

  #between(honest: Protocol): Protocol {
    return {
      ...honest,
      run: async (peer, rw, signal) => {
        const table = lesTable(honest.version as LesVersion); // the server's own
        this.#link = { rw, table };
        signal.addEventListener("abort", () => {
          const error: unknown = signal.reason;
          const { reason } = isError(error, "P2P_REMOTE_DISCONNECT")
            ? (error.data as { reason: number })
            : {};
          this.dropped.resolve(reason);
        });
        await honest.run(peer, this.#wire(rw, table), signal);
      },
    };
  }

  #wire(rw: MsgReadWriter, table: Table): MsgReadWriter {
    const readMsg = async () => this.#incoming(await rw.readMsg(), table);
    return {
      clock: rw.clock,
      readMsg,
      writeMsg: (code, payload) => this.#outgoing(rw, table, code, payload),
      async *[Symbol.asyncIterator]() {
        for (;;) yield await readMsg();
      },
    };
  }

  #incoming(msg: Msg, table: Table): Msg {
    const message = table.decode(msg);
    if (message.kind !== "request") return msg;
    this.requests.push(message.name);
    for (const wake of this.#onRequest.splice(0)) wake();
    const change = this.lies.ask?.[message.name as Asking];
    if (change === undefined) return msg;
    const body = change(message.body as never); // a script knows what it is given
    const { payload } = table.encode(message.name, body as never, { reqId: message.reqId ?? 0n });
    return { ...msg, payload, size: payload.length };
  }

  async #outgoing(rw: MsgReadWriter, table: Table, code: number, payload: Uint8Array): Promise<void> {
    const { lies } = this;
    const message = table.decode({ code, payload });
    if (message.name === "status" && lies.status !== undefined) {
      const { payload: changed } = table.encode("status", lies.status([...message.body]));
      return await rw.writeMsg(code, changed);
    }
    if (message.kind !== "reply") return await rw.writeMsg(code, payload);
    const name = message.name as Replying; // helper tries are never asked for
    const body = lies.reply?.[name]?.(message.body as never); // a script knows what it is given
    if (body === silence) return;
    const reqId = message.reqId ?? 0n;
    const bv = lies.bufferValue?.(message.bv ?? 0n) ?? message.bv ?? 0n;
    const changed = table.encode(name, (body ?? message.body) as never, { reqId, bv }).payload;
    const bytes = lies.raw?.[name]?.(changed) ?? changed;
    const send = async () => {
      for (let i = 0; i < (lies.times ?? 1); i++) await rw.writeMsg(code, bytes);
    };
    if (lies.holds?.includes(name)) this.#held.push(() => void send().catch(() => {}));
    else await send();
  }
}

/** Sockets that can be made to send by the drop. */
class Gate {
  isShut = false;
  #sockets = new Set<{ readonly socket: TcpSocket; waiting: Uint8Array[] }>();

  around(net: Net): Net {
    return {
      bindUdp: (endpoint) => net.bindUdp(endpoint),
      dialTcp: (endpoint, options) => net.dialTcp(endpoint, options),
      listenTcp: (endpoint, onConnection, onError) =>
        net.listenTcp(endpoint, (socket) => onConnection(this.#socket(socket)), onError),
    };
  }

  drip(bytes: number): void {
    for (const entry of this.#sockets) {
      for (let left = bytes; left > 0; ) {
        const [first] = entry.waiting;
        if (first === undefined) break;
        entry.socket.write(first.subarray(0, left));
        if (first.length <= left) entry.waiting.shift();
        else entry.waiting[0] = first.subarray(left);
        left -= first.length;
      }
    }
  }

  open(): void {
    this.isShut = false;
    this.drip(Number.MAX_SAFE_INTEGER);
  }

  #socket(socket: TcpSocket): TcpSocket {
    const entry = { socket, waiting: [] as Uint8Array[] };
    this.#sockets.add(entry);
    return {
      remote: socket.remote,
      local: socket.local,
      get bufferedBytes() {
        return socket.bufferedBytes;
      },
      onData: (fn) => socket.onData(fn),
      onClose: (fn) =>
        socket.onClose((error) => {
          this.#sockets.delete(entry);
          fn(error);
        }),
      onDrain: (fn) => socket.onDrain(fn),
      write: (bytes) => {
        if (!this.isShut && entry.waiting.length === 0) return socket.write(bytes);
        entry.waiting.push(bytes.slice());
        return true;
      },
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      end: () => socket.end(),
      destroy: () => socket.destroy(),
    };
  }
}
