import type { PrivateKey } from "#crypto";
import type { Host } from "#host";
import { type FlowParameters, ServerBuffer } from "#les/flowcontrol";
import {
  type AnnounceType,
  type Announce,
  canStop,
  type CostTable,
  LesError,
  lesTable,
  type LesVersion,
  type RequestName,
  requestCodes,
  requestCost,
  signAnnounce,
  txRelayCost,
} from "#les/protocol";
import type { MsgReadWriter, Peer } from "#p2p";
import { encodeAs, list, raw } from "#rlp";
import { headerRlp } from "#core/types";
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
type Message = ReturnType<Table["decode"]>;
type Request = Extract<Message, { kind: "request" | "reply" | "plain" }>;
type ReplyBody = Uint8Array;

const items = list(raw, { max: 1 << 20 });
const headerItems = list(headerRlp, { max: 1 << 20 });

export interface ConnectionOptions {
  readonly backend: LesBackend;
  readonly peer: Peer;
  readonly rw: MsgReadWriter;
  readonly version: LesVersion;
  readonly announceType: AnnounceType;
  readonly flow: FlowParameters;
  readonly costs: CostTable;
  /** Blocks back from the head whose state is served; 0 = all. */
  readonly recentState: number;
  readonly throttle: ServingThrottle;
  readonly host: Pick<Host, "clock" | "rand">;
  readonly nodeKey: PrivateKey;
  readonly onFrozen: (buffer: number) => void;
}

/** How many items a request stands for, for its price. */
function itemCount(message: Request): number {
  if (message.name === "getBlockHeaders") return message.body.amount;
  return Array.isArray(message.body) ? message.body.length : 1;
}

/** One client after the handshake: requests in order, paid for from its buffer, and announcements. */
export class ClientConnection {
  readonly #options: ConnectionOptions;
  readonly #table: Table;
  readonly #buffer: ServerBuffer;
  readonly connectedAt: number;
  #isFrozen = false;
  #messagesWhileFrozen = 0;
  #unknownBlocks = 0;
  #unknownSince: number;
  served = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#table = lesTable(options.version);
    const now = options.host.clock.now();
    this.#buffer = new ServerBuffer(options.flow, now);
    this.connectedAt = now;
    this.#unknownSince = now;
  }

  get peer(): Peer {
    return this.#options.peer;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  get flow(): FlowParameters {
    return this.#options.flow;
  }

  /** What the buffer holds now, cost units. */
  bufferValue(): number {
    return this.#buffer.value(this.#options.host.clock.now());
  }

  /** Seconds since the handshake. */
  connectedSeconds(): number {
    return (this.#options.host.clock.now() - this.connectedAt) / 1000;
  }

  /** Answers until the connection ends. @throws LES_* for what the client did wrong */
  async serve(signal: AbortSignal): Promise<void> {
    for await (const msg of this.#options.rw) {
      signal.throwIfAborted();
      const message = this.#table.decode(msg);
      if (message.name === "status") throw LesError("EXTRA_STATUS");
      if (message.kind !== "request") throw LesError("INVALID_CODE", { code: message.code });
      await this.#handle(message, signal);
    }
  }

  /** Tells of a new head, if this client wants to know. */
  async announce(announce: Announce): Promise<void> {
    const { announceType, rw, nodeKey } = this.#options;
    if (announceType === 0) return;
    const { code, payload } = this.#table.encode(
      "announce",
      announceType === 2 ? signAnnounce(announce, nodeKey) : announce,
    );
    await rw.writeMsg(code, payload);
  }

  async #handle(message: Request, signal: AbortSignal): Promise<void> {
    const name = message.name as RequestName; // kind "request" has only these names
    const { costs, flow, host, throttle, rw } = this.#options;
    if (this.#isFrozen) return this.#whileFrozen();
    const count = itemCount(message);
    if (count > requestCodes[name].maxItems)
      throw LesError("REQUEST_REJECTED", {
        reason: `${count} items, at most ${requestCodes[name].maxItems}`,
      });
    const maxCost =
      name === "sendTxV2"
        ? txRelayCost(costs, count, message.rawBody.length, flow.bufferLimit)
        : requestCost(costs, name, count, flow.bufferLimit);
    const ticket = this.#buffer.accept(maxCost, host.clock.now());
    if (ticket === undefined) return this.#overrun(maxCost, signal);
    const { result, tookMs } = await throttle.run(() => this.#answer(message), signal);
    const realCost = Math.min(maxCost, Math.round(tookMs * 1e6));
    const bv = BigInt(this.#buffer.processed(ticket, realCost, host.clock.now()));
    this.served++;
    const reply = this.#table.messages[name].reply;
    const { code, payload } = this.#table.encodeRaw(reply, result, { reqId: message.reqId ?? 0n, bv });
    await rw.writeMsg(code, payload);
  }

  async #answer(message: Request): Promise<ReplyBody> {
    const { backend, recentState } = this.#options;
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
        return encodeAs(this.#table.messages.txStatus.body, await sendTxsFor(backend, message.body));
      case "getTxStatus":
        return encodeAs(this.#table.messages.txStatus.body, txStatusesFor(backend, message.body));
      default:
        throw LesError("INVALID_CODE", { code: message.code });
    }
  }

  /** Books blocks that the client asked for and nobody has: an honest client knows what it asks for (LE-07). */
  #counted<T>({ body, unknownBlocks }: Answer<T>): T {
    if (unknownBlocks === 0) return body;
    const { clock } = this.#options.host;
    const forgiven = Math.floor((clock.now() - this.#unknownSince) / limits.forgiveAfterMs);
    this.#unknownSince += forgiven * limits.forgiveAfterMs;
    this.#unknownBlocks = Math.max(0, this.#unknownBlocks - forgiven) + unknownBlocks;
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
  async #overrun(maxCost: number, signal: AbortSignal): Promise<void> {
    const { version, rw, host } = this.#options;
    const buffer = this.#buffer.value(host.clock.now());
    if (!canStop(version))
      throw LesError("REQUEST_REJECTED", {
        reason: `costs up to ${maxCost}, buffer holds ${Math.floor(buffer)}`,
      });
    this.#isFrozen = true;
    this.#messagesWhileFrozen = 0;
    this.#buffer.charge(maxCost, host.clock.now());
    this.#options.onFrozen(buffer);
    const { code, payload } = this.#table.encode("stop", undefined);
    await rw.writeMsg(code, payload);
    this.#thawLater(limits.freezeBaseMs + host.rand.float() * limits.freezeRandomMs, signal);
  }

  #thawLater(delayMs: number, signal: AbortSignal): void {
    const timer = this.#options.host.clock.after(delayMs, () => {
      signal.removeEventListener("abort", cancel);
      void this.#thaw(signal);
    });
    const cancel = () => timer.cancel();
    signal.addEventListener("abort", cancel, { once: true });
  }

  async #thaw(signal: AbortSignal): Promise<void> {
    const value = this.bufferValue();
    if (value < 0) return this.#thawLater(limits.freezeCheckMs, signal);
    this.#isFrozen = false;
    const { code, payload } = this.#table.encode("resume", BigInt(Math.floor(value)));
    await this.#options.rw.writeMsg(code, payload).catch(() => {}); // gone meanwhile: its run ends by itself
  }
}
