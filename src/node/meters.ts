import type { KeyValueStore } from "#ethdb";
import type { Metrics, MetricSet } from "#metrics";
import type { Msg, MsgReadWriter, Protocol, Server } from "#p2p";
import type { Api, Method } from "#rpc";
import type { Clock } from "#host";
import { metricTables } from "./metric-tables.ts";
import type { Vitals } from "./vitals.ts";

/** Packets of one version of discovery; what is not named here is a reason for which they were dropped. */
interface PacketCounts {
  readonly received: number;
  readonly sent: number;
  readonly nodes: number;
  readonly [reason: string]: number;
}

/** A reader-writer that counts what passes. */
class MeteredMessages implements MsgReadWriter {
  readonly clock: Clock | undefined;
  readonly #inner: MsgReadWriter;
  readonly #set: MetricSet<typeof metricTables.p2p>;
  readonly #protocol: Protocol;

  constructor(inner: MsgReadWriter, set: MetricSet<typeof metricTables.p2p>, protocol: Protocol) {
    this.#inner = inner;
    this.clock = inner.clock;
    this.#set = set;
    this.#protocol = protocol;
  }

  async readMsg(): Promise<Msg> {
    const msg = await this.#inner.readMsg();
    this.#count("in", msg.code, msg.size);
    return msg;
  }

  writeMsg(code: number, payload: Uint8Array): Promise<void> {
    this.#count("out", code, payload.length);
    return this.#inner.writeMsg(code, payload);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Msg> {
    for await (const msg of this.#inner) {
      this.#count("in", msg.code, msg.size);
      yield msg;
    }
  }

  #count(direction: "in" | "out", code: number, bytes: number): void {
    const { name, version } = this.#protocol;
    const labels = [name, String(version), this.#protocol.messageName?.(code) ?? String(code)];
    this.#set.add(`messages_${direction}`, labels);
    this.#set.add(`bytes_${direction}`, labels, bytes);
  }
}

/** Protocols whose messages are counted: nothing of a protocol changes but what its `run` is handed. */
export function meterProtocols(protocols: readonly Protocol[], metrics: Metrics): readonly Protocol[] {
  const set = metrics.set("p2p", metricTables.p2p);
  return protocols.map((protocol) => {
    const run: Protocol["run"] = (peer, rw, signal) =>
      protocol.run(peer, new MeteredMessages(rw, set, protocol), signal);
    // the protocol itself below: members that are asked for later (nodeInfo, isOffered) stay its own
    return Object.create(protocol, { run: { value: run } }) as Protocol; // as: the protocol with another run
  });
}

function meterMethod(
  name: string,
  inner: Method,
  set: MetricSet<typeof metricTables.rpc>,
  clock: Clock,
): Method {
  const [namespace = ""] = name.split("_");
  const done = (begun: number, result: string) => {
    set.add("calls", [name, result]);
    set.observe("seconds", (clock.now() - begun) / 1_000, [namespace]);
  };
  const failed = (begun: number, error: unknown): never => {
    done(begun, "failed");
    throw error;
  };
  return {
    ...inner,
    call(params, ctx) {
      const begun = clock.now();
      try {
        const answer = inner.call(params, ctx);
        if (typeof answer === "string") {
          done(begun, "ok");
          return answer;
        }
        return answer.then(
          (text) => {
            done(begun, "ok");
            return text;
          },
          (error: unknown) => failed(begun, error),
        );
      } catch (error) {
        return failed(begun, error);
      }
    },
  };
}

/** Tables whose calls are counted and timed. Names nobody has are not: they reach no method. */
export function meterApis(apis: readonly Api[], metrics: Metrics, clock: Clock): readonly Api[] {
  const set = metrics.set("rpc", metricTables.rpc);
  return apis.map((one) => ({
    ...one,
    methods: new Map(
      [...one.methods].map(([name, inner]) => [
        name,
        meterMethod(`${one.namespace}_${name}`, inner, set, clock),
      ]),
    ),
  }));
}

