import type { AnyCodec, Codec, Decoded } from "./codec.ts";
import { RpcError, rpcCodes } from "./errors.ts";
import { type Caller, lastOnly } from "#util";
import { writeJson } from "./json.ts";

/** How a call came in. */
export type TransportName = "inproc" | "ipc" | "http" | "ws";

/** The client at the other end: same object for every call of one connection. */
export interface ConnectionInfo {
  readonly transport: TransportName;
  /** `ip:port` of the client; the path for IPC, "" in process. */
  readonly remote: string;
  /** Headers of the HTTP request (of the upgrade, for WebSocket), where the client sent them. */
  readonly userAgent?: string | undefined;
  readonly origin?: string | undefined;
  readonly host?: string | undefined;
}

/**
 * Who a call is counted for where few can be served at once: the address (of HTTP and WebSocket), there the connection (RP-19).
 * Without information: a caller inside the program.
 */
export function callerOf(info: ConnectionInfo | undefined): Caller {
  if (info?.transport !== "http" && info?.transport !== "ws")
    return { address: info?.transport ?? "", connection: info };
  const { remote } = info;
  return { address: remote.slice(0, Math.max(0, remote.lastIndexOf(":"))), connection: remote };
}

/** What a handler knows beside its parameters. */
export interface CallContext {
  /** Aborted when the client is gone, the time for the request is over, or (subscriptions) it unsubscribed. */
  readonly signal: AbortSignal;
  readonly transport: TransportName;
  readonly remote: string;
  readonly connection: ConnectionInfo;
}

type MaybePromise<T> = T | Promise<T>;
type Params = readonly AnyCodec[];
type DecodedParams<P extends Params> = { -readonly [K in keyof P]: Decoded<P[K]> };

/** A method, its types erased: `call` takes raw JSON parameters and gives the JSON text of the result. */
export interface Method {
  readonly doc: string;
  readonly params: Params;
  readonly result: AnyCodec;
  readonly isConcurrent: boolean;
  readonly isHeavy: boolean;
  /** @throws RpcError −32602 for parameters that do not fit; else whatever the handler throws */
  call(params: readonly unknown[], ctx: CallContext): MaybePromise<string>;
}

export interface MethodSpec<P extends Params, Out, In> {
  /** One line for docs/rpc.md. */
  readonly doc: string;
  readonly params: P;
  readonly result: Codec<Out, In>;
  /**
   * Items of a batch run one after the other, in order, so that a write is seen by what follows. A method that changes
   * nothing says true here: neighbours that all say so run at once (a light node then fetches their proofs together).
   */
  readonly isConcurrent?: boolean | undefined;
  /** Takes one of the few places for costly work (limits.heavyAtOnce) while it runs; −32005 when all are taken. */
  readonly isHeavy?: boolean | undefined;
  handle(params: DecodedParams<P>, ctx: CallContext): MaybePromise<In>;
}

/** One row of a namespace: parameters are checked before `handle` sees them, its result is encoded by `result`. */
export function method<const P extends Params, Out, In>(spec: MethodSpec<P, Out, In>): Method {
  const { result, params } = spec;
  const write = result.write?.bind(result) ?? ((value: In) => writeJson(result.encode(value)));
  return {
    doc: spec.doc,
    params,
    result,
    isConcurrent: spec.isConcurrent ?? false,
    isHeavy: spec.isHeavy ?? false,
    call(raw, ctx) {
      const returned = spec.handle(decodeParams(params, raw), ctx);
      return returned instanceof Promise ? returned.then(write) : write(returned);
    },
  };
}

/** A subscription, its types erased: `open` gives the JSON text of each item. */
export interface Subscription {
  readonly doc: string;
  readonly params: Params;
  readonly item: AnyCodec;
  readonly isHeavy: boolean;
  open(params: readonly unknown[], ctx: CallContext): AsyncIterable<string>;
}

export interface SubscriptionSpec<P extends Params, Out, In> {
  readonly doc: string;
  /** Of `<ns>_subscribe`, after the name. */
  readonly params: P;
  readonly item: Codec<Out, In>;
  /** Each item takes one of the few places for costly work while it is made; none free at the beginning: −32005. */
  readonly isHeavy?: boolean | undefined;
  /**
   * Items until the client unsubscribes or is gone: then the loop is left (`return()` of the iterator), and ctx.signal
   * aborts. It is started before the id is answered; items wait for the id. It must bound what waits for it (Feed.stream does).
   */
  open(params: DecodedParams<P>, ctx: CallContext): AsyncIterable<In>;
}

/** One row under `subscriptions`: reached by `<ns>_subscribe`, told by `<ns>_subscription`. */
export function subscription<const P extends Params, Out, In>(
  spec: SubscriptionSpec<P, Out, In>,
): Subscription {
  const { item, params } = spec;
  // hundreds of subscriptions hear of one event
  const write = lastOnly(item.write?.bind(item) ?? ((value: In) => writeJson(item.encode(value))));
  return {
    doc: spec.doc,
    params,
    item,
    isHeavy: spec.isHeavy ?? false,
    open(raw, ctx) {
      return mapItems(spec.open(decodeParams(params, raw), ctx), write);
    },
  };
}

async function* mapItems<In>(items: AsyncIterable<In>, write: (value: In) => string): AsyncIterable<string> {
  for await (const one of items) yield write(one);
}

/** A namespace as a service offers it. Several tables may share one namespace; of two equal names the later wins. */
export interface Api {
  readonly namespace: string;
  readonly methods: ReadonlyMap<string, Method>;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  /** Served over HTTP and WebSocket when their module list is empty. */
  readonly isPublic: boolean;
}

export interface ApiSpec {
  /** Letters and digits, no underscore. */
  readonly namespace: string;
  readonly methods?: Readonly<Record<string, Method>> | undefined;
  readonly subscriptions?: Readonly<Record<string, Subscription>> | undefined;
  /** Default true. False: only over IPC, in process, and where its namespace is listed. */
  readonly isPublic?: boolean | undefined;
}

/** A table of methods under one namespace: `api({ namespace: "eth", methods: { blockNumber: method({…}) } })`. */
export function api({ namespace, methods = {}, subscriptions = {}, isPublic = true }: ApiSpec): Api {
  if (!/^[a-zA-Z][a-zA-Z0-9]*$/.test(namespace))
    throw new TypeError(`bad namespace ${JSON.stringify(namespace)}`);
  return {
    namespace,
    methods: new Map(Object.entries(methods)),
    subscriptions: new Map(Object.entries(subscriptions)),
    isPublic,
  };
}

function decodeParams<const P extends Params>(codecs: P, raw: readonly unknown[]): DecodedParams<P> {
  if (raw.length > codecs.length) {
    throw new RpcError(rpcCodes.invalidParams, `too many arguments, want at most ${codecs.length}`);
  }
  const decoded: unknown[] = [];
  for (let index = 0; index < codecs.length; index++) {
    const codec = codecs[index];
    if (codec === undefined) break;
    const value = raw[index];
    if (index >= raw.length && codec.isOptional !== true) {
      throw new RpcError(rpcCodes.invalidParams, `missing value for required argument ${index}`);
    }
    decoded.push(codec.decode(value, String(index)));
  }
  return decoded as unknown as DecodedParams<P>; // as: item by item from the same tuple of codecs
}
