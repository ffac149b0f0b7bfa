import { parseIp } from "#util";
import { Discovered } from "./discovered.ts";
import { NatError } from "./errors.ts";
import type { Nat, NatHost } from "./nat.ts";
import { discoverPmp, Pmp, type PmpOptions } from "./pmp.ts";
import { Stun } from "./stun.ts";
import { discoverUpnp, type UpnpOptions } from "./upnp.ts";

/** Where things are looked for, other than the standards say: for tests. */
export interface NatPlaces extends PmpOptions, UpnpOptions {}

/** The address is known, ports are mapped by hand. geth nat.ExtIP */
const external = (ip: string): Nat => ({
  name: `extip:${ip}`,
  externalIp: async () => ip,
  addMapping: async (_protocol, _internal, port) => port,
  deleteMapping: async () => {},
});

/**
 * Reads geth's text of a way, in any case: `""`, none, off; extip:IP, ip:IP; upnp; pmp, natpmp, nat-pmp, each also with :GATEWAY; stun, stun:HOST:PORT;
 * any, auto, on. Nothing is sent before it is used.
 *
 * @returns undefined for none
 * @throws NAT_BAD_TEXT (blame: environment, exit 2)
 * @see geth p2p/nat/nat.go:Parse@v1.17.5
 */
export function parseNat(text: string, host: NatHost, places: NatPlaces = {}): Nat | undefined {
  const colon = text.indexOf(":");
  const word = (colon < 0 ? text : text.slice(0, colon)).toLowerCase();
  const rest = colon < 0 ? undefined : text.slice(colon + 1);
  const fail = (why: string) => NatError("BAD_TEXT", { text, why });
  if (word === "stun") return new Stun(host, stunServer(rest, fail));
  const ip = rest === undefined || parseIp(rest) === undefined ? undefined : rest;
  if (rest !== undefined && ip === undefined) throw fail("invalid IP address");
  switch (word) {
    case "":
    case "none":
    case "off":
      return undefined;
    case "any":
    case "auto":
    case "on":
      return new Discovered("any", [
        (end) => discoverUpnp(host, places, end),
        (end) => discoverPmp(host, places, end),
      ]);
    case "extip":
    case "ip":
      if (ip === undefined) throw fail("missing IP address");
      return external(ip);
    case "upnp":
      return new Discovered("UPnP", [(end) => discoverUpnp(host, places, end)]);
    case "pmp":
    case "natpmp":
    case "nat-pmp":
      if (ip !== undefined) return new Pmp(ip, host, places);
      return new Discovered("NAT-PMP", [(end) => discoverPmp(host, places, end)]);
    default:
      throw fail(`unknown mechanism ${JSON.stringify(word)}`);
  }
}

function stunServer(
  rest: string | undefined,
  fail: (why: string) => Error,
): { readonly host: string; readonly port: number } | undefined {
  if (rest === undefined) return undefined;
  const [, v6, name, port] = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(rest) ?? [];
  const host = v6 ?? name;
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) throw fail("wants stun:HOST:PORT");
  return { host, port: Number(port) };
}
