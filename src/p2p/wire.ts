import { decodeAs, encodeAs, raw, type Schema, tuple, uint64, writeWith } from "#rlp";
import { P2pError } from "./errors.ts";
import type { Msg, MsgReadWriter } from "./protocol.ts";
import { openSession } from "./session.ts";
import type {
  AnyMessage,
  Envelope,
  EnvelopeValues,
  MessageDiff,
  MessageRow,
  Messages,
  NextMessages,
  SessionOptions,
  WireMessage,
  WireOptions,
  WireTable,
} from "./wire-types.ts";

/** eth and les both stop at 10 MiB (geth eth/protocol.go:46, les/protocol.go:53 @v1.8.27). */
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;

/**
 * A protocol version from its message table. Plain data and functions: spread it into a `Protocol`.
 *
 * @throws P2P_BAD_TABLE if two rows share a code, a reply names no row, or a code is not below `length`.
 */
export function wire<const M extends Messages>(options: WireOptions<M>): WireTable<M> {
  const { name, version, messages, envelope = "none", maxMessageBytes = MAX_MESSAGE_BYTES } = options;
  const rows = indexRows(messages);
  const highest = Math.max(-1, ...rows.byCode.keys());
  const length = options.length ?? highest + 1;
  if (highest >= length)
    throw P2pError("BAD_TABLE", { problem: `code ${highest} is not below length ${length}` });

  const encodeWith = (
    message: string,
    schema: Schema<unknown> | undefined,
    body: unknown,
    ids: EnvelopeValues = {},
  ) => {
    const entry = rows.byName(message);
    return { code: entry.row.code, payload: wrap(envelope, entry.kind, schema ?? entry.row.body, body, ids) };
  };
  const table: WireTable<M> = {
    name,
    version,
    length,
    messages,
    envelope,
    maxMessageBytes,
    messageName: (code) => rows.byCode.get(code)?.name,
    next<const D extends MessageDiff>(
      later: number,
      diff: D,
      changes: { envelope?: Envelope | undefined; length?: number | undefined } = {},
    ) {
      const merged = Object.fromEntries(
        Object.entries({ ...messages, ...diff }).filter(
          (entry): entry is [string, MessageRow] => entry[1] !== null,
        ),
      );
      return wire({
        name,
        version: later,
        messages: merged as unknown as NextMessages<M, D>, // built row by row as the type says
        envelope: changes.envelope ?? envelope,
        length: changes.length ?? options.length,
        maxMessageBytes,
      });
    },
    encode: (message, body, ids) => encodeWith(message, undefined, body, ids),
    encodeRaw: (message, rawBody, ids) => encodeWith(message, raw, rawBody, ids),
    decode(msg) {
      const entry = rows.byCode.get(msg.code);
      if (entry === undefined) throw P2pError("UNKNOWN_CODE", { code: msg.code });
      return readMessage(entry, envelope, maxMessageBytes, msg) as AnyMessage<M>; // entry is the row of that name
    },
    open(rw: MsgReadWriter, session: SessionOptions) {
      return openSession(table, rw, session);
    },
  };
  return table;
}

interface Entry {
  readonly name: string;
  readonly row: MessageRow;
  readonly kind: WireMessage["kind"];
}

function indexRows(messages: Messages): { byCode: Map<number, Entry>; byName: (name: string) => Entry } {
  const replies = new Set<string>();
  for (const [name, { reply }] of Object.entries(messages)) {
    if (reply === undefined) continue;
    if (!Object.hasOwn(messages, reply)) throw P2pError("BAD_TABLE", { problem: `${name}: no row ${reply}` });
    replies.add(reply);
  }
  const byCode = new Map<number, Entry>();
  const byName = new Map<string, Entry>();
  for (const [name, row] of Object.entries(messages)) {
    const kind = row.reply !== undefined ? "request" : replies.has(name) ? "reply" : "plain";
    const entry: Entry = { name, row, kind };
    if (byCode.has(row.code)) throw P2pError("BAD_TABLE", { problem: `code ${row.code} used twice` });
    byCode.set(row.code, entry);
    byName.set(name, entry);
  }
  return {
    byCode,
    byName(name) {
      const entry = byName.get(name);
      if (entry === undefined) throw P2pError("BAD_TABLE", { problem: `no message ${name}` });
      return entry;
    },
  };
}

function readMessage(
  entry: Entry,
  envelope: Envelope,
  maxMessageBytes: number,
  msg: Pick<Msg, "code" | "payload"> & { receivedAt?: number },
): WireMessage {
  const { name, row, kind } = entry;
  const limit = row.maxBytes ?? maxMessageBytes;
  const size = msg.payload.length;
  if (size > limit) throw P2pError("MSG_TOO_BIG", { size, limit });
  const { reqId, bv, rawBody } = peel(envelope, kind, msg.payload);
  let decoded: { readonly value: unknown } | undefined;
  return {
    name,
    code: row.code,
    kind,
    size,
    receivedAt: msg.receivedAt ?? 0,
    reqId,
    bv,
    rawBody,
    get body() {
      decoded ??= { value: decodeBody(entry, rawBody) };
      return decoded.value;
    },
  };
}

const withId = tuple(uint64, raw);
const withIdAndBuffer = tuple(uint64, uint64, raw);

/** Takes `[reqID, (BV,) body]` apart. Reads headers only: a reply is matched to its request before its body costs anything. */
function peel(
  envelope: Envelope,
  kind: WireMessage["kind"],
  payload: Uint8Array,
): EnvelopeValues & { rawBody: Uint8Array } {
  if (envelope === "none" || kind === "plain") return { rawBody: payload };
  if (envelope === "les" && kind === "reply") {
    const [reqId, bv, rawBody] = decodeAs(withIdAndBuffer, payload);
    return { reqId, bv, rawBody };
  }
  const [reqId, rawBody] = decodeAs(withId, payload);
  return { reqId, rawBody };
}

/** Puts `[reqID, (BV,) body]` around a body. */
function wrap(
  envelope: Envelope,
  kind: WireMessage["kind"],
  schema: Schema<unknown>,
  body: unknown,
  { reqId = 0n, bv = 0n }: EnvelopeValues,
): Uint8Array {
  if (envelope === "none" || kind === "plain") return encodeAs(schema, body);
  return writeWith((writer) => {
    const before = writer.written;
    schema.write(writer, body); // the last item first, as writers do
    if (envelope === "les" && kind === "reply") uint64.write(writer, bv);
    uint64.write(writer, reqId);
    writer.closeList(before);
  });
}

function decodeBody({ name, row }: Entry, rawBody: Uint8Array): unknown {
  const body = decodeAs(row.body, rawBody);
  if (row.maxItems === undefined) return body;
  const items = row.items === undefined ? (Array.isArray(body) ? body.length : 1) : row.items(body as never); // the row's own body type
  if (items > row.maxItems) throw P2pError("TOO_MANY_ITEMS", { name, items, limit: row.maxItems });
  return body;
}
