// A LES server at the other end of a message pipe, honest unless a script says otherwise: for tests of the client in virtual time.
import type { BlockChain } from "#core";
import { decodeAccount } from "#core/state";
import { forkIdAt } from "#core/forkid";
import type { Header, Transaction } from "#core/types";
import type { SimulatedClock } from "#host/sim";
import type { LesClient } from "#les/client";
import {
  type Announce,
  type CodeQuery,
  defaultCosts,
  type HeadersQuery,
  type KeyValue,
  lesTable,
  type LesVersion,
  type ProofQuery,
  type ServerStatus,
  serverStatusEntries,
  type TxStatus,
} from "#les/protocol";
import { silentLogger } from "#log";
import { type DisconnectReason, messagePipe, type Peer } from "#p2p";
import { ProofBuilder } from "#trie";
import { deferred, GlimError } from "#util";

/** Thrown by a script: this request gets no reply. */
export const silence = Symbol("no reply");

type Requests =
  | "getBlockHeaders"
  | "getBlockBodies"
  | "getReceipts"
  | "getCode"
  | "getProofsV2"
  | "sendTxV2"
  | "getTxStatus";
/** Gives the body of the reply; `honest()` is what a true server would say. */
export type Script = (ask: never, honest: () => never) => unknown;

export interface ScriptedOptions {
  readonly chain: BlockChain;
  readonly clock: SimulatedClock;
  readonly networkId?: bigint | undefined;
  readonly version?: LesVersion | undefined;
  /** Hex digit its node id is made of. */
  readonly name?: string | undefined;
  readonly status?: Partial<ServerStatus> | undefined;
  /** Changes the list of keys after it is made. */
  readonly keys?: ((entries: KeyValue[]) => KeyValue[]) | undefined;
  /** Sends no status. */
  readonly isMute?: boolean | undefined;
  readonly isTrusted?: boolean | undefined;
  /** Default true: one that the client was named. */
  readonly isStatic?: boolean | undefined;
  readonly scripts?: Partial<Record<Requests, Script>> | undefined;
  /** Milliseconds to each reply, in virtual time; default: at once. */
  readonly delayMs?: number | undefined;
  /** Buffer value in replies; default: full. */
  readonly bufferValue?: ((request: string) => bigint) | undefined;
  readonly head?: Header | undefined;
}

const replies: Readonly<
  Record<Requests, "blockHeaders" | "blockBodies" | "receipts" | "code" | "proofsV2" | "txStatus">
> = {
  getBlockHeaders: "blockHeaders",
  getBlockBodies: "blockBodies",
  getReceipts: "receipts",
  getCode: "code",
  getProofsV2: "proofsV2",
  sendTxV2: "txStatus",
  getTxStatus: "txStatus",
};

export class ScriptedServer {
  readonly options: ScriptedOptions;
  readonly version: LesVersion;
  /** Names and items of the requests it got, in order. */
  readonly requests: { readonly name: string; readonly items: number; readonly reqId: bigint }[] = [];
  readonly sentTxs: Transaction[] = [];
  scripts: Partial<Record<Requests, Script>>;
  /** The reason our client gave when it ended the connection. */
  disconnected: DisconnectReason | undefined;
  /** What the client's protocol handler ended with. */
  readonly ended = deferred<unknown>();
  readonly #delays = new Map<Requests, number>();
  readonly #table: ReturnType<typeof lesTable>;
  readonly #pipe: ReturnType<typeof messagePipe>;

  constructor(options: ScriptedOptions) {
    this.options = options;
    this.version = options.version ?? 4;
    this.scripts = { ...options.scripts };
    this.#table = lesTable(this.version);
    this.#pipe = messagePipe({ clock: options.clock });
  }

  get id(): string {
    return (this.options.name ?? "a").repeat(64).slice(0, 64);
  }

  /** From now on replies to `name` take so long. */
  script(name: Requests, { delayMs }: { readonly delayMs: number }): void {
    this.#delays.set(name, delayMs);
  }

