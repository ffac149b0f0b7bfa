import { headerRlp } from "#core/types";
import type { PrivateKey } from "#crypto";
import type { Host } from "#host";
import { type FlowParameters, ServerBuffer, type Ticket } from "#les/flowcontrol";
import {
  type Announce,
  type AnnounceType,
  canStop,
  type CostTable,
  LesError,
  lesTable,
  type LesVersion,
  type RequestName,
  requestCost,
  signAnnounce,
  txRelayCost,
} from "#les/protocol";
import type { MsgReadWriter, Peer } from "#p2p";
import { encodeAs, list, raw } from "#rlp";
import { type Deferred, deferred, GlimError } from "#util";
import { type AnnouncedHead, reorgDepth } from "./announced-head.ts";
import type { LesBackend } from "./backend.ts";
import { limits } from "./limits.ts";
import {
  type Answer,
  bodiesFor,
  codesFor,
  proofsFor,
  receiptsFor,
  type StateWindow,
  sendTxsFor,
  txStatusesFor,
} from "./serve.ts";
import { headersFor } from "./serve-headers.ts";
import type { ServingThrottle } from "./throttle.ts";

type Table = ReturnType<typeof lesTable>;
type Message = Extract<ReturnType<Table["decode"]>, { kind: "request" | "reply" | "plain" }>;

/** A request that was paid for and waits for its turn. */
interface Task {
  readonly message: Message;
  readonly ticket: Ticket;
}

const items = list(raw, { max: 1 << 20 });
const headerItems = list(headerRlp, { max: 1 << 20 });

/** A unit is a nanosecond of serving. */
const UNITS_PER_MS = 1_000_000;

/**
 * What serving costs by how busy the server is: a tenth of its time while nobody else wants it, so that a lone client gets ten times the
 * recharge it is promised. @see geth les/server.go:257@v1.11.6 (recharge curve)
 */
export const priceAt = (load: number): number => 0.1 + 0.9 * load;

export interface ConnectionOptions {
  readonly backend: LesBackend;
  readonly peer: Peer;
  readonly rw: MsgReadWriter;
  readonly version: LesVersion;
  readonly announceType: AnnounceType;
  /** The head that our status told. */
  readonly told: AnnouncedHead;
  readonly flow: FlowParameters;
  readonly costs: CostTable;
  /** Blocks back from the head whose state is served; 0 = all. */
  readonly recentState: number;
  readonly txRelay: boolean;
  readonly throttle: ServingThrottle;
  readonly host: Pick<Host, "clock" | "rand">;
  readonly nodeKey: PrivateKey;
  readonly onFrozen: (buffer: number) => void;
}

/** Items a request is priced by. One of nothing costs as one of one: no message is free. */
function itemCount(message: Message): number {
  const count = message.name === "getBlockHeaders" ? message.body.amount : (message.body as unknown[]).length; // every other request is a list
  return Math.max(1, count);
}

/**
 * One client after the handshake. Requests are paid for from its buffer the moment they arrive and answered one after the other;
 * a reply is made when the one before has left for the socket, so a client that does not read is owed one reply and no more.
 *
 *   serving → (overrun) frozen: stop sent, what waits is forgotten → (time, and an eighth of the buffer) resume sent, serving
 */
