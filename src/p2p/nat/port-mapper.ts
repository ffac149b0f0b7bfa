import type { Timer } from "#host";
import type { Logger } from "#log";
import { deferred, GlimError } from "#util";
import { natLimits as limits } from "./limits.ts";
import type { Nat, NatHost, PortProtocol } from "./nat.ts";

export interface PortMapperOptions {
  readonly nat: Nat;
  readonly host: Pick<NatHost, "clock">;
  readonly log: Logger;
  /** The address the world sees has changed; undefined: it is not known any more. */
  onAddress(ip: string | undefined): void;
  /** The router leads this port of its own to ours. */
  onPort(protocol: PortProtocol, port: number): void;
}

interface Mapping {
  readonly protocol: PortProtocol;
  readonly internal: number;
  /** 0: none yet. */
  external: number;
  failures: number;
  dueMs: number;
}

/**
 * Keeps ports of the router leading here, and knows the address the world sees: asks again before a mapping ends and when the address has
 * changed, and takes the mappings back at the end.
 *
 * @see geth p2p/server_nat.go:portMappingLoop@v1.17.5
 */
export class PortMapper {
  readonly #options: PortMapperOptions;
  /** BOUNDED: one for each protocol. */
  readonly #mappings = new Map<PortProtocol, Mapping>();
  #ip: string | undefined;
  #addressDueMs: number;
  #timer: Timer | undefined;
  #working: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: PortMapperOptions) {
    this.#options = options;
    this.#addressDueMs = options.host.clock.now();
    this.#wake();
  }

  /** Maps this port from now on. */
  map(protocol: PortProtocol, internal: number): void {
    const dueMs = this.#options.host.clock.now();
    this.#mappings.set(protocol, { protocol, internal, external: 0, failures: 0, dueMs });
    this.#wake();
  }

  /** Takes the mappings back: resolves when that is done, or has failed, or two seconds are over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    const late = deferred<void>();
    const timer = this.#options.host.clock.after(limits.closeMs, () => late.resolve());
    try {
      await Promise.race([this.#takeBack(), late.promise]);
    } finally {
      timer.cancel();
    }
  }

  async #takeBack(): Promise<void> {
    await this.#working;
    for (const { protocol, internal, external } of this.#mappings.values())
      if (external !== 0)
        await this.#try("delete", () => this.#options.nat.deleteMapping(protocol, internal, external));
    this.#mappings.clear();
  }

  #wake(): void {
    if (this.#isClosed || this.#working !== undefined) return;
    this.#timer?.cancel();
    const due = Math.min(this.#addressDueMs, ...[...this.#mappings.values()].map(({ dueMs }) => dueMs));
    const { clock } = this.#options.host;
    this.#timer = clock.after(Math.max(0, due - clock.now()), () => {
      this.#working = this.#work().finally(() => {
        this.#working = undefined;
        this.#wake();
      });
    });
  }

  async #work(): Promise<void> {
    const { clock } = this.#options.host;
    if (clock.now() >= this.#addressDueMs) await this.#askAddress();
    for (const mapping of this.#mappings.values())
      if (!this.#isClosed && clock.now() >= mapping.dueMs) await this.#refresh(mapping);
  }

  async #askAddress(): Promise<void> {
    const { nat, host } = this.#options;
    const told = await this.#try("address", () => nat.externalIp());
    const ip = told === "0.0.0.0" || told === "::" ? undefined : told; // a router that is not connected itself
    const now = host.clock.now();
    this.#addressDueMs = now + limits.addressMs;
    if (ip === this.#ip || this.#isClosed) return;
    this.#ip = ip;
    this.#options.onAddress(ip);
    // another network, perhaps
    for (const mapping of this.#mappings.values()) mapping.dueMs = now;
  }

  async #refresh(mapping: Mapping): Promise<void> {
    const { nat, host, log } = this.#options;
    const { protocol, internal, external } = mapping;
    const wish = external === 0 ? internal : external;
    const port = await this.#try("map", () =>
      nat.addMapping(protocol, internal, wish, limits.mappingSeconds),
    );
    const now = host.clock.now();
    if (port === undefined) {
      mapping.dueMs = now + limits.retryMs;
      if (external === 0 || ++mapping.failures <= limits.maxFailures) return;
      // it may still be there, in the way of a new one
      await this.#try("delete", () => nat.deleteMapping(protocol, internal, external));
      mapping.failures = 0;
      mapping.external = 0;
      return;
    }
    mapping.failures = 0;
    mapping.dueMs = now + limits.refreshMs;
    if (port === external) return;
    mapping.external = port;
    log.info("NAT mapped port", { protocol, internal, external: port, by: nat.name });
    if (!this.#isClosed) this.#options.onPort(protocol, port);
  }

  /** Routers fail: that is said at the debug level and lived with. */
  async #try<T>(what: string, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof GlimError)) throw error;
      this.#options.log.debug("NAT", { what, by: this.#options.nat.name, code: error.code });
      return undefined;
    }
  }
}
