/** debug_executionWitness: what running a block needs of the state before it (eth/api_debug.go:499@v1.17.5). */
import { blockNumberOrHash, json, method, type Method } from "#rpc";
import { toHex } from "#util";
import type { ChainControl } from "./controls.ts";
import { formatWholeHeader } from "./format.ts";
import type { Parts } from "./parts.ts";
import { refuse } from "./tracing.ts";

export function witnessMethods(chain: ChainControl, { view }: Parts): Record<string, Method> {
  return {
    executionWitness: method({
      doc: "All that running a block reads: headers (the parent last), codes and trie nodes, in the order of their bytes.",
      params: [blockNumberOrHash],
      result: json,
      isHeavy: true,
      handle: async ([ref], ctx) => {
        const found = ref === "pending" ? undefined : await view.find(ref, ctx);
        if (found === undefined) throw refuse("block not found");
        const { header } = found;
        if (header.number === 0) throw refuse("block 0 found, but parent missing");
        const block = { header, ...(await view.body(found, ctx)) };
        const { headers, codes, state } = await chain.witness(block, ctx);
        return {
          headers: headers.map(formatWholeHeader),
          codes: codes.map((code) => toHex(code)),
          state: state.map((node) => toHex(node)),
          keys: null, // geth has the member and no use for it
        };
      },
    }),
  };
}