export class ClientConnection {
  readonly #options: ConnectionOptions;
  readonly #table: Table;
  readonly #buffer: ServerBuffer;
  readonly connectedAt: number;
  /** BOUNDED: limits.waitingRequests; reading stops there. */
  readonly #waiting: Task[] = [];
  readonly #failed: Deferred<never> = deferred();
  #room: Deferred<void> | undefined;
  #isWorking = false;
  #isFrozen = false;
  /** How often it was frozen: a request that was taken before the last time is not answered. */
  #freezes = 0;
  #messagesWhileFrozen = 0;
  #unknownBlocks = 0;
  #unknownSince: number;
  #told: AnnouncedHead;
  #isAnnouncing = false;
  /** Requests answered. */
  served = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#table = lesTable(options.version);
    const now = options.host.clock.now();
    this.#buffer = new ServerBuffer(options.flow, now);
    this.connectedAt = now;
    this.#unknownSince = now;
    this.#told = options.told;
  }

  get peer(): Peer {
    return this.#options.peer;
  }

  get version(): LesVersion {
    return this.#options.version;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  get flow(): FlowParameters {
    return this.#options.flow;
  }

  get costs(): CostTable {
    return this.#options.costs;
  }

  /** The last head this client was told of. */
  get told(): AnnouncedHead {
    return this.#told;
  }

  /** What the buffer holds now, cost units. */
  bufferValue(): number {
    return this.#buffer.value(this.#options.host.clock.now());
  }

  /** Seconds since the handshake. */
  connectedSeconds(): number {
    return (this.#options.host.clock.now() - this.connectedAt) / 1000;
  }

  /** Answers until the connection ends. @throws LES_*, P2P_*, RLP_* for what the client did wrong */
  async serve(signal: AbortSignal): Promise<void> {
    await Promise.race([this.#read(signal), this.#failed.promise]);
  }

  /**
   * Tells of the chain's head, if this client wants to know and its total difficulty is above what it was told last. While a client does
   * not read, heads are not queued: it is told of the newest when it does.
   */
  announceHead(): void {
    if (this.#isAnnouncing || this.#options.announceType === 0) return;
    this.#isAnnouncing = true;
    this.#announceHeads().catch((error: unknown) => this.#failed.reject(error));
  }

  async #announceHeads(): Promise<void> {
    const { rw, backend } = this.#options;
    const { chain } = backend;
    try {
      for (;;) {
        const { head } = chain;
        const td = chain.td(head.hash) ?? 0n;
        if (td <= this.#told.td) return;
        const reorg = BigInt(reorgDepth(chain, this.#told.header));
        this.#told = { header: head, td };
        const { code, payload } = this.#announcement(reorg);
        await rw.writeMsg(code, payload);
      }
    } catch (error) {
      if (!(error instanceof GlimError)) throw error;
      this.peer.log.debug("announcement not sent", { error }); // the connection is over
    } finally {
      this.#isAnnouncing = false; // in the same turn as the last look at the head: none can come in between
    }
  }

  #announcement(reorg: bigint): { readonly code: number; readonly payload: Uint8Array } {
    const { announceType, nodeKey } = this.#options;
    const { header, td } = this.#told;
    const announce: Announce = {
      hash: header.hash,
      number: header.number,
      td,
      reorgDepth: reorg,
      update: [],
    };
    return this.#table.encode("announce", announceType === 2 ? signAnnounce(announce, nodeKey) : announce);
  }

  async #read(signal: AbortSignal): Promise<void> {
    for await (const msg of this.#options.rw) {
      signal.throwIfAborted();
      const message = this.#table.decode(msg);
      if (message.name === "status") throw LesError("EXTRA_STATUS");
      if (message.kind !== "request") throw LesError("INVALID_CODE", { code: message.code });
      if (this.#isFrozen) this.#whileFrozen();
      else this.#take(message, signal);
      if (this.#waiting.length < limits.waitingRequests) continue;
      this.#room = deferred();
      await this.#room.promise;
    }
  }

  /** Charges the most a request may cost and lets it wait for its turn. @throws P2P_TOO_MANY_ITEMS, RLP_* */
  #take(message: Message, signal: AbortSignal): void {
    const { costs, flow, host } = this.#options;
    const name = message.name as RequestName; // kind "request" has only these names
    const count = itemCount(message);
    const maxCost =
      name === "sendTxV2"
        ? txRelayCost(costs, count, message.rawBody.length, flow.bufferLimit)
        : requestCost(costs, name, count, flow.bufferLimit);
    const ticket = this.#buffer.accept(maxCost, host.clock.now());
    if (ticket === undefined) {
      this.#overrun(maxCost, signal);
      return;
    }
    this.#waiting.push({ message, ticket });
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#work(signal).catch((error: unknown) => this.#failed.reject(error));
  }

  async #work(signal: AbortSignal): Promise<void> {
    try {
      for (let task = this.#next(); task !== undefined; task = this.#next())
        await this.#answerOne(task, signal);
    } finally {
      this.#isWorking = false; // in the same turn as the last look at the queue: nothing is left lying there
    }
  }

  #next(): Task | undefined {
    const task = this.#waiting.shift();
    this.#room?.resolve();
    this.#room = undefined;
    return task;
  }

  async #answerOne({ message, ticket }: Task, signal: AbortSignal): Promise<void> {
    const { throttle, host, rw } = this.#options;
    const freezes = this.#freezes;
    const { result, tookMs } = await throttle.run(() => this.#answer(message), signal);
    const realCost = Math.min(ticket.maxCost, Math.round(tookMs * UNITS_PER_MS * priceAt(throttle.load)));
    const bv = BigInt(this.#buffer.processed(ticket, realCost, host.clock.now()));
    if (freezes !== this.#freezes) return; // it was told not to expect an answer
    this.served++;
    const reply = this.#table.messages[message.name as RequestName].reply;
    const { code, payload } = this.#table.encodeRaw(reply, result, { reqId: message.reqId ?? 0n, bv });
    await rw.writeMsg(code, payload);
  }

  /** The reply's body, RLP. */
  async #answer(message: Message): Promise<Uint8Array> {
    const { backend, recentState, txRelay } = this.#options;
    const { chain } = backend;
    const window: StateWindow = { chain, recent: recentState };
    switch (message.name) {
      case "getBlockHeaders":
        return encodeAs(headerItems, headersFor(chain, message.body));
      case "getBlockBodies":
        return encodeAs(items, this.#counted(bodiesFor(chain, message.body)));
      case "getReceipts":
        return encodeAs(items, this.#counted(receiptsFor(chain, message.body)));
      case "getCode":
        return encodeAs(this.#table.messages.code.body, this.#counted(codesFor(window, message.body)));
      case "getProofsV2":
        return encodeAs(this.#table.messages.proofsV2.body, this.#counted(proofsFor(window, message.body)));
      case "getHelperTrieProofs":
        return encodeAs(this.#table.messages.helperTrieProofs.body, { nodes: [], aux: [] }); // a later issue
      case "sendTxV2":
        return encodeAs(this.#table.messages.txStatus.body, await sendTxsFor(backend, message.body, txRelay));
      case "getTxStatus":
        return encodeAs(this.#table.messages.txStatus.body, txStatusesFor(backend, message.body));
      default:
        throw LesError("INVALID_CODE", { code: message.code });
    }
  }

  /**
   * Books messages that ask for blocks nobody has: an honest client knows what it asks for, except about a reorg (LE-07).
   * @throws LES_REQUEST_REJECTED at one too many
   */
  #counted<T>({ body, unknownBlocks }: Answer<T>): T {
    if (unknownBlocks === 0) return body;
    const { clock } = this.#options.host;
    const forgiven = Math.floor((clock.now() - this.#unknownSince) / limits.forgiveAfterMs);
    this.#unknownSince += forgiven * limits.forgiveAfterMs;
    this.#unknownBlocks = Math.max(0, this.#unknownBlocks - forgiven) + 1;
    if (this.#unknownBlocks > limits.unknownBlocks)
      throw LesError("REQUEST_REJECTED", {
        reason: `${this.#unknownBlocks} requests for blocks that do not exist`,
      });
    return body;
  }

  #whileFrozen(): void {
    if (++this.#messagesWhileFrozen > limits.messagesWhileFrozen)
      throw LesError("REQUEST_REJECTED", { reason: "went on asking after it was told to stop" });
  }

  /** The client spent more than its buffer: from les/3 on it is told to stop for a while, before that it is dropped. */
  #overrun(maxCost: number, signal: AbortSignal): void {
    const { version, host, onFrozen } = this.#options;
    const now = host.clock.now();
    const buffer = this.#buffer.value(now);
    if (!canStop(version))
      throw LesError("REQUEST_REJECTED", {
        reason: `costs up to ${maxCost}, buffer holds ${Math.floor(buffer)}`,
      });
    this.#isFrozen = true;
    this.#freezes++;
    this.#messagesWhileFrozen = 0;
    for (const { ticket } of this.#waiting.splice(0)) this.#buffer.processed(ticket, 0, now);
    onFrozen(buffer);
    this.#write("stop", undefined);
    this.#thawLater(limits.freezeBaseMs + host.rand.float() * limits.freezeRandomMs, signal);
  }

  #thawLater(delayMs: number, signal: AbortSignal): void {
    const timer = this.#options.host.clock.after(delayMs, () => {
      signal.removeEventListener("abort", cancel);
      this.#thaw(signal);
    });
    const cancel = () => timer.cancel();
    signal.addEventListener("abort", cancel, { once: true });
  }

  /** @see geth les/peer.go:768@v1.11.6 */
  #thaw(signal: AbortSignal): void {
    const value = this.bufferValue();
    if (value <= this.flow.bufferLimit / 8) return this.#thawLater(limits.freezeCheckMs, signal);
    this.#isFrozen = false;
    this.#write("resume", BigInt(Math.floor(value)));
  }

  #write(name: "stop", body: undefined): void;
  #write(name: "resume", body: bigint): void;
  #write(name: "stop" | "resume", body: bigint | undefined): void {
    const { code, payload } = this.#table.encode(name, body as never); // the overloads pair them
    this.#options.rw.writeMsg(code, payload).catch((error: unknown) => this.#failed.reject(error));
  }
}