/** A store whose reads and writes are counted. */
export function meterStore(store: KeyValueStore, name: string, metrics: Metrics): KeyValueStore {
  const set = metrics.set("db", metricTables.db);
  const labels = [name];
  const wrote = (keys: number, bytes: number) => {
    set.add("writes", labels, keys);
    set.add("bytes_written", labels, bytes);
  };
  const own: Pick<KeyValueStore, "get" | "put" | "delete" | "batch"> = {
    get(key) {
      const value = store.get(key);
      set.add("reads", labels);
      if (value !== undefined) set.add("bytes_read", labels, value.length);
      return value;
    },
    put(key, value) {
      wrote(1, key.length + value.length);
      store.put(key, value);
    },
    delete(key) {
      wrote(1, key.length);
      store.delete(key);
    },
    batch() {
      const batch = store.batch();
      let keys = 0;
      return {
        put(key, value) {
          keys++;
          batch.put(key, value);
          return this;
        },
        delete(key) {
          keys++;
          batch.delete(key);
          return this;
        },
        get sizeBytes() {
          return batch.sizeBytes;
        },
        write() {
          wrote(keys, batch.sizeBytes);
          keys = 0;
          batch.write();
        },
      };
    },
  };
  return new Proxy(store, {
    get(target, key) {
      if (key in own) return own[key as keyof typeof own]; // as: just asked
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Counts what joins and leaves a chain, as long as the feed lives. */
export function meterHeads(
  heads: {
    subscribe(
      listener: (event: { readonly added: readonly unknown[]; readonly removed: readonly unknown[] }) => void,
    ): unknown;
  },
  metrics: Metrics | undefined,
): void {
  const chain = metrics?.set("chain", metricTables.chain);
  if (chain === undefined) return;
  chain.add("reorgs", [], 0);
  heads.subscribe(({ added, removed }) => {
    chain.add("blocks_imported", [], added.length);
    if (removed.length === 0 || added.length === 0) return; // without others it is a step back that somebody asked for
    chain.add("reorgs");
    chain.observe("reorg_depth", removed.length);
  });
}

/** What a server has counted: its handshakes and the packets of its discovery. */
function collectServer(server: Server, metrics: Metrics): void {
  const p2p = metrics.set("p2p", metricTables.p2p);
  for (const direction of ["inbound", "outbound"] as const)
    for (const [result, count] of server.handshakes[direction])
      p2p.set("handshakes", count, [direction, result]);
  const discovery = metrics.set("discovery", metricTables.discovery);
  const put = (version: string, { received, sent, nodes, ...dropped }: PacketCounts) => {
    discovery.set("packets_in", received, [version]);
    discovery.set("packets_out", sent, [version]);
    discovery.set("table_nodes", nodes, [version]);
    for (const [reason, count] of Object.entries(dropped))
      discovery.set("packets_dropped", count, [version, reason]);
  };
  const { discv4, discv5 } = server;
  if (discv4 !== undefined) {
    const { recovered: _, junk, received, dropped: pushed_out, ...counts } = discv4.counts;
    // on one socket, what is no packet of v4 is v5's to judge
    const own = discv5 === undefined ? { received, junk } : { received: received - junk };
    put("v4", { ...counts, ...own, pushed_out, nodes: discv4.table.size });
  }
  if (discv5 !== undefined) {
    const { challenged: _, ...counts } = discv5.counts;
    put("v5", { ...counts, nodes: discv5.table.size });
  }
}

/** Figures that are read when they are asked for. */
export function collectGauges(
  metrics: Metrics,
  node: { readonly server: Server | undefined; vitals(): readonly Vitals[] },
): Disposable {
  const p2p = metrics.set("p2p", metricTables.p2p);
  const chain = metrics.set("chain", metricTables.chain);
  return metrics.onCollect(() => {
    if (node.server !== undefined) collectServer(node.server, metrics);
    const peers = [...(node.server?.peers.values() ?? [])];
    const inbound = peers.filter((peer) => peer.inbound).length;
    p2p.set("peers", inbound, ["inbound"]);
    p2p.set("peers", peers.length - inbound, ["outbound"]);
    for (const { head, syncing, figures } of node.vitals()) {
      chain.set("head_number", head.number);
      chain.set("head_age_seconds", head.ageSeconds);
      chain.set("syncing", syncing === undefined ? 0 : 1);
      chain.set("highest_number", syncing?.highest ?? head.number);
      for (const [name, value] of Object.entries(figures)) chain.set("figures", value, [name]);
    }
  });
}
