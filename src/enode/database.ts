import { decodeEnr } from "#enr";
import type { KeyValueStore } from "#ethdb";
import { memoryStore } from "#ethdb";
import type { Clock, Rand } from "#host";
import {
  bytes,
  decodeAs,
  encodeAs,
  fixed,
  type Infer,
  list,
  optional,
  raw,
  struct,
  uint53,
  uint64,
} from "#rlp";
import { formatIp, fromHex, GlimError, LruMap, parseIp, utf8Decode, utf8Encode } from "#util";
import { type Enode, fromRecord, makeEnode, type NodeId, seqOf } from "./node.ts";

/** Bounds and times of the node database; times are geth's (p2p/enode/nodedb.go:52-56@v1.17.5), bounds ours. */
export const databaseLimits = {
  /** BOUNDED: nodes kept. */
  nodes: 4096,
  /** BOUNDED: (node, address) pairs that have answered us. */
  contacts: 16_384,
  /** BOUNDED: (node, address) pairs that have only pinged us; in memory alone. */
  strangers: 4096,
  /** BOUNDED: nodes to dial first after a restart. */
  anchors: 8,
  /** A node unseen for so long is dropped, seconds. */
  expirySeconds: 86_400,
} as const;

/** Layout of the values; another one empties the database. */
const VERSION = "glim-1";

const nodeRow = struct({
  publicKey: fixed(64),
  ip: bytes({ max: 16 }),
  tcp: uint53,
  udp: uint53,
  record: optional(raw),
});
const contactRow = struct({ ping: uint53, pong: uint53, fails: uint53, failsV5: uint53 });
type Contact = Infer<typeof contactRow>;
const anchorRows = list(nodeRow, { max: databaseLimits.anchors });
const ANCHORS = "anchors";
const UNKNOWN: Contact = { ping: 0, pong: 0, fails: 0, failsV5: 0 };

const contactKey = (id: NodeId, ip: string) => `c:${id}:${ip}`;

/**
 * What is known of other nodes: records worth dialling again, when each (node, address) pinged and answered us, failures, and our
 * own record's sequence number. Held in memory within bounds, mirrored to a store that a restart reads; a damaged or impossible
 * entry there is skipped and deleted (DI-16).
 *
 * Times are unix seconds.
 *
 * @see geth p2p/enode/nodedb.go@v1.17.5
 */
export class NodeDatabase {
  readonly #store: KeyValueStore;
  readonly #clock: Pick<Clock, "unixSeconds">;
  /** BOUNDED: databaseLimits.nodes; the one used longest ago leaves. */
  readonly #nodes = new Map<NodeId, Enode>();
  /** BOUNDED: databaseLimits.contacts. By `c:<id>:<ip>`. */
  readonly #contacts = new Map<string, Contact>();
  /** BOUNDED: databaseLimits.strangers. */
  readonly #strangers = new LruMap<string, Contact>(databaseLimits.strangers);
  /** The store takes no more writes: what is learnt from now on is lost with this run. */
  #isBroken = false;

  private constructor(store: KeyValueStore, clock: Pick<Clock, "unixSeconds">) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Reads what the store holds. The store stays its owner's to close. */
  static async open(
    clock: Pick<Clock, "unixSeconds">,
    store: KeyValueStore = memoryStore(),
  ): Promise<NodeDatabase> {
    const database = new NodeDatabase(store, clock);
    await database.#load();
    return database;
  }

  /** Nodes kept. */
  get size(): number {
    return this.#nodes.size;
  }

  node(id: NodeId): Enode | undefined {
    return this.#nodes.get(id);
  }

