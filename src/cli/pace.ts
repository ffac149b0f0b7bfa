import type { Clock, UdpSocket } from "#host";

const SECOND_MS = 1_000;
const LOOK_MS = 20;

/** At most so many packets within any second. */
export class Pace {
  readonly #perSecond: number;
  readonly #clock: Clock;
  /** When the last packets went. BOUNDED: as many as may go in a second. */
  readonly #sentAt: number[] = [];
  #reserved = 0;
  sent = 0;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** What is over the rate is not sent: any datagram may be lost. */
  socket(socket: UdpSocket): UdpSocket {
    return {
      local: socket.local,
      onMessage: (fn) => socket.onMessage(fn),
      send: (bytes, to) => {
        if (this.#free() < 1) return;
        this.sent++;
        this.#sentAt.push(this.#clock.now());
        socket.send(bytes, to);
      },
      close: () => socket.close(),
    };
  }

  /** Waits until `packets` may go, and keeps them for what is done with the result until it is disposed of. */
  async reserve(packets: number, signal: AbortSignal): Promise<Disposable> {
    const count = Math.min(packets, this.#perSecond);
    while (this.#free() - this.#reserved < count && !signal.aborted)
      await this.#clock.sleep(LOOK_MS, { signal }).catch(() => {}); // by the signal only
    this.#reserved += count;
    return { [Symbol.dispose]: () => void (this.#reserved -= count) };
  }

  #free(): number {
    const now = this.#clock.now();
    while ((this.#sentAt[0] ?? now) <= now - SECOND_MS) this.#sentAt.shift();
    return this.#perSecond - this.#sentAt.length;
  }
}
