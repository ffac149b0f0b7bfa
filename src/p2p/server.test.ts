// long: every attack of attacks-and-faults §1.2 on one kind of server, with one stranger to make them
import { generateKey, type PrivateKey, publicKeyOf, systemEntropy } from "#crypto";
import { formatEnode, makeEnode, parseNode } from "#enode";
import type { Host } from "#host";
import { memoryFiles, SimulatedClock, seededRand } from "#host/sim";
import type { Logger } from "#log";
import { type ConnectionHandler, HandshakeMachine, RlpxConnection, type WireMsg } from "#p2p/rlpx";
import { encode } from "#rlp";
import { deferred } from "#util";
import { describe, expect, test } from "vitest";
import { type FakeSocket, settle, type TestNet, testNet } from "../../test/kit/sockets.ts";
import {
  DISCONNECT,
  decodeDisconnect,
  decodeHello,
  encodeDisconnect,
  encodeHello,
  HELLO,
  PING,
  PONG,
} from "./hello.ts";
import { peerLimits } from "./peer-connection.ts";
import type { MsgReadWriter, Protocol } from "./protocol.ts";
import { Server } from "./server.ts";
import type { PeerEvent, ServerConfig } from "./server-types.ts";

const EMPTY = Uint8Array.of(0xc0);

interface World {
  readonly host: Host;
  readonly clock: SimulatedClock;
  readonly net: TestNet;
}

function world(): World {
  const clock = new SimulatedClock();
  const net = testNet();
  return {
    clock,
    net,
    host: { clock, net, rand: seededRand(1), entropy: systemEntropy, files: memoryFiles() },
  };
}

