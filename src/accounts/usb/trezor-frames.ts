import { concatBytes } from "#util";
import { UsbError } from "./errors.ts";
import { REPORT_BYTES } from "./hid.ts";

/** First byte of each report. */
const REPORT_ID = 0x3f;
/** Begin of a message: "##". */
const MAGIC = 0x23;
const PAYLOAD = REPORT_BYTES - 1;
/** Largest reply that is put together; real ones have some hundred bytes. */
const MAX_REPLY = 64 * 1024;

/** A message → reports of wire v1: 0x3f ‖ payload, of which the first begins with "##" ‖ kind(2) ‖ length(4). */
export function trezorReports(kind: number, message: Uint8Array): Uint8Array[] {
  const head = new Uint8Array(8);
  const view = new DataView(head.buffer);
  head.set([MAGIC, MAGIC]);
  view.setUint16(2, kind);
  view.setUint32(4, message.length);
  const body = concatBytes(head, message);
  const reports: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += PAYLOAD) {
    const report = new Uint8Array(REPORT_BYTES);
    report[0] = REPORT_ID;
    report.set(body.subarray(at, at + PAYLOAD), 1);
    reports.push(report);
  }
  return reports;
}

/** Puts reports together to one message. BOUNDED: 64 KiB. */
export class TrezorReply {
  kind = 0;
  #message: Uint8Array | undefined;
  #filled = 0;

  /** @returns the message, once it is whole. @throws USB_HEADER for a report of another protocol or one that is too large */
  add(report: Uint8Array): Uint8Array | undefined {
    const refuse = () => UsbError("HEADER", { vendor: "trezor" });
    if (report.length !== REPORT_BYTES || report[0] !== REPORT_ID) throw refuse();
    let payload = report.subarray(1);
    if (this.#message === undefined) {
      if (report[1] !== MAGIC || report[2] !== MAGIC) throw refuse();
      const view = new DataView(report.buffer, report.byteOffset, report.length);
      this.kind = view.getUint16(3);
      const length = view.getUint32(5);
      if (length > MAX_REPLY) throw refuse();
      this.#message = new Uint8Array(length);
      payload = report.subarray(9);
    }
    const left = this.#message.length - this.#filled;
    this.#message.set(payload.subarray(0, left), this.#filled);
    this.#filled += Math.min(left, payload.length);
    return this.#filled === this.#message.length ? this.#message : undefined;
  }
}
