import { toHex } from "#util";
import { busy } from "./admission.ts";
import { runBatch } from "./batch.ts";
import { Context } from "./context.ts";
import { expectedError, type RpcErrorObject, RpcError, rpcCodes } from "./errors.ts";
import { budgetOf, scanJson } from "./json.ts";
import { errorText, type Incoming, parseErrorText, readMessage, refusalText, resultText } from "./message.ts";
import { callerOf, type ConnectionInfo, type Method } from "./method.ts";
import type { RpcServer } from "./server.ts";
import { SubscriptionSet } from "./subscriptions.ts";

/** An answer that is not there yet. `abort` is for a client that left: handlers see it on their signal. */
export interface PendingAnswer {
  readonly text: Promise<string | undefined>;
  abort(): void;
}

/** What became of a message on a two-way connection: `broken` means not JSON, so the transport closes. */
export type Received = "ok" | "broken";

/** An item ready to run. */
export interface Job {
  readonly id: string | undefined;
  /** May run beside its neighbours in a batch. */
  readonly isConcurrent: boolean;
  /** The reply's text, undefined for a notification. Never throws, never rejects. */
  run(): string | undefined | Promise<string | undefined>;
}

/** One client's end of an {@link RpcServer}: reads its texts, runs what they ask, holds its subscriptions. */
export class RpcConnection implements Disposable {
  readonly info: ConnectionInfo;
  readonly #server: RpcServer;
  readonly #send: ((text: string) => void) | undefined;
  readonly #onClose: () => void;
  readonly #subscriptions: SubscriptionSet;
  /** Whose turn it is: HTTP has a connection of ours for each request, of one client's socket. */
  readonly #owner: unknown;
  /** Of two-way connections; HTTP makes one a message. */
  readonly #context: Context;
  #isClosed = false;

  constructor(
    server: RpcServer,
    info: ConnectionInfo,
    send: ((text: string) => void) | undefined,
    onClose: () => void,
  ) {
    this.#server = server;
    this.info = info;
    this.#send = send;
    this.#onClose = onClose;
    this.#context = new Context(info);
    this.#owner = info.transport === "http" ? info.remote : this;
    this.#subscriptions = new SubscriptionSet(server, info, send);
  }

  /**
   * One-way form (HTTP): the reply to one message, undefined if there is none to give. Over `timeoutMs` each call
   * without a result gets −32002.
   */
  answer(text: string, timeoutMs?: number): string | undefined | PendingAnswer {
    const context = new Context(this.info);
    const reply = this.#inTurn(context, () => this.#reply(text, context, [], timeoutMs !== undefined));
    if (!(reply instanceof Promise)) return reply;
    const abort = () => context.leave();
    if (timeoutMs === undefined) return { text: reply, abort };
    const deadlines = this.#server.deadlines(timeoutMs);
    deadlines.add(context);
    const timed = reply.then((done) => {
      deadlines.delete(context);
      return done;
    });
    return { text: timed, abort };
  }

