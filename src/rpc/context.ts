import { RpcError, rpcCodes } from "./errors.ts";
import type { CallContext, ConnectionInfo, TransportName } from "./method.ts";

const disconnected = () => new RpcError(rpcCodes.disconnected, "client closed the connection");

/** Context of the calls of one message (HTTP) or one connection. The signal is made only when a handler asks for it. */
export class Context implements CallContext {
  readonly connection: ConnectionInfo;
  #controller: AbortController | undefined;
  #reason: unknown;
  #isOver = false;
  #hasLeft = false;
  /** Who waits beside a result for the time to be over. BOUNDED by the calls of one message. */
  #waiting: ((error: unknown) => void)[] | undefined;

  constructor(connection: ConnectionInfo) {
    this.connection = connection;
  }

  get transport(): TransportName {
    return this.connection.transport;
  }

  get remote(): string {
    return this.connection.remote;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isOver) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The result, or −32002 if the time is over first. */
  orExpired<T>(result: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting ??= [];
      this.#waiting.push(reject);
      result.then(resolve, reject);
    });
  }

  expire(): void {
    const error = new RpcError(rpcCodes.timeout, "request timed out");
    for (const reject of this.#waiting ?? []) reject(error);
    this.abort(error);
  }

  /** The client is gone: nobody reads what comes of its calls. */
  leave(): void {
    this.#hasLeft = true;
    this.abort(disconnected());
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  throwIfOver(): void {
    if (this.#isOver) throw this.#reason;
  }

  abort(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
