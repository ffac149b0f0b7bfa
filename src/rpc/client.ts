import { Feed } from "#event";
import type { Clock } from "#host";
import { nodeHost } from "#host/node";
import { type Deferred, deferred } from "#util";
import {
  type Channel,
  type Duplex,
  disconnected,
  httpChannel,
  inProcessChannel,
  ipcChannel,
  wsChannel,
} from "./channels.ts";
import { RpcError, rpcCodes } from "./errors.ts";
import { RpcSetupError } from "./listen.ts";
import type { RpcServer } from "./server.ts";

/** EIP-1193's request arguments. */
export interface RpcRequest {
  readonly method: string;
  readonly params?: readonly unknown[] | Readonly<Record<string, unknown>> | undefined;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the request is given up with −32002; no limit unless told. */
  readonly timeoutMs?: number | undefined;
}

/** EIP-1193's `message` event. */
export interface ProviderMessage {
  readonly type: string;
  readonly data: unknown;
}

interface ProviderEvents {
  /** A notification: `{ type: "eth_subscription", data: { subscription, result } }`. */
  message: ProviderMessage;
  /** The connection was lost; the next request connects again, subscriptions are over. */
  disconnect: RpcError;
}

/** Most notifications waiting for the reader of one subscription; past it the subscription ends with an error (geth). */
const SUBSCRIPTION_QUEUE = 20_000;

/**
 * A JSON-RPC client, and an EIP-1193 provider: viem's `custom(client)` and ethers' `new BrowserProvider(client)` take it as
 * it is. Every error reply is an `RpcError` with the server's code, message and data; a lost connection has code 4900.
 */
