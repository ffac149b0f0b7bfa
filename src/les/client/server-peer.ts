import { type Clock, Deadlines, type Timer } from "#host";
import type { Logger } from "#log";
import { ClientEstimate } from "#les/flowcontrol";
import {
  type Announce,
  checkAnnounceSignature,
  checkTd,
  type CostTable,
  LesError,
  lesLimits,
  lesTable,
  type LesVersion,
  readFlowUpdate,
  type RequestName,
  requestCost,
  type ServerStatus,
  txRelayCost,
} from "#les/protocol";
import { type Msg, type MsgReadWriter, type Peer, reasonName } from "#p2p";
import { fromHex, type GlimError } from "#util";
import { clientLimits } from "./limits.ts";

/** Head of a server's chain, as it claims. */
export interface RemoteHead {
  readonly hash: Uint8Array;
  readonly number: number;
  readonly td: bigint;
}

/** What became of a request. `soft`: no answer yet, ask another server too; a `reply` or `lost` follows. */
export type Outcome =
  | { readonly type: "reply"; readonly body: unknown }
  | { readonly type: "soft" }
  | { readonly type: "lost"; readonly error: GlimError };

interface Sent {
  readonly id: number;
  readonly name: RequestName;
  readonly reply: string;
  readonly items: number;
  readonly sentAt: number;
  /** Runs once the soft timeout is over. */
  hard: Timer | undefined;
  readonly settle: (outcome: Outcome) => void;
}

export interface ServerPeerEvents {
  announced(server: ServerPeer, announce: Announce): void;
  /** Something may be sent again: a reply came, the server resumed, its parameters changed. */
  ready(server: ServerPeer): void;
}

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

const replyNames: Readonly<Record<RequestName, string>> = {
  getBlockHeaders: "blockHeaders",
  getBlockBodies: "blockBodies",
  getReceipts: "receipts",
  getCode: "code",
  getProofsV2: "proofsV2",
  getHelperTrieProofs: "helperTrieProofs",
  sendTxV2: "txStatus",
  getTxStatus: "txStatus",
};

/**
 * One connected LES server: its head, its buffer, what we asked it. Replies are matched by id and kind; what is left is counted, and the
 * 51st ends the connection. Not here: whom to ask, whether an answer is true.
 */
export class ServerPeer {
  readonly peer: Peer;
  readonly version: LesVersion;
  readonly status: ServerStatus;
  readonly connectedAt: number;
  readonly #rw: MsgReadWriter;
  readonly #table: ReturnType<typeof lesTable>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #events: ServerPeerEvents;
  readonly #signedAnnounces: boolean;
  /** By request id. BOUNDED: the retriever keeps at most a few messages in flight per server. Emptied: reply, timeout, stop, end. */
  readonly #sent = new Map<number, Sent>();
  readonly #softDeadlines: Deadlines<Sent>;
  readonly #flow: ClientEstimate;
  #costs: CostTable;
  #head: RemoteHead;
  #nextId = 1;
  #lastSentAt = 0;
  #frozen: Timer | undefined;
  #isOver = false;
  #updateBytes = 0;
  #updateAt = 0;
  /** Exponential mean of the time to answer, milliseconds. */
  latencyMs = 50;
  badReplies = 0;
  softTimeouts = 0;
  requests = 0;
  replies = 0;

  constructor(options: {
    readonly peer: Peer;
    readonly rw: MsgReadWriter;
    readonly version: LesVersion;
    readonly status: ServerStatus;
    readonly clock: Clock;
    readonly log: Logger;
    readonly signedAnnounces: boolean;
    readonly events: ServerPeerEvents;
  }) {
    const { peer, rw, version, status, clock, log, events } = options;
    this.peer = peer;
    this.version = version;
    this.status = status;
    this.connectedAt = clock.now();
    this.#rw = rw;
    this.#table = lesTable(version);
    this.#clock = clock;
    this.#softDeadlines = new Deadlines(clock, clientLimits.softTimeoutMs, (sent) => this.#soft(sent));
    this.#log = log;
    this.#events = events;
    this.#signedAnnounces = options.signedAnnounces;
    this.#costs = status.costs;
    this.#flow = new ClientEstimate(status, clock.now());
    checkHead({ number: status.headNumber, td: status.headTd });
    this.#head = { hash: status.headHash, number: status.headNumber, td: status.headTd };
  }

  /** Names this connection: the same node has another name when it comes again. */
  get name(): string {
    return `${this.peer.id}@${this.connectedAt}`;
  }

