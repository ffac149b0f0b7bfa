import { defineErrors } from "#util";

/** Texts that geth has are geth's (accounts/usbwallet @v1.17.5). */
export const UsbError = defineErrors("USB", {
  TREZOR_PIN: { message: () => "trezor: pin needed", blame: "caller" },
  TREZOR_PASSPHRASE: { message: () => "trezor: passphrase needed", blame: "caller" },
  TREZOR_FAILED: { message: (d: { why: string }) => `trezor: ${d.why}`, blame: "caller" },
  TREZOR_UNEXPECTED: {
    message: (d: { wanted: readonly string[]; got: string }) =>
      `trezor: expected reply types [${d.wanted.join(" ")}], got ${d.got}`,
    blame: "environment",
  },
  /** The other end speaks another protocol: a Ledger in its browser mode, for one. */
  HEADER: { message: (d: { vendor: string }) => `${d.vendor}: invalid reply header`, blame: "environment" },
  REPLY: { message: (d: { vendor: string; why: string }) => `${d.vendor}: ${d.why}`, blame: "environment" },
  /** A status word of a Ledger other than 0x9000. */
  STATUS: {
    message: (d: { status: number; why: string }) =>
      `ledger: ${d.why} (0x${d.status.toString(16).padStart(4, "0")})`,
    blame: "caller",
  },
  TOO_OLD: {
    message: (d: { need: string; what: string; have: string }) =>
      `Ledger version >= ${d.need} required for ${d.what} signing (found version v${d.have})`,
    blame: "caller",
  },
  SIGNER_MISMATCH: {
    message: (d: { expected: string; got: string }) =>
      `signer mismatch: expected ${d.expected}, got ${d.got}`,
    blame: "environment",
  },
  DEVICE: { message: (d: { why: string }) => `the device does not answer: ${d.why}`, blame: "environment" },
  NO_TRANSPORT: {
    message: () => "hardware wallets need the package usb: npm install usb@3.1.0",
    blame: "environment",
  },
});
