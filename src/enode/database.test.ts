import { parsePrivateKey } from "#crypto";
import { enrEntries, enrPair, signEnr } from "#enr";
import { DbError, type KeyValueStore, memoryStore } from "#ethdb";
import { SimulatedClock, seededRand } from "#host/sim";
import { toHex, utf8Encode } from "#util";
import { describe, expect, test } from "vitest";
import { databaseLimits, type Enode, fromRecord, makeEnode, NodeDatabase } from "./index.ts";
import { publicKeyOf } from "#crypto";

const keyOf = (n: number) => {
  const bytes = new Uint8Array(32).fill(1);
  new DataView(bytes.buffer).setUint32(28, n + 1);
  return parsePrivateKey(bytes);
};
const nodeOf = (n: number, seq = 1): Enode =>
  fromRecord(
    signEnr(
      {
        seq: BigInt(seq),
        pairs: [enrPair(enrEntries.ip, `5.6.${n >> 8}.${n & 255}`), enrPair(enrEntries.udp, 30_303)],
      },
      keyOf(n),
    ),
  );
const plain = (n: number): Enode => makeEnode(publicKeyOf(keyOf(n)), { ip: `9.9.9.${n}`, tcp: 1, udp: 2 });
const ipOf = (node: Enode) => node.ip ?? "";

async function make(store: KeyValueStore = memoryStore(), clock = new SimulatedClock(1_600_000_000)) {
  return { clock, store, db: await NodeDatabase.open(clock, store) };
}

describe("NodeDatabase", () => {
  test("what was kept is there after a restart", async () => {
    const { db, store, clock } = await make();
    const [a, b] = [nodeOf(1), plain(2)];
    const now = clock.unixSeconds();
    for (const node of [a, b]) {
      db.updateNode(node);
      db.updateLastPingReceived(node.id, ipOf(node), now);
      db.updateLastPongReceived(node.id, ipOf(node), now - 5);
      db.updateFindFails(node.id, ipOf(node), 3);
      db.updateFindFails(node.id, ipOf(node), 4, "v5");
    }
    db.storeLocalSeq(a.id, 77n);
    const again = (await make(store, clock)).db;
    expect([again.size, again.node(a.id), again.node(b.id)]).toEqual([2, a, b]);
    for (const node of [a, b]) {
      expect(again.lastPingReceived(node.id, ipOf(node))).toBe(now);
      expect(again.lastPongReceived(node.id, ipOf(node))).toBe(now - 5);
      expect(again.findFails(node.id, ipOf(node))).toBe(3);
      expect(again.findFails(node.id, ipOf(node), "v5")).toBe(4);
      expect(again.lastPongReceived(node.id, "1.1.1.1")).toBe(0);
    }
    expect(again.localSeq(a.id)).toBe(77n);
    expect(again.localSeq(b.id)).toBe(1_600_000_000_000n);
  });

  test("an older record does not replace a newer one", async () => {
    const { db } = await make();
    db.updateNode(nodeOf(1, 5));
    db.updateNode(nodeOf(1, 4));
    expect(db.node(nodeOf(1).id)?.record?.seq).toBe(5n);
    db.deleteNode(nodeOf(1).id);
    expect(db.node(nodeOf(1).id)).toBeUndefined();
  });

  test("DI-08 seeds are nodes that answered within the time asked for", async () => {
    const { db, clock } = await make();
    const now = clock.unixSeconds();
    const nodes = [nodeOf(1), nodeOf(2), nodeOf(3), nodeOf(4)];
    for (const node of nodes) db.updateNode(node);
    nodes.slice(0, 3).forEach((node, i) => db.updateLastPongReceived(node.id, ipOf(node), now - i * 1000));
    db.updateLastPongReceived(nodes[3]?.id ?? "", "6.6.6.6", now); // proven at another address only
    const rand = seededRand(1);
    const ids = (count: number, age: number) => new Set(db.querySeeds(count, age, rand).map(({ id }) => id));
    expect(ids(10, 1500)).toEqual(new Set([nodes[0]?.id, nodes[1]?.id]));
    expect(ids(2, 5000).size).toBe(2);
    expect(ids(10, 0)).toEqual(new Set([nodes[0]?.id]));
  });

  test("what was not seen for a day is dropped, also from the store", async () => {
    const { db, clock, store } = await make();
    const [old, young] = [nodeOf(1), nodeOf(2)];
    for (const node of [old, young]) {
      db.updateNode(node);
      db.updateLastPongReceived(node.id, ipOf(node), clock.unixSeconds() - (node === old ? 86_401 : 0));
    }
    db.expire();
    expect([db.size, db.node(old.id)]).toEqual([1, undefined]);
    expect(db.lastPongReceived(old.id, ipOf(old))).toBe(0);
    const again = (await make(store, clock)).db;
    expect([again.size, again.node(young.id)?.id]).toEqual([1, young.id]);
  });

  test("BOUNDED: nodes, contacts and those that only ping", async () => {
    const { db } = await make();
    const { id, publicKey } = plain(1);
    const fake = (n: number): Enode => ({
      id: n.toString(16).padStart(64, "0"),
      publicKey,
      ip: "1.1.1.1",
      tcp: 1,
      udp: 1,
    });
    for (let i = 0; i < databaseLimits.nodes + 5; i++) db.updateNode(fake(i));
    expect([db.size, db.node(fake(4).id), db.node(fake(5).id)?.id]).toEqual([4096, undefined, fake(5).id]);
    for (let i = 0; i < databaseLimits.contacts + 5; i++) db.updateLastPongReceived(fake(i).id, "1.1.1.1", 9);
    expect([db.lastPongReceived(fake(4).id, "1.1.1.1"), db.lastPongReceived(fake(5).id, "1.1.1.1")]).toEqual([
      0, 9,
    ]);
    db.updateLastPingReceived(id, "2.2.2.2", 9);
    for (let i = 0; i < databaseLimits.strangers; i++) db.updateLastPingReceived(fake(i).id, "3.3.3.3", 9);
    expect(db.lastPingReceived(id, "2.2.2.2")).toBe(0);
    expect(db.lastPongReceived(fake(5).id, "1.1.1.1")).toBe(9);
  });
});

