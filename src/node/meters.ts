import type { KeyValueStore } from "#ethdb";
import type { Metrics, MetricSet } from "#metrics";
import type { Msg, MsgReadWriter, Protocol } from "#p2p";
import type { Api, Method } from "#rpc";
import type { Clock } from "#host";
import { metricTables } from "./metric-tables.ts";

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
