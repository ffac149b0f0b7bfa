import { expect, test } from "vitest";
import { formatIp, fromHex, parseIp, toHex } from "./index.ts";

test("parseIp", () => {
  const hex = (text: string) => {
    const bytes = parseIp(text);
    return bytes === undefined ? undefined : toHex(bytes);
  };
  expect(hex("1.2.3.255")).toBe("0x010203ff");
  expect(hex("::1")).toBe(`0x${"00".repeat(15)}01`);
  expect(hex("::")).toBe(`0x${"00".repeat(16)}`);
  expect(hex("fe80::1:2")).toBe(`0xfe80${"00".repeat(10)}00010002`);
  expect(hex("::ffff:1.2.3.4")).toBe("0x01020304");
  for (const bad of [
    "",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4.5",
    ":::",
    "1::2::3",
    "12345::",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7",
    "fe80::1%eth0",
    "::1.2.3.4.5",
  ])
    expect(hex(bad)).toBeUndefined();
});

test.each([
  ["0x01020304", "1.2.3.4"],
  [`0x${"00".repeat(16)}`, "::"],
  [`0x${"00".repeat(15)}01`, "::1"],
  [`0x${"00".repeat(10)}ffff01020304`, "1.2.3.4"],
  ["0x20010db83c4d00150000000abcdef120", "2001:db8:3c4d:15:0:a:bcde:f120"],
  ["0x20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
  [`0xfe80${"00".repeat(14)}`, "fe80::"],
  [`0x${"00".repeat(8)}${"11".repeat(8)}`, "::1111:1111:1111:1111"],
])("formatIp of %s is %s, and back", (hex, text) => {
  expect(formatIp(fromHex(hex))).toBe(text);
  expect(formatIp(parseIp(text) ?? new Uint8Array(4))).toBe(text);
});

test("formatIp takes nothing but 4 or 16 bytes", () => {
  expect(() => formatIp(new Uint8Array(15))).toThrow(RangeError);
});
