/** eth_capabilities: which blocks, states and proofs this node can tell of (internal/ethapi/capabilities.go@v1.17.5). */
import { json, method, type Method } from "#rpc";
import { toHex } from "#util";
import { type JsonObject, quantityHex } from "./format.ts";
import type { ChainControl } from "./controls.ts";
import type { Parts } from "./parts.ts";

/** Kept for a window of blocks before the head, or for all. */
function resource(head: number, window: number | undefined): JsonObject {
  if (window === undefined) return { disabled: false, oldestBlock: "0x0" };
  return {
    disabled: false,
    oldestBlock: quantityHex(Math.max(0, head + 1 - window)),
    deleteStrategy: { type: "window", retentionBlocks: quantityHex(window) },
  };
}

/** Of a node that owns its chain: what a light node can answer depends on who serves it. */
export function capabilityMethods(chain: ChainControl, { backend }: Parts): Record<string, Method> {
  return {
    capabilities: method({
      doc: "From which block on there are blocks, receipts, logs, states and proofs.",
      params: [],
      result: json,
      isConcurrent: true,
      handle: () => {
        const { number, hash } = backend.head();
        const all = resource(number, undefined);
        const state = resource(number, chain.stateWindow());
        return {
          head: { number: quantityHex(number), hash: toHex(hash) },
          ...{ state, tx: all, logs: all, receipts: all, blocks: all, stateproofs: state },
        };
      },
    }),
  };
}
