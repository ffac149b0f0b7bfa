import { defineErrors } from "#util";

/**
 * Why a light node has no answer, and what is wrong with an answer it got.
 * The first group reaches RPC clients; the second (blame "peer") costs a server its connection and stays inside.
 */
export const LightError = defineErrors("LIGHT", {
  NO_SERVER: {
    message: () => "no server is connected that could be asked",
    blame: "network",
    rpcCode: -32000,
  },
  NO_SUITABLE_SERVER: {
    message: (d: { what: string; block?: number | undefined }) =>
      `no connected server serves ${d.what}${d.block === undefined ? "" : ` of block ${d.block}`}`,
    blame: "network",
    rpcCode: -32000,
  },
  STATE_NOT_SERVED: {
    message: (d: { block: number; from: number; to: number }) =>
      `state of block ${d.block} is not served: the connected servers keep blocks ${d.from} to ${d.to}`,
    blame: "network",
    rpcCode: -32000,
  },
  NO_VERIFIED_ANSWER: {
    message: (d: { what: string; asked: number; reason: string }) =>
      `no verified answer for ${d.what}: ${d.asked} server(s) asked, last failure: ${d.reason}`,
    blame: "network",
    rpcCode: -32000,
  },
  TIMEOUT: {
    message: (d: { what: string; timeoutMs: number }) => `no answer for ${d.what} within ${d.timeoutMs} ms`,
    blame: "network",
    rpcCode: -32002,
  },
  BUSY: {
    message: (d: { waiting: number }) =>
      `${d.waiting} reads are waiting for servers already, try again later`,
    blame: "environment",
    rpcCode: -32005,
  },
  STOPPED: { message: () => "client is shutting down", blame: "caller", rpcCode: -32000 },
  TX_REFUSED: { message: (d: { reason: string }) => d.reason, blame: "caller", rpcCode: -32000 },
  TX_KNOWN: { message: () => "already known", blame: "caller", rpcCode: -32000 },
  TX_POOL_FULL: {
    message: (d: { max: number }) => `already ${d.max} own transactions are waiting`,
    blame: "caller",
    rpcCode: -32000,
  },
  TX_UNCONFIRMED: {
    message: (d: { answered: number }) =>
      `transaction not found, and its absence is not sure: ${d.answered} server(s) answered, or some limit their index`,
    blame: "network",
    rpcCode: -32000,
  },

  EMPTY_REPLY: { message: (d: { what: string }) => `${d.what}: nothing in the reply`, blame: "peer" },
  ITEM_COUNT: {
    message: (d: { what: string; want: number; got: number }) =>
      `${d.what}: ${d.got} items where ${d.want} were asked for`,
    blame: "peer",
  },
  ROOT_MISMATCH: {
    message: (d: { field: string; block: number }) =>
      `${d.field} of block ${d.block} does not match its header`,
    blame: "peer",
  },
  HASH_MISMATCH: { message: (d: { what: string }) => `${d.what} has another hash`, blame: "peer" },
  HEADERS_UNLINKED: {
    message: (d: { index: number }) => `header ${d.index} is not the one that was asked for`,
    blame: "peer",
  },
  BROKEN_PROOF: {
    message: (d: { depth: number }) => `proof lacks the node at depth ${d.depth}`,
    blame: "peer",
  },
  BAD_VALUE: { message: (d: { what: string }) => `proven ${d.what} has a wrong shape`, blame: "peer" },
  WRONG_PLACE: {
    message: (d: { block: number }) => `transaction is not where the server says, in block ${d.block}`,
    blame: "peer",
  },
});
