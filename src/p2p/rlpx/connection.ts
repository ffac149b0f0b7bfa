import type { Clock, TcpSocket, Timer } from "#host";
import { concatBytes, type Deferred, deferred, GlimError } from "#util";
import { RlpxError } from "./errors.ts";
import { type HandshakeRunner, localHandshakes } from "./handshake-pool.ts";
import type { HandshakeJob, HandshakeOutcome } from "./job.ts";
import { limits } from "./limits.ts";
import {
  type Established,
  type Frame,
  HandshakeMachine,
  type HandshakeOptions,
  type Step,
} from "./machine.ts";
import { compress, uncompress } from "./snappy.ts";

/** One message of the connection, before protocols: absolute code, uncompressed payload. */
export interface WireMsg {
  readonly code: number;
  readonly payload: Uint8Array;
  /** Host clock, ms. */
  readonly receivedAt: number;
}

/** What a connection takes from its owner. All are called synchronously; after `onEnd` nothing more is. */
export interface ConnectionHandler {
  onMessage(msg: WireMsg): void;
  /** Once. The socket is still open if the error came from the peer's bytes: tell it the reason with `close`. */
  onEnd(error: Error): void;
}

const DISCONNECT = 0x01;
const NOTHING = new Uint8Array(0);
const CHECK_EVERY_MS = 1_000;
/** Most an incompressible payload grows under snappy, and the message code. */
const wireLimit = (maxBytes: number): number =>
  Math.min(limits.frameMax, maxBytes + Math.ceil(maxBytes / 6) + 64);

/**
 * RLPx on one socket: handshake, frames, snappy, deadlines. Reading goes message by message (`read`) until a handler takes
 * over, so that what follows the hello is read with what the hello decided.
 *
 *   handshaking → established (read | handler) → ended
 */
export class RlpxConnection {
  readonly remote: TcpSocket["remote"];
  /** Resolves with the other's 64-byte key; rejects with what went wrong, the socket then being closed. */
  readonly established: Promise<Uint8Array>;
  readonly #socket: TcpSocket;
  readonly #clock: Clock;
  readonly #handshake = deferred<Uint8Array>();
  readonly #machine: HandshakeMachine;
  readonly #handshakes: HandshakeRunner;
  /** Closes the socket of a packet that did not open, at a time that does not tell what was wrong with it (RX-04). */
  #refusal: Timer | undefined;
  #frames: Established | undefined;
  #handler: ConnectionHandler | undefined;
  #reading: Deferred<WireMsg> | undefined;
  #end: { readonly error: Error } | undefined;
  #isClosing = false;
  #isClosed = false;
  readonly #closed = deferred<void>();
  #isPaused = false;
  /** The ack, until what is said next: the two go out in one write. */
  #held: Uint8Array | undefined;
  /** Where the arithmetic of the handshake is: "full" = and no more is read until it is done. */
  #elsewhere: "no" | "working" | "full" = "no";
  #hasSnappy = false;
  #maxBytes: number;
  #limitOf: ((code: number) => number) | undefined;
  #bytesIn = 0;
  #bytesOut = 0;
  /** When the last whole frame was read, and when the first byte after it came. */
  #lastFrameAt: number;
  #partialSince: number | undefined;
  /** Bytes the kernel had taken at the last look, and when that number last grew. */
  #taken = 0;
  #takenAt: number;
  #check: Timer;
  #onDrain: (() => void) | undefined;