  /** Two-way form: sends the reply itself, then lets the notifications of new subscriptions out. */
  receive(text: string): Received | Promise<Received> {
    const releases: (() => void)[] = [];
    const reply = this.#inTurn(this.#context, () => this.#reply(text, this.#context, releases, false));
    if (reply instanceof Promise) return reply.then((one) => this.#finish(one, releases));
    return this.#finish(reply, releases);
  }

  #finish(reply: string | undefined, releases: readonly (() => void)[]): Received {
    if (!this.#isClosed && reply !== undefined) this.#send?.(reply);
    for (const release of releases) release();
    return reply === parseErrorText ? "broken" : "ok";
  }

  /** At once, or when it is this client's turn: many messages share the turns of the event loop (RP-19). */
  #inTurn(
    context: Context,
    reply: () => string | undefined | Promise<string | undefined>,
  ): string | undefined | Promise<string | undefined> {
    const { turns } = this.#server;
    if (turns.mayBegin()) return reply();
    return new Promise((resolve) =>
      turns.begin(this.#owner, () => resolve(context.hasLeft ? undefined : reply())),
    );
  }

  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Aborts what runs and ends every subscription. Twice is fine. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#context.leave();
    this.#subscriptions.close();
    this.#onClose();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #reply(
    text: string,
    context: Context,
    releases: (() => void)[],
    isTimed: boolean,
  ): string | undefined | Promise<string | undefined> {
    const { limits } = this.#server;
    const refusal = scanJson(text, budgetOf(limits));
    if (refusal !== undefined) return refusalText(refusal);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return parseErrorText;
    }
    if (!Array.isArray(value)) return this.#run(readMessage(value, limits), context, releases, isTimed);
    const job = (one: unknown): Job => {
      const incoming = readMessage(one, limits);
      const isInvalid = incoming.kind === "invalid";
      return {
        id: incoming.kind === "notification" ? undefined : incoming.id,
        isConcurrent: isInvalid || (this.#server.method(incoming.method)?.isConcurrent ?? false),
        run: () => this.#run(incoming, context, releases, isTimed),
      };
    };
    return runBatch(value, job, limits, this.#server.turns);
  }

  #run(
    incoming: Incoming,
    context: Context,
    releases: (() => void)[],
    isTimed: boolean,
  ): string | undefined | Promise<string | undefined> {
    if (incoming.kind === "invalid")
      return errorText(incoming.id, { code: rpcCodes.invalidRequest, message: incoming.why });
    const { method: name, params } = incoming;
    const id = incoming.kind === "call" ? incoming.id : undefined;
    const found = this.#server.method(name);
    try {
      const result = this.#invoke(name, params, found, context, releases);
      if (!(result instanceof Promise)) return id === undefined ? undefined : this.#success(id, result);
      const timed = isTimed ? context.orExpired(result) : result;
      return timed.then(
        (text) => (id === undefined ? undefined : this.#success(id, text)),
        (error: unknown) => this.#failure(id, name, error),
      );
    } catch (error) {
      return this.#failure(id, name, error);
    }
  }

  #invoke(
    name: string,
    params: unknown,
    found: Method | undefined,
    context: Context,
    releases: (() => void)[],
  ): string | Promise<string> {
    if (this.#server.isClosed) throw new RpcError(rpcCodes.failed, "server is shutting down");
    const list: unknown = params ?? [];
    if (found === undefined) {
      const split = /^([a-zA-Z0-9]+)_(subscribe|unsubscribe)$/.exec(name);
      if (split?.[1] === undefined) throw notFound(name);
      if (!Array.isArray(list)) throw new RpcError(rpcCodes.invalidParams, "non-array args");
      if (split[2] === "unsubscribe") return this.#subscriptions.remove(list);
      return this.#subscriptions.open(split[1], list, releases);
    }
    if (!Array.isArray(list)) throw new RpcError(rpcCodes.invalidParams, "non-array args");
    return found.isHeavy ? this.#callHeavy(found, list, context) : found.call(list, context);
  }

  async #callHeavy(found: Method, params: readonly unknown[], context: Context): Promise<string> {
    const { heavy } = this.#server;
    const place = heavy.enter(callerOf(this.info));
    if (place === "refused") throw busy();
    await place;
    try {
      context.throwIfOver(); // whoever asked may have left while waiting
      return await found.call(params, context);
    } finally {
      heavy.leave();
    }
  }

  #success(id: string, result: string): string {
    const { replyBytes } = this.#server.limits;
    if (result.length * 3 > replyBytes && Buffer.byteLength(result) > replyBytes) {
      return errorText(id, {
        code: rpcCodes.tooLarge,
        message: `response too large: more than ${replyBytes} bytes`,
      });
    }
    return resultText(id, result);
  }

  #failure(id: string | undefined, name: string, error: unknown): string | undefined {
    const told: RpcErrorObject = expectedError(error) ?? this.#unexpected(name, error);
    return id === undefined ? undefined : errorText(id, told);
  }

  /** The client gets an id, the log gets the rest: texts of unexpected errors may hold paths or secrets. */
  #unexpected(name: string, error: unknown): RpcErrorObject {
    const id = toHex(this.#server.host.entropy.bytes(6)).slice(2);
    this.#server.log.error("rpc method failed", {
      method: name,
      id,
      error,
      stack: error instanceof Error ? error.stack : undefined,
    });
    return { code: rpcCodes.internal, message: `internal error, id ${id}` };
  }
}

function notFound(name: string): RpcError {
  return new RpcError(rpcCodes.methodNotFound, `the method ${name} does not exist/is not available`);
}
