import type { Endpoint, Http } from "#host";
import { isLan, isLoopback } from "#p2p/netutil";
import { parseIp, utf8Encode } from "#util";
import { NatError } from "./errors.ts";
import { natLimits as limits } from "./limits.ts";
import type { Nat, NatHost, PortProtocol } from "./nat.ts";

export interface UpnpOptions {
  /** Where routers are looked for. Default: the multicast group of SSDP, 239.255.255.250:1900. */
  readonly ssdp?: Endpoint | undefined;
}

/** Services that map ports, the best first. */
const SERVICES = ["WANIPConnection:2", "WANIPConnection:1", "WANPPPConnection:1"] as const;
const URN = "urn:schemas-upnp-org:service:";

interface Service {
  readonly type: string;
  readonly url: string;
  /** Our address in the router's network. */
  readonly own: string;
}

/** A router's UPnP service (IGD 1 and 2). */
class Upnp implements Nat {
  readonly name: string;
  readonly #service: Service;
  readonly #http: Http;
  readonly #rand: NatHost["rand"];

  constructor(service: Service, http: Http, rand: NatHost["rand"]) {
    this.name = `UPNP ${service.type.slice(URN.length)}`;
    this.#service = service;
    this.#http = http;
    this.#rand = rand;
  }

  async externalIp(): Promise<string> {
    const ip = valueOf(await this.#call("GetExternalIPAddress", {}), "NewExternalIPAddress");
    if (ip === undefined || parseIp(ip) === undefined)
      throw NatError("BAD_ANSWER", { from: this.name, why: "it names no address" });
    return ip;
  }

  /** The port wished for, four times: routers fail by chance; then others, as it may be taken. */
  async addMapping(
    protocol: PortProtocol,
    internal: number,
    external: number,
    seconds: number,
  ): Promise<number> {
    const wished = Array.from({ length: 4 }, () => (external === 0 ? internal : external));
    const others = Array.from({ length: 3 }, () => 10_000 + this.#rand.int(55_000));
    let last: unknown;
    for (const port of [...wished, ...others])
      try {
        return await this.#map(protocol, internal, port, seconds);
      } catch (error) {
        last = error;
      }
    throw last;
  }

  async deleteMapping(protocol: PortProtocol, _internal: number, external: number): Promise<void> {
    await this.#call("DeletePortMapping", {
      NewRemoteHost: "",
      NewExternalPort: external,
      NewProtocol: protocol.toUpperCase(),
    });
  }

  async #map(protocol: PortProtocol, internal: number, external: number, seconds: number): Promise<number> {
    const isAny = this.#service.type.endsWith("WANIPConnection:2");
    const answer = await this.#call(isAny ? "AddAnyPortMapping" : "AddPortMapping", {
      NewRemoteHost: "",
      NewExternalPort: external,
      NewProtocol: protocol.toUpperCase(),
      NewInternalPort: internal,
      NewInternalClient: this.#service.own,
      NewEnabled: 1,
      NewPortMappingDescription: "glim p2p",
      NewLeaseDuration: seconds,
    });
    if (!isAny) return external;
    const given = Number(valueOf(answer, "NewReservedPort"));
    if (!Number.isInteger(given) || given < 1 || given > 65_535)
      throw NatError("BAD_ANSWER", { from: this.name, why: "it names no port" });
    return given;
  }

  async #call(action: string, args: Readonly<Record<string, string | number>>): Promise<string> {
    const { type, url } = this.#service;
    const fields = Object.entries(args).map(([name, value]) => `<${name}>${value}</${name}>`);
    const envelope =
      `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ` +
      `s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${action} xmlns:u="${type}">` +
      `${fields.join("")}</u:${action}></s:Body></s:Envelope>`;
    const { status, body } = await this.#http.request(url, {
      method: "POST",
      headers: { "Content-Type": `text/xml; charset="utf-8"`, SOAPAction: `"${type}#${action}"` },
      body: envelope,
      timeoutMs: limits.requestMs,
      maxBytes: limits.answerBytes,
    });
    if (status === 200) return body;
    const why = valueOf(body, "errorDescription") ?? `HTTP ${status}`;
    throw NatError("REFUSED", { by: this.name, why: why.slice(0, 100) });
  }
}