  /**
   * Takes the socket over and begins the handshake: as initiator if `remotePublicKey` is given.
   *
   * @param options.maxBytes - cap of each message until `setLimits`: the hello's 2 KiB
   * @param options.handshakes - who does the curve arithmetic; default: this thread
   */
  constructor(
    socket: TcpSocket,
    {
      clock,
      maxBytes,
      handshakes = localHandshakes,
      ...handshake
    }: HandshakeOptions & {
      readonly clock: Clock;
      readonly maxBytes: number;
      readonly handshakes?: HandshakeRunner | undefined;
    },
  ) {
    this.remote = socket.remote;
    this.established = this.#handshake.promise;
    this.#socket = socket;
    this.#clock = clock;
    this.#maxBytes = maxBytes;
    this.#handshakes = handshakes;
    this.#lastFrameAt = this.#takenAt = clock.now();
    this.#machine = new HandshakeMachine(handshake);
    socket.onData((chunk) => this.#receive(chunk));
    socket.onClose((error) => this.#onClose(error));
    socket.onDrain(() => this.#onDrain?.());
    this.#check = clock.after(CHECK_EVERY_MS, () => this.#checkTimes());
    const auth = this.#machine.start();
    if (auth !== undefined) this.#send(auth);
  }

  get local(): TcpSocket["local"] {
    return this.#socket.local;
  }

  /** Wire bytes so far, handshake included. */
  get bytesIn(): number {
    return this.#bytesIn;
  }

  get bytesOut(): number {
    return this.#bytesOut;
  }

  /** Bytes written that the kernel has not taken. */
  get queuedBytes(): number {
    return this.#socket.bufferedBytes;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Resolves when the socket is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Payloads are snappy from here on, both ways. */
  enableSnappy(): void {
    this.#hasSnappy = true;
  }

  /**
   * New caps for what is read from here on.
   *
   * @param maxBytes - over all messages, uncompressed: bounds the frame
   * @param limitOf - cap of one message by its code, checked before it is uncompressed
   */
  setLimits(maxBytes: number, limitOf: (code: number) => number): void {
    this.#maxBytes = maxBytes;
    this.#limitOf = limitOf;
  }

  /** The next message, before a handler is set. */
  async read(): Promise<WireMsg> {
    if (this.#end !== undefined) throw this.#end.error;
    const reading = deferred<WireMsg>();
    this.#reading = reading;
    this.#process();
    return reading.promise;
  }

  /** Every message from here on goes to `handler`, at once. */
  setHandler(handler: ConnectionHandler): void {
    this.#handler = handler;
    if (this.#end !== undefined) handler.onEnd(this.#end.error);
    else this.#process();
  }

  /** Stops reading: the peer feels it through TCP. Its silence is not held against it meanwhile. */
  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#lastFrameAt = this.#clock.now();
    if (this.#partialSince !== undefined) this.#partialSince = this.#lastFrameAt;
    this.#socket.resume();
    this.#process();
  }

  /** Called whenever the socket's queue has drained. */
  onDrain(fn: () => void): void {
    this.#onDrain = fn;
  }

  /**
   * Sends one message, in one write. After the end it does nothing.
   *
   * @returns false if the socket's queue is high
   * @throws RLPX_SEND_TOO_BIG (caller)
   */
  write(code: number, payload: Uint8Array): boolean {
    if (this.#end !== undefined || this.#frames === undefined) return true;
    return this.#send(this.#frames.writer.seal(code, this.#hasSnappy ? compress(payload) : payload));
  }

  /**
   * Ends the connection: sends `reason`'s message if given and possible, then closes; the peer has a second to read it. The
   * first call decides; later ones do nothing.
   *
   * @param error - what readers and the handler are told
   */
  close(error: Error, reason?: { readonly code: number; readonly payload: Uint8Array }): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const canTell = reason !== undefined && this.#frames !== undefined && !this.#isClosed;
    if (canTell && this.#frames !== undefined) {
      this.#send(
        this.#frames.writer.seal(reason.code, this.#hasSnappy ? compress(reason.payload) : reason.payload),
      );
    }
    this.#finish(error);
    if (this.#isClosed) return;
    if (!canTell) {
      this.#socket.destroy();
      return;
    }
    this.#socket.end();
    this.#socket.resume(); // a paused socket would not see the other's end
    const grace = this.#clock.after(limits.closeGraceMs, () => this.#socket.destroy());
    void this.#closed.promise.then(() => grace.cancel());
  }

  #send(next: Uint8Array): boolean {
    const bytes = this.#held === undefined ? next : concatBytes(this.#held, next);
    this.#held = undefined;
    if (bytes.length === 0) return true;
    if (this.#socket.bufferedBytes === 0) this.#takenAt = this.#clock.now();
    this.#bytesOut += bytes.length;
    return this.#socket.write(bytes);
  }

  #receive(chunk: Uint8Array): void {
    if (this.#end !== undefined) return;
    this.#bytesIn += chunk.length;
    this.#partialSince ??= this.#clock.now();
    if (this.#frames !== undefined) {
      this.#frames.reader.push(chunk);
      this.#process();
      return;
    }
    if (this.#elsewhere === "working") {
      this.#elsewhere = "full";
      this.#socket.pause();
    }
    this.#guard(() => this.#step(this.#machine.feed(chunk)));
  }

  #step(step: Step): void {
    if (step === undefined) return;
    if ("job" in step) return this.#work(step.job);
    const { send, established } = step.shaken;
    this.#refusal?.cancel();
    this.#held = send;
    this.#frames = established;
    this.#lastFrameAt = this.#clock.now();
    this.#handshake.resolve(established.remotePublicKey);
    queueMicrotask(() => this.#send(NOTHING)); // after who waits for the handshake had its turn
  }

  #work(job: HandshakeJob): void {
    if (job.kind === "accept" && this.#refusal === undefined) this.#armRefusal();
    const outcome = this.#handshakes.run(job);
    if (outcome instanceof Promise) void this.#workElsewhere(outcome);
    else this.#step(this.#machine.settle(outcome));
  }

  /** At most one chunk more is read meanwhile. */
  async #workElsewhere(coming: Promise<HandshakeOutcome>): Promise<void> {
    this.#elsewhere = "working";
    let settle: () => void;
    try {
      const outcome = await coming;
      settle = () => this.#step(this.#machine.settle(outcome));
    } catch (error) {
      settle = () => {
        throw error;
      };
    }
    const wasFull = this.#isFull();
    this.#elsewhere = "no";
    if (this.#end !== undefined) return;
    this.#guard(settle);
    if (wasFull) this.#socket.resume();
  }

  /** A function of its own: the compiler does not see that the state changes while we wait. */
  #isFull(): boolean {
    return this.#elsewhere === "full";
  }

  /** From the packet's arrival on, whatever becomes of it: the time we close at must not depend on how far it was opened. */
  #armRefusal(): void {
    this.#refusal = this.#clock.after(limits.refusalStepMs, () => {
      if (this.#end !== undefined) this.#socket.destroy();
      else this.#armRefusal();
    });
  }

  /** Ends it; the socket is closed by the timer of `#armRefusal`, and what still comes until then is not looked at. */
  #refuse(error: Error): void {
    this.#isClosing = true;
    this.#finish(error);
  }

  /** Reads frames while somebody wants them. */
  #process(): void {
    this.#guard(() => {
      while (this.#end === undefined && this.#frames !== undefined && !this.#isPaused) {
        if (this.#handler === undefined && this.#reading === undefined) return;
        const frame = this.#frames.reader.next(wireLimit(this.#maxBytes));
        if (frame === undefined) {
          if (this.#frames.reader.waitingBytes === 0) this.#partialSince = undefined;
          return;
        }
        const now = this.#clock.now();
        this.#lastFrameAt = now;
        this.#partialSince = now;
        this.#deliver({ code: frame.code, payload: this.#open(frame), receivedAt: now });
      }
    });
  }

  #deliver(msg: WireMsg): void {
    const reading = this.#reading;
    if (reading !== undefined) {
      this.#reading = undefined;
      reading.resolve(msg);
    } else this.#handler?.onMessage(msg);
  }

