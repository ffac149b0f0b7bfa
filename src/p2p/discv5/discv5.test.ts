// Nodes of v5.1 on one simulated net, and the attacks of DI-04, DI-05, DI-09 to DI-12.
import { describe, expect, test } from "vitest";
import { aesGcmSeal, generateKey, type PrivateKey, publicKeyOf } from "#crypto";
import { type Enode, fromRecord, LocalNode, logDistance, NodeDatabase, nodeIdOf } from "#enode";
import { enrEntries, enrPair, signEnr } from "#enr";
import type { Endpoint, UdpSocket } from "#host";
import { fromHex, utf8Encode } from "#util";
import { makeWorld, type World } from "../../../test/kit/discovery.ts";
import { answerChallenge } from "./handshake.ts";
import { Discv5, discv5Limits as limits } from "./index.ts";
import { decodeMessage, encodeMessage, type Message } from "./messages.ts";
import { clearOf, type Header, maskPacket, openPacket, type OpenPacket } from "./packets.ts";

interface TestNode {
  readonly discv5: Discv5;
  readonly localNode: LocalNode;
  readonly endpoint: Endpoint;
  readonly node: Enode;
  close(): Promise<void>;
}

async function startNode(
  world: World,
  ip: string,
  {
    bootnodes = [],
    port = 30_303,
    key = generateKey(world.entropy),
    isAllowed,
    pingIntervalMs,
  }: {
    bootnodes?: readonly Enode[];
    port?: number;
    key?: PrivateKey;
    isAllowed?: (ip: string) => boolean;
    pingIntervalMs?: number;
  } = {},
): Promise<TestNode> {
  const { clock, rand, entropy } = world;
  const localNode = new LocalNode({ key, database: await NodeDatabase.open(clock), clock });
  localNode.setStaticIp(ip);
  localNode.setFallbackUdp(port);
  localNode.set(enrEntries.tcp, port);
  const socket = await world.net.bindUdp({ host: ip, port });
  const discv5 = new Discv5(
    { key, localNode, bootnodes, isAllowed, pingIntervalMs },
    { socket, clock, rand, entropy },
  );
  discv5.start();
  const close = async () => {
    await discv5.close();
    await socket.close();
  };
  return { discv5, localNode, endpoint: { host: ip, port }, node: localNode.node, close };
}

const bytesOf = (id: string) => fromHex(`0x${id}`);

/** A peer that the test plays, packet by packet. */
class HandPeer {
  readonly key: PrivateKey;
  readonly id: string;
  readonly got: OpenPacket[] = [];
  gotBytes = 0;
  sentBytes = 0;
  readonly #world: World;
  readonly socket: UdpSocket;
  /** Of the session that `handshake` made. */
  keys: { write: Uint8Array; read: Uint8Array } | undefined;

  private constructor(world: World, socket: UdpSocket, key: PrivateKey) {
    this.#world = world;
    this.socket = socket;
    this.key = key;
    this.id = nodeIdOf(publicKeyOf(key));
    socket.onMessage((bytes) => {
      this.gotBytes += bytes.length;
      const packet = openPacket(bytes, bytesOf(this.id));
      if (packet !== undefined) this.got.push(packet);
    });
  }

  static async bind(world: World, ip: string, key = generateKey(world.entropy)) {
    return new HandPeer(world, await world.net.bindUdp({ host: ip, port: 30_303 }), key);
  }

  record(seq = 1n, ip = this.socket.local.host, port = 30_303) {
    const pairs = ip.includes(":")
      ? [enrPair(enrEntries.ip6, ip), enrPair(enrEntries.udp6, port)]
      : [enrPair(enrEntries.ip, ip), enrPair(enrEntries.udp, port), enrPair(enrEntries.tcp, port)];
    return signEnr({ seq, pairs }, this.key);
  }

