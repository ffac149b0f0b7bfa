import { defineErrors } from "#util";

interface At {
  /** Number of the header that breaks the rule. */
  readonly number: number;
}

const row = (text: string) => ({
  message: (d: At) => `header #${d.number}: ${text}`,
  blame: "peer" as const,
  disconnect: 0x03,
});

/** Rules after the merge, named after geth's errors (consensus/beacon/consensus.go:45@v1.17.5). */
export const BeaconError = defineErrors("BEACON", {
  INVALID_NONCE: row("invalid nonce after the merge"),
  INVALID_UNCLE_HASH: row("uncles after the merge"),
  /** Sealed after its chain had reached the terminal total difficulty. */
  INVALID_TERMINAL_BLOCK: row("sealed after the merge"),
  /** Sealing: blocks after the merge are asked for by a consensus layer. */
  CANNOT_SEAL: { ...row("blocks after the merge are not sealed here"), blame: "caller" as const },
});
