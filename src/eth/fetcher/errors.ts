import { defineErrors } from "#util";

/** What announcing peers do wrong. Each costs the peer its place. */
export const FetcherError = defineErrors("FETCHER", {
  WRONG_NUMBER: {
    message: (d: { announced: number; have: number }) => `block announced as #${d.announced} is #${d.have}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  INVALID_BLOCK: {
    message: (d: { number: number; reason: string }) =>
      `propagated block #${d.number} is invalid: ${d.reason}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  UNASKED: {
    message: (d: { what: string }) => `peer sent ${d.what} that was not asked for`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  WRONG_SIZE: {
    message: (d: { announced: number; have: number }) =>
      `transaction announced with ${d.announced} bytes has ${d.have}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  WRONG_TYPE: {
    message: (d: { announced: number; have: number }) =>
      `transaction announced as type ${d.announced} has type ${d.have}`,
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  DUPLICATE: {
    message: () => "a transaction twice in one message",
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  POST_MERGE: {
    message: () => "a block announced after the merge",
    blame: "peer",
    disconnect: 0x02,
    backoff: "long",
  },
  STALLING: {
    message: (d: { what: string; times: number }) =>
      `peer announced ${d.what} and did not deliver ${d.times} times`,
    blame: "peer",
    disconnect: 0x03,
    backoff: "short",
  },
});
