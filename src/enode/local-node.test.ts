import { parsePrivateKey } from "#crypto";
import { decodeEnr, enrEntries, enrPair, readEntry, signEnr } from "#enr";
import { memoryStore } from "#ethdb";
import { SimulatedClock } from "#host/sim";
import { fromHex } from "#util";
import { describe, expect, test } from "vitest";
import {
  compareDistance,
  fromRecord,
  LocalNode,
  logDistance,
  NodeDatabase,
  parseNode,
  seqOf,
} from "./index.ts";

const KEY = parsePrivateKey(fromHex("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"));

async function make(store = memoryStore()) {
  const clock = new SimulatedClock(1_600_000_000);
  const database = await NodeDatabase.open(clock, store);
  return { clock, store, database, local: new LocalNode({ key: KEY, database, clock }) };
}

describe("LocalNode", () => {
  test("a record is signed anew when something changed, and only then", async () => {
    const { local } = await make();
    const first = local.record;
    expect(first.seq).toBe(1_600_000_000_001n);
    local.set(enrEntries.tcp, 30_303);
    expect(local.seq).toBe(first.seq + 1n);
    local.set(enrEntries.tcp, 30_303);
    local.delete(enrEntries.eth);
    expect(local.seq).toBe(first.seq + 1n);
    local.delete(enrEntries.tcp);
    expect(local.seq).toBe(first.seq + 2n);
    expect(decodeEnr(local.record.bytes)).toEqual(local.record);
    expect(local.node).toMatchObject({ id: local.id, tcp: 0, udp: 0, ip: undefined });
  });

  test("the sequence number grows over a restart", async () => {
    const { local, store } = await make();
    const { seq } = local;
    const again = await make(store);
    expect(again.local.seq).toBe(seq + 1n);
  });

  test("the address: fallback, then what ten hosts say, then the static one", async () => {
    const { local } = await make();
    local.setFallbackIp("127.0.0.1");
    local.setFallbackUdp(30_303);
    expect(local.node).toMatchObject({ ip: "127.0.0.1", udp: 30_303 });
    for (let i = 0; i < 10; i++) local.addEndpointStatement(`5.5.5.${i}`, { host: "9.8.7.6", port: 1234 });
    expect(local.node).toMatchObject({ ip: "9.8.7.6", udp: 1234 });
    local.setStaticIp("1.2.3.4");
    expect(local.node).toMatchObject({ ip: "1.2.3.4", udp: 30_303 });
    local.setStaticIp(undefined);
    expect(local.node).toMatchObject({ ip: "9.8.7.6", udp: 1234 });
  });

  test("both families stand in one record", async () => {
    const { local } = await make();
    local.setFallbackUdp(30_303);
    local.setStaticIp("10.0.0.1");
    for (let i = 0; i < 10; i++) local.addEndpointStatement(`2a00::${i}`, { host: "2a00::99", port: 9 });
    const read = (["ip", "ip6", "udp", "udp6"] as const).map((name) =>
      readEntry<unknown>(local.record, enrEntries[name]),
    );
    expect(read).toEqual(["10.0.0.1", "2a00::99", 30_303, 9]);
    local.setStaticIp("0.0.0.0");
    expect(readEntry(local.record, enrEntries.ip)).toBeUndefined();
  });
});