export class RpcClient implements AsyncDisposable {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #feeds: { readonly [Name in keyof ProviderEvents]: Feed<ProviderEvents[Name]> } = {
    message: new Feed<ProviderMessage>(),
    disconnect: new Feed<RpcError>(),
  };
  readonly #listeners = new Map<unknown, Disposable[]>();
  /** Requests sent and not answered. BOUNDED by what the caller sends; emptied by reply, time-out, loss of connection. */
  readonly #pending = new Map<number, Pending>();
  readonly #subscriptions = new Map<string, Feed<unknown>>();
  #duplex: Promise<Duplex> | undefined;
  #nextId = 1;
  #isClosed = false;

  constructor(channel: Channel, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
  }

  /** Calls one method. @throws RpcError */
  async request<T = unknown>(request: RpcRequest, options: RequestOptions = {}): Promise<T> {
    const [id, body] = this.#envelope(request);
    const reply = await this.#send(JSON.stringify(body), [id], options);
    return unwrap(reply[0]) as T; // as: the caller names the shape, nothing checks it
  }

  /** Calls several methods in one message. The result holds, in order, each result or the RpcError it got. */
  async batch(requests: readonly RpcRequest[], options: RequestOptions = {}): Promise<readonly unknown[]> {
    if (requests.length === 0) return [];
    const envelopes = requests.map((one) => this.#envelope(one));
    const text = JSON.stringify(envelopes.map(([, body]) => body));
    const replies = await this.#send(
      text,
      envelopes.map(([id]) => id),
      options,
    );
    return replies.map((reply) => {
      try {
        return unwrap(reply);
      } catch (error) {
        return error;
      }
    });
  }

  /**
   * Subscribes: `subscribe("eth", ["newHeads"])`. Iterate the result; leaving the loop unsubscribes.
   * @throws RpcError (over HTTP always: notifications not supported)
   */
  async subscribe(
    namespace: string,
    params: readonly unknown[],
    options: RequestOptions = {},
  ): Promise<RpcSubscription> {
    const [id, body] = this.#envelope({ method: `${namespace}_subscribe`, params });
    const feed = new Feed<unknown>();
    const controller = new AbortController();
    const items = feed.stream({ signal: controller.signal, capacity: SUBSCRIPTION_QUEUE, overflow: "error" });
    let name = "";
    const onReply = (reply: Reply) => {
      if (typeof reply.result !== "string") return;
      name = reply.result;
      this.#subscriptions.set(name, feed); // before the next message is looked at
    };
    const [reply] = await this.#send(JSON.stringify(body), [id], options, onReply);
    unwrap(reply);
    const close = async () => {
      controller.abort();
      if (!this.#subscriptions.delete(name) || this.#isClosed) return;
      await this.request({ method: `${namespace}_unsubscribe`, params: [name] }).catch(() => {}); // the server may be gone
    };
    const lost = this.#feeds.disconnect.subscribe(() => controller.abort());
    controller.signal.addEventListener("abort", () => lost[Symbol.dispose](), { once: true });
    return new RpcSubscription(name, items, close);
  }

  /** EIP-1193: `message` and `disconnect`. The other events of the standard never happen here. */
  on<Name extends keyof ProviderEvents>(event: Name, listener: (value: ProviderEvents[Name]) => void): this {
    if (!Object.hasOwn(this.#feeds, event)) return this;
    const feed = this.#feeds[event];
    const held = this.#listeners.get(listener) ?? [];
    held.push(feed.subscribe(listener));
    this.#listeners.set(listener, held);
    return this;
  }

  /** EIP-1193: forgets a listener given to `on`. */
  removeListener<Name extends keyof ProviderEvents>(
    _event: Name,
    listener: (value: ProviderEvents[Name]) => void,
  ): this {
    const held = this.#listeners.get(listener);
    held?.pop()?.[Symbol.dispose]();
    if (held !== undefined && held.length === 0) this.#listeners.delete(listener);
    return this;
  }

  /** Ends the connection; what is pending fails with 4900. Twice is fine. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const duplex = this.#duplex;
    this.#lost(disconnected("client closed"));
    if (this.#channel.kind === "http") this.#channel.close();
    if (duplex !== undefined) (await duplex.catch(() => undefined))?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #envelope({ method, params = [] }: RpcRequest): [number, unknown] {
    const id = this.#nextId++;
    return [id, { jsonrpc: "2.0", id, method, params }];
  }

  async #send(
    text: string,
    ids: readonly number[],
    options: RequestOptions,
    onReply?: (reply: Reply) => void,
  ): Promise<Reply[]> {
    if (this.#isClosed) throw disconnected("client closed");
    options.signal?.throwIfAborted();
    const abort = new AbortController();
    const failed = deferred<never>();
    const giveUp = (error: unknown) => {
      failed.reject(error);
      abort.abort(error);
    };
    const { timeoutMs, signal } = options;
    const timer =
      timeoutMs === undefined
        ? undefined
        : this.#clock.after(timeoutMs, () => giveUp(new RpcError(rpcCodes.timeout, "request timed out")));
    const onAbort = () => giveUp(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const replies =
        this.#channel.kind === "http"
          ? this.#exchange(text, ids, abort.signal)
          : this.#post(text, ids, onReply);
      return await Promise.race([replies, failed.promise]);
    } finally {
      timer?.cancel();
      signal?.removeEventListener("abort", onAbort);
      for (const id of ids) this.#pending.delete(id);
    }
  }

  async #exchange(text: string, ids: readonly number[], signal: AbortSignal): Promise<Reply[]> {
    if (this.#channel.kind !== "http") return [];
    const replies = readReplies(parse(await this.#channel.exchange(text, signal)));
    if (replies === undefined)
      throw new RpcError(rpcCodes.disconnected, "the server's reply is not JSON-RPC");
    if (replies.length === 1 && replies[0]?.id === null) return ids.map(() => replies[0] ?? {});
    const byId = new Map(replies.map((reply) => [reply.id, reply]));
    return ids.map((id) => byId.get(id) ?? {});
  }

  async #post(text: string, ids: readonly number[], onReply?: (reply: Reply) => void): Promise<Reply[]> {
    const opening = this.#connect();
    const duplex = await opening;
    if (this.#duplex !== opening) throw disconnected("connection lost");
    const waiting = ids.map((id) => {
      const reply = deferred<Reply>();
      this.#pending.set(id, { reply, onReply });
      return reply.promise;
    });
    duplex.send(text);
    return Promise.all(waiting);
  }

  #connect(): Promise<Duplex> {
    if (this.#channel.kind !== "duplex") throw disconnected("not a two-way connection");
    if (this.#duplex === undefined) {
      const opening = this.#channel.open(
        (text) => this.#message(text),
        (error) => {
          if (this.#duplex === opening) this.#lost(error);
        },
      );
      this.#duplex = opening;
      opening.catch(() => {
        if (this.#duplex === opening) this.#duplex = undefined;
      });
    }
    return this.#duplex;
  }

  /** Ends a connection that makes no sense; the next request makes a new one. */
  #hangUp(error: RpcError): void {
    const duplex = this.#duplex;
    this.#lost(error);
    void duplex?.then(
      (one) => one.close(),
      () => {},
    );
  }

  #lost(error: RpcError): void {
    const hadConnection = this.#duplex !== undefined;
    this.#duplex = undefined;
    for (const { reply } of this.#pending.values()) reply.reject(error);
    this.#pending.clear();
    this.#subscriptions.clear();
    if (hadConnection) this.#feeds.disconnect.send(error);
  }

  #message(text: string): void {
    let value: unknown;
    try {
      value = parse(text);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#hangUp(error); // nobody but us hears a throw from here
      return;
    }
    const replies = readReplies(value);
    if (replies === undefined) {
      this.#hangUp(new RpcError(rpcCodes.disconnected, "the server's reply is not JSON-RPC"));
      return;
    }
    for (const message of replies) {
      if (message.method !== undefined) this.#notification(message);
      else if (typeof message.id === "number") {
        const pending = this.#pending.get(message.id);
        this.#pending.delete(message.id);
        pending?.onReply?.(message);
        pending?.reply.resolve(message);
      } else if (message.id === null) {
        // the server could not tell which request it refuses: it was ours, so all of them fail
        for (const { reply } of this.#pending.values()) reply.resolve(message);
        this.#pending.clear();
      }
    }
  }

  #notification({ method = "", params }: Reply): void {
    if (params === undefined) return;
    const { subscription, result } = params;
    this.#subscriptions.get(subscription)?.send(result);
    this.#feeds.message.send({ type: method, data: { subscription, result } });
  }
}