  /** Keeps a node, unless a newer record of it is kept already. */
  updateNode(node: Enode): void {
    const known = this.#nodes.get(node.id);
    if (known !== undefined && seqOf(known) > seqOf(node)) return;
    this.#nodes.delete(node.id);
    this.#nodes.set(node.id, node);
    this.#put(`n:${node.id}`, encodeNode(node));
    if (this.#nodes.size > databaseLimits.nodes)
      for (const oldest of this.#nodes.keys()) return this.#deleteNode(oldest);
  }

  /** Forgets a node and everything about it. */
  deleteNode(id: NodeId): void {
    this.#deleteNode(id);
    for (const key of this.#contacts.keys()) if (key.startsWith(`c:${id}:`)) this.#deleteContact(key);
  }

  /** Nodes that were good peers for long, the longest first: whoever fills our table cannot take their place (DI-08). */
  get anchors(): readonly Enode[] {
    const kept = this.#get(ANCHORS);
    return (kept && tryDecode(() => decodeAs(anchorRows, kept).map(nodeOf))) ?? [];
  }

  /** Keeps the first eight. */
  storeAnchors(nodes: readonly Enode[]): void {
    this.#put(ANCHORS, encodeAs(anchorRows, nodes.slice(0, databaseLimits.anchors).map(rowOf)));
  }

  /** When the node at this address last pinged us; 0 = never. */
  lastPingReceived(id: NodeId, ip: string): number {
    return this.#contact(id, ip).ping;
  }

  updateLastPingReceived(id: NodeId, ip: string, at: number): void {
    this.#update(id, ip, { ping: at });
  }

  /** When the node at this address last answered a ping of ours; 0 = never. This is the endpoint proof. */
  lastPongReceived(id: NodeId, ip: string): number {
    return this.#contact(id, ip).pong;
  }

  updateLastPongReceived(id: NodeId, ip: string, at: number): void {
    this.#update(id, ip, { pong: at });
  }

  /** Requests in a row the node left unanswered, by protocol. */
  findFails(id: NodeId, ip: string, protocol: "v4" | "v5" = "v4"): number {
    const { fails, failsV5 } = this.#contact(id, ip);
    return protocol === "v4" ? fails : failsV5;
  }

  updateFindFails(id: NodeId, ip: string, fails: number, protocol: "v4" | "v5" = "v4"): void {
    this.#update(id, ip, protocol === "v4" ? { fails } : { failsV5: fails });
  }

  /** Sequence number our record had last; the time in ms if none is known, so that a lost database does not set it back. */
  localSeq(id: NodeId): bigint {
    const kept = this.#get(`local:${id}`);
    const seq = kept === undefined ? undefined : tryDecode(() => decodeAs(uint64, kept));
    return seq ?? BigInt(this.#clock.unixSeconds()) * 1000n;
  }

  storeLocalSeq(id: NodeId, seq: bigint): void {
    this.#put(`local:${id}`, encodeAs(uint64, seq));
  }

  /** Up to `count` nodes by chance that answered us in the last `maxAgeSeconds` (DI-08). */
  querySeeds(count: number, maxAgeSeconds: number, rand: Pick<Rand, "shuffle">): readonly Enode[] {
    const oldest = this.#clock.unixSeconds() - maxAgeSeconds;
    const fresh = [...this.#nodes.values()].filter(
      ({ id, ip }) => ip !== undefined && this.lastPongReceived(id, ip) >= oldest,
    );
    return rand.shuffle(fresh).slice(0, count);
  }

  /** Drops contacts and nodes not seen for a day. To be called once the network has been joined, not before: seeds are old. */
  expire(): void {
    const oldest = this.#clock.unixSeconds() - databaseLimits.expirySeconds;
    const seen = new Set<string>();
    for (const [key, { pong }] of this.#contacts)
      if (pong < oldest) this.#deleteContact(key);
      else seen.add(key.slice(2, 66));
    for (const id of [...this.#nodes.keys()]) if (!seen.has(id)) this.#deleteNode(id);
  }

  #contact(id: NodeId, ip: string): Contact {
    const key = contactKey(id, ip);
    return this.#contacts.get(key) ?? this.#strangers.get(key) ?? UNKNOWN;
  }

  #update(id: NodeId, ip: string, change: Partial<Contact>): void {
    const key = contactKey(id, ip);
    const contact = { ...this.#contact(id, ip), ...change };
    if (contact.pong === 0) return void this.#strangers.set(key, contact);
    this.#strangers.delete(key);
    this.#contacts.delete(key);
    this.#contacts.set(key, contact);
    this.#put(key, encodeAs(contactRow, contact));
    if (this.#contacts.size > databaseLimits.contacts)
      for (const oldest of this.#contacts.keys()) return this.#deleteContact(oldest);
  }

  #deleteNode(id: NodeId): void {
    this.#nodes.delete(id);
    this.#mirror((store) => store.delete(utf8Encode(`n:${id}`)));
  }

  #deleteContact(key: string): void {
    this.#contacts.delete(key);
    this.#mirror((store) => store.delete(utf8Encode(key)));
  }

  #put(key: string, value: Uint8Array): void {
    this.#mirror((store) => store.put(utf8Encode(key), value));
  }

  /** Writes to the store; one that fails does so for good, and nobody may notice: nodes can be found again. */
  #mirror(write: (store: KeyValueStore) => void): void {
    if (this.#isBroken) return;
    try {
      write(this.#store);
    } catch (error) {
      if (!(error instanceof GlimError) || !error.code.startsWith("DB_")) throw error;
      this.#isBroken = true;
    }
  }

  /** A value; one that cannot be read is deleted and as none (DI-16). */
  #get(key: string): Uint8Array | undefined {
    try {
      return this.#store.get(utf8Encode(key));
    } catch (error) {
      if (!(error instanceof GlimError) || error.code !== "DB_CORRUPT") throw error;
      this.#mirror((store) => store.delete(utf8Encode(key)));
      return undefined;
    }
  }

  async #load(): Promise<void> {
    const version = this.#get("version");
    const isOther = version === undefined || utf8Decode(version) !== VERSION;
    for await (const key of keysOf(this.#store))
      if (isOther || !this.#loadEntry(key)) this.#store.delete(key);
    if (isOther) this.#put("version", utf8Encode(VERSION));
  }

  /** False: the entry is none of ours, or damaged. */
  #loadEntry(bytesOfKey: Uint8Array): boolean {
    const key = utf8Decode(bytesOfKey) ?? "";
    if (key === "version" || key.startsWith("local:")) return true;
    if (key === ANCHORS) return this.anchors.length > 0;
    const value = this.#get(key);
    if (value === undefined) return false;
    const [kind, id = "", ...rest] = key.split(":");
    if (kind === "n") {
      const node = tryDecode(() => decodeNode(value));
      if (node?.id !== id || this.#nodes.size >= databaseLimits.nodes) return false;
      this.#nodes.set(id, node);
      return true;
    }
    const contact = tryDecode(() => decodeAs(contactRow, value));
    if (kind !== "c" || contact === undefined || this.#contacts.size >= databaseLimits.contacts) return false;
    if (!/^[0-9a-f]{64}$/.test(id) || parseIp(rest.join(":")) === undefined) return false;
    this.#contacts.set(key, contact);
    return true;
  }
}

/** The store's keys. One whose value is damaged ends an iteration: it is deleted, and the rest is read after it. */
async function* keysOf(store: KeyValueStore): AsyncIterableIterator<Uint8Array> {
  for (let from = new Uint8Array(); ; ) {
    try {
      for await (const [key] of store.iterate({ gte: from })) {
        from = Uint8Array.of(...key, 0);
        yield key;
      }
      return;
    } catch (error) {
      const damaged = damagedKey(error);
      if (damaged === undefined) throw error;
      store.delete(damaged);
      from = Uint8Array.of(...damaged, 0);
    }
  }
}

function damagedKey(error: unknown): Uint8Array | undefined {
  if (!(error instanceof GlimError) || error.code !== "DB_CORRUPT") return undefined;
  return fromHex((error.data as { key: string }).key); // the row of DB_CORRUPT
}

const encodeNode = (node: Enode): Uint8Array => encodeAs(nodeRow, rowOf(node));

function rowOf(node: Enode): Infer<typeof nodeRow> {
  const ip = (node.ip === undefined ? undefined : parseIp(node.ip)) ?? new Uint8Array();
  const { publicKey, tcp, udp, record } = node;
  return { publicKey, ip, tcp, udp, record: record?.bytes };
}

/** @throws GlimError for anything but a node */
const decodeNode = (value: Uint8Array): Enode => nodeOf(decodeAs(nodeRow, value));

function nodeOf({ publicKey, ip, tcp, udp, record }: Infer<typeof nodeRow>): Enode {
  if (record !== undefined) return fromRecord(decodeEnr(record));
  return makeEnode(publicKey.slice(), { ip: ip.length === 0 ? undefined : formatIp(ip), tcp, udp });
}

function tryDecode<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof GlimError || error instanceof RangeError) return undefined;
    throw error;
  }
}
