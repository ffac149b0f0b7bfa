import type { Clock, Timer } from "#host";
import { type Deferred, deferred, onAbort } from "#util";
import { P2pError } from "./errors.ts";
import type { MsgReadWriter } from "./protocol.ts";
import { RequestTracker } from "./tracker.ts";
import type {
  BodyOf,
  CallOptions,
  HandlerContext,
  Handlers,
  Messages,
  Reply,
  Session,
  SessionOptions,
  WireMessage,
  WireTable,
} from "./wire-types.ts";

/** Handlers at work for one peer at once, which bounds replies owed to it (attacks-and-faults §3.2, BP-10). */
const MAX_HANDLERS = 4;
/** Messages kept for `receive` or for a free handler before reading stops, and their bytes. */
const MAX_INBOX = 16;
const MAX_INBOX_BYTES = 2 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;

type Handler = (body: unknown, context: HandlerContext) => unknown;

/** Opens a conversation; see `Session`. */
export function openSession<M extends Messages>(
  table: WireTable<M>,
  rw: MsgReadWriter,
  options: SessionOptions,
): Session<M> {
  const engine = new SessionEngine(table, rw, options);
  return {
    send: (name, body) => engine.write(name, body),
    receive: <N extends keyof M & string>(name: N, call?: CallOptions) =>
      engine.receive(name, call) as Promise<BodyOf<M, N>>, // decoded by the row of that name
    request: async (name, body, call) => (await engine.exchange(name, body, call)).body as never, // decoded by the reply's row
    exchange: async (name, body, call) => (await engine.exchange(name, body, call)) as never, // the same
    serve: (handlers: Handlers<M>) => engine.serve(handlers as Readonly<Record<string, Handler>>), // keyed by the table's names
    get pendingRequests() {
      return engine.pendingRequests;
    },
  };
}

/**
 * One reader, three kinds of readers waiting: replies go to the tracker, messages to `receive` or, once `serve` runs, to
 * handlers. Reading stops (so the peer feels it) while the inbox is full.
 */
class SessionEngine<M extends Messages> {
  readonly #table: WireTable<M>;
  readonly #rw: MsgReadWriter;
  readonly #options: SessionOptions;
  readonly #clock: Clock | undefined;
  readonly #tracker: RequestTracker<Reply<unknown>> | undefined;
  readonly #ended = deferred<never>();
  /** BOUNDED: MAX_INBOX, and by bytes MAX_INBOX_BYTES and one message. */
  readonly #inbox: WireMessage[] = [];
  #handlers: Readonly<Record<string, Handler>> | undefined;
  #running = 0;
  #receiver: Deferred<WireMessage> | undefined;
  #room: Deferred<void> | undefined;
  #isReading = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(table: WireTable<M>, rw: MsgReadWriter, options: SessionOptions) {
    this.#table = table;
    this.#rw = rw;
    this.#options = options;
    this.#clock = options.clock ?? rw.clock;
    if (this.#clock !== undefined) this.#tracker = new RequestTracker({ clock: this.#clock });
    const { signal } = options;
    if (signal.aborted) this.#fail(signal.reason);
    else this.#ended.promise.catch(onAbort(signal, (reason) => this.#fail(reason)));
  }

  get pendingRequests(): number {
    return this.#tracker?.size ?? 0;
  }

  async write(name: keyof M & string, body: unknown): Promise<void> {
    this.#throwIfOver();
    const { code, payload } = this.#table.encode(name, body as BodyOf<M, typeof name>); // typed at Session
    await this.#rw.writeMsg(code, payload);
  }

