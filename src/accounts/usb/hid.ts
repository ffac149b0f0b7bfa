/** A device as the system lists it. */
export interface HidInfo {
  /** Names it as long as it is plugged in: part of the wallet's URL. */
  readonly path: string;
  readonly vendorId: number;
  readonly productId: number;
  /** HID usage page, where the system tells it; 0 elsewhere. */
  readonly usagePage: number;
  /** USB interface, where the system tells it; −1 elsewhere. */
  readonly interfaceNumber: number;
}

/** An open device: reports of 64 bytes, one at a time. */
export interface HidDevice {
  write(report: Uint8Array): Promise<void>;
  /** The next report; waits for it as long as a user takes to press a button. */
  read(): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** The way to devices: injected, so that hubs and wallets know no library and no system. */
export interface HidPort {
  enumerate(vendorId: number): Promise<readonly HidInfo[]>;
  open(info: HidInfo): Promise<HidDevice>;
}

/** Size of every report of both vendors. */
export const REPORT_BYTES = 64;
