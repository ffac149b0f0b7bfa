import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { HostError, type Endpoint, type UdpSocket } from "#host";

/** What the kernel may hold for us while the loop is busy: a second of 5,000 packets a second. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

/** IPv4 addresses mapped into IPv6 (`::ffff:1.2.3.4`) are told as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

function why(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
}

async function bind(type: "udp4" | "udp6", { host, port }: Endpoint): Promise<Socket> {
  const socket = createSocket({ type, reuseAddr: false, ipv6Only: false });
  try {
    const bound = once(socket, "listening");
    socket.bind({ address: host === "" ? undefined : host, port, exclusive: true });
    await bound;
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** All addresses: one socket for both families, or IPv4 alone where there is no IPv6. */
async function bindAll(endpoint: Endpoint): Promise<{ socket: Socket; isV6: boolean }> {
  try {
    return { socket: await bind("udp6", endpoint), isV6: true };
  } catch (error) {
    if (why(error) === "EADDRINUSE") throw error;
    return { socket: await bind("udp4", endpoint), isV6: false };
  }
}

export async function bindUdp(endpoint: Endpoint): Promise<UdpSocket> {
  const { host, port } = endpoint;
  try {
    if (host === "") {
      const { socket, isV6 } = await bindAll(endpoint);
      return wrap(socket, isV6);
    }
    return wrap(await bind(isIPv6(host) ? "udp6" : "udp4", endpoint), isIPv6(host));
  } catch (error) {
    throw HostError(
      "LISTEN_FAILED",
      { endpoint: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`, why: why(error) },
      { cause: error },
    );
  }
}

function wrap(socket: Socket, isV6: boolean): UdpSocket {
  const { address, port } = socket.address();
  let closed: Promise<void> | undefined;
  socket.on("error", () => {}); // an ICMP answer to an earlier datagram: UDP promises nothing
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // the system gives less: more is lost under a flood
  }
  return {
    local: { host: plainAddress(address), port },
    onMessage: (fn) =>
      void socket.on("message", (chunk, from) =>
        fn(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), {
          host: plainAddress(from.address),
          port: from.port,
        }),
      ),
    send(bytes, to) {
      if (closed !== undefined) return;
      const host = isV6 && !to.host.includes(":") ? `::ffff:${to.host}` : to.host;
      try {
        socket.send(bytes, to.port, host, () => {});
      } catch {
        // port 0, or an address of the other family: lost
      }
    },
    close() {
      closed ??= new Promise((resolve) => socket.close(() => resolve()));
      return closed;
    },
  };
}