describe("DI-16", () => {
  test("entries that are none, of another node, or at no address are skipped and deleted", async () => {
    const { db, store, clock } = await make();
    const node = nodeOf(1);
    db.updateNode(node);
    db.updateLastPongReceived(node.id, ipOf(node), 9);
    const good = store.get(utf8Encode(`c:${node.id}:${ipOf(node)}`)) ?? new Uint8Array();
    const value = store.get(utf8Encode(`n:${node.id}`)) ?? new Uint8Array();
    const bad: readonly [string, Uint8Array][] = [
      [`n:${nodeOf(2).id}`, value],
      [`n:${nodeOf(3).id}`, value.slice(0, 50)],
      ["n:", value],
      [`c:${node.id}:300.1.1.1`, good],
      [`c:${node.id}:`, good],
      ["c:12:1.1.1.1", good],
      [`c:${node.id}:1.1.1.1`, Uint8Array.of(1, 2)],
      ["x", good],
    ];
    for (const [key, entry] of bad) store.put(utf8Encode(key), entry);
    store.put(Uint8Array.of(0xff, 0xfe), good);
    const again = (await make(store, clock)).db;
    expect([again.size, again.lastPongReceived(node.id, ipOf(node))]).toEqual([1, 9]);
    for (const [key] of bad) expect(store.has(utf8Encode(key)), key).toBe(false);
    expect(store.has(Uint8Array.of(0xff, 0xfe))).toBe(false);
  });

  test("a value the disk has damaged is deleted and ends nothing", async () => {
    const { db, store, clock } = await make();
    const [a, b, c] = [nodeOf(1), nodeOf(2), nodeOf(3)];
    for (const node of [a, b, c]) db.updateNode(node);
    db.storeLocalSeq(a.id, 5n);
    const damaged = new Set([`n:${a.id}`, `local:${a.id}`].map((key) => toHex(utf8Encode(key))));
    const flaky: KeyValueStore = {
      ...store,
      get(key) {
        if (damaged.has(toHex(key))) throw DbError("CORRUPT", { key: toHex(key) });
        return store.get(key);
      },
      delete(key) {
        damaged.delete(toHex(key));
        store.delete(key);
      },
      async *iterate(range) {
        for await (const [key, value] of store.iterate(range)) {
          if (damaged.has(toHex(key))) throw DbError("CORRUPT", { key: toHex(key) });
          yield [key, value];
        }
      },
    };
    const again = (await make(flaky, clock)).db;
    expect([again.size, again.node(a.id)]).toEqual([2, undefined]);
    expect(again.localSeq(a.id)).toBe(1_600_000_000_000n);
    expect(damaged.size).toBe(0);
  });

  test("a store that takes no more writes is done without", async () => {
    const { store, clock } = await make();
    let isFull = false;
    const db = await NodeDatabase.open(clock, {
      ...store,
      put(key, value) {
        if (isFull) throw DbError("WRITE_FAILED", { why: "no space" });
        store.put(key, value);
      },
    });
    isFull = true;
    db.updateNode(nodeOf(1));
    db.storeLocalSeq(nodeOf(1).id, 4n);
    expect(db.node(nodeOf(1).id)).toEqual(nodeOf(1));
    isFull = false;
    db.updateNode(nodeOf(2));
    expect((await make(store, clock)).db.size).toBe(0);
  });

  test("another layout empties the database", async () => {
    const { db, store, clock } = await make();
    db.updateNode(nodeOf(1));
    store.put(utf8Encode("version"), utf8Encode("glim-0"));
    expect((await make(store, clock)).db.size).toBe(0);
    expect(store.has(utf8Encode(`n:${nodeOf(1).id}`))).toBe(false);
  });
});