/** A protocol that waits until the end; `rws` are the connections it was run on. */
function idle(name = "eth", version = 63, length = 17): Protocol & { readonly rws: MsgReadWriter[] } {
  const rws: MsgReadWriter[] = [];
  return {
    ...{ name, version, length, rws },
    run(_peer, rw, signal) {
      rws.push(rw);
      return new Promise<void>((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
      );
    },
  };
}

async function serve(w: World, more: Partial<ServerConfig> = {}) {
  const events: PeerEvent[] = [];
  const server = new Server(
    { privateKey: generateKey(), name: "glim/test", listenAddr: "127.0.0.1:0", protocols: [idle()], ...more },
    w.host,
  );
  server.peerEvents.subscribe((event) => events.push(event));
  await server.start();
  return { server, events, port: server.self.node.tcp };
}

/** A stranger: RLPx of ours, everything above by hand. */
interface Stranger {
  readonly connection: RlpxConnection;
  readonly socket: FakeSocket;
  readonly key: PrivateKey;
  /** Messages it was sent, hello included. */
  readonly got: WireMsg[];
  reason(): number | bigint | undefined;
}

async function stranger(
  w: World,
  server: Server,
  options: {
    ip?: string;
    key?: PrivateKey;
    hello?: Uint8Array | undefined;
    version?: number;
    caps?: { name: string; version: number }[];
    clock?: SimulatedClock;
  } = {},
): Promise<Stranger> {
  const key = options.key ?? generateKey();
  const socket = w.net.connect(server.self.node.tcp, options.ip);
  const connection = new RlpxConnection(socket, {
    key,
    entropy: systemEntropy,
    clock: options.clock ?? w.clock,
    maxBytes: 0xff_ffff,
    remotePublicKey: server.self.node.publicKey,
  });
  await connection.established;
  const got: WireMsg[] = [];
  const { caps = [{ name: "eth", version: 63 }], version = 5 } = options;
  if (!("hello" in options) || options.hello !== undefined) {
    connection.write(
      HELLO,
      options.hello ?? encodeHello({ version, name: "stranger", caps, publicKey: publicKeyOf(key) }),
    );
    const first = await connection.read();
    got.push(first);
    if (version >= 5) connection.enableSnappy();
  }
  const handler: ConnectionHandler = { onMessage: (msg) => got.push(msg), onEnd: () => {} };
  connection.setHandler(handler);
  await settle();
  const reason = () => {
    const last = got.findLast(({ code }) => code === DISCONNECT);
    return last === undefined ? undefined : decodeDisconnect(last.payload);
  };
  return { connection, socket, key, got, reason };
}

describe("life cycle", () => {
  test("start twice, stop twice, start after stop", async () => {
    const w = world();
    const { server } = await serve(w);
    await expect(server.start()).rejects.toMatchObject({
      code: "P2P_ALREADY_RUNNING",
      message: "server already running",
    });
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    await expect(server.start()).rejects.toMatchObject({ code: "P2P_ALREADY_RUNNING" });
    expect(w.clock.activeTimers).toBe(0);
  });

  test("stop during start ends the start; nothing listens, no timer is left", async () => {
    const w = world();
    const server = new Server(
      {
        privateKey: generateKey(),
        name: "x",
        listenAddr: "127.0.0.1:7000",
        staticNodes: [formatEnode(makeEnode(publicKeyOf(generateKey()), { ip: "127.0.0.1", tcp: 1 }))],
      },
      w.host,
    );
    const starting = server.start();
    const stopping = server.stop();
    await expect(starting).rejects.toMatchObject({ code: "P2P_NOT_RUNNING" });
    await stopping;
    expect(() => w.net.connect(7000)).toThrow("nobody listens");
    expect([server.isRunning, w.clock.activeTimers]).toEqual([false, 0]);
  });

  test("stop before start, abort of start, failing listener: all end stopped", async () => {
    const w = world();
    const config: ServerConfig = { privateKey: generateKey(), name: "x", listenAddr: "127.0.0.1:0" };
    const never = new Server(config, w.host);
    await never.stop();
    await expect(never.start()).rejects.toMatchObject({ code: "P2P_ALREADY_RUNNING" });
    const failing = new Server(config, {
      ...w.host,
      net: { ...w.net, listenTcp: () => Promise.reject(new Error("EADDRINUSE")) },
    });
    await expect(failing.start()).rejects.toThrow("EADDRINUSE");
    await failing.stop();
    const abort = new AbortController();
    const aborted = new Server(config, w.host);
    const starting = aborted.start({ signal: abort.signal });
    abort.abort(new Error("changed my mind"));
    await expect(starting).rejects.toThrow("changed my mind");
    await aborted.stop();
    expect(w.clock.activeTimers).toBe(0);
  });

  test("bad configs are refused by the constructor", () => {
    const w = world();
    const make = (config: object) => () =>
      new Server({ privateKey: generateKey(), name: "x", ...config }, w.host);
    expect(make({ privateKey: undefined })).toThrow("Server.PrivateKey must be set to a non-nil key");
    expect(make({ netRestrict: ["10.0.0.0/33"] })).toThrow("invalid CIDR address: 10.0.0.0/33");
    expect(make({ staticNodes: ["enode://00@1.2.3.4:5"] })).toThrow("invalid node ID");
  });

  test("stop tells every peer 'client quitting' and waits for protocols; pending handshakes are closed", async () => {
    const w = world();
    const { server, events } = await serve(w);
    const peer = await stranger(w, server);
    const half = w.net.connect(server.self.node.tcp);
    await settle();
    expect(server.peers.size).toBe(1);
    const stopping = server.stop();
    await settle();
    await w.clock.advance(1_500);
    await stopping;
    expect(peer.reason()).toBe(8);
    expect(events.map(({ type }) => type)).toEqual(["add", "drop"]);
    expect([half.isClosed, server.peers.size]).toEqual([true, 0]);
    peer.connection.close(new Error("done"));
    expect(w.clock.activeTimers).toBe(0);
  });

  test("two servers: static dial, message both ways, removePeer, drop on the other side", async () => {
    const w = world();
    const echo: Protocol = {
      ...{ name: "echo", version: 1, length: 2 },
      async run(_peer, rw) {
        for await (const { code, payload } of rw) if (code === 0) await rw.writeMsg(1, payload);
      },
    };
    const replies: number[] = [];
    const ask: Protocol = {
      ...{ name: "echo", version: 1, length: 2 },
      async run(_peer, rw) {
        await expect(rw.writeMsg(2, EMPTY)).rejects.toMatchObject({ code: "P2P_INVALID_MSG_CODE" });
        await rw.writeMsg(0, encode([1, 2, 3]));
        for await (const { code } of rw) replies.push(code);
      },
    };
    const a = await serve(w, { protocols: [echo], enableMsgEvents: true });
    const b = await serve(w, { protocols: [ask], staticNodes: [a.server.self.enode] });
    await settle();
    expect(replies).toEqual([1]);
    expect(b.server.peersInfo()).toMatchObject([
      {
        id: a.server.self.id,
        network: { static: true, inbound: false },
        caps: ["echo/1"],
        protocols: { echo: "unknown" },
      },
    ]);
    expect(a.server.peersInfo()).toMatchObject([
      { network: { static: false, inbound: true, trusted: false } },
    ]);
    expect(a.events.slice(1)).toEqual([
      { type: "msgrecv", peer: b.server.self.id, protocol: "echo", msg_code: 0, msg_size: 4 },
      { type: "msgsend", peer: b.server.self.id, protocol: "echo", msg_code: 1, msg_size: 4 },
    ]);
    b.server.removePeer(a.server.self.enode);
    await w.clock.advance(1_500);
    expect(a.events.at(-1)).toEqual({
      type: "drop",
      peer: b.server.self.id,
      error: "peer disconnected: disconnect requested",
    });
    expect(b.events.at(-1)).toMatchObject({ type: "drop", error: "disconnect requested" });
    b.server.addPeer(a.server.self.enode); // at once: removing forgot the history
    await settle();
    expect(b.server.peers.size).toBe(1);
    await Promise.all([a.server.stop(), b.server.stop(), w.clock.advance(2_000)]);
  });

  test("a protocol that returns ends the peer with 0x08, one that throws with 0x10 or its own reason; lost static peers come back", async () => {
    const w = world();
    const ends: (() => Promise<void>)[] = [
      async () => {},
      () => Promise.reject(new Error("boom")),
      () => Promise.reject(Object.assign(new Error("plain"), { disconnect: 3 })),
    ];
    for (const [i, want] of [8, 0x10, 0x10].entries()) {
      const { server } = await serve(w, {
        protocols: [{ name: "eth", version: 63, length: 17, run: () => ends[i]?.() ?? Promise.resolve() }],
      });
      const peer = await stranger(w, server);
      expect(peer.reason()).toBe(want);
      await Promise.all([server.stop(), w.clock.advance(2_000)]);
    }
    const a = await serve(w);
    const b = await serve(w, { staticNodes: [a.server.self.enode] });
    await settle();
    [...a.server.peers.values()][0]?.disconnect("requested");
    await w.clock.advance(2_000);
    expect(b.server.peers.size).toBe(0);
    await w.clock.advance(30_000);
    expect(b.server.peers.size).toBe(1);
    await Promise.all([a.server.stop(), b.server.stop(), w.clock.advance(2_000)]);
  });
});

describe("base protocol attacks", () => {
  test("BP-01 F26 a ping flood: twenty answered, the next ends it; pongs unread do not pile up", async () => {
    const w = world();
    const { server } = await serve(w);
    const flood = await stranger(w, server);
    for (let i = 0; i < 1000; i++) flood.connection.write(PING, EMPTY);
    await settle();
    expect(flood.got.filter(({ code }) => code === PONG)).toHaveLength(20);
    expect(flood.reason()).toBe(2);

    const slow = await stranger(w, server);
    for (let i = 0; i < 60; i++) {
      slow.connection.write(PING, EMPTY);
      await w.clock.advance(1_001);
    }
    expect(slow.got.filter(({ code }) => code === PONG)).toHaveLength(60);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("BP-01 a reader who stopped: with 1 MiB unread the next ping ends it", async () => {
    const w = world();
    const protocol = idle();
    const { server } = await serve(w, { protocols: [protocol] });
    const peer = await stranger(w, server);
    peer.socket.pause();
    const noise = systemEntropy.bytes(peerLimits.queueBytes + 1);
    await protocol.rws[0]?.writeMsg(1, noise);
    peer.connection.write(PING, EMPTY);
    await settle();
    await w.clock.advance(2_000);
    expect(server.peers.size).toBe(0);
    await server.stop();
  });

  test("BP-02 oversize and strange hellos are refused", async () => {
    const w = world();
    const { server } = await serve(w);
    const big = encode([5, new Uint8Array(2100).fill(0x61), [], 0, new Uint8Array(64)]);
    for (const hello of [
      big,
      encode([5]),
      encode([
        5,
        new Uint8Array(1),
        Array.from({ length: 500 }, () => [Uint8Array.of(0x61), 1]),
        0,
        new Uint8Array(64),
      ]),
    ]) {
      const peer = await stranger(w, server, { hello, version: 4 });
      expect([peer.reason(), server.peers.size]).toEqual([2, 0]);
    }
    const named = await stranger(w, server, {
      hello: encode([5, new Uint8Array(1), [], 0, new Uint8Array(64)]),
      version: 4,
    });
    expect(named.reason()).toBe(7); // an identity of zeros
    const other = await stranger(w, server, {
      hello: encodeHello({ version: 4, name: "x", caps: [], publicKey: publicKeyOf(generateKey()) }),
      version: 4,
    });
    expect(other.reason()).toBe(9); // not the key it shook hands with
    const useless = await stranger(w, server, { version: 4, caps: [{ name: "__proto__", version: 1 }] });
    expect(useless.reason()).toBe(3);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("BP-03 disconnect reasons of every form, compressed or not, are read and told", async () => {
    const w = world();
    const { server, events } = await serve(w);
    for (const [payload, want] of [
      [encode([2n ** 64n - 1n]), "unknown disconnect reason 0xffffffffffffffff"],
      [encode([]), "disconnect requested"],
      [Uint8Array.of(4), "too many peers"],
      [encode(Array.from({ length: 1000 }, () => 1)), "disconnect requested"],
      [encode([0x11]), "unknown disconnect reason 0x11"],
    ] as const)
      for (const version of [4, 5]) {
        const peer = await stranger(w, server, { version });
        peer.connection.write(DISCONNECT, payload);
        await w.clock.advance(1_100);
        expect(events.at(-1)).toMatchObject({ type: "drop", error: `peer disconnected: ${want}` });
      }
    await server.stop();
  });

  test("BP-04 F26 connect and disconnect loops from one /24: four in 30 s, counted and bounded; loopback is exempt", async () => {
    const w = world();
    const lines: string[] = [];
    const log: Logger = {
      ...{ trace() {}, info() {}, warn() {}, error() {} },
      debug: (message) => void lines.push(message),
      child: () => log,
    };
    const { server } = await serve(w, { log });
    const sockets = Array.from({ length: 2000 }, (_, i) =>
      w.net.connect(server.self.node.tcp, `8.8.8.${i % 256}`),
    );
    await settle();
    expect(sockets.filter(({ isClosed }) => !isClosed)).toHaveLength(4);
    expect(lines.filter((line) => line === "inbound connection refused")).toHaveLength(1); // one line per 10 s
    await w.clock.advance(5_000);
    expect(server.peers.size).toBe(0);
    const peers = await Promise.all([stranger(w, server), stranger(w, server), stranger(w, server)]);
    expect(server.peers.size).toBe(3);
    for (const { connection } of peers) {
      connection.write(DISCONNECT, encodeDisconnect(4));
      connection.close(new Error("gone"));
    }
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("BP-05 a code outside every protocol's window ends with breach of protocol", async () => {
    const w = world();
    const { server } = await serve(w);
    for (const code of [33, 34, 1000, 0xffff_ffff]) {
      const peer = await stranger(w, server);
      peer.connection.write(code, EMPTY);
      await settle();
      expect(peer.reason()).toBe(2);
    }
    const lenient = await stranger(w, server);
    lenient.connection.write(5, EMPTY); // unknown base code: dropped, as geth
    lenient.connection.write(32, EMPTY); // last code of the window
    await settle();
    expect(lenient.reason()).toBeUndefined();
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("BP-06 a bomb to a protocol with a cap of 10 MiB is refused by its claim", async () => {
    const w = world();
    const { server } = await serve(w, { protocols: [{ ...idle(), maxMessageBytes: 10 << 20 }] });
    const peer = await stranger(w, server);
    peer.connection.write(16, new Uint8Array((10 << 20) + 1)); // 0.5 MiB on the wire
    await settle();
    expect(peer.reason()).toBe(2);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("BP-07 a message before hello, and a second hello, end with breach of protocol", async () => {
    const w = world();
    const { server } = await serve(w);
    const early = await stranger(w, server, { hello: undefined });
    early.connection.write(16, EMPTY);
    await settle();
    expect(early.reason()).toBe(2);
    const twice = await stranger(w, server);
    twice.connection.write(
      HELLO,
      encodeHello({ version: 5, name: "x", caps: [], publicKey: publicKeyOf(twice.key) }),
    );
    await settle();
    expect(twice.reason()).toBe(2);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("BP-08 the same id twice, ourselves, and both ways at once: one survives", async () => {
    const w = world();
    const { server } = await serve(w);
    const first = await stranger(w, server);
    const second = await stranger(w, server, { key: first.key, hello: undefined }).catch(() => undefined);
    await settle();
    expect(second?.reason()).toBe(5);
    server.addPeer({ ...server.self.node, udp: 0 });
    await settle();
    expect([...server.peers.keys()]).toEqual([expect.not.stringContaining(server.self.id)]);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);

    const mirror = generateKey();
    const self = await serve(w, { privateKey: mirror });
    const reflected = await stranger(w, self.server, { key: mirror, hello: undefined });
    expect(reflected.reason()).toBe(0x0a); // RX-08: an auth signed by our own key
    await Promise.all([self.server.stop(), w.clock.advance(2_000)]);

    let lost = 0;
    for (let race = 0; race < 60; race++) {
      const a = await serve(w);
      const b = await serve(w);
      a.server.addPeer(b.server.self.enode);
      if (race % 3 === 1) await Promise.resolve();
      if (race % 3 === 2) await settle();
      b.server.addPeer(a.server.self.enode);
      await settle();
      await w.clock.advance(2_000);
      if (a.server.peers.size === 0) lost++;
      if (a.server.peers.size === 0) await w.clock.advance(40_000); // both lost: the next dial settles it
      expect([a.server.peers.size, b.server.peers.size]).toEqual([1, 1]);
      await Promise.all([a.server.stop(), b.server.stop(), w.clock.advance(2_000)]);
    }
    expect(lost).toBeLessThan(6); // seldom, and healed
    expect(w.clock.activeTimers).toBe(0);
  });

  test("BP-08 T9 hellos that arrive in one turn: no id twice, never more than maxPeers", async () => {
    const w = world();
    const { server, events } = await serve(w, { maxPeers: 3 });
    const twin = generateKey();
    const keys = [twin, twin, twin, generateKey(), generateKey(), generateKey()];
    const all = await Promise.all(keys.map((key) => stranger(w, server, { key, hello: undefined })));
    for (const { connection, key } of all) {
      const hello = {
        version: 4,
        name: "x",
        caps: [{ name: "eth", version: 63 }],
        publicKey: publicKeyOf(key),
      };
      connection.write(HELLO, encodeHello(hello));
    }
    await settle();
    expect(all.map((peer) => peer.reason())).toEqual([undefined, 5, 5, undefined, undefined, 4]);
    expect([server.peers.size, events.length]).toEqual([3, 3]);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
    expect([server.peers.size, events.length, w.clock.activeTimers]).toEqual([0, 6, 0]);
  });

  test("stop in the turn in which a hello arrives leaves no peer behind", async () => {
    for (let ticks = 0; ticks < 12; ticks++) {
      const w = world();
      const { server, events } = await serve(w);
      const peer = await stranger(w, server, { hello: undefined, clock: new SimulatedClock() });
      const hello = {
        version: 4,
        name: "x",
        caps: [{ name: "eth", version: 63 }],
        publicKey: publicKeyOf(peer.key),
      };
      peer.connection.write(HELLO, encodeHello(hello));
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      await Promise.all([server.stop(), w.clock.advance(2_000)]);
      expect([server.peers.size, events.length % 2, w.clock.activeTimers]).toEqual([0, 0, 0]);
    }
  });

  test("RX-08 a replayed auth keeps nobody out: its identity counts for nothing before the first frame", async () => {
    const w = world();
    const { server } = await serve(w);
    const key = generateKey();
    const auth = new HandshakeMachine({
      key,
      entropy: systemEntropy,
      remotePublicKey: server.self.node.publicKey,
    }).start();
    const replays = Array.from({ length: 10 }, () => {
      const socket = w.net.connect(server.self.node.tcp);
      socket.onData(() => {});
      socket.write(auth ?? EMPTY);
      return socket;
    });
    await settle();
    expect(replays.every(({ received }) => received > 0)).toBe(true); // answered, and waiting for a frame that cannot come
    const genuine = await stranger(w, server, { key });
    expect([genuine.reason(), server.peers.size]).toEqual([undefined, 1]);
    await w.clock.advance(5_000);
    expect(replays.every(({ isClosed }) => isClosed)).toBe(true);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("BP-09 RX-13 F24 silent connections: 50 slots, the rest closed at accept, all gone after 5 s", async () => {
    const w = world();
    const { server } = await serve(w);
    const sockets = Array.from({ length: 5_000 }, () => w.net.connect(server.self.node.tcp));
    await settle();
    expect(sockets.filter(({ isClosed }) => !isClosed)).toHaveLength(50);
    await w.clock.advance(6_100); // the deadline runs from the handshake slot on
    expect(sockets.filter(({ isClosed }) => !isClosed)).toHaveLength(0);
    const next = await stranger(w, server);
    expect(next.reason()).toBeUndefined();
    const mute = await stranger(w, server, { hello: undefined }); // shakes hands, says no hello
    await w.clock.advance(5_100);
    expect(mute.socket.isClosed).toBe(true);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("BP-09 maxPeers and the dial ratio hold; trusted peers come over every cap", async () => {
    const w = world();
    const { server } = await serve(w, { maxPeers: 2 });
    await stranger(w, server);
    await stranger(w, server);
    expect((await stranger(w, server, { hello: undefined })).reason()).toBe(4);
    const friend = generateKey();
    server.addTrustedPeer(formatEnode(makeEnode(publicKeyOf(friend))));
    const trusted = await stranger(w, server, { key: friend });
    expect([trusted.reason(), server.peers.size]).toEqual([undefined, 3]);
    const [peer] = [...server.peers.values()].slice(-1);
    expect(peer?.isTrusted).toBe(true);
    server.removeTrustedPeer(formatEnode(makeEnode(publicKeyOf(friend))));
    expect([peer?.isTrusted, server.peers.size]).toEqual([false, 3]);
    const idlePeers = server.peers.size;
    await w.clock.advance(31_000); // strangers who send nothing, not even pings
    expect([idlePeers, server.peers.size]).toEqual([3, 0]);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("RX-14 F25 at most 50 handshakes are begun at once, then 50 a second, however many addresses", async () => {
    const w = world();
    const { server } = await serve(w, { maxPendingPeers: 500, maxPeers: 500 });
    const answered = () => sockets.filter(({ received }) => received > 0).length;
    const sockets = Array.from({ length: 120 }, (_, i) => {
      const socket = w.net.connect(server.self.node.tcp, `${20 + i}.1.1.1`);
      new RlpxConnection(socket, {
        key: generateKey(),
        entropy: systemEntropy,
        clock: w.clock,
        maxBytes: 2048,
        remotePublicKey: server.self.node.publicKey,
      });
      return socket;
    });
    await settle();
    expect(answered()).toBe(50);
    await w.clock.advance(500);
    expect(answered()).toBeGreaterThanOrEqual(70);
    expect(answered()).toBeLessThanOrEqual(77);
    await w.clock.advance(10_000);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("BP-10 a peer that reads nothing: writers wait, 16 MiB at most, and 20 s end it", async () => {
    const w = world();
    const protocol = idle();
    const { server } = await serve(w, { protocols: [protocol] });
    const peer = await stranger(w, server);
    peer.socket.pause();
    const [rw] = protocol.rws;
    const reply = systemEntropy.bytes(2 << 20);
    let written = 0;
    const writing = Array.from(
      { length: 6 },
      () =>
        rw
          ?.writeMsg(1, reply)
          .then(() => written++)
          .catch((error: unknown) => error) ?? Promise.resolve(),
    );
    await settle();
    expect(written).toBe(1); // the first went into the socket; the others wait
    await w.clock.advance(25_000);
    expect(server.peers.size).toBe(0);
    const outcomes = await Promise.all(writing);
    expect(outcomes.filter((outcome) => outcome instanceof Error)).toHaveLength(5);

    const greedy = await stranger(w, server);
    greedy.socket.pause();
    const many = Array.from(
      { length: 20 },
      () =>
        protocol.rws[1]?.writeMsg(1, reply).catch((error: { code?: string }) => error.code) ??
        Promise.resolve(),
    );
    expect(await Promise.all(many.slice(1))).toContain("P2P_WRITE_QUEUE_FULL");
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("BP-10 a protocol that does not read: 256 messages, then the socket waits; reading goes on where it stopped", async () => {
    const w = world();
    const protocol = idle();
    const { server } = await serve(w, { protocols: [protocol] });
    const peer = await stranger(w, server, { clock: new SimulatedClock() }); // one that waits for ever
    for (let i = 0; i < 2000; i++) peer.connection.write(16, encode([i]));
    await settle();
    await w.clock.advance(60_000); // not held against the peer
    expect(server.peers.size).toBe(1);
    const [rw] = protocol.rws;
    for (let i = 0; i < 2000; i++) expect((await rw?.readMsg())?.payload).toEqual(encode([i]));
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("Trap 36: a handler that takes nothing for two minutes loses its peer", async () => {
    const w = world();
    const { server, events } = await serve(w);
    const peer = await stranger(w, server, { clock: new SimulatedClock() });
    for (let i = 0; i < 300; i++) peer.connection.write(16, EMPTY);
    await w.clock.advance(119_000);
    expect(server.peers.size).toBe(1);
    await w.clock.advance(20_000);
    expect(events.at(-1)).toMatchObject({ type: "drop", error: "a protocol takes no messages" });
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("what a peer said before its disconnect can still be read; what came before a breach cannot", async () => {
    for (const [farewell, want] of [
      [DISCONNECT, [7, "P2P_REMOTE_DISCONNECT"]],
      [40, ["P2P_UNKNOWN_CODE"]],
    ] as const) {
      const w = world();
      const read: unknown[] = [];
      const gate = deferred<void>();
      const slow: Protocol = {
        ...{ name: "eth", version: 63, length: 17 },
        async run(_peer, rw) {
          await gate.promise;
          try {
            for await (const { code } of rw) read.push(code);
          } catch (error) {
            read.push((error as { code?: string }).code); // P2pError
          }
        },
      };
      const { server } = await serve(w, { protocols: [slow] });
      const peer = await stranger(w, server);
      peer.connection.write(16 + 7, EMPTY);
      peer.connection.write(farewell, encodeDisconnect(4));
      await settle();
      gate.resolve();
      await settle();
      expect(read).toEqual(want);
      await Promise.all([server.stop(), w.clock.advance(2_000)]);
    }
  });

  test("BP-11 F10 failures to accept: one line a second, the listener goes on", async () => {
    const w = world();
    const warnings: string[] = [];
    const log: Logger = {
      ...{ trace() {}, info() {}, debug() {}, error() {} },
      warn: (message) => void warnings.push(message),
      child: () => log,
    };
    const { server, port } = await serve(w, { log });
    for (let i = 0; i < 100; i++)
      w.net.failAccept(port, Object.assign(new Error("too many open files"), { code: "EMFILE" }));
    expect(warnings).toEqual(["cannot accept"]);
    await w.clock.advance(1_000);
    w.net.failAccept(port, new Error("too many open files"));
    expect(warnings).toHaveLength(2);
    expect((await stranger(w, server)).reason()).toBeUndefined();
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("netRestrict: strangers outside are closed at accept, nodes outside are not dialled", async () => {
    const w = world();
    const { server } = await serve(w, { netRestrict: ["127.0.0.0/8"] });
    const outside = w.net.connect(server.self.node.tcp, "10.1.1.1");
    await settle();
    expect(outside.isClosed).toBe(true);
    expect((await stranger(w, server)).reason()).toBeUndefined();
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("pings go out every 15 s; a snappy peer and one without are both understood", async () => {
    const w = world();
    const { server } = await serve(w);
    const [modern, old] = [await stranger(w, server), await stranger(w, server, { version: 4 })];
    await w.clock.advance(15_000);
    for (const { got } of [modern, old])
      expect(got.filter(({ code, payload }) => code === PING && payload[0] === 0xc0)).toHaveLength(1);
    await Promise.all([server.stop(), w.clock.advance(2_000)]);
  });

  test("a wrong identity is told 0x09 and never becomes a peer", async () => {
    const w = world();
    const a = await serve(w);
    const wrong = formatEnode(makeEnode(publicKeyOf(generateKey()), { ip: "127.0.0.1", tcp: a.port }));
    const b = await serve(w, { staticNodes: [wrong] });
    await settle();
    expect([a.server.peers.size, b.server.peers.size]).toEqual([0, 0]);
    await Promise.all([a.server.stop(), b.server.stop(), w.clock.advance(2_000)]);
  });
});

test("a version that is not offered now is neither told nor run; what one was told stays", async () => {
  const w = world();
  let isOffered = false;
  const newer: Protocol = { ...idle("eth", 64), isOffered: () => isOffered };
  const { server } = await serve(w, { protocols: [newer, idle("eth", 63)] });
  const caps = [63, 64].map((version) => ({ name: "eth", version }));
  const told = (s: Stranger) =>
    s.got.flatMap((msg) => (msg.code === HELLO ? decodeHello(msg.payload).caps : []));

  const before = await stranger(w, server, { caps });
  expect(told(before)).toEqual([{ name: "eth", version: 63 }]);
  const useless = await stranger(w, server, { caps: [{ name: "eth", version: 64 }] });
  expect(useless.reason()).toBe(0x03);

  isOffered = true;
  const after = await stranger(w, server, { caps });
  expect(told(after)).toEqual(caps);
  expect([...server.peers.values()].map((peer) => [63, 64].filter((v) => peer.runs("eth", v)))).toEqual([
    [63],
    [64],
  ]);
  await Promise.all([server.stop(), w.clock.advance(2_000)]);
});

test("Trap 1: nodeInfo and peersInfo have geth's shapes", async () => {
  const w = world();
  const eth: Protocol = { ...idle(), nodeInfo: () => ({ network: 1 }), peerInfo: () => undefined };
  const { server } = await serve(w, { protocols: [eth, idle("les", 2, 22)] });
  const peer = await stranger(w, server, {
    caps: [
      { name: "eth", version: 63 },
      { name: "les", version: 2 },
    ],
  });
  expect(server.nodeInfo()).toEqual({
    id: server.self.id,
    name: "glim/test",
    enode: server.self.enode,
    enr: server.self.enr,
    ip: "127.0.0.1",
    ports: { discovery: 0, listener: server.self.node.tcp },
    listenAddr: `127.0.0.1:${server.self.node.tcp}`,
    protocols: { eth: { network: 1 }, les: "unknown" },
  });
  expect(parseNode(server.self.enr)).toMatchObject({
    id: server.self.id,
    ip: "127.0.0.1",
    udp: 0,
    tcp: server.self.node.tcp,
  });
  expect(server.peersInfo()).toEqual([
    {
      enode: expect.stringMatching(/^enode:\/\/[0-9a-f]{128}@127\.0\.0\.1:\d+$/),
      id: [...server.peers.keys()][0],
      name: "stranger",
      caps: ["eth/63", "les/2"],
      network: {
        localAddress: "127.0.0.1:30303",
        remoteAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        inbound: true,
        trusted: false,
        static: false,
      },
      protocols: { eth: "handshake", les: "unknown" },
    },
  ]);
  expect([...server.peers.values()][0]?.runs("les", 2)).toBe(true);
  expect(peer.reason()).toBeUndefined();
  await Promise.all([server.stop(), w.clock.advance(2_000)]);
});
