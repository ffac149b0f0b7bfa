import type { NodeId } from "#enode";
import type { Feed } from "#event";
import type { Clock } from "#host";
import { isError } from "#util";
import { P2pError } from "./errors.ts";
import { MsgQueue } from "./msg-queue.ts";
import type { Msg, MsgReadWriter, Protocol } from "./protocol.ts";
import type { PeerEvent } from "./server-types.ts";

export interface ProtocolConnectionOptions {
  readonly clock: Clock;
  readonly peer: NodeId;
  readonly events: Feed<PeerEvent> | undefined;
  /** Sends under the absolute code; resolves when it could be sent, `undefined` if that was at once. */
  send(code: number, payload: Uint8Array): Promise<void> | undefined;
  /** A message has left the inbox. */
  onTake(size: number): void;
}

const sent = Promise.resolve();

/** One protocol's MsgReadWriter on a peer: codes from 0, an inbox of its own. */
export class ProtocolConnection implements MsgReadWriter {
  readonly protocol: Protocol;
  /** Absolute code of this protocol's code 0. */
  readonly offset: number;
  readonly clock: Clock;
  readonly #options: ProtocolConnectionOptions;
  /** BOUNDED by the peer, which counts over all protocols and stops reading. */
  readonly #inbox: MsgQueue;
  #end: Error | undefined;

  constructor(protocol: Protocol, offset: number, options: ProtocolConnectionOptions) {
    this.protocol = protocol;
    this.offset = offset;
    this.clock = options.clock;
    this.#options = options;
    this.#inbox = new MsgQueue((size) => options.onTake(size));
  }

  deliver(msg: Msg): void {
    this.#event("msgrecv", msg.code, msg.size);
    this.#inbox.push(msg);
  }

  readMsg(): Promise<Msg> {
    return this.#inbox.next();
  }

  /** Not async: it is on the way of every request, and has nearly never to wait. */
  writeMsg(code: number, payload: Uint8Array): Promise<void> {
    try {
      this.#check(code, payload);
      const sending = this.#options.send(this.offset + code, payload);
      if (sending !== undefined) return sending.then(() => this.#event("msgsend", code, payload.length));
      this.#event("msgsend", code, payload.length);
      return sent;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #check(code: number, { length }: Uint8Array): void {
    if (!Number.isInteger(code) || code < 0 || code >= this.protocol.length)
      throw P2pError("INVALID_MSG_CODE", { code, length: this.protocol.length });
    if (length > 0xff_ffff) throw P2pError("MSG_TOO_BIG_TO_SEND", { size: length });
    if (this.#end !== undefined) throw this.#end;
  }

  [Symbol.asyncIterator](): AsyncIterator<Msg> {
    return this.#inbox[Symbol.asyncIterator]();
  }

  /**
   * The connection is over: readers and writers are told. What came before the peer took its leave can still be read;
   * what came from a peer in breach is discarded.
   */
  end(error: Error): void {
    this.#end ??= error;
    const wasLeft = isError(error, "P2P_REMOTE_DISCONNECT") || isError(error, "RLPX_CLOSED");
    this.#inbox.close(error, { discard: !wasLeft });
  }

  #event(type: "msgsend" | "msgrecv", code: number, size: number): void {
    const { events, peer } = this.#options;
    events?.send({ type, peer, protocol: this.protocol.name, msg_code: code, msg_size: size });
  }
}
