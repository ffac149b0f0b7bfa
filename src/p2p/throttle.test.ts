import { describe, expect, test } from "vitest";
import { isLan, makeAllowList, parseListenAddr, subnetOf } from "./netutil.ts";
import { InboundThrottle, Rarely, TokenBucket } from "./throttle.ts";

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

test("TokenBucket: a burst, then the rate", () => {
  const bucket = new TokenBucket({ capacity: 2, everyMs: 100, now: 0 });
  expect([
    bucket.take(0),
    bucket.take(0),
    bucket.take(0),
    bucket.wait(0),
    bucket.take(50),
    bucket.take(100),
    bucket.take(100),
  ]).toEqual([true, true, false, 100, false, true, false]);
  expect([bucket.take(1e6), bucket.take(1e6), bucket.take(1e6)]).toEqual([true, true, false]);
});

test("Rarely: one line a period, with the number held back", () => {
  const rarely = new Rarely(1000);
  const said: number[] = [];
  for (const now of [0, 1, 2, 999, 1000, 1500, 3000]) rarely.run(now, (held) => said.push(held));
  expect(said).toEqual([0, 3, 1]);
});

test("addresses: LAN, subnets, allow lists, listen addresses", () => {
  expect(
    ["127.0.0.1", "10.9.9.9", "172.15.0.1", "172.31.0.1", "8.8.8.8", "::1", "fe80::1", "2001::1", "x"].map(
      isLan,
    ),
  ).toEqual([true, true, false, true, false, true, true, false, false]);
  expect([subnetOf("1.2.3.4"), subnetOf("1.2.3.9")]).toEqual(["1.2.3", "1.2.3"]);
  const allowed = makeAllowList(["10.0.0.0/9", "2001:db8::/33"]);
  expect(
    ["10.127.0.1", "10.128.0.1", "2001:db8:1::", "2001:db8:8000::", "::ffff:10.1.1.1"].map(allowed),
  ).toEqual([true, false, true, false, true]);
  expect(makeAllowList(undefined)("anything")).toBe(true);
  expect(makeAllowList([])("10.0.0.1")).toBe(false);
  expect([":30303", "127.0.0.1:0", "[::1]:5", "localhost:1"].map(parseListenAddr)).toEqual([
    { host: "", port: 30_303 },
    { host: "127.0.0.1", port: 0 },
    { host: "::1", port: 5 },
    { host: "localhost", port: 1 },
  ]);
  for (const bad of ["30303", "x:1", "1.2.3.4:65536", "::1:5", ""])
    expect(() => parseListenAddr(bad)).toThrow("invalid listen address");
});
