/** eth_getWork and its kin, on proof-of-work chains: nobody mines here, which each says as a geth does that does not mine. */
import { type Api, api, bool, fixedBytes, hash, json, method, type Method, number, uint64 } from "#rpc";
import { refuse } from "./tracing.ts";

const methods: Record<string, Method> = {
  getWork: method({
    doc: "Refused: no block is being made here to work on.",
    params: [],
    result: json,
    handle: (): unknown => {
      throw refuse("no mining work available yet");
    },
  }),
  submitWork: method({
    doc: "Always false: no work was handed out.",
    params: [fixedBytes(8), hash, hash],
    result: bool,
    handle: () => false,
  }),
  submitHashrate: method({
    doc: "Always false: nobody mines for this node.",
    params: [uint64, hash],
    result: bool,
    handle: () => false,
  }),
  submitHashRate: method({
    doc: "Old name of eth_submitHashrate.",
    params: [uint64, hash],
    result: bool,
    handle: () => false,
  }),
  getHashrate: method({ doc: "Always 0: nobody mines here.", params: [], result: number, handle: () => 0 }),
};

/** The same table under two names, as geth has it (consensus/ethash/api.go@v1.11.6). */
export const workApis: readonly Api[] = [
  api({ namespace: "eth", methods }),
  api({ namespace: "ethash", methods }),
];