  count(name: Requests): number {
    return this.requests.filter((request) => request.name === name).length;
  }

  /** Lets the client run its side; sends the status and answers from then on. */
  connect(client: LesClient): this {
    const [ours, theirs] = this.#pipe;
    const protocol = client.protocols.find(({ version }) => version === this.version);
    if (protocol === undefined) throw new Error(`the client does not offer les/${this.version}`);
    const over = new AbortController();
    const peer: Peer = {
      id: this.id as Peer["id"], // 64 hex digits by construction
      node: { id: this.id as Peer["id"], publicKey: new Uint8Array(64), ip: "127.0.0.1", tcp: 1, udp: 0 },
      name: "scripted",
      caps: [],
      inbound: false,
      isStatic: this.options.isStatic ?? true,
      isTrusted: this.options.isTrusted ?? false,
      remoteAddress: "127.0.0.1:1",
      localAddress: "127.0.0.1:2",
      log: silentLogger,
      traffic: { bytesIn: 0, bytesOut: 0 },
      runs: () => true,
      disconnect: (reason) => {
        this.disconnected ??= reason;
        this.#pipe[0].close();
      },
      info: () => ({ enode: `enode://${this.id}` }) as ReturnType<Peer["info"]>, // the rest is not read
    };
    protocol.run(peer, theirs, over.signal).then(
      () => this.ended.resolve(undefined),
      (error: unknown) => {
        // the p2p server would tell the reason in the error
        if (error instanceof GlimError && error.disconnect !== undefined) this.disconnected ??= "subprotocol";
        this.ended.resolve(error);
        ours.close();
      },
    );
    void this.#serve();
    return this;
  }

  /** Ends the connection as a crash would. */
  kill(): void {
    this.#pipe[0].close();
  }

  send(name: string, body: unknown, ids?: { reqId?: bigint; bv?: bigint }): void {
    const { code, payload } = this.#table.encode(name as "announce", body as never, ids); // tests name rows of the table
    this.#pipe[0].writeMsg(code, payload).catch(() => {});
  }

  sendRaw(code: number, payload: Uint8Array): void {
    this.#pipe[0].writeMsg(code, payload).catch(() => {});
  }

  announce(header: Header, overrides: Partial<Announce> = {}): void {
    const td = this.options.chain.td(header.hash) ?? 0n;
    this.send("announce", {
      hash: header.hash,
      number: header.number,
      td,
      reorgDepth: 0n,
      update: [],
      ...overrides,
    });
  }

  status(): KeyValue[] {
    const { chain, networkId = chain.config.chainId, status, keys = (all) => all } = this.options;
    const head = this.options.head ?? chain.head;
    const place = { config: chain.config, genesisHash: chain.genesis.hash, genesisTime: chain.genesis.time };
    return keys(
      serverStatusEntries({
        protocolVersion: this.version,
        networkId,
        headTd: chain.td(head.hash) ?? 0n,
        headHash: head.hash,
        headNumber: head.number,
        genesisHash: chain.genesis.hash,
        forkId: forkIdAt(place, head),
        serveHeaders: true,
        serveChainSince: 0,
        serveRecentChain: 0,
        serveStateSince: 0,
        serveRecentState: 0,
        txRelay: true,
        recentTxLookup: 0,
        bufferLimit: 300_000_000,
        minRecharge: 50_000,
        costs: defaultCosts,
        ...status,
      }),
    );
  }

