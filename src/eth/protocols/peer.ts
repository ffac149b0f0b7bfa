// long: a method for every message of seven versions, over one connection
import type { Block, Body, Header, Receipt, Transaction } from "#core/types";
import { type Clock, turnsOf } from "#host";
import { type AnyMessage, type MsgReadWriter, P2pError, type Peer, RequestTracker } from "#p2p";
import { RlpReader, type Schema } from "#rlp";
import { type Deferred, deferred, GlimError, onAbort } from "#util";
import type { EthBackend } from "./backend.ts";
import { Broadcasts } from "./broadcasts.ts";
import { EthProtocolError } from "./errors.ts";
import { checkRange, exchangeStatus, statusOf, termsOf } from "./handshake.ts";
import { KnownHashes } from "./known.ts";
import { ethLimits as limits } from "./limits.ts";
import { decodeInParts } from "./parts.ts";
import { type EthMessageName, type EthTable, type EthVersion, ethTable, hasMessage } from "./messages.ts";
import type { CallOptions, EthHandlers, EthPeerOptions, HeadersRequest, PeerHead } from "./peer-types.ts";
import { answers, type Requests } from "./serve.ts";
import type { BlockRange, EthStatus } from "./status.ts";

type Message = AnyMessage<EthTable["messages"]>;
type RequestMessage = Extract<Message, { name: keyof Requests }>;
type Answer = Extract<
  Message,
  { name: "blockHeaders" | "blockBodies" | "receipts" | "nodeData" | "pooledTransactions" }
>;

/** Work for one peer after which others are let run. */
const YIELD_AFTER_MS = 10;

/**
 * One connection of the eth protocol, whatever its version: the status exchange, requests with typed answers, serving, broadcasts.
 *
 * Replies are matched to their request before anything of them is decoded: by id from eth/66 on, before that in the order of asking.
 * A reply nobody waits for is counted and dropped; one of another kind, or with more items than asked for, ends the peer (ET-03).
 *
 *   handshake() → run(handlers): reads until the end, answers requests one after the other
 */
export class EthPeer {
  readonly peer: Peer;
  readonly version: EthVersion;
  readonly requestNodeData:
    | ((hashes: readonly Uint8Array[], options?: CallOptions) => Promise<readonly Uint8Array[]>)
    | undefined;
  /** Replies that came for no open request: after their time, or never asked for. */
  readonly ignored = { late: 0, unasked: 0 };
  readonly #rw: MsgReadWriter;
  readonly #clock: Clock;
  readonly #backend: EthBackend;
  readonly #table: EthTable;
  readonly #tracker: RequestTracker<Answer>;
  readonly #broadcasts: Broadcasts;
  /** BOUNDED: limits.knownTransactions, knownBlocks. */
  readonly #knownTxs = new KnownHashes(limits.knownTransactions);
  readonly #knownBlocks = new KnownHashes(limits.knownBlocks);
  readonly #failed: Deferred<never> = deferred();
  /** BOUNDED: limits.owedReplies; reading stops there. */
  readonly #owed: RequestMessage[] = [];
  #room: Deferred<void> | undefined;
  #isAnswering = false;
  #head: PeerHead = { hash: new Uint8Array(32) };
  #range: BlockRange | undefined;
  /** Why the node ended this peer. */
  #dropped: GlimError | undefined;

