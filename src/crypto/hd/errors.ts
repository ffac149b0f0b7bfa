import { defineErrors } from "#util";

export const HdError = defineErrors("HD", {
  /** Which word is wrong is not said: the text is a secret. */
  WORDS: {
    message: () =>
      "not a mnemonic: 12, 15, 18, 21 or 24 words of the English list with a right checksum are wanted",
    blame: "caller",
    exitCode: 2,
  },
  PATH: { message: () => "no key at this derivation path", blame: "caller" },
});