  async receive(name: string, { timeoutMs, signal }: CallOptions = {}): Promise<unknown> {
    this.#throwIfOver();
    if (this.#receiver !== undefined || this.#handlers !== undefined)
      throw P2pError("MISUSE", { problem: "receive while somebody else reads" });
    const first = this.#inbox.shift();
    const message = first ?? (await this.#waitForMessage(name, timeoutMs, signal));
    this.#room?.resolve();
    if (message.name !== name)
      throw this.#fail(P2pError("UNEXPECTED_MESSAGE", { got: message.name, want: name }));
    return this.#guard(() => message.body);
  }

  async #waitForMessage(
    name: string,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<WireMessage> {
    signal?.throwIfAborted();
    const receiver = deferred<WireMessage>();
    this.#receiver = receiver;
    this.#startReading();
    const giveUp = (error: unknown): void => {
      if (this.#receiver === receiver) this.#receiver = undefined; // what comes now is for the next
      receiver.reject(error);
    };
    let timer: Timer | undefined;
    if (timeoutMs !== undefined)
      timer = this.#needClock().after(timeoutMs, () =>
        giveUp(P2pError("RECEIVE_TIMEOUT", { name, timeoutMs })),
      );
    const release = signal === undefined ? undefined : onAbort(signal, giveUp);
    try {
      return await receiver.promise;
    } finally {
      timer?.cancel();
      release?.();
      if (this.#receiver === receiver) this.#receiver = undefined;
    }
  }

  async exchange(
    name: keyof M & string,
    body: unknown,
    { timeoutMs, signal }: CallOptions = {},
  ): Promise<Reply<unknown>> {
    this.#throwIfOver();
    signal?.throwIfAborted();
    this.#needClock();
    const reply = this.#table.messages[name]?.reply;
    if (reply === undefined || this.#tracker === undefined)
      throw P2pError("MISUSE", { problem: `${name} has no reply` });
    const limit = timeoutMs ?? this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    const ticket = this.#tracker.open(reply, limit);
    const release = signal === undefined ? undefined : onAbort(signal, (reason) => ticket.abandon(reason));
    try {
      const { code, payload } = this.#table.encode(name, body as BodyOf<M, typeof name>, {
        reqId: ticket.id,
      }); // typed at Session
      this.#startReading();
      // not awaited before the promise: the reply may fail first; a write error ends the session and with it the ticket
      this.#rw.writeMsg(code, payload).catch((error: unknown) => ticket.abandon(error));
      return await ticket.promise;
    } catch (error) {
      ticket.abandon(error);
      throw error;
    } finally {
      release?.();
    }
  }

  async serve(handlers: Readonly<Record<string, Handler>>): Promise<void> {
    this.#throwIfOver();
    this.#handlers = handlers;
    this.#startReading();
    this.#dispatch();
    await this.#ended.promise;
  }

  #startReading(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#read().catch((error: unknown) => this.#fail(error));
  }

  async #read(): Promise<void> {
    while (this.#failure === undefined) {
      const msg = await this.#rw.readMsg();
      const message: WireMessage = this.#table.decode(msg);
      if (message.kind === "reply") this.#takeReply(message);
      else await this.#takeMessage(message);
    }
  }

  /** Hands a message to who waits for one, or keeps it; returns when there is room for the next. */
  async #takeMessage(message: WireMessage): Promise<void> {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (receiver !== undefined) return receiver.resolve(message);
    this.#inbox.push(message);
    this.#dispatch();
    while (this.#isFull() && this.#failure === undefined) {
      this.#room = deferred<void>();
      await this.#room.promise; // resolved by the end as well
    }
  }

  #isFull(): boolean {
    const bytes = this.#inbox.reduce((sum, { size }) => sum + size, 0);
    return this.#inbox.length >= MAX_INBOX || bytes >= MAX_INBOX_BYTES;
  }

  #takeReply(message: WireMessage): void {
    const match = this.#tracker?.match(message.name, message.reqId);
    if (match?.status === "late") return; // its asker has been told already
    if (match?.status !== "open") throw P2pError("UNASKED_REPLY", { name: message.name });
    try {
      const { reqId, bv, size, receivedAt } = message;
      match.settle({ body: message.body, reqId, bv, size, elapsedMs: receivedAt - match.sentAt });
    } catch (error) {
      match.fail(error);
      throw error;
    }
  }

  /** Gives waiting messages to free handlers. */
  #dispatch(): void {
    const handlers = this.#handlers;
    if (handlers === undefined) return;
    while (this.#running < MAX_HANDLERS && this.#failure === undefined) {
      const message = this.#inbox.shift();
      if (message === undefined) break;
      const handler = Object.hasOwn(handlers, message.name) ? handlers[message.name] : undefined;
      if (handler === undefined) {
        this.#fail(P2pError("UNEXPECTED_MESSAGE", { got: message.name }));
        return;
      }
      this.#running++;
      this.#answer(handler, message)
        .catch((error: unknown) => this.#fail(error))
        .finally(() => {
          this.#running--;
          this.#dispatch();
        });
    }
    this.#room?.resolve();
  }

  async #answer(handler: Handler, message: WireMessage): Promise<void> {
    const { reqId, size, receivedAt } = message;
    const result = await handler(message.body, { reqId, size, receivedAt, signal: this.#options.signal });
    if (message.kind !== "request" || this.#failure !== undefined) return;
    const reply = this.#table.messages[message.name]?.reply ?? "";
    const bv = this.#options.bufferValue?.(message);
    const { code, payload } = this.#table.encode(reply, result as BodyOf<M, string>, { reqId, bv }); // the handler's type says so
    await this.#rw.writeMsg(code, payload);
  }

  #guard<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Ends the session for everybody who waits. Returns the error for throwing. */
  #fail(error: unknown): unknown {
    if (this.#failure !== undefined) return error;
    this.#failure = { error };
    this.#inbox.length = 0;
    this.#receiver?.reject(error);
    this.#room?.resolve();
    this.#tracker?.close(error);
    this.#ended.reject(error);
    return error;
  }

  #throwIfOver(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #needClock(): Clock {
    if (this.#clock === undefined) throw P2pError("NO_CLOCK");
    return this.#clock;
  }
}