  /** A packet of that header, its message sealed with `key`. */
  packet(to: string, header: Header, message?: Message, key: Uint8Array = new Uint8Array(16)): Uint8Array {
    const clear = clearOf(header, this.#world.entropy.bytes(16));
    const sealed =
      message === undefined ? new Uint8Array() : aesGcmSeal(key, header.nonce, encodeMessage(message), clear);
    return maskPacket(clear, sealed, bytesOf(to));
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    this.sentBytes += bytes.length;
    this.socket.send(bytes, to);
  }

  /** A message that the other cannot read. */
  knock({ node, endpoint }: TestNode, nonce: Uint8Array = this.#world.entropy.bytes(12)): Uint8Array {
    this.send(this.packet(node.id, { kind: "message", nonce, source: bytesOf(this.id) }, ping()), endpoint);
    return nonce;
  }

  whoareyous() {
    return this.got.flatMap(({ header, clear }) =>
      header.kind === "whoareyou" ? [{ ...header, clear }] : [],
    );
  }

  answer(
    to: Enode,
    challenge: { clear: Uint8Array },
    {
      record,
      message = ping(),
      key = this.key,
    }: { record?: Uint8Array | undefined; message?: Message; key?: PrivateKey } = {},
  ): Uint8Array {
    const parties = { challenge: challenge.clear, initiator: bytesOf(this.id), recipient: bytesOf(to.id) };
    const made = answerChallenge(generateKey(this.#world.entropy), { key, remote: to.publicKey, ...parties });
    if (made === undefined) throw new Error("no point");
    this.keys = made.keys;
    const { signature, ephemeral } = made;
    const nonce = this.#world.entropy.bytes(12);
    return this.packet(
      to.id,
      { kind: "handshake", nonce, source: bytesOf(this.id), signature, ephemeral, record },
      message,
      made.keys.write,
    );
  }

  /** A session with a node, and what it answered. */
  async handshake(to: TestNode, message: Message = ping()): Promise<void> {
    this.knock(to);
    await this.#world.clock.advance(50);
    const challenge = this.whoareyous().at(-1);
    if (challenge === undefined) throw new Error("not challenged");
    this.got.length = 0;
    this.send(this.answer(to.node, challenge, { record: this.record().bytes, message }), to.endpoint);
    await this.#world.clock.advance(50);
  }

  /** Sends within the session. */
  say(to: TestNode, message: Message): void {
    const header: Header = {
      kind: "message",
      nonce: this.#world.entropy.bytes(12),
      source: bytesOf(this.id),
    };
    this.send(this.packet(to.node.id, header, message, this.keys?.write), to.endpoint);
  }

  /** Messages got within the session. */
  async heard(): Promise<Message[]> {
    const { aesGcmOpen } = await import("#crypto");
    return this.got.flatMap(({ header, clear, sealed }) => {
      const text =
        header.kind === "message" && this.keys
          ? aesGcmOpen(this.keys.read, header.nonce, sealed, clear)
          : undefined;
      const message = text && decodeMessage(text);
      return message === undefined ? [] : [message];
    });
  }
}

const ping = (requestId = Uint8Array.of(1, 2)): Message => ({
  name: "ping",
  body: { requestId, enrSeq: 1n },
});
const findnode = (...distances: number[]): Message => ({
  name: "findnode",
  body: { requestId: Uint8Array.of(9), distances },
});

describe("between nodes", () => {
  test("F19 24 nodes on a lossy net converge from one boot node; a lookup finds its target", async () => {
    const world = makeWorld(24, { latencyMs: 20, jitterMs: 20, loss: 0.02, doubled: 0.02 });
    const boot = await startNode(world, "20.0.0.1");
    const nodes = [boot];
    for (let i = 1; i < 24; i++) {
      nodes.push(await startNode(world, `20.${i}.7.1`, { bootnodes: [boot.node] }));
      if (i % 6 === 0) await world.clock.advance(300);
    }
    await world.clock.advance(20_000);
    for (const { discv5 } of nodes) void discv5.table.refresh();
    await world.clock.advance(20_000);
    const sizes = nodes.map(({ discv5 }) => discv5.table.size);
    expect(Math.min(...sizes)).toBeGreaterThan(9);
    const target = nodes[23] ?? boot;
    let found: readonly Enode[] = [];
    void nodes[7]?.discv5.lookup(target.node.id).then((result) => {
      found = result;
    });
    for (let i = 0; i < 200 && found.length === 0; i++) await world.clock.advance(100);
    expect([found.length, found[0]?.id]).toEqual([16, target.node.id]);
    for (const node of nodes) await node.close();
    await world.clock.advance(200);
    expect(world.clock.activeTimers).toBe(0);
  });

  test("ping, record, talk; what is learnt of our own address", async () => {
    const world = makeWorld(1);
    const [a, b] = [await startNode(world, "20.0.0.1"), await startNode(world, "20.0.1.1")];
    const run = async <T>(work: Promise<T>): Promise<T> => {
      await world.clock.advance(3_000);
      return work;
    };
    expect(await run(a.discv5.ping(b.node))).toBe(b.localNode.record.seq);
    b.localNode.set(enrEntries.tcp, 4_000);
    expect((await run(a.discv5.requestRecord(b.node)))?.tcp).toBe(4_000);
    using _ = b.discv5.handleTalk("echo", ({ bytes, id }) =>
      id === a.node.id ? bytes.slice().reverse() : bytes,
    );
    expect(await run(a.discv5.talkRequest(b.node, "echo", Uint8Array.of(1, 2)))).toEqual(Uint8Array.of(2, 1));
    expect(await run(a.discv5.talkRequest(b.node, "other", Uint8Array.of(1)))).toEqual(new Uint8Array());
    await b.close();
    expect(await run(a.discv5.ping(b.node))).toBeUndefined();
    expect(await run(a.discv5.findnode(b.node, [256]))).toBeUndefined();
    await a.close();
    expect([world.clock.activeTimers, a.discv5.pending]).toEqual([0, 0]);
    expect(await a.discv5.ping(b.node)).toBeUndefined();
  });

  test("a session lost on one side is made anew without a lost request", async () => {
    const world = makeWorld(2);
    const key = generateKey(world.entropy);
    const a = await startNode(world, "20.0.0.1");
    const b = await startNode(world, "20.0.1.1", { key });
    const first = a.discv5.ping(b.node);
    await world.clock.advance(1_000);
    expect(await first).toBeDefined();
    await b.close();
    const again = await startNode(world, "20.0.1.1", { key });
    const asked = [a.discv5.ping(again.node), a.discv5.findnode(again.node, [0]), a.discv5.ping(again.node)];
    await world.clock.advance(1_500);
    for (const answer of await Promise.all(asked)) expect(answer).toBeDefined();
    await Promise.all([a.close(), again.close()]);
  });
});

/** Each of them asks, is challenged, and answers with a key that is not its own. */
async function answerByOthersKeys(world: World, node: TestNode, peers: readonly HandPeer[]): Promise<void> {
  for (const peer of peers) peer.knock(node);
  await world.clock.advance(50);
  for (const peer of peers) {
    const [challenge] = peer.whoareyous();
    if (challenge === undefined) throw new Error("not challenged");
    const key = generateKey(world.entropy);
    peer.send(peer.answer(node.node, challenge, { record: peer.record().bytes, key }), node.endpoint);
  }
}

describe("attacks", () => {
  test("DI-10 packets of all lengths, and those that are no packet, get no answer", async () => {
    const world = makeWorld(3);
    const node = await startNode(world, "20.0.0.1");
    const peer = await HandPeer.bind(world, "20.0.9.1");
    for (let length = 0; length <= limits.maxPacketBytes + 1; length += 7)
      peer.send(world.entropy.bytes(length), node.endpoint);
    const good = peer.packet(
      node.node.id,
      { kind: "message", nonce: new Uint8Array(12), source: bytesOf(peer.id) },
      ping(),
    );
    for (const length of [62, good.length - 1]) peer.send(good.slice(0, length), node.endpoint);
    const long = new Uint8Array(limits.maxPacketBytes + 1);
    long.set(good);
    peer.send(long, node.endpoint);
    // an auth size beyond the packet: the last two bytes of the static header, masked
    const beyond = good.slice();
    beyond[16 + 21] = (beyond[16 + 21] ?? 0) ^ 0xff;
    peer.send(beyond, node.endpoint);
    await world.clock.advance(100);
    // the one that lacks a byte is a message nobody can read: it is challenged, with no more bytes than it had
    expect([peer.got.length, node.discv5.counts.challenged]).toEqual([1, 1]);
    expect(peer.gotBytes).toBe(63);
    await node.close();
  });

  test("attack/DI-10 a packet of 1,280 bytes is looked at, one of 1,281 not; the same for 63 and 62", async () => {
    const world = makeWorld(31);
    const node = await startNode(world, "20.0.0.1");
    const peer = await HandPeer.bind(world, "20.0.9.1");
    const sealed = (bytes: number) => {
      const nonce = world.entropy.bytes(12);
      const clear = clearOf({ kind: "message", nonce, source: bytesOf(peer.id) }, world.entropy.bytes(16));
      return maskPacket(clear, world.entropy.bytes(bytes - clear.length), bytesOf(node.node.id));
    };
    const whoareyou = peer.packet(node.node.id, {
      ...{ kind: "whoareyou", nonce: world.entropy.bytes(12) },
      ...{ idNonce: world.entropy.bytes(16), enrSeq: 0n },
    });
    expect(whoareyou).toHaveLength(limits.minPacketBytes);
    const outcomes: unknown[] = [];
    for (const packet of [whoareyou.slice(0, 62), whoareyou, sealed(1_280)]) {
      peer.send(packet, node.endpoint);
      await world.clock.advance(50);
      const { junk, unasked, challenged } = node.discv5.counts;
      outcomes.push({ junk, unasked, challenged });
    }
    expect(outcomes).toEqual([
      { junk: 1, unasked: 0, challenged: 0 },
      { junk: 1, unasked: 1, challenged: 0 },
      { junk: 1, unasked: 1, challenged: 1 },
    ]);
    expect([peer.got.length, peer.gotBytes]).toEqual([1, 63]);
    // this network carries none longer
    const isPacket = (bytes: number) => openPacket(sealed(bytes), bytesOf(node.node.id)) !== undefined;
    expect([isPacket(1_280), isPacket(1_281)]).toEqual([true, false]);
    await node.close();
  });

  test("DI-09 one challenge for who knocks often within a second, never more bytes than came", async () => {
    const world = makeWorld(4);
    const node = await startNode(world, "20.0.0.1");
    const peer = await HandPeer.bind(world, "20.0.9.1");
    const first = peer.knock(node);
    for (let i = 0; i < 20; i++) peer.knock(node);
    await world.clock.advance(100);
    const challenges = peer.whoareyous();
    expect(challenges).toHaveLength(21);
    for (const one of challenges) expect([one.nonce, one.clear]).toEqual([first, challenges[0]?.clear]);
    expect(peer.gotBytes).toBeLessThanOrEqual(peer.sentBytes);
    await world.clock.advance(limits.challengeMs);
    peer.got.length = 0;
    const later = peer.knock(node);
    await world.clock.advance(100);
    expect(peer.whoareyous().map(({ nonce }) => nonce)).toEqual([later]);
    await node.close();
  });

  test("DI-09 challenges for what was never sent, from elsewhere, and a second one, are not answered", async () => {
    const world = makeWorld(5);
    const peer = await HandPeer.bind(world, "20.0.9.1");
    const node = await startNode(world, "20.0.0.1", { bootnodes: [] });
    const other = await HandPeer.bind(world, "20.0.8.1", peer.key);
    const remote = fromRecord(peer.record());
    const whoareyou = (nonce: Uint8Array): Header => ({
      kind: "whoareyou",
      nonce,
      idNonce: world.entropy.bytes(16),
      enrSeq: 0n,
    });
    peer.send(peer.packet(node.node.id, whoareyou(world.entropy.bytes(12))), node.endpoint);
    await world.clock.advance(50);
    expect([peer.got.length, node.discv5.counts.unasked]).toEqual([0, 1]);

    const asked = node.discv5.ping(remote);
    await world.clock.advance(50);
    const nonce = peer.got[0]?.header.nonce ?? new Uint8Array(12);
    other.send(other.packet(node.node.id, whoareyou(nonce)), node.endpoint);
    await world.clock.advance(50);
    expect(other.got).toEqual([]);
    peer.send(peer.packet(node.node.id, whoareyou(nonce)), node.endpoint);
    await world.clock.advance(50);
    expect(peer.got.map(({ header }) => header.kind)).toEqual(["message", "handshake"]);
    peer.send(peer.packet(node.node.id, whoareyou(peer.got[1]?.header.nonce ?? nonce)), node.endpoint);
    await world.clock.advance(1_000);
    expect(peer.got).toHaveLength(2);
    expect(await asked).toBeUndefined();
    await node.close();
  });

  test("DI-09 handshakes: replayed, of another's record, of an older one, wrongly signed, to no challenge", async () => {
    const world = makeWorld(6);
    const node = await startNode(world, "20.0.0.1");
    const peer = await HandPeer.bind(world, "20.0.9.1");
    const stranger = generateKey(world.entropy);
    const challenge = async () => {
      await world.clock.advance(limits.challengeMs);
      peer.got.length = 0;
      peer.knock(node);
      await world.clock.advance(50);
      const [one] = peer.whoareyous();
      if (one === undefined) throw new Error("not challenged");
      peer.got.length = 0;
      return one;
    };
    const answered = async (packet: Uint8Array) => {
      peer.send(packet, node.endpoint);
      await world.clock.advance(50);
      return peer.got.length;
    };
    const record = peer.record().bytes;
    const theirs = signEnr(
      { seq: 9n, pairs: [enrPair(enrEntries.ip, "20.0.9.1"), enrPair(enrEntries.udp, 30_303)] },
      stranger,
    ).bytes;
    expect(await answered(peer.answer(node.node, { clear: world.entropy.bytes(63) }, { record }))).toBe(0);
    expect(await answered(peer.answer(node.node, await challenge(), { record: theirs }))).toBe(0);
    expect(await answered(peer.answer(node.node, await challenge(), {}))).toBe(0); // no record at all
    expect(await answered(peer.answer(node.node, await challenge(), { record, key: stranger }))).toBe(0);
    const good = peer.answer(node.node, await challenge(), { record });
    expect(await answered(good)).toBe(1);
    expect(await peer.heard()).toMatchObject([{ name: "pong" }]);
    expect(await answered(good)).toBe(1); // the same again: nothing
    // the node's record is known from the table now; an older one does not take its place
    const older = signEnr(
      { seq: 0n, pairs: [enrPair(enrEntries.ip, "20.0.9.1"), enrPair(enrEntries.udp, 9)] },
      peer.key,
    ).bytes;
    await answered(peer.answer(node.node, await challenge(), { record: older }));
    expect(node.discv5.table.node(peer.id)?.udp ?? 30_303).toBe(30_303);
    await node.close();
  });

  test("DI-09 three wrong answers use a challenge up", async () => {
    const world = makeWorld(7);
    const node = await startNode(world, "20.0.0.1");
    const peer = await HandPeer.bind(world, "20.0.9.1");
    const record = peer.record().bytes;
    peer.knock(node);
    await world.clock.advance(50);
    const [challenge] = peer.whoareyous();
    if (challenge === undefined) throw new Error("not challenged");
    for (let i = 0; i < limits.wrongAnswers; i++)
      peer.send(
        peer.answer(node.node, challenge, { record, key: generateKey(world.entropy) }),
        node.endpoint,
      );
    peer.send(peer.answer(node.node, challenge, { record }), node.endpoint);
    await world.clock.advance(50);
    expect([peer.got.length, node.discv5.sessions]).toEqual([1, 0]);
    await node.close();
  });

  test("DI-09 sessions and challenges are bounded", async () => {
    const world = makeWorld(8);
    const node = await startNode(world, "20.0.0.1");
    for (let i = 0; i < limits.sessions + 50; i++) {
      const peer = await HandPeer.bind(world, `30.${i >> 8}.${i & 255}.1`);
      if (i % 25 === 0) await peer.handshake(node);
      else peer.knock(node);
    }
    await world.clock.advance(100);
    expect(node.discv5.sessions).toBeLessThanOrEqual(limits.sessions);
    expect(node.discv5.counts.challenged).toBe(limits.sessions + 50);
    await node.close();
  });

  test("DI-09 a flood of handshakes is looked at a hundred times a second", async () => {
    const world = makeWorld(9);
    const node = await startNode(world, "20.0.0.1");
    const peers: HandPeer[] = [];
    for (let i = 0; i < 150; i++) peers.push(await HandPeer.bind(world, `${30 + (i % 50)}.0.${i}.1`));
    await answerByOthersKeys(world, node, peers);
    await world.clock.advance(20);
    const { bad, limited } = node.discv5.counts;
    expect([bad, limited]).toEqual([limits.handshakesPerSecond, 50]);
    await node.close();
  });

  test.each([
    ["/24", (i: number) => `30.0.0.${i + 1}`, "30.0.1.1", limits.handshakesPerSubnet],
    ["/64", (i: number) => `2a00:1:2:3::${i + 1}`, "2a00:1:2:4::1", limits.handshakesPerSubnet],
    ["/16", (i: number) => `30.0.${i}.1`, "30.1.0.1", limits.handshakesPerNetwork],
    ["/48", (i: number) => `2a00:1:2:${i + 1}::1`, "2a00:1:3::1", limits.handshakesPerNetwork],
  ])(
    "attack/DI-13 one %s has its share of the handshakes that are looked at, others are met at once",
    async (_size, hostOf, other, share) => {
      const world = makeWorld(91);
      const node = await startNode(world, "20.0.0.1");
      const peers: HandPeer[] = [];
      for (let i = 0; i < 150; i++) peers.push(await HandPeer.bind(world, hostOf(i)));
      await answerByOthersKeys(world, node, peers);
      const honest = await HandPeer.bind(world, other);
      await honest.handshake(node);
      const { bad, limited } = node.discv5.counts;
      expect([bad, limited]).toEqual([share, 150 - share]);
      expect(node.discv5.sessions).toBe(1);
      await node.close();
    },
  );

  test("who came to us a moment ago is asked by no lookup: it is at work with us itself", async () => {
    const world = makeWorld(92);
    const node = await startNode(world, "20.0.0.1", { pingIntervalMs: 1e9 });
    await world.clock.advance(1_000); // the first refresh is over
    const peer = await HandPeer.bind(world, "30.0.0.1");
    await peer.handshake(node);
    peer.got.length = 0;
    const asked = async () => {
      void node.discv5.lookup(peer.id);
      await world.clock.advance(100);
      return (await peer.heard()).some(({ name }) => name === "findnode");
    };
    expect(node.discv5.table.node(peer.id)?.id).toBe(peer.id);
    expect(await asked()).toBe(false);
    await world.clock.advance(2_000);
    peer.got.length = 0;
    expect(await asked()).toBe(true);
    await node.close();
  });

  test("DI-11 NODES: total 0, 255, too many, of no distance asked, twice the same, low ports, loopback; nobody waits for ever", async () => {
    const world = makeWorld(10);
    const node = await startNode(world, "20.0.0.1");
    const peer = await HandPeer.bind(world, "20.0.9.1");
    const remote = fromRecord(peer.record());
    const others = await Promise.all(
      Array.from({ length: 40 }, (_, i) => HandPeer.bind(world, `40.0.${i}.1`)),
    );
    const distanceOf = (one: HandPeer) => logDistance(peer.id, one.id);
    const far = others.filter((one) => distanceOf(one) === 256);
    const near = others.filter((one) => distanceOf(one) !== 256);
    // the session is made by the peer's own ping, so that its keys are at hand
    await peer.handshake(node);
    const run = async (replies: readonly { total: number; records: Uint8Array[] }[]) => {
      peer.got.length = 0;
      const asked = node.discv5.findnode(remote, [256]);
      await world.clock.advance(30);
      const request = (await peer.heard())[0];
      if (request === undefined) throw new Error("not asked");
      for (const { total, records } of replies)
        peer.say(node, { name: "nodes", body: { requestId: request.body.requestId, total, records } });
      await world.clock.advance(2_000);
      return (await asked)?.map(({ id }) => id);
    };
    const records = (list: readonly HandPeer[]) => list.map((one) => one.record().bytes);
    expect(await run([{ total: 0, records: [] }])).toEqual([]);
    expect(await run([{ total: 255, records: records(far.slice(0, 2)) }])).toHaveLength(2);
    expect(
      await run(
        Array.from({ length: 17 }, (_, i) => ({ total: 255, records: records(far.slice(i, i + 1)) })),
      ),
    ).toHaveLength(limits.nodesPackets);
    expect(
      await run([
        { total: 2, records: records(far.slice(0, 8)) },
        { total: 2, records: records([...far.slice(8, 12), ...far.slice(0, 4)]) },
      ]),
    ).toHaveLength(12);
    // the seventeenth and those after it are not taken
    expect(far.length).toBeGreaterThan(16);
    expect(
      await run([
        { total: 3, records: records(far.slice(0, 8)) },
        { total: 3, records: records(far.slice(8, 16)) },
        { total: 3, records: records(far.slice(16)) },
      ]),
    ).toEqual(far.slice(0, 16).map(({ id }) => id));
    expect(await run([{ total: 1, records: records(near.slice(0, 4)) }])).toEqual([]);
    expect(
      await run([
        { total: 1, records: Array.from({ length: 8 }, () => far[0]?.record().bytes ?? new Uint8Array()) },
      ]),
    ).toEqual([far[0]?.id]);
    const bad = far
      .slice(0, 4)
      .map(
        (one, i) =>
          one.record(1n, ["127.0.0.1", "10.0.0.1", "224.0.0.1", "40.0.0.1"][i], i === 3 ? 80 : 30_303).bytes,
      );
    expect(await run([{ total: 1, records: bad }])).toEqual([]);
    expect(await run([])).toBeUndefined();
    expect(await run(Array.from({ length: 100 }, () => ({ total: 5, records: [] })))).toEqual([]);
    expect(node.discv5.pending).toBe(0);
    // told of more packets than come: it ends 700 ms after the question, or after the last that came
    const asked = node.discv5.findnode(remote, [256]);
    await world.clock.advance(limits.responseTimeoutMs - 1);
    expect(node.discv5.pending).toBe(1);
    await world.clock.advance(1);
    expect([node.discv5.pending, await asked]).toEqual([0, undefined]);
    await node.close();
  });

  test("DI-04 replies that nobody asked for, with another id, or of another kind", async () => {
    const world = makeWorld(11);
    const node = await startNode(world, "20.0.0.1");
    const peer = await HandPeer.bind(world, "20.0.9.1");
    await peer.handshake(node);
    const before = node.discv5.table.size;
    peer.say(node, {
      name: "nodes",
      body: { requestId: Uint8Array.of(1), total: 1, records: [peer.record().bytes] },
    });
    peer.say(node, {
      name: "pong",
      body: { requestId: Uint8Array.of(1), enrSeq: 9n, ip: Uint8Array.of(6, 6, 6, 6), port: 1 },
    });
    peer.say(node, {
      name: "talkResponse",
      body: { requestId: new Uint8Array(), response: new Uint8Array() },
    });
    await world.clock.advance(100);
    expect([node.discv5.counts.unasked, node.discv5.table.size]).toEqual([3, before]);
    await node.close();
  });

  test("request ids of nine bytes, unknown types, trailing bytes: no answer, the session stands", async () => {
    const world = makeWorld(12);
    const node = await startNode(world, "20.0.0.1");
    const peer = await HandPeer.bind(world, "20.0.9.1");
    await peer.handshake(node);
    peer.got.length = 0;
    const seal = (text: Uint8Array) => {
      const nonce = world.entropy.bytes(12);
      const clear = clearOf({ kind: "message", nonce, source: bytesOf(peer.id) }, world.entropy.bytes(16));
      peer.send(
        maskPacket(clear, aesGcmSeal(peer.keys?.write ?? nonce, nonce, text, clear), bytesOf(node.node.id)),
        node.endpoint,
      );
    };
    seal(encodeMessage(ping(new Uint8Array(8))).map((byte) => byte));
    seal(Uint8Array.of(1, 0xcb, 0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1)); // a nine-byte id
    seal(Uint8Array.of(99, 0xc0));
    seal(Uint8Array.of(1, 0xc2, 1, 1, 7));
    seal(new Uint8Array());
    await world.clock.advance(100);
    expect(await peer.heard()).toMatchObject([{ name: "pong", body: { requestId: new Uint8Array(8) } }]);
    expect([node.discv5.counts.bad, node.discv5.counts.junk]).toEqual([3, 1]);
    await node.close();
  });

  test("a session is of one endpoint: from another address its packets are challenged", async () => {
    const world = makeWorld(13);
    const node = await startNode(world, "20.0.0.1");
    const peer = await HandPeer.bind(world, "20.0.9.1");
    await peer.handshake(node);
    const moved = await HandPeer.bind(world, "20.0.8.1", peer.key);
    moved.keys = peer.keys;
    moved.say(node, ping());
    await world.clock.advance(100);
    expect(moved.got.map(({ header }) => header.kind)).toEqual(["whoareyou"]);
    await node.close();
  });

  test("FINDNODE: ourselves at distance 0; live nodes alone, of the distances asked, none of a local network to a stranger", async () => {
    const world = makeWorld(14);
    const peer = await HandPeer.bind(world, "20.0.9.1");
    const node = await startNode(world, "20.0.0.1");
    const lan = await HandPeer.bind(world, "10.0.0.7");
    await peer.handshake(node);
    node.discv5.table.addProven(fromRecord(lan.record()));
    const live = await HandPeer.bind(world, "50.0.0.7");
    node.discv5.table.addProven(fromRecord(live.record()));
    const ask = async (...distances: number[]) => {
      peer.got.length = 0;
      peer.say(node, findnode(...distances));
      await world.clock.advance(50);
      return (await peer.heard()).flatMap((message) =>
        message.name === "nodes" ? message.body.records : [],
      );
    };
    expect(await ask(0)).toEqual([node.localNode.record.bytes]);
    expect(await ask(0, 0, 300)).toHaveLength(1);
    const all = Array.from({ length: 256 }, (_, i) => i + 1);
    expect(await ask(...all)).toEqual([live.record().bytes]);
    await node.close();
  });

  test("DI-12 TALKREQ: unknown protocols, handlers that fail, never end, or are 1,024 already", async () => {
    const world = makeWorld(15);
    const node = await startNode(world, "20.0.0.1");
    const peer = await HandPeer.bind(world, "20.0.9.1");
    await peer.handshake(node);
    peer.got.length = 0;
    const talk = (protocol: string, id: number) =>
      peer.say(node, {
        name: "talkRequest",
        body: {
          requestId: Uint8Array.of(id >> 8, id & 255),
          protocol: utf8Encode(protocol),
          request: Uint8Array.of(7),
        },
      });
    node.discv5.handleTalk("fails", () => {
      throw new Error("no");
    });
    node.discv5.handleTalk("stuck", () => new Promise(() => {}));
    node.discv5.handleTalk("echo", ({ bytes }) => bytes);
    talk("nobody", 1);
    talk("fails", 2);
    talk("__proto__", 3);
    talk("echo", 4);
    await world.clock.advance(100);
    const answers = (await peer.heard()).map((message) =>
      message.name === "talkResponse" ? message.body.response.length : -1,
    );
    expect(answers).toEqual([0, 0, 0, 1]);
    peer.got.length = 0;
    for (let i = 0; i < limits.talkHandlers; i++) talk("stuck", i);
    await world.clock.advance(20);
    talk("echo", 5_000);
    await world.clock.advance(limits.talkWaitMs - 50);
    expect(await peer.heard()).toEqual([]);
    await world.clock.advance(100);
    expect(
      (await peer.heard()).map((message) => message.name === "talkResponse" && message.body.response.length),
    ).toEqual([0]);
    await world.clock.advance(limits.talkMs);
    const told = (await peer.heard()).filter(({ name }) => name === "talkResponse");
    expect(told).toHaveLength(limits.talkHandlers + 1);
    await node.close();
  });
});