// geth p2p/enode/node_test.go:TestNodeEndpoints@v1.17.5
test.each([
  [{}, {}],
  [{ udp: 9000 }, { udp: 9000 }],
  [{ tcp: 9000 }, { tcp: 9000 }],
  [{ ip: "127.0.0.1" }, { ip: "127.0.0.1" }],
  [{ ip: "0.0.0.0" }, { ip: "0.0.0.0" }],
  [{ ip: "99.22.33.1" }, { ip: "99.22.33.1" }],
  [{ ip6: "2001::ff00:42:8329" }, { ip: "2001::ff00:42:8329" }],
  [
    { ip: "127.0.0.1", udp: 30_304, ip6: "2001::ff00:42:8329", udp6: 30_306 },
    { ip: "2001::ff00:42:8329", udp: 30_306 },
  ],
  [{ ip: "0.0.0.0", ip6: "::1" }, { ip: "::1" }],
  [
    { ip: "192.168.2.2", udp: 30_304, ip6: "2001::ff00:42:8329", udp6: 30_306 },
    { ip: "2001::ff00:42:8329", udp: 30_306 },
  ],
  [
    { ip: "169.254.2.6", udp: 30_304, ip6: "2001::ff00:42:8329", udp6: 30_306 },
    { ip: "2001::ff00:42:8329", udp: 30_306 },
  ],
  [
    { ip: "192.168.2.2", udp: 30_304, ip6: "fd00::abcd:1", udp6: 30_306 },
    { ip: "192.168.2.2", udp: 30_304 },
  ],
  [
    { ip: "192.168.2.2", udp: 30_304, ip6: "fe80::1", udp6: 30_306 },
    { ip: "192.168.2.2", udp: 30_304 },
  ],
  [
    { ip6: "2a00::1", udp: 1, tcp: 2 },
    { ip: "2a00::1", udp: 1, tcp: 2 },
  ],
  [
    { ip6: "2a00::1", udp: 1, tcp: 2, tcp6: 3 },
    { ip: "2a00::1", udp: 1, tcp: 3 },
  ],
])("the endpoint of a record with %o", (entries, want) => {
  const { ip, ip6, udp, udp6, tcp, tcp6 } = entries as { [K in "ip" | "ip6"]?: string } & {
    [K in "udp" | "udp6" | "tcp" | "tcp6"]?: number;
  };
  const pairs = [
    ...(ip === undefined ? [] : [enrPair(enrEntries.ip, ip)]),
    ...(ip6 === undefined ? [] : [enrPair(enrEntries.ip6, ip6)]),
    ...(udp === undefined ? [] : [enrPair(enrEntries.udp, udp)]),
    ...(udp6 === undefined ? [] : [enrPair(enrEntries.udp6, udp6)]),
    ...(tcp === undefined ? [] : [enrPair(enrEntries.tcp, tcp)]),
    ...(tcp6 === undefined ? [] : [enrPair(enrEntries.tcp6, tcp6)]),
  ];
  const node = fromRecord(signEnr({ seq: 5n, pairs }, KEY));
  expect(node).toMatchObject({ ip: undefined, udp: 0, tcp: 0, ...want });
  expect(seqOf(node)).toBe(5n);
});

test("a node is read from either form", () => {
  const text =
    "enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjzCBOonrkTfj499SZuOh8R33Ls8RRcy5wBgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQPKY0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8";
  const node = parseNode(text);
  expect(node).toMatchObject({
    id: "a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7",
    ip: "127.0.0.1",
    udp: 30_303,
    tcp: 0,
  });
  expect(() => parseNode("enr:x")).toThrow(expect.objectContaining({ code: "ENR_BAD_TEXT" }));
  expect(() => parseNode("http://x")).toThrow(expect.objectContaining({ code: "ENODE_BAD_URL" }));
});

test("distances are those of big integers (seed 11)", () => {
  let state = 11;
  const next = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31);
  const id = () =>
    Array.from({ length: 64 }, () => (next() >> 8) % 16)
      .map((digit) => digit.toString(16))
      .join("");
  for (let i = 0; i < 200; i++) {
    const [target, a] = [id(), id()];
    const b = i % 4 === 0 ? a.slice(0, i % 64) + id().slice(i % 64) : id();
    const toA = BigInt(`0x${target}`) ^ BigInt(`0x${a}`);
    const toB = BigInt(`0x${target}`) ^ BigInt(`0x${b}`);
    expect(Math.sign(compareDistance(target, a, b))).toBe(toA < toB ? -1 : toA > toB ? 1 : 0);
    expect(logDistance(target, a)).toBe(toA === 0n ? 0 : toA.toString(2).length);
  }
  expect([
    logDistance("0".repeat(64), "0".repeat(64)),
    compareDistance("0".repeat(64), "1".repeat(64), "1".repeat(64)),
  ]).toEqual([0, 0]);
});
