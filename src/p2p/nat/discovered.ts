import { NatError } from "./errors.ts";
import type { Nat, PortProtocol } from "./nat.ts";

/** Looks for a router; undefined if there is none. Ends early, with undefined, when the signal aborts. Never rejects. */
export type Search = (signal: AbortSignal) => Promise<Nat | undefined>;

/** The first router that is found, looked for when it is first needed, and again later if there was none. */
export class Discovered implements Nat {
  readonly #what: string;
  readonly #searches: readonly Search[];
  #found: Nat | undefined;
  #searching: Promise<Nat | undefined> | undefined;

  constructor(what: string, searches: readonly Search[]) {
    this.#what = what;
    this.#searches = searches;
  }

  get name(): string {
    return this.#found?.name ?? this.#what;
  }

  async externalIp(): Promise<string> {
    return (await this.#router()).externalIp();
  }

  async addMapping(
    protocol: PortProtocol,
    internal: number,
    external: number,
    seconds: number,
  ): Promise<number> {
    return (await this.#router()).addMapping(protocol, internal, external, seconds);
  }

  async deleteMapping(protocol: PortProtocol, internal: number, external: number): Promise<void> {
    await this.#found?.deleteMapping(protocol, internal, external);
  }

  async #router(): Promise<Nat> {
    if (this.#found !== undefined) return this.#found;
    this.#searching ??= this.#search().finally(() => {
      this.#searching = undefined;
    });
    this.#found = await this.#searching;
    if (this.#found === undefined) throw NatError("NOT_FOUND", { what: this.#what });
    return this.#found;
  }

  async #search(): Promise<Nat | undefined> {
    const others = new AbortController();
    const one = async (search: Search): Promise<Nat> => {
      const found = await search(others.signal);
      if (found === undefined) throw new Error("none");
      return found;
    };
    const found = await Promise.any(this.#searches.map(one)).catch(() => undefined);
    others.abort();
    return found;
  }
}
