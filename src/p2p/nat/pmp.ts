import type { Endpoint } from "#host";
import { isLan } from "#p2p/netutil";
import { formatIp, parseIp } from "#util";
import { askUdp } from "./ask-udp.ts";
import { NatError } from "./errors.ts";
import { natLimits as limits } from "./limits.ts";
import type { Nat, NatHost, PortProtocol } from "./nat.ts";

export interface PmpOptions {
  /** Port of the gateway. Default 5351. */
  readonly pmpPort?: number | undefined;
}

const OPCODES = { udp: 1, tcp: 2 } as const;
const RESULTS = [
  "",
  "unsupported version",
  "not authorized",
  "network failure",
  "out of resources",
  "unsupported opcode",
];

/** NAT-PMP (RFC 6886) with one gateway. */
export class Pmp implements Nat {
  readonly name: string;
  readonly #host: Pick<NatHost, "clock" | "net">;
  readonly #gateway: Endpoint;

  constructor(gateway: string, host: Pick<NatHost, "clock" | "net">, { pmpPort = 5351 }: PmpOptions = {}) {
    this.name = `NAT-PMP(${gateway})`;
    this.#gateway = { host: gateway, port: pmpPort };
    this.#host = host;
  }

  async externalIp(signal?: AbortSignal): Promise<string> {
    const answer = await this.#ask(Uint8Array.of(0, 0), 12, signal);
    return formatIp(answer.subarray(8, 12));
  }

  async addMapping(
    protocol: PortProtocol,
    internal: number,
    external: number,
    seconds: number,
  ): Promise<number> {
    const request = new Uint8Array(12);
    const view = new DataView(request.buffer);
    request[1] = OPCODES[protocol];
    view.setUint16(4, internal);
    view.setUint16(6, external);
    view.setUint32(8, seconds);
    const answer = await this.#ask(request, 16);
    return new DataView(answer.buffer, answer.byteOffset).getUint16(10);
  }

  /** An external port and a time of nothing end it (§3.4). */
  async deleteMapping(protocol: PortProtocol, internal: number): Promise<void> {
    await this.addMapping(protocol, internal, 0, 0);
  }

  async #ask(request: Uint8Array, size: number, signal?: AbortSignal): Promise<Uint8Array> {
    const want = 128 + (request[1] ?? 0);
    const isAnswer = (bytes: Uint8Array) => bytes.length >= 8 && bytes[0] === 0 && bytes[1] === want;
    const answer = await askUdp(this.#host, this.#gateway, request, isAnswer, signal);
    const result = ((answer[2] ?? 0) << 8) | (answer[3] ?? 0);
    if (result !== 0)
      throw NatError("REFUSED", { by: this.name, why: RESULTS[result] ?? `result ${result}` });
    if (answer.length < size) throw NatError("BAD_ANSWER", { from: this.name, why: "too short" });
    return answer;
  }
}

/** The first gateway that answers; where the router of a local network has its address ending in .1, as most do. */
export async function discoverPmp(
  host: NatHost,
  options: PmpOptions,
  signal: AbortSignal,
): Promise<Nat | undefined> {
  const end = new AbortController();
  const timer = host.clock.after(limits.pmpSearchMs, () => end.abort(new Error("nobody answered")));
  const stop = () => end.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  const one = async (gateway: string): Promise<Nat> => {
    const nat = new Pmp(gateway, host, options);
    await nat.externalIp(end.signal);
    return nat;
  };
  try {
    return await Promise.any(gateways(host).map(one)).catch(() => undefined);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", stop);
    end.abort(new Error("found"));
  }
}

function gateways({ localAddresses }: Pick<NatHost, "localAddresses">): string[] {
  const found = new Set<string>();
  for (const { ip, prefixLength } of localAddresses?.() ?? []) {
    const bytes = parseIp(ip);
    if (bytes?.length !== 4 || !isLan(ip)) continue;
    const mask = prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
    const network = (new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) & mask) >>> 0;
    const first = (network | 1) >>> 0;
    found.add(formatIp(Uint8Array.of(first >>> 24, (first >>> 16) & 255, (first >>> 8) & 255, first & 255)));
  }
  return [...found].slice(0, limits.devices);
}
