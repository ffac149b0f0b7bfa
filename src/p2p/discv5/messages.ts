import {
  bytes,
  type Infer,
  list,
  raw,
  RlpReader,
  RlpWriter,
  type Schema,
  struct,
  uint53,
  uint64,
} from "#rlp";
import { GlimError, concatBytes } from "#util";
import { discv5Limits as limits } from "./limits.ts";

const requestId = bytes({ max: limits.requestIdBytes });

/** Every message of the protocol: one row each. @see devp2p discv5-wire.md */
const messages = {
  ping: { code: 1, body: struct({ requestId, enrSeq: uint64 }) },
  pong: { code: 2, body: struct({ requestId, enrSeq: uint64, ip: bytes({ max: 16 }), port: uint53 }) },
  findnode: { code: 3, body: struct({ requestId, distances: list(uint53, { max: limits.distances }) }) },
  nodes: { code: 4, body: struct({ requestId, total: uint53, records: list(raw, { max: limits.nodes }) }) },
  talkRequest: { code: 5, body: struct({ requestId, protocol: bytes(), request: bytes() }) },
  talkResponse: { code: 6, body: struct({ requestId, response: bytes() }) },
} as const;

export type MessageName = keyof typeof messages;
export type BodyOf<N extends MessageName> = Infer<(typeof messages)[N]["body"]>;
export type Message = { [N in MessageName]: { readonly name: N; readonly body: BodyOf<N> } }[MessageName];

const nameOf = new Map<number, MessageName>(
  (Object.keys(messages) as MessageName[]).map((name) => [messages[name].code, name]),
);

/** type(1) ‖ rlp(body) */
export function encodeMessage({ name, body }: Message): Uint8Array {
  const writer = new RlpWriter();
  (messages[name].body as unknown as Schema<unknown>).write(writer, body);
  return concatBytes(Uint8Array.of(messages[name].code), writer.finish());
}

/** Undefined: a type we do not know, or a body that does not fit it. */
export function decodeMessage(text: Uint8Array): Message | undefined {
  const name = nameOf.get(text[0] ?? 0);
  if (name === undefined) return undefined;
  try {
    const reader = new RlpReader(text.subarray(1), { maxItems: limits.maxPacketBytes });
    const body = (messages[name].body as unknown as Schema<unknown>).read(reader);
    reader.finish();
    return { name, body } as Message; // the body was read by the row of its name
  } catch (error) {
    if (error instanceof GlimError && error.code.startsWith("RLP_")) return undefined;
    throw error;
  }
}
