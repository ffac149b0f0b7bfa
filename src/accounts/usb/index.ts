/**
 * accounts/usb: hardware wallets: Ledger (any with its Ethereum app) and Trezor One, as backends of the account manager. The
 * seed's `accounts/usbwallet`.
 *
 *   HidPort (injected, or the package `usb`) → UsbHub finds → UsbWallet → LedgerDriver | TrezorDriver → reports of 64 bytes
 *
 * Loaded only when somebody asks for it. What a device signs is checked against the account it was asked for. Is not: a
 * USB library; other vendors; a Trezor's typed transactions.
 */
export { UsbError } from "./errors.ts";
export { type HidDevice, type HidInfo, type HidPort, REPORT_BYTES } from "./hid.ts";
export { UsbHub, usbHubs } from "./hub.ts";
export { loadUsbPort } from "./usb-port.ts";
export type { UsbWallet } from "./usb-wallet.ts";
