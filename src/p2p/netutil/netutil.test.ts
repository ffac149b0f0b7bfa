import { SimulatedClock, seededRand } from "#host/sim";
import { describe, expect, test } from "vitest";
import {
  checkRelayIp,
  DistinctNetSet,
  IpTracker,
  isLan,
  isSameNet,
  isSpecialNetwork,
  makeAllowList,
  parseListenAddr,
  parseNetlist,
  subnetOf,
} from "./index.ts";

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

// geth p2p/netutil/net_test.go@v1.17.5
test.each([
  ["127.0.0.1", true],
  ["10.0.1.1", true],
  ["172.31.252.251", true],
  ["192.168.1.4", true],
  ["fe80::f4a1:8eff:fec5:9d9d", true],
  ["febf::ab32:2233", true],
  ["fc00::4", true],
  ["fe80::1%eth0", true],
  ["fec0::1%eth0", false],
  ["::ffff:127.0.0.1", true],
  ["::ffff:10.10.0.2", true],
  ["192.0.2.1", false],
  ["1.0.0.0", false],
  ["172.32.0.1", false],
  ["fec0::2233", false],
  ["::ffff:88.99.100.2", false],
])("isLan(%s) is %s", (ip, want) => {
  expect(isLan(ip)).toBe(want);
});

test.each([
  ["0.0.0.0", true],
  ["0.2.0.8", true],
  ["192.0.2.1", true],
  ["192.0.2.44", true],
  ["2001:db8:85a3:8d3:1319:8a2e:370:7348", true],
  ["255.255.255.255", true],
  ["224.0.0.22", true],
  ["ff05::1:3", true],
  ["::ffff:255.255.255.255", true],
  ["::ffff:192.0.2.1", true],
  ["192.0.3.1", false],
  ["1.0.0.0", false],
  ["172.32.0.1", false],
  ["fec0::2233", false],
])("isSpecialNetwork(%s) is %s", (ip, want) => {
  expect(isSpecialNetwork(ip)).toBe(want);
});

test.each([
  ["127.0.0.1", "0.0.0.0", "zero address"],
  ["192.168.0.1", "0.0.0.0", "zero address"],
  ["23.55.1.242", "::", "zero address"],
  ["127.0.0.1", "255.255.255.255", "special network"],
  ["23.55.1.242", "255.255.255.255", "special network"],
  ["192.168.0.1", "127.0.2.19", "loopback address from non-loopback host"],
  ["23.55.1.242", "192.168.0.1", "LAN address from WAN host"],
  ["23.55.1.242", "somewhere", "invalid IP"],
  ["127.0.0.1", "127.0.2.19", undefined],
  ["127.0.0.1", "192.168.0.1", undefined],
  ["127.0.0.1", "23.55.1.242", undefined],
  ["192.168.0.1", "192.168.0.1", undefined],
  ["192.168.0.1", "23.55.1.242", undefined],
  ["23.55.1.242", "23.55.1.242", undefined],
])("from %s, %s: %s", (sender, ip, want) => {
  expect(checkRelayIp(sender, ip)).toBe(want);
});

test.each([
  ["0.0.0.0", "0.0.0.0", 32, true],
  ["0.0.0.0", "0.0.0.1", 0, true],
  ["0.0.0.0", "0.0.0.1", 31, true],
  ["0.0.0.0", "0.0.0.1", 32, false],
  ["0.33.0.1", "0.34.0.2", 8, true],
  ["0.33.0.1", "0.34.0.2", 13, true],
  ["0.33.0.1", "0.34.0.2", 15, false],
  ["::1", "0.0.0.1", 0, false],
])("%s and %s share %d bits: %s", (ip, other, bits, want) => {
  expect(isSameNet(bits, ip, other)).toBe(want);
});

test("a netlist is read as geth reads one", () => {
  expect(parseNetlist(" 10.0.0.0/8,,\n fe80::/10 ,")).toEqual(["10.0.0.0/8", "fe80::/10"]);
  expect(parseNetlist("")).toEqual([]);
  expect(() => parseNetlist("10.0.0.0")).toThrow("invalid CIDR address: 10.0.0.0");
});

describe("DI-06 DistinctNetSet", () => {
  test("geth's sequence on a /15", () => {
    const set = new DistinctNetSet({ v4Bits: 15, limit: 2 });
    const add = (ip: string) => set.add(ip);
    expect(["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(add)).toEqual([true, true, false]);
    expect(["127.32.0.1", "127.32.0.2", "127.32.0.3", "127.33.0.1"].map(add)).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(["127.34.0.1", "127.34.0.2", "127.34.0.3"].map(add)).toEqual([true, true, false]);
    set.remove("127.0.0.1");
    expect(["127.0.0.3", "127.0.0.3"].map(add)).toEqual([true, false]);
  });

  test("IPv6 by /48: a /56 holds no more, the next /48 counts for itself", () => {
    const set = new DistinctNetSet({ limit: 2 });
    const ips = ["2a00:1:2:100::1", "2a00:1:2:1ff::2", "2a00:1:2:100::3", "2a00:1:2:200::1", "2a00:1:3::1"];
    expect(ips.map((ip) => set.add(ip))).toEqual([true, true, false, false, true]);
  });

  test("what is added and removed leaves nothing (seed 3)", () => {
    const rand = seededRand(3);
    const set = new DistinctNetSet({ limit: 3, v4Bits: 2 });
    const added = Array.from({ length: 200 }, () => `${rand.int(256)}.${rand.int(256)}.1.1`).filter((ip) =>
      set.add(ip),
    );
    expect(set.size).toBe(12);
    for (const ip of added) set.remove(ip);
    expect(set.size).toBe(0);
  });
});

describe("IpTracker", () => {
  const mine = { host: "1.2.3.4", port: 30_303 };

  test("ten that agree make a prediction, which ends with their time", async () => {
    const clock = new SimulatedClock();
    const tracker = new IpTracker(clock);
    for (let i = 0; i < 9; i++) tracker.addStatement(`5.5.5.${i}`, mine);
    for (let i = 0; i < 20; i++) tracker.addStatement("6.6.6.6", { host: "9.9.9.9", port: 1 }); // one voice
    expect(tracker.predict()).toBeUndefined();
    tracker.addStatement("5.5.5.10", mine);
    expect(tracker.predict()).toEqual(mine);
    await clock.advance(300_001);
    expect(tracker.predict()).toBeUndefined();
    expect(tracker.size).toBe(0);
  });

  test("most win", () => {
    const tracker = new IpTracker(new SimulatedClock(), { minStatements: 1 });
    tracker.addStatement("5.5.5.1", { host: "9.9.9.9", port: 1 });
    tracker.addStatement("5.5.5.2", mine);
    tracker.addStatement("5.5.5.3", mine);
    expect(tracker.predict()).toEqual(mine);
  });

  test("a statement before any contact of ours shows a full-cone NAT", async () => {
    const clock = new SimulatedClock();
    const tracker = new IpTracker(clock);
    tracker.addContact("5.5.5.1");
    await clock.advance(10);
    tracker.addStatement("5.5.5.1", mine);
    expect(tracker.predictFullConeNat()).toBe(false);
    tracker.addStatement("5.5.5.2", mine);
    expect(tracker.predictFullConeNat()).toBe(true);
  });

  test("what it remembers is bounded", () => {
    const tracker = new IpTracker(new SimulatedClock());
    for (let i = 0; i < 2000; i++) tracker.addStatement(`5.5.${i >> 8}.${i & 255}`, mine);
    expect(tracker.size).toBe(1024);
  });
});