/** A subscription as its client sees it: iterate it once; leaving the loop, or `close()`, unsubscribes. */
export class RpcSubscription implements AsyncIterable<unknown>, AsyncDisposable {
  readonly id: string;
  readonly #items: AsyncIterableIterator<unknown>;
  readonly #close: () => Promise<void>;

  constructor(id: string, items: AsyncIterableIterator<unknown>, close: () => Promise<void>) {
    this.id = id;
    this.#items = items;
    this.#close = close;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<unknown> {
    try {
      for await (const item of this.#items) yield item;
    } finally {
      await this.#close();
    }
  }

  async close(): Promise<void> {
    await this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

interface Pending {
  readonly reply: Deferred<Reply>;
  readonly onReply: ((reply: Reply) => void) | undefined;
}

interface Reply {
  readonly id?: unknown;
  readonly method?: string | undefined;
  readonly params?: { readonly subscription: string; readonly result: unknown } | undefined;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown } | undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RpcError(rpcCodes.disconnected, "the server's reply is not JSON", undefined, { cause: error });
  }
}

/** Checks only what is read: the rest of a reply goes to the caller as it is. Undefined: an item is no JSON-RPC message. */
function readReplies(value: unknown): Reply[] | undefined {
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.every(isReply) ? items : undefined;
}

function isReply(item: unknown): item is Reply {
  if (typeof item !== "object" || item === null) return false;
  const { method, params, error } = item as Record<string, unknown>; // as: a JSON object, members unknown
  if (method !== undefined) return typeof params === "object" && params !== null && "subscription" in params;
  return (
    error === undefined ||
    (typeof error === "object" && error !== null && "code" in error && "message" in error)
  );
}

function unwrap(reply: Reply | undefined): unknown {
  if (reply?.error !== undefined)
    throw new RpcError(Number(reply.error.code), String(reply.error.message), reply.error.data);
  if (reply === undefined || !("result" in reply))
    throw new RpcError(rpcCodes.disconnected, "the server gave no reply to this request");
  return reply.result;
}

/** A client of a server in this process: no socket, the same texts. */
export function inProcess(server: RpcServer): RpcClient {
  return new RpcClient(inProcessChannel(server), server.host.clock);
}

/**
 * A client of an endpoint: `http(s)://…`, `ws(s)://…`, or the path of an IPC socket. WebSocket and IPC connect at once;
 * after a loss the next request connects again.
 *
 * @throws RPC_BAD_ENDPOINT for an unknown scheme, RpcError 4900 if nobody answers (WebSocket and IPC)
 */
export async function dialRpc(
  endpoint: string,
  { clock = nodeHost().clock }: { clock?: Clock | undefined } = {},
): Promise<RpcClient> {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(endpoint)?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https") return new RpcClient(httpChannel(endpoint), clock);
  if (scheme !== undefined && scheme !== "ws" && scheme !== "wss") {
    throw RpcSetupError("BAD_ENDPOINT", { endpoint, why: `no known transport for URL scheme "${scheme}"` });
  }
  const channel = scheme === undefined ? ipcChannel(endpoint) : wsChannel(endpoint);
  const client = new RpcClient(channel, clock);
  try {
    await client.request({ method: "rpc_modules" });
  } catch (error) {
    // an endpoint that answers anything is there
    if (error instanceof RpcError && error.code === rpcCodes.disconnected) {
      await client.close();
      throw error;
    }
  }
  return client;
}
