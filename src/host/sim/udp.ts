import { HostError, type Clock, type Endpoint, type Rand, type UdpSocket } from "#host";

/** How datagrams fare. Without a clock they arrive a microtask later, in order, all of them. */
export interface UdpWeather {
  readonly clock?: Pick<Clock, "after" | "now"> | undefined;
  readonly rand?: Pick<Rand, "float"> | undefined;
  /** Least time under way. Default 0. */
  readonly latencyMs?: number | undefined;
  /** Up to so much more, by chance, in whole ms: datagrams overtake each other. Default 0. */
  readonly jitterMs?: number | undefined;
  /** Part that is lost, 0 … 1. Default 0. */
  readonly loss?: number | undefined;
  /** Part that arrives twice, 0 … 1. Default 0. */
  readonly doubled?: number | undefined;
  /** False: this datagram does not get through (partitions, NAT). */
  readonly passes?: ((from: Endpoint, to: Endpoint) => boolean) | undefined;
}

/** Larger datagrams do not get through: the smallest MTU of IPv6. */
const MTU = 1280;

const keyOf = ({ host, port }: Endpoint) => `${host} ${port}`;

/** UDP in memory: every address exists, sockets hear what is sent to theirs. */
export function simulatedUdp(weather: UdpWeather = {}): {
  bindUdp(endpoint: Endpoint): Promise<UdpSocket>;
} {
  const { clock, rand, latencyMs = 0, jitterMs = 0, loss = 0, doubled = 0, passes = () => true } = weather;
  const sockets = new Map<string, (bytes: Uint8Array, from: Endpoint) => void>();
  let nextPort = 50_000;
  const chance = () => rand?.float() ?? 1; // without chance nothing is lost or doubled

  /** What arrives at a time, by that time: one timer for all of it. */
  const arrivals = new Map<number, (() => void)[]>();
  const arriveAt = (at: number, arrive: () => void) => {
    const others = arrivals.get(at);
    if (others !== undefined) return void others.push(arrive);
    arrivals.set(at, [arrive]);
    clock?.after(at - clock.now(), () => {
      const all = arrivals.get(at) ?? [];
      arrivals.delete(at);
      for (const one of all) one();
    });
  };
  const deliver = (bytes: Uint8Array, from: Endpoint, to: Endpoint) => {
    const copy = bytes.slice();
    const arrive = () => sockets.get(keyOf(to))?.(copy, from);
    if (clock === undefined) queueMicrotask(arrive);
    else arriveAt(Math.ceil(clock.now() + latencyMs + chance() * jitterMs), arrive);
  };

  return {
    async bindUdp(endpoint) {
      const local = { host: endpoint.host, port: endpoint.port === 0 ? nextPort++ : endpoint.port };
      const key = keyOf(local);
      if (sockets.has(key))
        throw HostError("LISTEN_FAILED", { endpoint: `${local.host}:${local.port}`, why: "EADDRINUSE" });
      sockets.set(key, () => {});
      return {
        local,
        onMessage: (fn) => void sockets.set(key, fn),
        send(bytes, to) {
          if (!sockets.has(key) || bytes.length > MTU || !passes(local, to) || chance() < loss) return;
          deliver(bytes, local, to);
          if (chance() < doubled) deliver(bytes, local, to);
        },
        async close() {
          sockets.delete(key);
        },
      };
    },
  };
}
