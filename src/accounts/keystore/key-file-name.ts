import type { Host } from "#host";
import { toHex } from "#util";

/**
 * geth's name of a new key file: `UTC--2019-04-17T09-12-45.123456789Z--<address>`. The clock gives whole seconds; the
 * digits after them only keep two files of one second apart.
 */
export function keyFileName(
  address: Uint8Array,
  { clock, entropy }: Pick<Host, "clock" | "entropy">,
): string {
  const [date = "", time = ""] = new Date(clock.unixSeconds() * 1_000).toISOString().split("T");
  const random = entropy.bytes(4).reduce((value, byte) => value * 256 + byte, 0) % 1_000_000_000;
  const fraction = String(random).padStart(9, "0");
  return `UTC--${date}T${time.slice(0, 8).replaceAll(":", "-")}.${fraction}Z--${toHex(address).slice(2)}`;
}
