import { concatBytes } from "#util";
import { UsbError } from "./errors.ts";
import { REPORT_BYTES } from "./hid.ts";

/** Channel 0x0101, tag APDU (Ledger's HID framing: blue-app-eth doc/ethapp, ledgerjs hid-framing). */
const HEADER = [0x01, 0x01, 0x05] as const;
const PAYLOAD = REPORT_BYTES - 5;

/** An APDU → reports: channel(2) ‖ tag(1) ‖ sequence(2) ‖ payload, of which the first begins with the APDU's length(2). */
export function ledgerReports(apdu: Uint8Array): Uint8Array[] {
  const body = concatBytes(Uint8Array.of(apdu.length >> 8, apdu.length & 0xff), apdu);
  const reports: Uint8Array[] = [];
  for (let at = 0, sequence = 0; at < body.length; at += PAYLOAD, sequence++) {
    const report = new Uint8Array(REPORT_BYTES);
    report.set([...HEADER, sequence >> 8, sequence & 0xff]);
    report.set(body.subarray(at, at + PAYLOAD), 5);
    reports.push(report);
  }
  return reports;
}

/** Puts reports together to one reply. BOUNDED: 65,535 bytes, by its length of 2 bytes. */
export class LedgerReply {
  #reply: Uint8Array | undefined;
  #filled = 0;
  #sequence = 0;

  /** @returns the reply, once it is whole. @throws USB_HEADER for a report of another protocol, or out of order */
  add(report: Uint8Array): Uint8Array | undefined {
    const isOurs = HEADER.every((byte, i) => report[i] === byte);
    const sequence = ((report[3] ?? 0) << 8) | (report[4] ?? 0);
    if (report.length !== REPORT_BYTES || !isOurs || sequence !== this.#sequence)
      throw UsbError("HEADER", { vendor: "ledger" });
    this.#sequence++;
    this.#reply ??= new Uint8Array(((report[5] ?? 0) << 8) | (report[6] ?? 0));
    const payload = report.subarray(sequence === 0 ? 7 : 5);
    const left = this.#reply.length - this.#filled;
    this.#reply.set(payload.subarray(0, left), this.#filled);
    this.#filled += Math.min(left, payload.length);
    return this.#filled === this.#reply.length ? this.#reply : undefined;
  }
}