  /** What a true server would answer. */
  honest(name: Requests, ask: unknown): unknown {
    const { chain } = this.options;
    switch (name) {
      case "getBlockHeaders":
        return this.#headers(ask as HeadersQuery);
      case "getBlockBodies":
        return this.#blocks(ask as Uint8Array[], (header) => chain.body(header));
      case "getReceipts":
        return this.#blocks(ask as Uint8Array[], (header) => chain.receipts(header));
      case "getCode":
        return (ask as CodeQuery[]).flatMap(({ blockHash, accountKey }) => {
          const account = this.#account(blockHash, accountKey);
          const code = account === undefined ? undefined : chain.codes.get(account.codeHash);
          return code === undefined ? [] : [code];
        });
      case "getProofsV2":
        return this.#proofs(ask as ProofQuery[]);
      case "sendTxV2":
        return (ask as Transaction[]).map((): TxStatus => ({ status: 2, error: "" }));
      case "getTxStatus":
        return (ask as Uint8Array[]).map((hash): TxStatus => {
          const found = chain.transaction(hash);
          if (found === undefined) return { status: 0, error: "" };
          const { header, index } = found;
          return {
            status: 3,
            lookup: { blockHash: header.hash, blockNumber: header.number, index },
            error: "",
          };
        });
    }
  }

  #headers({ origin, amount, skip, reverse }: HeadersQuery): Header[] {
    const { chain } = this.options;
    const found: Header[] = [];
    let at = typeof origin === "number" ? chain.headerByNumber(origin) : chain.headerByHash(origin);
    while (at !== undefined && found.length < amount) {
      found.push(at);
      at = this.#next(at, Number(skip) + 1, reverse);
    }
    return found;
  }

  /** The ancestor so many blocks back, on whichever branch; the canonical descendant so many ahead. */
  #next(from: Header, step: number, reverse: boolean): Header | undefined {
    const { chain } = this.options;
    if (!reverse) return chain.headerByNumber(from.number + step);
    let at: Header | undefined = from;
    for (let i = 0; i < step && at !== undefined; i++) at = chain.headerByHash(at.parentHash);
    return at;
  }

  #blocks<T>(hashes: readonly Uint8Array[], get: (header: Header) => T | undefined): T[] {
    return hashes.flatMap((hash) => {
      const header = this.options.chain.headerByHash(hash);
      const value = header === undefined ? undefined : get(header);
      return value === undefined ? [] : [value];
    });
  }

  #account(blockHash: Uint8Array, accountKey: Uint8Array) {
    const { chain } = this.options;
    const header = chain.headerByHash(blockHash);
    const value = header && new ProofBuilder(chain.nodes).add(header.stateRoot, accountKey);
    return value && decodeAccount(value);
  }

  #proofs(queries: readonly ProofQuery[]): Uint8Array[] {
    const { chain } = this.options;
    const builder = new ProofBuilder(chain.nodes);
    for (const { blockHash, accountKey, key, fromLevel } of queries) {
      const root =
        accountKey.length === 0
          ? chain.headerByHash(blockHash)?.stateRoot
          : this.#account(blockHash, accountKey)?.storageRoot;
      if (root !== undefined) builder.add(root, key, { fromLevel: Number(fromLevel) });
    }
    return builder.nodes;
  }

  async #serve(): Promise<void> {
    const [rw] = this.#pipe;
    if (this.options.isMute !== true) this.send("status", this.status());
    try {
      for (;;) {
        const message = this.#table.decode(await rw.readMsg());
        if (message.kind !== "request") continue;
        this.#answer(message.name as Requests, message.body, message.reqId ?? 0n); // requests of the table are those
      }
    } catch {
      // the pipe is closed: the test is over or the client has left
    }
  }

  #answer(name: Requests, ask: unknown, reqId: bigint): void {
    const items = Array.isArray(ask) ? ask.length : 1;
    this.requests.push({ name, items, reqId });
    if (name === "sendTxV2") this.sentTxs.push(...(ask as Transaction[]));
    const honest = () => this.honest(name, ask) as never; // the script knows what it asked for
    const script = this.scripts[name];
    const body = script === undefined ? honest() : script(ask as never, honest);
    if (body === silence) return;
    const { clock, bufferValue = () => 300_000_000n } = this.options;
    const delayMs = this.#delays.get(name) ?? this.options.delayMs ?? 0;
    const reply = () => this.send(replies[name], body, { reqId, bv: bufferValue(name) });
    if (delayMs === 0) reply();
    else clock.after(delayMs, reply);
  }
}
