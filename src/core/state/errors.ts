import { defineErrors } from "#util";

export const StateError = defineErrors("STATE", {
  /** A leaf of a storage trie that no client writes (TR-07). */
  BAD_SLOT: { message: (d: { reason: string }) => `slot: ${d.reason}`, blame: "peer", disconnect: 0x02 },
  /** Our own store lacks code that an account names: never "no code". */
  MISSING_CODE: { message: () => "code is not in the store", blame: "environment" },
});
