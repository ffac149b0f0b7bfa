import type { Clock } from "#host";
import type { Infer, Schema } from "#rlp";
import type { Msg, MsgReadWriter } from "./protocol.ts";

/**
 * What surrounds the body of requests and replies of a table; messages that are neither carry the bare body.
 *
 * - `none`: `body`; a reply answers the oldest open request of its kind.
 * - `request-id`: `[reqID, body]` both ways (eth/66 on, snap/1).
 * - `les`: requests `[reqID, body]`, replies `[reqID, BV, body]` (les/2 on; BV = buffer value after the request).
 */
export type Envelope = "none" | "request-id" | "les";

/** One message of a protocol: one row, read by decoder, encoder, limits, handler types, tests and docs. */
export interface MessageRow {
  /** Relative to the protocol. */
  readonly code: number;
  /** Any RLP schema. A `Schema<T>` gives the handlers their type. */
  readonly body: Schema<unknown>;
  /** Name of the row that answers this one. Makes this row a request and that one a reply. */
  readonly reply?: string | undefined;
  /** Most items of a request (or reply) body; see `items`. Past it: P2P_TOO_MANY_ITEMS (breach of protocol). */
  readonly maxItems?: number | undefined;
  /** How many items a body stands for; default: the length of an array, else 1. */
  items?(body: never): number;
  /** Payload cap in bytes for this message, checked before decoding; default: the table's `maxMessageBytes`. */
  readonly maxBytes?: number | undefined;
}

export type Messages = Readonly<Record<string, MessageRow>>;

/** Decoded type of message `N`. */
export type BodyOf<M extends Messages, N extends keyof M> = Infer<M[N]["body"]>;

/** Names of the rows that have a reply. */
export type RequestName<M extends Messages> = {
  [N in keyof M]: M[N] extends { readonly reply: string } ? N : never;
}[keyof M] &
  string;

/** Name of the reply to request `N`. */
export type ReplyName<M extends Messages, N extends keyof M> = M[N] extends {
  readonly reply: infer R extends keyof M;
}
  ? R & string
  : never;

/** Names of the rows that answer another. */
type AnyReplyName<M extends Messages> = { [N in keyof M]: ReplyName<M, N> }[keyof M];

/** Difference of a later version: rows added or replaced, `null` for rows that are gone. */
export type MessageDiff = Readonly<Record<string, MessageRow | null>>;

export type NextMessages<M extends Messages, D extends MessageDiff> = {
  readonly [N in Exclude<keyof M, keyof D> | LiveNames<D>]: N extends keyof D
    ? Exclude<D[N], null>
    : N extends keyof M
      ? M[N]
      : never;
};
type LiveNames<D extends MessageDiff> = { [N in keyof D]: D[N] extends null ? never : N }[keyof D];

export interface WireOptions<M extends Messages> {
  readonly name: string;
  readonly version: number;
  readonly messages: M;
  /** Default `none`. */
  readonly envelope?: Envelope | undefined;
  /** Number of codes; default: highest code + 1. Give it where geth's length has room above the highest code. */
  readonly length?: number | undefined;
  /** Cap of every uncompressed payload; default 10 MiB, as eth and les have it. */
  readonly maxMessageBytes?: number | undefined;
}

/** Request id and buffer value of one message. */
export interface EnvelopeValues {
  readonly reqId?: bigint | undefined;
  readonly bv?: bigint | undefined;
}

/** A message whose envelope has been read and whose body has not. */
export interface WireMessage<N extends string = string, T = unknown> {
  readonly name: N;
  readonly code: number;
  /** `plain`: neither a request nor a reply. */
  readonly kind: "request" | "reply" | "plain";
  /** Uncompressed payload bytes. */
  readonly size: number;
  readonly receivedAt: number;
  /** Present for requests and replies of a table with an envelope. */
  readonly reqId?: bigint | undefined;
  /** Present for replies of a `les` table. */
  readonly bv?: bigint | undefined;
  /** RLP of the body alone, a view into the payload. */
  readonly rawBody: Uint8Array;
  /**
   * The decoded body; decoded at the first access, then kept.
   *
   * @throws RLP_* (breach of protocol) if it does not fit the schema; P2P_TOO_MANY_ITEMS past maxItems.
   */
  readonly body: T;
}

/** A `WireMessage` of some row of the table; narrow by `name`. */
export type AnyMessage<M extends Messages> = {
  [N in keyof M & string]: WireMessage<N, BodyOf<M, N>>;
}[keyof M & string];

/**
 * A protocol version as data. Spread it into a `Protocol`: `{ ...table, run(peer, rw, signal) { … } }`.
 */
