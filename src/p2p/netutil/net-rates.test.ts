import { expect, test } from "vitest";
import { NetRates } from "./index.ts";

const shares = [
  { v4Bits: 24, v6Bits: 64, capacity: 2, everyMs: 100 },
  { v4Bits: 16, v6Bits: 48, capacity: 3, everyMs: 100 },
];
const takeAll = (rates: NetRates, ips: readonly string[], now: number) =>
  ips.map((ip) => (rates.take(ip, now) ? 1 : 0)).join("");

test("every network an address lies in has to have something left", () => {
  const rates = new NetRates(shares, 10);
  expect(takeAll(rates, ["20.0.0.1", "20.0.0.2", "20.0.0.3", "20.0.1.1", "20.0.2.1"], 0)).toBe("11010");
  expect(takeAll(rates, ["20.1.0.1", "20.0.0.1", "20.0.1.1"], 100)).toBe("110");
});

test("what one network was refused costs the others nothing", () => {
  const rates = new NetRates(shares, 10);
  expect(takeAll(rates, ["20.0.0.1", "20.0.0.1", "20.0.0.1", "20.0.0.1", "20.0.1.1"], 0)).toBe("11001");
});

test("IPv6: /64 and /48", () => {
  const rates = new NetRates(shares, 10);
  const ips = [
    "2a00:1:2:3::1",
    "2a00:1:2:3::2",
    "2a00:1:2:3:ffff::",
    "2a00:1:2:4::1",
    "2a00:1:2:5::1",
    "2a00:1:3::1",
  ];
  expect(takeAll(rates, ips, 0)).toBe("110101");
});

test("our own networks have no rate, and only so many networks are remembered", () => {
  const rates = new NetRates(shares, 2);
  expect(
    takeAll(
      rates,
      Array.from({ length: 9 }, () => "192.168.0.7"),
      0,
    ),
  ).toBe("111111111");
  expect(takeAll(rates, ["20.0.0.1", "20.0.0.1", "30.0.0.1", "40.0.0.1", "20.0.0.1"], 0)).toBe("11111");
});
