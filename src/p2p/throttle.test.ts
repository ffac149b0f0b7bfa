import { describe, expect, test } from "vitest";
import { InboundThrottle, Rarely } from "./throttle.ts";

describe("InboundThrottle", () => {
  test("BP-04 one connection per address and four per /24 (IPv6: /48) in 30 s; LAN is exempt; all is forgotten after", () => {
    const throttle = new InboundThrottle();
    expect(
      ["1.2.3.1", "1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4", "1.2.3.5", "1.2.4.1"].map((ip) =>
        throttle.admit(ip, 0),
      ),
    ).toEqual([true, false, true, true, true, false, true]);
    expect(
      ["2001:db8:1::1", "2001:db8:1::2", "2001:db8:1:5::3", "2001:db8:1:6::4", "2001:db8:1:7::5"].map((ip) =>
        throttle.admit(ip, 0),
      ),
    ).toEqual([true, true, true, true, false]);
    for (let i = 0; i < 100; i++)
      for (const ip of ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.20.0.1"])
        expect(throttle.admit(ip, 0)).toBe(true);
    expect(throttle.admit("1.2.3.1", 29_999)).toBe(false);
    expect(throttle.admit("1.2.3.1", 30_000)).toBe(true);
    expect(throttle.size).toBe(1);
  });

  test("BP-04 what it remembers is bounded", () => {
    const throttle = new InboundThrottle();
    let admitted = 0;
    for (let i = 0; i < 20_000; i++)
      if (throttle.admit(`${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.9`, 0)) admitted++;
    expect([admitted, throttle.size]).toEqual([16_384, 16_384]);
  });
});

test("Rarely: one line a period, with the number held back", () => {
  const rarely = new Rarely(1000);
  const said: number[] = [];
  for (const now of [0, 1, 2, 999, 1000, 1500, 3000]) rarely.run(now, (held) => said.push(held));
  expect(said).toEqual([0, 3, 1]);
});
