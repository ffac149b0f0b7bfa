/**
 * Disconnect reasons: geth's names and texts. A total function over any number a stranger may send.
 *
 * @see rlpx.md "Disconnect (0x01)" · geth p2p/peer_error.go:50-96@v1.8.27 (which panics above 0x10)
 */
export const disconnectReasons = {
  requested: { code: 0x00, text: "disconnect requested" },
  network: { code: 0x01, text: "network error" },
  breachOfProtocol: { code: 0x02, text: "breach of protocol" },
  uselessPeer: { code: 0x03, text: "useless peer" },
  tooManyPeers: { code: 0x04, text: "too many peers" },
  alreadyConnected: { code: 0x05, text: "already connected" },
  incompatibleVersion: { code: 0x06, text: "incompatible p2p protocol version" },
  invalidIdentity: { code: 0x07, text: "invalid node identity" },
  quitting: { code: 0x08, text: "client quitting" },
  unexpectedIdentity: { code: 0x09, text: "unexpected identity" },
  self: { code: 0x0a, text: "connected to self" },
  readTimeout: { code: 0x0b, text: "read timeout" },
  subprotocol: { code: 0x10, text: "subprotocol error" },
} as const;

/** Name of a reason this node may give. */
export type DisconnectReason = keyof typeof disconnectReasons;

const byCode = new Map<number, string>(
  Object.values(disconnectReasons).map(({ code, text }) => [code, text]),
);
const nameByCode = new Map<number, DisconnectReason>(
  (Object.keys(disconnectReasons) as DisconnectReason[]).map((name) => [disconnectReasons[name].code, name]), // as: keys of a const table
);

/** Text of any reason, also of those nobody defined: `unknown disconnect reason 0x11`. */
export function formatReason(code: number | bigint): string {
  return byCode.get(Number(code)) ?? `unknown disconnect reason 0x${code.toString(16).padStart(2, "0")}`;
}

/** The name of a code, if it has one. */
export function reasonName(code: number): DisconnectReason | undefined {
  return nameByCode.get(code);
}
