import { defineErrors } from "#util";

/** Texts that geth has are geth's (accounts/errors.go, accounts/hd.go, accounts/url.go @v1.17.5). */
export const AccountsError = defineErrors("ACCOUNTS", {
  UNKNOWN_ACCOUNT: { message: () => "unknown account", blame: "caller" },
  UNKNOWN_WALLET: { message: () => "unknown wallet", blame: "caller" },
  NOT_SUPPORTED: { message: () => "not supported", blame: "caller" },
  WALLET_OPEN: { message: () => "wallet already open", blame: "caller" },
  WALLET_CLOSED: { message: () => "wallet closed", blame: "caller" },
  AUTH_NEEDED: {
    message: (d: { needed: string }) => `authentication needed: ${d.needed}`,
    blame: "caller",
  },
  UNLOCK_FORBIDDEN: { message: () => "account unlock with HTTP access is forbidden", blame: "caller" },
  NO_KEYSTORE: { message: () => "local keystore not used", blame: "caller" },
  BAD_URL: { message: () => "protocol scheme missing", blame: "caller" },
  BAD_PATH: { message: (d: { why: string }) => d.why, blame: "caller", exitCode: 2 },
  TYPED_DATA: { message: (d: { why: string }) => `typed data: ${d.why}`, blame: "caller", rpcCode: -32602 },
});