/** The text of the first element of that name, in whichever namespace; undefined if there is none. */
function valueOf(xml: string, name: string): string | undefined {
  for (const part of xml.split("<")) {
    const end = part.indexOf(">");
    const [tag = ""] = part.slice(0, Math.max(0, end)).split(/\s/, 1);
    if (tag === name || tag.endsWith(`:${name}`)) return part.slice(end + 1).trim();
  }
  return undefined;
}

/** A router that answers a search, offers such a service and says that it maps ports. */
export async function discoverUpnp(
  host: NatHost,
  options: UpnpOptions,
  signal: AbortSignal,
): Promise<Nat | undefined> {
  const { http, rand } = host;
  if (http === undefined) return undefined;
  for await (const location of devices(host, options, signal)) {
    const service = await serviceAt(location, host, http).catch(() => undefined);
    if (service === undefined || signal.aborted) continue;
    const nat = new Upnp(service, http, rand);
    if (
      await nat.externalIp().then(
        () => true,
        () => false,
      )
    )
      return nat;
  }
  return undefined;
}

/**
 * Where devices that answer within three seconds have their descriptions. Only at the address that answered, and only in a local
 * network: a stranger's answer must not make us ask others (SSRF).
 */
async function* devices(
  { clock, net }: NatHost,
  { ssdp = { host: "239.255.255.250", port: 1900 } }: UpnpOptions,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const socket = await net.bindUdp({ host: "0.0.0.0", port: 0 }).catch(() => undefined);
  if (socket === undefined) return;
  /** BOUNDED: limits.devices. */
  const found = new Set<string>();
  const waiting: string[] = [];
  let wake = () => {};
  socket.onMessage((bytes, from) => {
    const location = /^location:[ \t]*(\S{1,300})[ \t]*$/im.exec(
      Buffer.from(bytes.subarray(0, 2_048)).toString("latin1"),
    )?.[1];
    if (location === undefined || found.size >= limits.devices || found.has(location)) return;
    const url = URL.canParse(location) ? new URL(location) : undefined;
    if (url?.protocol !== "http:" || url.hostname !== from.host) return;
    if (!isLan(from.host) && !isLoopback(from.host)) return;
    found.add(location);
    waiting.push(location);
    wake();
  });
  let isOver = false;
  const end = () => {
    isOver = true;
    wake();
  };
  const timer = clock.after(limits.upnpSearchMs, end);
  signal.addEventListener("abort", end, { once: true });
  try {
    for (const version of [1, 2]) socket.send(search(version), ssdp);
    for (;;) {
      const location = waiting.shift();
      if (location !== undefined) yield location;
      else if (isOver || signal.aborted) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", end);
    await socket.close();
  }
}

const search = (version: number): Uint8Array =>
  utf8Encode(
    [
      "M-SEARCH * HTTP/1.1",
      "HOST: 239.255.255.250:1900",
      `ST: urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`,
      'MAN: "ssdp:discover"',
      "MX: 2",
      "",
      "",
    ].join("\r\n"),
  );

async function serviceAt(location: string, host: NatHost, http: Http): Promise<Service | undefined> {
  const { status, body } = await http.request(location, {
    timeoutMs: limits.requestMs,
    maxBytes: limits.descriptionBytes,
  });
  if (status !== 200) return undefined;
  const router = new URL(location);
  const own = ownAddress(router.hostname, host);
  for (const service of SERVICES)
    for (const part of body.split(/<service>/i).slice(1)) {
      if (valueOf(part, "serviceType") !== URN + service) continue;
      const path = valueOf(part, "controlURL");
      const url = path === undefined || !URL.canParse(path, location) ? undefined : new URL(path, location);
      if (url?.hostname === router.hostname && own !== undefined)
        return { type: URN + service, url: url.href, own };
    }
  return undefined;
}

/** Our address in the network that the router is in. */
function ownAddress(router: string, { localAddresses }: NatHost): string | undefined {
  const there = parseIp(router);
  return localAddresses?.().find(({ ip, prefixLength }) => {
    const here = parseIp(ip);
    if (here === undefined || there === undefined || here.length !== there.length) return false;
    return here.every((byte, i) => {
      const bits = Math.min(8, Math.max(0, prefixLength - 8 * i));
      const mask = (0xff00 >> bits) & 0xff;
      return (byte & mask) === ((there[i] ?? 0) & mask);
    });
  })?.ip;
}
