import { toHex } from "#util";
import { RpcError, rpcCodes } from "./errors.ts";
import { notificationText } from "./message.ts";
import type { ConnectionInfo } from "./method.ts";
import type { RpcServer } from "./server.ts";

interface Open {
  readonly controller: AbortController;
  readonly iterator: AsyncIterator<string>;
  /** Opens the gate: called once the reply with the id has been written. */
  readonly release: () => void;
}

/** Subscriptions of one connection. BOUNDED: limits.subscriptionsPerConnection, keyed by our own random id. */
export class SubscriptionSet {
  readonly #server: RpcServer;
  readonly #info: ConnectionInfo;
  readonly #send: ((text: string) => void) | undefined;
  readonly #open = new Map<string, Open>();

  constructor(server: RpcServer, info: ConnectionInfo, send: ((text: string) => void) | undefined) {
    this.#server = server;
    this.#info = info;
    this.#send = send;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * `<ns>_subscribe`: the JSON text of the new id. Items are taken from now on and told once `releases` has been run,
   * so no notification comes before its id (T8).
   */
  open(namespace: string, params: readonly unknown[], releases: (() => void)[]): string {
    if (this.#send === undefined) throw new RpcError(rpcCodes.methodNotFound, "notifications not supported");
    const [name, ...rest] = params;
    if (typeof name !== "string")
      throw new RpcError(rpcCodes.invalidParams, "expected subscription name as first argument");
    const { limits } = this.#server;
    const found = this.#server.subscription(namespace, name);
    if (found === undefined) {
      throw new RpcError(
        rpcCodes.methodNotFound,
        `no "${name.slice(0, limits.methodNameBytes)}" subscription in ${namespace} namespace`,
      );
    }
    if (this.#open.size >= limits.subscriptionsPerConnection) {
      throw new RpcError(
        rpcCodes.busy,
        `too many subscriptions: at most ${limits.subscriptionsPerConnection} on one connection`,
      );
    }
    const controller = new AbortController();
    const { transport, remote } = this.#info;
    const items = found.open(rest, { signal: controller.signal, transport, remote, connection: this.#info });
    if (!this.#server.takeSubscription())
      throw new RpcError(rpcCodes.busy, "too many subscriptions on this server");
    const id = this.#newId();
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const open: Open = { controller, iterator: items[Symbol.asyncIterator](), release };
    this.#open.set(id, open);
    releases.push(release);
    void this.#pump(namespace, id, open, gate);
    return `"${id}"`;
  }

  /** `<ns>_unsubscribe`, any namespace: only this connection's ids. */
  remove(params: readonly unknown[]): string {
    const [id] = params;
    if (typeof id !== "string")
      throw new RpcError(rpcCodes.invalidParams, "expected subscription id as first argument");
    const open = this.#open.get(id);
    if (open === undefined) throw new RpcError(rpcCodes.failed, "subscription not found");
    this.#end(id, open);
    return "true";
  }

  close(): void {
    for (const [id, open] of [...this.#open]) this.#end(id, open);
  }

  async #pump(namespace: string, id: string, open: Open, gate: Promise<void>): Promise<void> {
    try {
      const first = open.iterator.next(); // the source listens from here on
      first.catch(() => {}); // reported below, if the gate opens first
      await gate;
      for (
        let step = await first;
        step.done !== true && this.#open.has(id);
        step = await open.iterator.next()
      ) {
        this.#send?.(notificationText(namespace, id, step.value));
      }
    } catch (error) {
      if (this.#open.has(id)) this.#server.log.warn("rpc subscription failed", { namespace, error });
    } finally {
      this.#end(id, open);
    }
  }

  #end(id: string, { controller, iterator, release }: Open): void {
    if (!this.#open.delete(id)) return;
    this.#server.releaseSubscription();
    controller.abort();
    release();
    // a source may fail while it is told to stop; nobody is left to hear of it
    Promise.resolve(iterator.return?.()).catch(() => {});
  }

  /** 16 random bytes as hex without leading zeros, as geth prints them. */
  #newId(): string {
    const digits = toHex(this.#server.host.entropy.bytes(16)).slice(2).replace(/^0+/, "");
    const id = `0x${digits === "" ? "0" : digits}`;
    return this.#open.has(id) ? this.#newId() : id;
  }
}
