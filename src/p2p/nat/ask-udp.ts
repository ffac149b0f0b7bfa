import type { Endpoint } from "#host";
import { deferred } from "#util";
import { NatError } from "./errors.ts";
import { natLimits as limits } from "./limits.ts";
import type { NatHost } from "./nat.ts";

/**
 * Sends a datagram until an answer comes from that address, four times within 3.75 s.
 *
 * @throws NAT_NO_ANSWER, the signal's reason
 */
export async function askUdp(
  { clock, net }: Pick<NatHost, "clock" | "net">,
  to: Endpoint,
  request: Uint8Array,
  isAnswer: (bytes: Uint8Array) => boolean,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  signal?.throwIfAborted();
  const socket = await net.bindUdp({ host: to.host.includes(":") ? "::" : "0.0.0.0", port: 0 });
  const answered = deferred<Uint8Array | undefined>();
  const onAbort = () => answered.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  socket.onMessage((bytes, from) => {
    if (from.host === to.host && from.port === to.port && isAnswer(bytes)) answered.resolve(bytes);
  });
  try {
    signal?.throwIfAborted(); // while the port was bound
    for (let tries = 0, waitMs = limits.pmpFirstMs; tries < limits.pmpTries; tries++, waitMs *= 2) {
      socket.send(request, to);
      const timer = clock.after(waitMs, () => wake.resolve(undefined));
      const wake = deferred<undefined>();
      const answer = await Promise.race([answered.promise, wake.promise]);
      timer.cancel();
      if (answer !== undefined) return answer;
    }
    throw NatError("NO_ANSWER", { from: `${to.host}:${to.port}` });
  } finally {
    signal?.removeEventListener("abort", onAbort);
    await socket.close();
  }
}
