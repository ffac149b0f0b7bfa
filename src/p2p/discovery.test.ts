import { generateKey } from "#crypto";
import type { NodeSource } from "#enode";
import { enrEntries, enrEntry, enrPair, readEntry } from "#enr";
import { memoryStore } from "#ethdb";
import type { Host } from "#host";
import { memoryNet, seededRand, simHost, SimulatedClock } from "#host/sim";
import { makeEnode, parseNode } from "#enode";
import { bytes as bytesSchema } from "#rlp";
import { expect, test } from "vitest";
import { shareSocket } from "./discovery.ts";
import type { Protocol } from "./protocol.ts";
import { Server } from "./server.ts";
import type { ServerConfig } from "./server-types.ts";

/** Hosts on one net with one clock. */
function makeHosts() {
  const clock = new SimulatedClock();
  const net = memoryNet({ clock, rand: seededRand(1), latencyMs: 5 });
  let seed = 0;
  return { clock, make: (): Host => ({ ...simHost(++seed, clock), net }) };
}

const chatter = (change: Partial<Protocol> = {}): Protocol => ({
  name: "chat",
  version: 1,
  length: 1,
  run: (_peer, _rw, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  ...change,
});

function make(host: Host, port: number, config: Partial<ServerConfig> = {}) {
  return new Server(
    {
      privateKey: generateKey(host.entropy),
      name: "glim/test",
      listenAddr: `127.0.0.1:${port}`,
      noDiscovery: false,
      protocols: [chatter()],
      ...config,
    },
    host,
  );
}

test("two servers that know one boot node become peers; what they learnt is there after a restart", async () => {
  const { clock, make: host } = makeHosts();
  const boot = make(host(), 30_301, { maxPeers: 0, protocols: [] });
  await boot.start();
  const bootstrapNodes = [boot.self.enr];
  const nodeStore = memoryStore();
  const a = make(host(), 30_302, { bootstrapNodes, nodeStore });
  const b = make(host(), 30_303, { bootstrapNodes: [boot.self.enode] });
  await a.start();
  await b.start();
  await clock.advance(20_000);
  expect([...a.peers.keys()]).toEqual([b.self.id]);
  expect(a.discv4?.table.node(b.self.id)).toMatchObject({ ip: "127.0.0.1", udp: 30_303, tcp: 30_303 });
  expect(a.nodeInfo()).toMatchObject({ ports: { discovery: 30_302, listener: 30_302 }, enr: a.self.enr });
  expect(a.self.enode).toBe(`enode://${a.self.enode.slice(8, 136)}@127.0.0.1:30302`);
  expect(parseNode(a.self.enr)).toMatchObject({ id: a.self.id, ip: "127.0.0.1", udp: 30_302, tcp: 30_302 });
  const { seq } = a.discv4?.table.node(b.self.id)?.record ?? { seq: 0n };
  expect(seq).toBeGreaterThan(0n);
  await Promise.all([a.stop(), b.stop(), boot.stop()]);
  await clock.advance(100);
  expect(clock.activeTimers).toBe(0);
  const again = make(host(), 30_302, { privateKey: a.config.privateKey, nodeStore, noDiscovery: true });
  await again.start();
  expect(parseNode(again.self.enr).record?.seq).toBeGreaterThan(parseNode(a.self.enr).record?.seq ?? 0n);
  await again.stop();
});

test("the record tells what protocols say, anew when that changes", async () => {
  const { clock, make: host } = makeHosts();
  let next = 1n;
  const attributes = () => [enrPair(enrEntries.eth, { forkId: { hash: Uint8Array.of(1, 2, 3, 4), next } })];
  const server = make(host(), 1, { protocols: [chatter({ attributes })] });
  await server.start();
  const told = () =>
    readEntry(parseNode(server.self.enr).record ?? { pairs: new Map() }, enrEntries.eth)?.forkId.next;
  expect(told()).toBe(1n);
  next = 2n;
  await clock.advance(10_000);
  expect(told()).toBe(2n);
  await server.stop();
});

test("nodes whose record no protocol has a use for are not dialled; a protocol's own list is", async () => {
  const { clock, make: host } = makeHosts();
  const offered = [chatter({ isCandidate: (node) => node.record === undefined })];
  const a = make(host(), 1, { protocols: offered });
  await a.start();
  const b = make(host(), 2, { bootstrapNodes: [a.self.enode], noDial: true });
  await b.start();
  await clock.advance(15_000);
  expect([a.discv4?.table.size, a.peers.size]).toEqual([1, 0]);
  let isClosed = false;
  const nodes = [b.self.node];
  const dialCandidates: NodeSource = {
    name: "list",
    next: async () => nodes.pop(),
    close: () => {
      isClosed = true;
    },
  };
  const c = make(host(), 3, {
    noDiscovery: false,
    bootstrapNodes: [],
    protocols: [chatter({ dialCandidates })],
  });
  await c.start();
  await clock.advance(1_000);
  expect([...c.peers.keys()]).toEqual([b.self.id]);
  await Promise.all([a.stop(), b.stop(), c.stop()]);
  expect(isClosed).toBe(false); // it had ended by itself
});

test("without discovery no UDP port is opened and the record says so; with its own address it is there", async () => {
  const { make: host } = makeHosts();
  const one = host();
  const quiet = make(one, 1, { noDiscovery: true });
  await quiet.start();
  await (await one.net.bindUdp({ host: "127.0.0.1", port: 1 })).close();
  expect([quiet.discv4, parseNode(quiet.self.enr).udp]).toEqual([undefined, 0]);
  const apart = make(one, 2, { discAddr: "127.0.0.1:99" });
  await apart.start();
  expect(apart.self.enode).toMatch(/@127\.0\.0\.1:2\?discport=99$/);
  await Promise.all([quiet.stop(), apart.stop()]);
});

test("F38 a UDP port that is taken is an error that leaves nothing open; any port will do where any was asked for", async () => {
  const { make: host } = makeHosts();
  const one = host();
  const taken = await one.net.bindUdp({ host: "127.0.0.1", port: 7 });
  const server = make(one, 7);
  await expect(server.start()).rejects.toMatchObject({ code: "HOST_LISTEN_FAILED", exitCode: 6 });
  await (await one.net.listenTcp({ host: "127.0.0.1", port: 7 }, () => {})).close();
  await taken.close();
  const any = make(one, 0);
  const others = await Promise.all(
    Array.from({ length: 50 }, (_, i) => one.net.bindUdp({ host: "127.0.0.1", port: 40_000 + i })),
  );
  await any.start();
  expect(any.self.node.udp).toBeGreaterThan(40_049);
  await any.stop();
  for (const socket of others) await socket.close();
});

test("a shared socket: one sends through it, both hear what is theirs, closing one leaves it open", async () => {
  const { clock, make: host } = makeHosts();
  const { net } = host();
  const socket = await net.bindUdp({ host: "127.0.0.1", port: 1 });
  const other = await net.bindUdp({ host: "127.0.0.1", port: 2 });
  const shared = shareSocket(socket);
  const heard: number[] = [];
  socket.onMessage((bytes, from) => shared.deliver(bytes, from));
  shared.socket.onMessage((bytes) => heard.push(bytes[0] ?? 0));
  other.onMessage((bytes, from) => other.send(bytes, from));
  shared.socket.send(Uint8Array.of(9), other.local);
  await clock.advance(50);
  await shared.socket.close();
  socket.send(Uint8Array.of(8), other.local);
  await clock.advance(50);
  expect([heard, shared.socket.local]).toEqual([[9], socket.local]);
});

test("an external address is told from the start", async () => {
  const { make: host } = makeHosts();
  const server = make(host(), 1, { externalIp: "8.8.4.4" });
  await server.start();
  expect(parseNode(server.self.enr).ip).toBe("8.8.4.4");
  expect(makeEnode(server.self.node.publicKey).id).toBe(server.self.id);
  await server.stop();
});

test("DI-08 anchors: whom we dialled is dialled again after a restart, with no boot node and nobody telling", async () => {
  const { clock, make: host } = makeHosts();
  const nodeStore = memoryStore();
  const privateKey = generateKey();
  const quiet = { nodeStore, privateKey };
  const b = make(host(), 30_304, { noDiscovery: true });
  await b.start();
  let isTold = false;
  const source: NodeSource = {
    name: "told",
    next: async () => {
      if (isTold) return new Promise(() => {});
      isTold = true;
      return b.self.node;
    },
    close: () => {},
  };
  const first = make(host(), 30_305, { ...quiet, protocols: [chatter({ dialCandidates: source })] });
  await first.start();
  await clock.advance(2_000);
  expect([...first.peers.keys()]).toEqual([b.self.id]);
  const stopping = first.stop();
  await clock.advance(35_000); // b takes nobody from one address twice in half a minute
  await stopping;
  const again = make(host(), 30_305, quiet);
  await again.start();
  await clock.advance(2_000);
  expect([...again.peers.keys()]).toEqual([b.self.id]);
  const ending = Promise.all([again.stop(), b.stop()]);
  await clock.advance(5_000);
  await ending;
});

test("v4 and v5.1 on one socket: each finds the other by its own way, and both ways feed the dialer", async () => {
  const { clock, make: host } = makeHosts();
  const boot = make(host(), 30_306, { maxPeers: 0, protocols: [], discoveryV5: true });
  await boot.start();
  const bootstrapNodes = [boot.self.enr];
  const only5 = make(host(), 30_307, { noDiscovery: true, discoveryV5: true, bootstrapNodes });
  const both = make(host(), 30_308, { discoveryV5: true, bootstrapNodes });
  await only5.start();
  await both.start();
  await clock.advance(30_000);
  expect([only5.discv4, both.discv4?.table.node(only5.self.id)]).toEqual([undefined, undefined]);
  expect(both.discv5?.table.node(only5.self.id)?.udp).toBe(30_307);
  expect(only5.discv5?.table.node(both.self.id)?.udp).toBe(30_308);
  expect([...only5.peers.keys()]).toEqual([both.self.id]);
  const ending = Promise.all([only5, both, boot].map((server) => server.stop()));
  await clock.advance(5_000);
  await ending;
  await clock.advance(1_000);
  expect(clock.activeTimers).toBe(0);
});

test("a protocol whose hooks throw, or tell too much for a record, is left out; the node runs on", async () => {
  const { clock, make: host } = makeHosts();
  let isBroken = false;
  const b = make(host(), 30_309);
  await b.start();
  const nodes = [b.self.node];
  const bad = chatter({
    name: "bad",
    attributes() {
      if (isBroken) throw new Error("no attributes");
      return [];
    },
    isCandidate() {
      throw new Error("no judgement");
    },
    dialCandidates: { name: "bad", next: () => Promise.reject(new Error("no nodes")), close() {} },
  });
  const text = enrEntry("big", bytesSchema());
  const big = chatter({
    name: "big",
    attributes: () => (isBroken ? [enrPair(text, new Uint8Array(300))] : [enrPair(text, Uint8Array.of(1))]),
  });
  const server = make(host(), 30_310, {
    bootstrapNodes: nodes,
    protocols: [bad, big, chatter()],
  });
  await server.start();
  const has = () => parseNode(server.self.enr).record?.pairs.has("big");
  expect(has()).toBe(true);
  isBroken = true;
  await clock.advance(30_000);
  expect(has()).toBe(false);
  expect([...server.peers.keys()]).toEqual([b.self.id]);
  const ending = Promise.all([server.stop(), b.stop()]);
  await clock.advance(5_000);
  await ending;
  expect(clock.activeTimers).toBe(0);
});
