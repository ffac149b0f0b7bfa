import type { KeyValueStore } from "#ethdb";
import type { Metrics, MetricSet, MetricTable } from "#metrics";
import type { Msg, MsgReadWriter, Protocol, Server } from "#p2p";
import type { Api, Method } from "#rpc";
import type { Clock } from "#host";
import type { Vitals } from "./vitals.ts";

const p2pTable = {
  messages_in: {
    kind: "counter",
    doc: "Messages received, by protocol, version and code.",
    labels: ["protocol", "version", "code"],
  },
  bytes_in: {
    kind: "counter",
    doc: "Uncompressed payload bytes received.",
    labels: ["protocol", "version", "code"],
  },
  messages_out: {
    kind: "counter",
    doc: "Messages sent, by protocol, version and code.",
    labels: ["protocol", "version", "code"],
  },
  bytes_out: {
    kind: "counter",
    doc: "Uncompressed payload bytes sent.",
    labels: ["protocol", "version", "code"],
  },
  peers: { kind: "gauge", doc: "Peers connected.", labels: ["direction"] },
} as const satisfies MetricTable;

const rpcTable = {
  calls: { kind: "counter", doc: "Calls answered, by method and result.", labels: ["method", "result"] },
  seconds: {
    kind: "histogram",
    doc: "Time from a call to its answer, seconds.",
    labels: ["namespace"],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10],
  },
} as const satisfies MetricTable;

const dbTable = {
  reads: { kind: "counter", doc: "Keys read.", labels: ["store"] },
  writes: { kind: "counter", doc: "Keys written or deleted.", labels: ["store"] },
  bytes_read: { kind: "counter", doc: "Bytes of values read.", labels: ["store"] },
  bytes_written: { kind: "counter", doc: "Bytes of keys and values written.", labels: ["store"] },
} as const satisfies MetricTable;

const chainTable = {
  head_number: { kind: "gauge", doc: "Number of the newest block." },
  head_age_seconds: { kind: "gauge", doc: "Age of the newest block, seconds." },
  syncing: { kind: "gauge", doc: "1 while a sync is under way." },
  highest_number: { kind: "gauge", doc: "Block a sync goes to; the head where there is none." },
  figures: { kind: "gauge", doc: "What a service counts: its pool, its servers.", labels: ["name"] },
} as const satisfies MetricTable;

/** A reader-writer that counts what passes. */
class MeteredMessages implements MsgReadWriter {
  readonly clock: Clock | undefined;
  readonly #inner: MsgReadWriter;
  readonly #set: MetricSet<typeof p2pTable>;
  readonly #labels: readonly [string, string];

  constructor(inner: MsgReadWriter, set: MetricSet<typeof p2pTable>, labels: readonly [string, string]) {
    this.#inner = inner;
    this.clock = inner.clock;
    this.#set = set;
    this.#labels = labels;
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
    const labels = [...this.#labels, String(code)];
    this.#set.add(`messages_${direction}`, labels);
    this.#set.add(`bytes_${direction}`, labels, bytes);
  }
}

/** Protocols whose messages are counted: nothing of a protocol changes but what its `run` is handed. */
export function meterProtocols(protocols: readonly Protocol[], metrics: Metrics): readonly Protocol[] {
  const set = metrics.set("p2p", p2pTable);
  return protocols.map((protocol) => {
    const labels = [protocol.name, String(protocol.version)] as const;
    const run: Protocol["run"] = (peer, rw, signal) =>
      protocol.run(peer, new MeteredMessages(rw, set, labels), signal);
    // the protocol itself below: members that are asked for later (nodeInfo, isOffered) stay its own
    return Object.create(protocol, { run: { value: run } }) as Protocol; // as: the protocol with another run
  });
}

function meterMethod(name: string, inner: Method, set: MetricSet<typeof rpcTable>, clock: Clock): Method {
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
  const set = metrics.set("rpc", rpcTable);
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
  const set = metrics.set("db", dbTable);
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

/** Gauges that are read when they are asked for. */
export function collectGauges(
  metrics: Metrics,
  node: { readonly server: Server | undefined; vitals(): readonly Vitals[] },
): Disposable {
  const p2p = metrics.set("p2p", p2pTable);
  const chain = metrics.set("chain", chainTable);
  return metrics.onCollect(() => {
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
