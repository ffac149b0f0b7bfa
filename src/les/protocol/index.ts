/**
 * les/protocol: what goes over the wire between a light client and its server, for les/2, les/3 and les/4: message tables with their
 * limits, the status exchange, announcements, prices. Both `les/client` and `les/server` stand on it.
 *
 * Not here: when to ask or answer (`les/client`, `les/server`), buffers (`les/flowcontrol`), what an answer proves (`light`).
 *
 *   both → status                     lists of keys; `readServerStatus` and `readClientStatus` check them
 *   server → announce                 new head, changed keys, signed if the client asked for it
 *   client → get… [reqID, body]       at most `requestCodes[name].maxItems`, priced by `requestCost`
 *   server → … [reqID, BV, body]      les/3: also stop and resume, without reqID
 */
export { type Announce, announceSchema, checkAnnounceSignature, signAnnounce } from "./announce.ts";
export {
  type CostRow,
  type CostTable,
  costRows,
  defaultCosts,
  readCostTable,
  type RequestCost,
  type RequestName,
  requestCodes,
  requestCost,
  requestNames,
  txRelayCost,
} from "./costs.ts";
export { LesError } from "./errors.ts";
export {
  type AnnounceType,
  type ClientStatus,
  checkTd,
  clientStatusEntries,
  type CommonStatus,
  type FlowUpdate,
  flowUpdateEntries,
  type HandshakeTerms,
  type KeyValue,
  KeyValues,
  keyValueList,
  readClientStatus,
  readFlowUpdate,
  readServerStatus,
  type ServerStatus,
  serverStatusEntries,
} from "./handshake.ts";
export { lesLimits } from "./limits.ts";
export {
  canStop,
  type CodeQuery,
  type HeadersQuery,
  type HelperTrieProofs,
  type HelperTrieQuery,
  les2,
  les3,
  les4,
  lesTable,
  type LesVersion,
  lesVersions,
  type ProofQuery,
} from "./messages.ts";
export { type TxLookup, type TxStatus, txStatusCodes, txStatusSchema } from "./tx-status.ts";
