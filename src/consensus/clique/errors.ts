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

/**
 * The rules of clique, named after geth's errors (consensus/clique/clique.go:72@v1.11.6):
 * errUnauthorizedSigner is CLIQUE_UNAUTHORIZED_SIGNER.
 */
export const CliqueError = defineErrors("CLIQUE", {
  UNKNOWN_BLOCK: row("unknown block"),
  INVALID_CHECKPOINT_BENEFICIARY: row("beneficiary in checkpoint block non-zero"),
  INVALID_VOTE: row("vote nonce not 0x00..0 or 0xff..f"),
  INVALID_CHECKPOINT_VOTE: row("vote nonce in checkpoint block non-zero"),
  MISSING_VANITY: row("extra-data 32 byte vanity prefix missing"),
  MISSING_SIGNATURE: row("extra-data 65 byte signature suffix missing"),
  EXTRA_SIGNERS: row("non-checkpoint block contains extra signer list"),
  INVALID_CHECKPOINT_SIGNERS: row("invalid signer list on checkpoint block"),
  MISMATCHING_CHECKPOINT_SIGNERS: row("mismatching signer list on checkpoint block"),
  INVALID_MIX_DIGEST: row("non-zero mix digest"),
  INVALID_UNCLE_HASH: row("non empty uncle hash"),
  INVALID_DIFFICULTY: row("invalid difficulty"),
  WRONG_DIFFICULTY: row("wrong difficulty"),
  INVALID_TIMESTAMP: row("invalid timestamp"),
  INVALID_VOTING_CHAIN: row("invalid voting chain"),
  UNAUTHORIZED_SIGNER: row("unauthorized signer"),
  RECENTLY_SIGNED: row("recently signed"),
  /** geth returns the error of its crypto library here. */
  INVALID_SIGNATURE: row("signature does not recover to a key"),
  UNSUPPORTED_FORK: row("clique does not support shanghai or later"),
  /** Sealing without a signer. */
  NO_SIGNER: {
    message: (d: At) => `header #${d.number}: sealing needs a signer`,
    blame: "caller",
  },
});
