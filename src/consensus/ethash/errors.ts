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

/** The rules of ethash, named after geth's errors (consensus/ethash/consensus.go:82@v1.11.6). */
export const EthashError = defineErrors("ETHASH", {
  TOO_MANY_UNCLES: row("too many uncles"),
  DUPLICATE_UNCLE: row("duplicate uncle"),
  UNCLE_IS_ANCESTOR: row("uncle is ancestor"),
  DANGLING_UNCLE: row("uncle's parent is not ancestor"),
  INVALID_DIFFICULTY: row("non-positive difficulty"),
  INVALID_MIX_DIGEST: row("invalid mix digest"),
  INVALID_POW: row("invalid proof-of-work"),
  BAD_PRO_FORK_EXTRA: row("bad DAO pro-fork extra-data"),
  BAD_NO_FORK_EXTRA: row("bad DAO no-fork extra-data"),
  UNSUPPORTED_FORK: row("ethash does not support shanghai or later"),
  /** Blocks are not mined here. */
  CANNOT_SEAL: { ...row("proof of work is verified here, not made"), blame: "caller" as const },
});