  constructor({ peer, rw, version, clock, backend }: EthPeerOptions) {
    this.peer = peer;
    this.version = version;
    this.#rw = rw;
    this.#clock = clock;
    this.#backend = backend;
    this.#table = ethTable(version);
    this.#tracker = new RequestTracker({ clock });
    this.#broadcasts = new Broadcasts(
      {
        newBlock: (body) => this.#send("newBlock", body),
        newBlockHashes: (body) => this.#send("newBlockHashes", body),
        transactions: (body) => this.#send("transactions", body),
        newPooledTransactionHashes: (body) => this.#send("newPooledTransactionHashes", body),
      },
      backend.pool,
    );
    if (hasMessage(version, "getNodeData"))
      this.requestNodeData = (hashes, options) =>
        this.#ask("getNodeData", hashes, hashes.length, limits.ask.nodes, options);
  }

  /** 64 hex digits. */
  get id(): string {
    return this.peer.id;
  }

  get head(): PeerHead {
    return this.#head;
  }

  /** eth/69: the blocks it serves bodies and receipts of. */
  get range(): BlockRange | undefined {
    return this.#range;
  }

  /** Why the node dropped it, if it did. */
  get dropReason(): GlimError | undefined {
    return this.#dropped;
  }

  /** Requests open now. BOUNDED: 1,024. */
  get openRequests(): number {
    return this.#tracker.size;
  }

  /** It has said that it has this block. */
  setHead(head: PeerHead): void {
    this.#head = head;
  }

  /** Exchanges statuses. @throws ETHP_*, RLP_*, P2P_* */
  async handshake(networkId: bigint): Promise<EthStatus> {
    const { chain } = this.#backend;
    const theirs = await exchangeStatus({
      rw: this.#rw,
      clock: this.#clock,
      ours: statusOf(chain, this.version, networkId),
      terms: termsOf(chain, networkId),
      ended: this.#failed.promise,
    });
    const { head: hash, td, range } = theirs;
    this.#head = { hash: hash.slice(), td, number: range?.latest };
    if (range !== undefined) this.#range = { ...range, latestHash: hash.slice() };
    return theirs;
  }

  /** Reads and answers until the connection ends. @throws ETHP_*, P2P_*, RLP_* for what the peer did wrong */
  async run(handlers: EthHandlers, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const release = onAbort(signal, (reason) => this.#failed.reject(reason));
    try {
      await Promise.race([this.#read(handlers), this.#failed.promise]);
    } catch (error) {
      this.close(error);
      throw error;
    } finally {
      release();
      this.close(P2pError("PEER_CLOSED", { why: "the protocol has ended" }));
    }
  }

  /** Ends what waits here; `run` does it by itself. */
  close(error: unknown): void {
    this.#broadcasts.close();
    this.#tracker.close(this.#dropped ?? error);
    this.#room?.reject(error);
  }

  /** Ends the connection for a reason; a second call does nothing. */
  drop(reason: GlimError): void {
    if (this.#dropped !== undefined) return;
    this.#dropped = reason;
    this.#failed.reject(reason);
  }

  /** Headers as the query says, possibly fewer. @throws P2P_REQUEST_TIMEOUT, and what ended the peer */
  requestHeaders(query: HeadersRequest, options?: CallOptions): Promise<readonly Header[]> {
    const { origin, amount, skip = 0, reverse = false } = query;
    const body = {
      origin: typeof origin === "number" ? BigInt(origin) : origin,
      amount: BigInt(amount),
      skip: BigInt(skip),
      reverse,
    };
    return this.#ask("getBlockHeaders", body, amount, limits.ask.headers, options);
  }

  /** Bodies in the order asked for; those it does not have are left out. */
  requestBodies(hashes: readonly Uint8Array[], options?: CallOptions): Promise<readonly Body[]> {
    return this.#ask("getBlockBodies", hashes, hashes.length, limits.ask.bodies, options);
  }

  /** Receipts of each block; blocks it does not have are left out. @throws ETHP_NOT_SPOKEN on eth/62 */
  requestReceipts(
    hashes: readonly Uint8Array[],
    options?: CallOptions,
  ): Promise<readonly (readonly Receipt[])[]> {
    return this.#ask("getReceipts", hashes, hashes.length, limits.ask.receipts, options);
  }

  /** Transactions of its pool; those it no longer has are left out. @throws ETHP_NOT_SPOKEN before eth/65 */
  async requestPooledTransactions(
    hashes: readonly Uint8Array[],
    options?: CallOptions,
  ): Promise<readonly Transaction[]> {
    const { ask } = limits;
    const txs = await this.#ask("getPooledTransactions", hashes, hashes.length, ask.transactions, options);
    for (const tx of txs) this.markTransaction(tx.hash);
    return txs;
  }

  /** True from eth/65 on: transactions can be announced by hash. */
  get takesTxAnnouncements(): boolean {
    return hasMessage(this.version, "newPooledTransactionHashes");
  }

  knowsTransaction(hash: Uint8Array): boolean {
    return this.#knownTxs.has(hash);
  }

  markTransaction(hash: Uint8Array): void {
    this.#knownTxs.add(hash);
  }

  knowsBlock(hash: Uint8Array): boolean {
    return this.#knownBlocks.has(hash);
  }

  markBlock(hash: Uint8Array): void {
    this.#knownBlocks.add(hash);
  }

  /** Queues a whole block; a full queue drops it. */
  sendBlock(block: Block, td: bigint): void {
    if (this.#broadcasts.block(block, td)) this.markBlock(block.header.hash);
  }

  /** Queues a block's hash. */
  announceBlock(header: Pick<Header, "hash" | "number">): void {
    if (this.#broadcasts.announcement(header)) this.markBlock(header.hash);
  }

  /** Queues transactions of the pool, whole. */
  sendTransactions(hashes: readonly Uint8Array[]): void {
    for (const hash of hashes) this.markTransaction(hash);
    this.#broadcasts.transactions(hashes);
  }

  /** Queues hashes of transactions of the pool. Before eth/65 they go out whole. */
  announceTransactions(hashes: readonly Uint8Array[]): void {
    if (!this.takesTxAnnouncements) return this.sendTransactions(hashes);
    for (const hash of hashes) this.markTransaction(hash);
    this.#broadcasts.txAnnouncements(hashes);
  }

  /** Writes transactions now; resolves when the peer's write queue has room again. */
  async writeTransactions(txs: readonly Transaction[]): Promise<void> {
    for (const tx of txs) this.markTransaction(tx.hash);
    await this.#send("transactions", txs);
  }

  /** eth/69: tells the blocks we serve. @throws ETHP_NOT_SPOKEN before */
  async sendBlockRange(range: BlockRange): Promise<void> {
    await this.#send("blockRangeUpdate", range);
  }

  /** admin_peers. @see geth eth/peer.go:44@v1.8.27 */
  info(): Readonly<Record<string, unknown>> {
    const head = `0x${Buffer.from(this.#head.hash).toString("hex")}`;
    if (this.version < 69) return { version: this.version, difficulty: this.#head.td ?? 0n, head };
    const { earliest, latest, latestHash } = this.#range ?? {
      earliest: 0,
      latest: 0,
      latestHash: this.#head.hash,
    };
    const latestBlockHash = `0x${Buffer.from(latestHash).toString("hex")}`;
    return { version: this.version, earliestBlock: earliest, latestBlock: latest, latestBlockHash };
  }

  async #ask<Name extends keyof Requests>(
    name: Name,
    body: Requests[Name],
    asked: number,
    most: number,
    { timeoutMs = limits.requestTimeoutMs, signal }: CallOptions = {},
  ): Promise<Extract<Message, { name: EthTable["messages"][Name]["reply"] }>["body"]> {
    if (!hasMessage(this.version, name))
      throw EthProtocolError("NOT_SPOKEN", { name, version: this.version });
    if (asked > most) throw EthProtocolError("ASK_TOO_MUCH", { name, items: asked, limit: most });
    signal?.throwIfAborted();
    if (this.#dropped !== undefined) throw this.#dropped;
    const ticket = this.#tracker.open(this.#table.messages[name].reply, timeoutMs);
    const release = signal === undefined ? undefined : onAbort(signal, (reason) => ticket.abandon(reason));
    try {
      // as: the body is that of the row
      const { code, payload } = this.#table.encode(name, body as never, { reqId: ticket.id });
      this.#rw.writeMsg(code, payload).catch((error: unknown) => ticket.abandon(error));
      const reply = await ticket.promise;
      return await this.#blaming(() => {
        checkCount(reply, asked);
        const schema = this.#table.messages[reply.name].body as Schema<readonly unknown[]>;
        // the tracker matched the kind of reply
        return decodeInParts(schema, reply.rawBody, pacer(this.#clock)) as Promise<never>;
      });
    } catch (error) {
      ticket.abandon(error);
      throw error;
    } finally {
      release?.();
    }
  }

  async #read(handlers: EthHandlers): Promise<void> {
    let busyMs = 0;
    for await (const msg of this.#rw) {
      const start = this.#clock.now();
      const message = this.#table.decode(msg) as Message; // of this version's rows
      if (message.kind === "reply") this.#takeReply(message as Answer);
      else if (message.kind === "request") await this.#owe(message as RequestMessage);
      else await this.#takePlain(message, handlers);
      busyMs += this.#clock.now() - start;
      if (busyMs < YIELD_AFTER_MS) continue;
      busyMs = 0;
      await this.#clock.sleep(0);
    }
  }

  #takeReply(message: Answer): void {
    const { name, reqId } = message;
    const match = this.#tracker.match(name, reqId);
    if (match.status === "open") return match.settle(message);
    const want = reqId === undefined ? undefined : this.#tracker.kindOf(reqId);
    if (want !== undefined) throw EthProtocolError("WRONG_REPLY", { want, got: name });
    this.ignored[match.status]++;
  }

  async #takePlain(message: Message, handlers: EthHandlers): Promise<void> {
    switch (message.name) {
      case "newBlockHashes":
        return await handlers.newBlockHashes(message);
      case "newBlock":
        return await handlers.newBlock(message);
      case "transactions":
        return await handlers.transactions(message);
      case "newPooledTransactionHashes":
        return await handlers.newPooledTransactionHashes(message);
      case "blockRangeUpdate":
        this.#takeRange(message.body);
        return await handlers.blockRangeUpdate?.(message);
      case "status":
        throw EthProtocolError("EXTRA_STATUS");
      default:
        throw EthProtocolError("INVALID_CODE", { name: message.name });
    }
  }

  #takeRange(range: BlockRange): void {
    checkRange(range, range.latestHash);
    const latestHash = range.latestHash.slice();
    this.#range = { ...range, latestHash };
    this.#head = { hash: latestHash, number: range.latest };
  }

  /** Puts a request in line; resolves when there is room for the next. */
  async #owe(message: RequestMessage): Promise<void> {
    this.#owed.push(message);
    if (!this.#isAnswering) {
      this.#isAnswering = true;
      this.#answerAll().catch((error: unknown) => this.#failed.reject(error));
    }
    while (this.#owed.length >= limits.owedReplies) {
      this.#room = deferred();
      await this.#room.promise;
    }
  }

  async #answerAll(): Promise<void> {
    for (let message = this.#owed[0]; message !== undefined; message = this.#owed[0]) {
      const { name, reqId } = message;
      const reply = answers[name](this.#backend, message.body as never, this.version); // the body is that of the name
      const { code, payload } = this.#table.encodeRaw(this.#table.messages[name].reply, reply, { reqId });
      await this.#rw.writeMsg(code, payload);
      this.#owed.shift();
      this.#room?.resolve();
    }
    this.#isAnswering = false; // in the same step as the look: a request that comes after it begins anew
  }

  async #send<
    Name extends
      | "newBlock"
      | "newBlockHashes"
      | "transactions"
      | "newPooledTransactionHashes"
      | "blockRangeUpdate",
  >(name: Name, body: Extract<Message, { name: Name }>["body"]): Promise<void> {
    if (!hasMessage(this.version, name as EthMessageName))
      throw EthProtocolError("NOT_SPOKEN", { name, version: this.version });
    const { code, payload } = this.#table.encode(name, body as never); // the body is that of the name
    await this.#rw.writeMsg(code, payload);
  }

  /** What goes wrong in there is the peer's fault and ends it. */
  async #blaming<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof GlimError) this.drop(error);
      else this.#failed.reject(error);
      throw error;
    }
  }
}

/** Lets others run when an answer has kept this thread for a while. */
function pacer(clock: Clock): () => Promise<void> | undefined {
  const slice = turnsOf(clock).slice();
  return () => slice.giveWay();
}

/** @throws ETHP_TOO_MANY_ITEMS before anything of the body is made */
function checkCount({ name, rawBody }: Answer, asked: number): void {
  const reader = new RlpReader(rawBody);
  reader.enter();
  for (let count = 0; reader.pos < reader.end; count++) {
    if (count === asked) throw EthProtocolError("TOO_MANY_ITEMS", { name, asked });
    reader.next();
  }
}
