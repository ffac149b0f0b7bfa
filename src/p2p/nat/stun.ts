import type { Endpoint } from "#host";
import { compareBytes, formatIp, parseIp } from "#util";
import { askUdp } from "./ask-udp.ts";
import { NatError } from "./errors.ts";
import type { Nat, NatHost, PortProtocol } from "./nat.ts";

/** Asked one after another where none is named. Public servers that geth's list has too. */
const SERVERS: readonly Endpoint[] = [
  { host: "stun.l.google.com", port: 19302 },
  { host: "stun.cloudflare.com", port: 3478 },
  { host: "stun.nextcloud.com", port: 3478 },
];
const BINDING = 0x0001;
const BINDING_SUCCESS = 0x0101;
const COOKIE = 0x2112a442;
const MAPPED_ADDRESS = 0x0001;
const XOR_MAPPED_ADDRESS = 0x0020;
const HEADER = 20;

/** The address a STUN server (RFC 8489) sees us at. Maps no ports: the router has to let us be reached by itself. */
export class Stun implements Nat {
  readonly name: string;
  readonly #host: Pick<NatHost, "clock" | "net" | "entropy" | "dns">;
  readonly #servers: readonly Endpoint[];

  constructor(host: Pick<NatHost, "clock" | "net" | "entropy" | "dns">, server?: Endpoint) {
    this.name = server === undefined ? "stun" : `stun:${server.host}:${server.port}`;
    this.#host = host;
    this.#servers = server === undefined ? SERVERS : [server];
  }

  async externalIp(): Promise<string> {
    let last: unknown;
    for (const server of this.#servers)
      try {
        return await this.#ask(server);
      } catch (error) {
        last = error;
      }
    throw last;
  }

  async addMapping(_protocol: PortProtocol, _internal: number, external: number): Promise<number> {
    return external;
  }

  async deleteMapping(): Promise<void> {}

  async #ask({ host, port }: Endpoint): Promise<string> {
    const request = new Uint8Array(HEADER);
    const view = new DataView(request.buffer);
    view.setUint16(0, BINDING);
    view.setUint32(4, COOKIE);
    request.set(this.#host.entropy.bytes(12), 8);
    const ip = await this.#resolve(host);
    const isAnswer = (bytes: Uint8Array) =>
      bytes.length >= HEADER && compareBytes(bytes.subarray(4, HEADER), request.subarray(4)) === 0;
    const answer = await askUdp(this.#host, { host: ip, port }, request, isAnswer);
    const seen = readAddress(answer);
    if (seen === undefined)
      throw NatError("BAD_ANSWER", { from: `${host}:${port}`, why: "it names no address" });
    return seen;
  }

  async #resolve(host: string): Promise<string> {
    if (parseIp(host) !== undefined) return host;
    const ip = await this.#host.dns?.address(host, { timeoutMs: 5_000 });
    if (ip === undefined) throw NatError("NO_ANSWER", { from: host });
    return ip;
  }
}

/** The address of a binding success response; undefined if it has none that can be read. */
function readAddress(answer: Uint8Array): string | undefined {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
  if (view.getUint16(0) !== BINDING_SUCCESS) return undefined;
  const end = Math.min(answer.length, HEADER + view.getUint16(2));
  let plain: string | undefined;
  for (let at = HEADER; at + 4 <= end; ) {
    const type = view.getUint16(at);
    const length = view.getUint16(at + 2);
    const value = answer.subarray(at + 4, at + 4 + length);
    if (value.length < length) return plain;
    if (type === XOR_MAPPED_ADDRESS) return ipOf(value, answer.subarray(4, HEADER));
    if (type === MAPPED_ADDRESS) plain = ipOf(value);
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return plain;
}

/** `0(1) family(1) port(2) ip(4|16)`, the address xored with cookie and transaction id where given. */
function ipOf(value: Uint8Array, mask: Uint8Array = new Uint8Array(16)): string | undefined {
  const size = value[1] === 1 ? 4 : 16;
  if ((value[1] !== 1 && value[1] !== 2) || value.length < 4 + size) return undefined;
  return formatIp(value.slice(4, 4 + size).map((byte, i) => byte ^ (mask[i] ?? 0)));
}
