import type { Endpoint } from "#host";
import { parseIp } from "#util";
import { NetutilError } from "./errors.ts";

/** `host:port`, IPv6 in brackets. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Reads Go's listen form: `:30303`, `127.0.0.1:0`, `[::1]:30303`; an empty host means all addresses.
 *
 * @throws NETUTIL_BAD_LISTEN_ADDR
 */
export function parseListenAddr(text: string): Endpoint {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3]);
  const isHost = host === "" || host === "localhost" || parseIp(host) !== undefined;
  if (match === null || port > 65_535 || !isHost) throw NetutilError("BAD_LISTEN_ADDR", { text });
  return { host, port };
}
