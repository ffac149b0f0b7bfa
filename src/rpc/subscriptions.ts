import { toHex } from "#util";
import { busy } from "./admission.ts";
import { RpcError, rpcCodes } from "./errors.ts";
import { notificationText } from "./message.ts";
import { callerOf, type ConnectionInfo } from "./method.ts";
import type { RpcServer } from "./server.ts";

/** Made once: without a reason each signal would make an error with a stack of its own, for hundreds at the end of a connection. */
const ended = new RpcError(rpcCodes.disconnected, "the subscription has ended");

interface Open {
  readonly controller: AbortController;
  readonly iterator: AsyncIterator<string>;
  /** The first item has its place from the beginning on; undefined: items are cheap. */
  readonly place: Place | undefined;
  /** Opens the gate: called once the reply with the id has been written. */
  readonly release: () => void;
}

/** What a subscription of costly items waits for before its first one. */
interface Place {
  readonly first: Promise<void> | undefined;
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
    const place = found.isHeavy ? this.#takePlace() : undefined;
    if (!this.#server.takeSubscription()) {
      if (place !== undefined) void Promise.resolve(place.first).then(() => this.#server.heavy.leave());
      throw new RpcError(rpcCodes.busy, "too many subscriptions on this server");
    }
    const id = this.#newId();
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const open: Open = { controller, iterator: items[Symbol.asyncIterator](), place, release };
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
      const first = this.#next(open, open.place?.first); // the source listens from here on
      first.catch(() => {}); // reported below, if the gate opens first
      await gate;
      for (
        let step = await first;
        step.done !== true && this.#open.has(id);
        step = await this.#next(open, open.place && this.#server.heavy.enterAgain(callerOf(this.#info)))
      ) {
        this.#send?.(notificationText(namespace, id, step.value));
      }
    } catch (error) {
      if (this.#open.has(id)) this.#server.log.warn("rpc subscription failed", { namespace, error });
    } finally {
      this.#end(id, open);
    }
  }

  /** The next item, made while it has its place. Cheap ones are asked for at once. */
  async #next(
    { iterator, place, controller }: Open,
    entered: Promise<void> | undefined,
  ): Promise<IteratorResult<string>> {
    if (place === undefined) return iterator.next();
    await entered;
    try {
      controller.signal.throwIfAborted(); // whoever asked may have left while waiting
      return await iterator.next();
    } finally {
      this.#server.heavy.leave();
    }
  }

  /** @throws −32005 */
  #takePlace(): Place {
    const entered = this.#server.heavy.enterForSure(callerOf(this.#info));
    if (entered === "refused") throw busy();
    return { first: entered };
  }

  #end(id: string, { controller, iterator, release }: Open): void {
    if (!this.#open.delete(id)) return;
    this.#server.releaseSubscription();
    controller.abort(ended);
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
