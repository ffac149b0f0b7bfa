import { isError } from "#util";
import { UsbError } from "./errors.ts";
import { type HidDevice, type HidInfo, type HidPort, REPORT_BYTES } from "./hid.ts";

/** How long a reply may take, ms: a user has to read and to press a button. */
const READ_MS = 600_000;

/** What is used of a WebUSB device (https://wicg.github.io/webusb/). */
interface WebUsbDevice {
  readonly vendorId: number;
  readonly productId: number;
  readonly bus?: string;
  readonly address?: number;
  readonly serialNumber?: string | null;
  readonly configurations: readonly {
    readonly configurationValue: number;
    readonly interfaces: readonly {
      readonly interfaceNumber: number;
      readonly alternate: {
        readonly interfaceClass: number;
        readonly endpoints: readonly { readonly endpointNumber: number; readonly direction: "in" | "out" }[];
      };
    }[];
  }[];
  open(): Promise<void>;
  close(): Promise<void>;
  claimInterface(number: number): Promise<void>;
  detachKernelDriver?(number: number): Promise<void>;
  transferIn(
    endpoint: number,
    length: number,
    timeout?: number,
  ): Promise<{ readonly data?: DataView | undefined }>;
  transferOut(endpoint: number, data: Uint8Array): Promise<unknown>;
}

interface UsbPackage {
  readonly usb: { getDevices(): Promise<readonly WebUsbDevice[]> };
}

const pathOf = (device: WebUsbDevice) =>
  `${device.bus ?? ""}:${device.address ?? 0}:${device.vendorId.toString(16)}:${device.productId.toString(16)}`;

/** HID (3) or vendor-specific (255): what both vendors' message interface is. */
const INTERFACE_CLASSES: ReadonlySet<number> = new Set([3, 255]);

function firstInterface(device: WebUsbDevice) {
  for (const { interfaces } of device.configurations)
    for (const { interfaceNumber, alternate } of interfaces)
      if (interfaceNumber === 0 && INTERFACE_CLASSES.has(alternate.interfaceClass)) return alternate;
  return undefined;
}

async function openDevice(device: WebUsbDevice): Promise<HidDevice> {
  const alternate = firstInterface(device);
  const endpointOf = (direction: "in" | "out") =>
    alternate?.endpoints.find((one) => one.direction === direction)?.endpointNumber;
  const [input, output] = [endpointOf("in"), endpointOf("out")];
  if (input === undefined || output === undefined)
    throw UsbError("DEVICE", { why: "it has no endpoints for messages" });
  await device.open();
  await device.detachKernelDriver?.(0).catch(() => {}); // Linux: its HID driver may hold it
  await device.claimInterface(0);
  return {
    write: async (report) => void (await device.transferOut(output, report)),
    read: async () => {
      const { data } = await device.transferIn(input, REPORT_BYTES, READ_MS);
      if (data === undefined) throw UsbError("DEVICE", { why: "it sent nothing" });
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    },
    close: () => device.close(),
  };
}

/**
 * The real port: devices over USB by the package `usb`, loaded now and not before. It is no dependency: who wants hardware
 * wallets installs it (`npm install usb@3.1.0`).
 * @throws USB_NO_TRANSPORT if it is not installed, or has no build for this system
 */
export async function loadUsbPort(load: () => Promise<unknown> = loadPackage): Promise<HidPort> {
  let found: unknown;
  try {
    found = await load();
  } catch (error) {
    if (isError(error, "USB_NO_TRANSPORT")) throw error;
    throw UsbError("NO_TRANSPORT", undefined, { cause: error });
  }
  const { usb } = found as UsbPackage; // as: the shape of its version 3
  const listed = async (vendorId: number) =>
    (await usb.getDevices()).filter((device) => device.vendorId === vendorId);
  return {
    enumerate: async (vendorId) =>
      (await listed(vendorId)).map((device) => ({
        path: pathOf(device),
        vendorId,
        productId: device.productId,
        usagePage: 0,
        interfaceNumber: firstInterface(device) === undefined ? -1 : 0,
      })),
    async open(info: HidInfo) {
      const device = (await listed(info.vendorId)).find((one) => pathOf(one) === info.path);
      if (device === undefined) throw UsbError("DEVICE", { why: "it was unplugged" });
      return openDevice(device);
    },
  };
}

/** By a name that no bundler and no compiler follows. */
async function loadPackage(): Promise<unknown> {
  const name = "usb";
  const loaded: unknown = await import(name);
  return loaded;
}
