import { type AccountBackend, compareAccountUrls, type Wallet, type WalletEvent } from "#accounts";
import { Feed } from "#event";
import type { Clock, Timer } from "#host";
import type { Logger } from "#log";
import type { Driver } from "./driver.ts";
import type { HidInfo, HidPort } from "./hid.ts";
import { LedgerDriver } from "./ledger.ts";
import { TrezorDriver } from "./trezor.ts";
import { UsbWallet } from "./usb-wallet.ts";

/** Between two looks for devices, and least time between two, ms (geth). */
const [REFRESH_MS, THROTTLE_MS] = [1_000, 500];
/** Looks that failed in a row after which no more are made. */
const MOST_FAILURES = 3;
/** BOUNDED: devices of one hub. */
const MAX_DEVICES = 64;

/** How one vendor's devices are told. */
interface Vendor {
  readonly scheme: "ledger" | "trezor";
  readonly vendorId: number;
  /** Product ids; of a Ledger also by their upper byte alone: the lower one says which interfaces there are. */
  readonly products: ReadonlySet<number>;
  readonly byUpperByte: boolean;
  readonly usagePage: number;
  makeDriver(): Driver;
}

/** accounts/usbwallet/hub.go@v1.17.5 */
const vendors: readonly Vendor[] = [
  {
    scheme: "ledger",
    vendorId: 0x2c97,
    products: new Set([
      ...[0x0000, 0x0001, 0x0004, 0x0005, 0x0006, 0x0007, 0x0008],
      ...[0x1000, 0x4000, 0x5000, 0x6000, 0x7000, 0x8000],
    ]),
    byUpperByte: true,
    usagePage: 0xffa0,
    makeDriver: () => new LedgerDriver(),
  },
  {
    scheme: "trezor",
    vendorId: 0x534c,
    products: new Set([0x0001]),
    byUpperByte: false,
    usagePage: 0xff00,
    makeDriver: () => new TrezorDriver(),
  },
  {
    scheme: "trezor",
    vendorId: 0x1209,
    products: new Set([0x53c1]),
    byUpperByte: false,
    usagePage: 0xffff, // WebUSB has none
    makeDriver: () => new TrezorDriver(),
  },
];

export interface UsbHubOptions {
  readonly vendor: Vendor;
  readonly port: HidPort;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Finds the devices of one vendor and makes wallets of them. Looks each second while it runs, and when it is asked. */
export class UsbHub implements AccountBackend {
  readonly events: Feed<WalletEvent>;
  readonly #options: UsbHubOptions;
  #wallets: readonly UsbWallet[] = [];
  #lastLook: number | undefined;
  #failures = 0;
  /** Users that are being asked on a device: enumerating now would break that off. */
  #pending = 0;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #isRunning = false;

  constructor(options: UsbHubOptions) {
    this.#options = options;
    this.events = new Feed((error) => options.log.error("a listener of wallet events failed", { error }));
  }

  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    await this.#refresh();
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#timer?.cancel();
    await this.#looking;
    const wallets = this.#wallets;
    this.#wallets = [];
    this.#lastLook = undefined;
    await Promise.allSettled(wallets.map((wallet) => wallet.close()));
  }

  async wallets(): Promise<readonly Wallet[]> {
    await this.#refresh();
    return this.#wallets;
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(REFRESH_MS, () => {
      void this.#refresh().then(() => {
        if (this.#isRunning) this.#schedule();
      });
    });
  }

  async #refresh(): Promise<void> {
    const { clock } = this.#options;
    const isRecent = this.#lastLook !== undefined && clock.now() - this.#lastLook < THROTTLE_MS;
    if (isRecent || this.#pending > 0 || this.#failures >= MOST_FAILURES) return this.#looking;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
      this.#lastLook = clock.now();
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { port, vendor, log } = this.#options;
    let found: readonly HidInfo[];
    try {
      found = await port.enumerate(vendor.vendorId);
      this.#failures = 0;
    } catch (error) {
      this.#failures++;
      log.error("looking for devices failed", { hub: vendor.scheme, failures: this.#failures, error });
      return;
    }
    this.#take(found.filter((info) => isOf(vendor, info)).slice(0, MAX_DEVICES));
  }

  /** Known devices keep their wallet, unless it was lost; others come and go. */
  #take(devices: readonly HidInfo[]): void {
    const known = new Map(this.#wallets.filter((one) => !one.isLost).map((one) => [one.url.path, one]));
    const arrived: UsbWallet[] = [];
    const wallets = devices.map((info) => {
      const old = known.get(info.path);
      if (old !== undefined) return old;
      const wallet = this.#wrap(info);
      arrived.push(wallet);
      return wallet;
    });
    const dropped = this.#wallets.filter((one) => !wallets.includes(one));
    this.#wallets = wallets.sort((a, b) => compareAccountUrls(a.url, b.url));
    for (const wallet of dropped) this.events.send({ type: "dropped", wallet });
    for (const wallet of arrived) this.events.send({ type: "arrived", wallet });
  }

  #wrap(info: HidInfo): UsbWallet {
    const { port, vendor, clock, log } = this.#options;
    return new UsbWallet({
      url: { scheme: vendor.scheme, path: info.path },
      driver: vendor.makeDriver(),
      openDevice: () => port.open(info),
      onPending: (change) => {
        this.#pending += change;
      },
      onOpened: (wallet) => void this.events.send({ type: "opened", wallet }),
      clock,
      log,
    });
  }
}

function isOf({ products, byUpperByte, usagePage }: Vendor, info: HidInfo): boolean {
  const upper = info.productId & 0xff00;
  const isProduct = products.has(info.productId) || (byUpperByte && products.has(upper));
  return isProduct && (info.usagePage === usagePage || info.interfaceNumber === 0);
}

/** A hub for each vendor. */
export function usbHubs(options: Omit<UsbHubOptions, "vendor">): readonly UsbHub[] {
  return vendors.map((vendor) => new UsbHub({ ...options, vendor }));
}