  get head(): RemoteHead {
    return this.#head;
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get inFlight(): number {
    return this.#sent.size;
  }

  /** Buffer now and its limit, in cost units. */
  get buffer(): { readonly value: number; readonly limit: number } {
    return { value: this.#flow.value(this.#clock.now()), limit: this.#flow.params.bufferLimit };
  }

  /** Blocks it serves; both ends inclusive. @see geth les/peer.go:565@v1.11.6 */
  range(what: "chain" | "state"): { readonly from: number; readonly to: number } {
    const { status } = this;
    const since = (what === "state" ? status.serveStateSince : status.serveChainSince) ?? 0;
    const recent = what === "state" ? status.serveRecentState : status.serveRecentChain;
    return {
      from: recent === 0 ? since : Math.max(since, this.#head.number - recent + 1, 0),
      to: this.#head.number,
    };
  }

  /** Milliseconds until a request of n items may go; Infinity: not before something else happens. */
  waitMs(name: RequestName, items: number, now = this.#clock.now()): number {
    if (this.#isOver || this.#frozen !== undefined) return Number.POSITIVE_INFINITY;
    if (this.#sent.size >= clientLimits.messagesInFlight) return Number.POSITIVE_INFINITY;
    return this.#flow.waitMs(requestCost(this.#costs, name, items, this.#flow.params.bufferLimit), now);
  }

  /** Milliseconds that `queued` requests should wait for company: none if nothing is in flight or enough have gathered. */
  gatherMs(queued: number, now = this.#clock.now()): number {
    if (this.#sent.size === 0 || queued >= clientLimits.gatherItems) return 0;
    const { min, max } = clientLimits.gatherMs;
    const companyMs = Math.min(max, Math.max(min, this.latencyMs));
    return Math.max(0, this.#lastSentAt + companyMs - now);
  }

  /** Most items of a request that the buffer has room for now; at least one if `waitMs(name, 1)` is 0. */
  affordable(name: RequestName, most: number, now = this.#clock.now()): number {
    const { base, perItem } = this.#costs[name];
    if (perItem === 0) return most;
    const room = this.#flow.value(now) - base - this.#flow.params.minRecharge;
    return Math.max(1, Math.min(most, Math.floor(room / perItem)));
  }

  /**
   * Sends a request whose body is encoded already. `settle` hears `soft` at most once and then exactly one `reply` or `lost`.
   * A failing write is not reported: the connection's end is.
   */
  send(name: RequestName, rawBody: Uint8Array, items: number, settle: (outcome: Outcome) => void): void {
    const now = this.#clock.now();
    const id = this.#nextId++;
    this.#lastSentAt = now;
    const { bufferLimit } = this.#flow.params;
    const cost =
      name === "sendTxV2"
        ? txRelayCost(this.#costs, items, rawBody.length, bufferLimit)
        : requestCost(this.#costs, name, items, bufferLimit);
    this.#flow.sent(id, cost, now);
    const sent: Sent = { id, name, reply: replyNames[name], items, sentAt: now, hard: undefined, settle };
    this.#sent.set(id, sent);
    this.#softDeadlines.add(sent, now);
    this.requests++;
    const { code, payload } = this.#table.encodeRaw(name, rawBody, { reqId: BigInt(id) });
    this.#rw.writeMsg(code, payload).catch(() => {});
  }

  /**
   * A message from the server.
   * @throws LES_*, P2P_*, RLP_*: it ends the connection with the error's reason.
   */
  receive(msg: Msg): void {
    if (msg.size > lesLimits.messageBytes)
      throw LesError("MESSAGE_TOO_LARGE", { bytes: msg.size, max: lesLimits.messageBytes });
    const message = this.#table.decode(msg);
    switch (message.name) {
      case "announce":
        this.#announce(message.body);
        return;
      case "stop":
        this.#stop();
        return;
      case "resume":
        this.#resume(Number(message.body));
        return;
      case "status":
        throw LesError("EXTRA_STATUS");
      case "blockHeaders":
      case "blockBodies":
      case "receipts":
      case "code":
      case "proofsV2":
      case "helperTrieProofs":
      case "txStatus":
        this.#reply(message.name, message.reqId ?? 0n, message.bv ?? 0n, () => message.body);
        return;
      default:
        throw LesError("INVALID_CODE", { code: msg.code });
    }
  }

  /** One more unusable reply. @throws LES_TOO_MANY_BAD_RESPONSES at the 51st */
  countBadReply(): void {
    this.badReplies++;
    if (this.badReplies > clientLimits.badReplies)
      throw LesError("TOO_MANY_BAD_RESPONSES", { count: this.badReplies });
  }

  /** Ends the connection from our side: a lie, a timeout. */
  drop(error: GlimError): void {
    if (this.#isOver) return;
    this.#log.debug("server dropped", { code: error.code });
    this.peer.disconnect(reasonName(error.disconnect ?? 0x10) ?? "subprotocol");
    this.end(error);
  }

  /** The connection is over: whatever is in flight is lost. Twice is fine. */
  end(error: GlimError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#frozen?.cancel();
    this.#loseAll(error);
    this.#softDeadlines.close();
  }

  #reply(name: string, reqId: bigint, bv: bigint, body: () => unknown): void {
    const id = reqId <= LARGEST ? Number(reqId) : -1;
    const sent = this.#sent.get(id);
    if (sent === undefined || sent.reply !== name) {
      this.countBadReply();
      return;
    }
    const now = this.#clock.now();
    this.#sent.delete(id);
    this.#stopTimers(sent);
    this.#flow.replied(id, Number(bv > LARGEST ? LARGEST : bv), now);
    this.replies++;
    this.latencyMs += (now - sent.sentAt - this.latencyMs) * 0.1;
    let decoded: unknown;
    try {
      decoded = body();
    } catch (cause) {
      const error = LesError("INVALID_RESPONSE", { reason: `${name} does not decode` }, { cause });
      sent.settle({ type: "lost", error });
      throw error;
    }
    sent.settle({ type: "reply", body: decoded });
    this.#events.ready(this);
  }

  #stopTimers(sent: Sent): void {
    this.#softDeadlines.delete(sent);
    sent.hard?.cancel();
  }

  #soft(sent: Sent): void {
    this.softTimeouts++;
    this.latencyMs += (clientLimits.softTimeoutMs * 2 - this.latencyMs) * 0.2;
    sent.hard = this.#clock.after(clientLimits.hardTimeoutMs, () => this.#hard(sent));
    sent.settle({ type: "soft" });
  }

  #hard(sent: Sent): void {
    if (!this.#sent.has(sent.id)) return;
    const timeoutMs = clientLimits.softTimeoutMs + clientLimits.hardTimeoutMs;
    this.drop(LesError("REQUEST_TIMEOUT", { message: sent.name, timeoutMs }));
  }

  #announce(announce: Announce): void {
    checkTd(announce.td);
    this.#checkUpdateRate(announce);
    const { flow, costs } = readFlowUpdate(announce.update, this.#costs);
    if (costs !== undefined) this.#costs = costs;
    if (flow !== undefined) this.#flow.update(flow, this.#clock.now());
    if (!announce.hash.every((byte) => byte === 0)) {
      if (this.#signedAnnounces) checkAnnounceSignature(announce, fromHex(`0x${this.peer.id}`));
      checkHead(announce);
      if (announce.td <= this.#head.td)
        throw LesError("BAD_ANNOUNCE", { reason: "total difficulty does not rise" });
      this.#head = { hash: new Uint8Array(announce.hash), number: announce.number, td: announce.td };
      this.#events.announced(this, announce);
    }
    this.#events.ready(this);
  }

  /** 100,000 bytes of updates, and 100 more per second. @see geth les/peer.go:391@v1.11.6 */
  #checkUpdateRate(announce: Announce): void {
    const now = this.#clock.now();
    this.#updateBytes = Math.max(0, this.#updateBytes - (now - this.#updateAt) / 10);
    this.#updateAt = now;
    for (const { key, value } of announce.update) this.#updateBytes += key.length + value.length + 8;
    if (this.#updateBytes > lesLimits.updateBytes)
      throw LesError("UPDATE_TOO_LARGE", { bytes: Math.ceil(this.#updateBytes) });
  }

  /** The server cancels what it has not answered and wants silence. */
  #stop(): void {
    this.#log.debug("server stopped us");
    this.#frozen?.cancel();
    this.#frozen = this.#clock.after(clientLimits.frozenMs, () =>
      this.drop(LesError("REQUEST_TIMEOUT", { message: "resume", timeoutMs: clientLimits.frozenMs })),
    );
    this.#loseAll(LesError("REQUEST_REJECTED", { reason: "the server stopped us" }));
  }

  #resume(bufferValue: number): void {
    this.#frozen?.cancel();
    this.#frozen = undefined;
    // without a stop before it, a resume is a mere update; what is in flight stays in flight
    this.#flow.resumed(bufferValue, this.#clock.now(), this.#sent.keys());
    this.#events.ready(this);
  }

  #loseAll(error: GlimError): void {
    const lost = [...this.#sent.values()];
    this.#sent.clear();
    for (const sent of lost) {
      this.#stopTimers(sent);
      sent.settle({ type: "lost", error });
    }
  }
}

/** Every block of a chain that les serves has a difficulty of 1 at least: a number far ahead of its total difficulty is made up. */
function checkHead({ number, td }: { readonly number: number; readonly td: bigint }): void {
  if (td < BigInt(number))
    throw LesError("BAD_ANNOUNCE", { reason: "total difficulty below the number of blocks" });
}