  #open({ code, payload }: Frame): Uint8Array {
    const limit = this.#limitOf?.(code) ?? this.#maxBytes;
    if (!this.#hasSnappy) {
      if (payload.length > limit) throw RlpxError("MSG_TOO_BIG", { code, size: payload.length, limit });
      return payload;
    }
    const opened = uncompress(payload, limit);
    if (opened !== undefined && "bytes" in opened) return opened.bytes;
    // a reason is worth reading even from a client that does not compress it (BP-03)
    if (code === DISCONNECT && payload.length <= limit) return payload;
    if (opened !== undefined) throw RlpxError("MSG_TOO_BIG", { code, size: opened.tooBig, limit });
    throw RlpxError("BAD_SNAPPY", { code });
  }

  /** What the peer's bytes break ends the connection; anything else is ours and is thrown on. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof GlimError)) throw error;
      if (this.#frames !== undefined) this.#finish(error);
      else if (RlpxError.is(error, "BAD_HANDSHAKE") && this.#refusal !== undefined) this.#refuse(error);
      else this.close(error);
    }
  }

  #finish(error: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#check.cancel();
    this.#handshake.reject(error);
    this.#reading?.reject(error);
    this.#reading = undefined;
    this.#handler?.onEnd(error);
  }

  #onClose(cause: Error | undefined): void {
    this.#isClosed = true;
    this.#refusal?.cancel();
    this.#finish(
      RlpxError("CLOSED", { why: cause === undefined ? "by the other end" : "network error" }, { cause }),
    );
    this.#closed.resolve();
  }

  /** Idle, drip and stall, looked at once a second: no timer per frame. */
  #checkTimes(): void {
    const late = this.#lateness(this.#clock.now());
    if (late !== undefined) this.close(late);
    else this.#check = this.#clock.after(CHECK_EVERY_MS, () => this.#checkTimes());
  }

  #lateness(now: number): Error | undefined {
    const taken = this.#bytesOut - this.#socket.bufferedBytes;
    if (taken !== this.#taken || this.#socket.bufferedBytes === 0) {
      this.#taken = taken;
      this.#takenAt = now;
    }
    if (now - this.#takenAt >= limits.writeTimeoutMs)
      return RlpxError("WRITE_TIMEOUT", { ms: limits.writeTimeoutMs });
    if (
      this.#isPaused ||
      (this.#frames !== undefined && this.#handler === undefined && this.#reading === undefined)
    )
      return undefined;
    if (now - this.#lastFrameAt >= limits.readTimeoutMs)
      return RlpxError("READ_TIMEOUT", { ms: limits.readTimeoutMs });
    const since = this.#partialSince;
    if (since === undefined || now - since < limits.slowAfterMs) return undefined;
    const bytesPerSecond = Math.round(((this.#frames?.reader.waitingBytes ?? 0) * 1000) / (now - since));
    return bytesPerSecond < limits.minRate ? RlpxError("TOO_SLOW", { bytesPerSecond }) : undefined;
  }
}
