import { defineErrors } from "#util";

/** Texts are geth's (p2p/enode/urlv4.go:69-158@v1.8.27): users search for them. */
export const EnodeError = defineErrors("ENODE", {
  BAD_URL: { message: (d: { text: string }) => d.text, blame: "environment", exitCode: 2 },
  BAD_KEY: {
    message: (d: { reason: string }) => `invalid node ID (${d.reason})`,
    blame: "environment",
    exitCode: 2,
  },
});