export interface WireTable<M extends Messages> {
  readonly name: string;
  readonly version: number;
  readonly length: number;
  readonly messages: M;
  readonly envelope: Envelope;
  readonly maxMessageBytes: number;
  /** The name of a code, if a row has it. */
  readonly messageName: (code: number) => string | undefined;
  /** The same protocol, later: the rows of this table changed by `diff`. */
  next<const D extends MessageDiff>(
    version: number,
    diff: D,
    options?: { envelope?: Envelope | undefined; length?: number | undefined },
  ): WireTable<NextMessages<M, D>>;
  /**
   * Code and payload of one message. `ids.reqId` is needed by requests and replies of a table with an envelope (0 if
   * absent), `ids.bv` by les replies.
   */
  encode<N extends keyof M & string>(
    name: N,
    body: BodyOf<M, N>,
    ids?: EnvelopeValues,
  ): { code: number; payload: Uint8Array };
  /** The same with a body that is already RLP. */
  encodeRaw<N extends keyof M & string>(
    name: N,
    rawBody: Uint8Array,
    ids?: EnvelopeValues,
  ): { code: number; payload: Uint8Array };
  /**
   * Reads the envelope; the body stays bytes until asked for.
   *
   * @throws P2P_UNKNOWN_CODE, P2P_MSG_TOO_BIG, RLP_* if the envelope does not hold: all breach of protocol.
   */
  decode(msg: Pick<Msg, "code" | "payload"> & { receivedAt?: number }): AnyMessage<M>;
  /** A conversation over this table. Takes over reading from `rw`; from here on nobody else may read it. */
  open(rw: MsgReadWriter, options: SessionOptions): Session<M>;
}

export interface SessionOptions {
  /** Ends the session. */
  readonly signal: AbortSignal;
  /** For timeouts; default: the connection's own. */
  readonly clock?: Clock | undefined;
  /** Default time to wait for a reply. 10,000 ms unless told. */
  readonly requestTimeoutMs?: number | undefined;
  /** les: the buffer value to put into a reply that is about to be sent. */
  readonly bufferValue?: ((request: WireMessage) => bigint) | undefined;
}

/** Reply with everything that came with it. */
export interface Reply<T> {
  readonly body: T;
  readonly reqId: bigint | undefined;
  readonly bv: bigint | undefined;
  readonly size: number;
  /** From sending to the last byte, host clock. */
  readonly elapsedMs: number;
}

export interface CallOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a handler may want to know beside the body. */
export interface HandlerContext {
  readonly reqId: bigint | undefined;
  readonly size: number;
  readonly receivedAt: number;
  readonly signal: AbortSignal;
}

/** Handlers by message name: a request's handler returns the body of its reply. Replies have none. */
export type Handlers<M extends Messages> = {
  [N in Exclude<keyof M & string, AnyReplyName<M>>]?: (
    body: BodyOf<M, N>,
    context: HandlerContext,
  ) => N extends RequestName<M>
    ? BodyOf<M, ReplyName<M, N>> | Promise<BodyOf<M, ReplyName<M, N>>>
    : void | Promise<void>;
};

/**
 * A conversation with one peer. Any breach by the peer (a message nobody handles, an unasked reply, a bad body) ends it:
 * every waiting call rejects with that error, which carries the disconnect reason; let it fall out of `run`.
 */
export interface Session<M extends Messages> {
  /** Sends a message that is neither request nor reply. */
  send<N extends Exclude<keyof M & string, RequestName<M> | AnyReplyName<M>>>(
    name: N,
    body: BodyOf<M, N>,
  ): Promise<void>;
  /**
   * The next message, which must be `name`.
   *
   * @throws P2P_UNEXPECTED_MESSAGE if another one comes, P2P_RECEIVE_TIMEOUT
   */
  receive<N extends Exclude<keyof M & string, AnyReplyName<M>>>(
    name: N,
    options?: CallOptions,
  ): Promise<BodyOf<M, N>>;
  /**
   * Asks and waits for the reply's body.
   *
   * @throws P2P_REQUEST_TIMEOUT (the session goes on; a late reply is dropped), P2P_TOO_MANY_REQUESTS past 1,024 open ones.
   */
  request<N extends RequestName<M>>(
    name: N,
    body: BodyOf<M, N>,
    options?: CallOptions,
  ): Promise<BodyOf<M, ReplyName<M, N>>>;
  /** `request` with what came around the body. */
  exchange<N extends RequestName<M>>(
    name: N,
    body: BodyOf<M, N>,
    options?: CallOptions,
  ): Promise<Reply<BodyOf<M, ReplyName<M, N>>>>;
  /** Answers messages until the session ends; always rejects or returns then. At most 4 handlers run at once. */
  serve(handlers: Handlers<M>): Promise<void>;
  /** Requests open now. BOUNDED: 1,024. */
  readonly pendingRequests: number;
}
