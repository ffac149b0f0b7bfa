import { isIP } from "node:net";
import { hostname } from "node:os";

/**
 * Who may talk to an HTTP or WebSocket endpoint, decided from headers alone (seed-behaviour §1.6 as amended:
 * both sides are case-folded, a missing Origin is allowed, WebSocket checks Host too).
 */

/** The host of a Host header, port and brackets stripped, lower case. */
function hostOf(header: string): string {
  const folded = header.trim().toLowerCase();
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(folded);
  if (bracketed !== null) return bracketed[1] ?? "";
  const colon = folded.lastIndexOf(":");
  // a bare IPv6 address has several colons and no port
  return colon >= 0 && folded.indexOf(":") === colon ? folded.slice(0, colon) : folded;
}

/**
 * Checks the Host header against DNS rebinding: empty passes, an IP literal passes, `*` passes all, else an exact name.
 */
export class HostRules {
  readonly #allowed: ReadonlySet<string>;
  readonly #allowsAll: boolean;

  constructor(vhosts: readonly string[]) {
    this.#allowed = new Set(vhosts.map((one) => one.trim().toLowerCase()));
    this.#allowsAll = this.#allowed.has("*");
  }

  allows(header: string | undefined): boolean {
    if (header === undefined || header === "" || this.#allowsAll) return true;
    const host = hostOf(header);
    return this.#allowed.has(host) || isIP(host) !== 0;
  }
}

/** Lower case, default port stripped: what two equal origins have in common. */
function foldOrigin(origin: string): string {
  const folded = origin.trim().toLowerCase();
  if (folded.startsWith("http://")) return folded.replace(/:80$/, "");
  return folded.startsWith("https://") ? folded.replace(/:443$/, "") : folded;
}

/** Exact scheme, host and port; `*` allows all. */
export class OriginRules {
  readonly #allowed: ReadonlySet<string>;
  readonly allowsAll: boolean;

  constructor(origins: readonly string[]) {
    this.#allowed = new Set(origins.map(foldOrigin));
    this.allowsAll = this.#allowed.has("*");
  }

  get isEmpty(): boolean {
    return this.#allowed.size === 0;
  }

  /** True for a listed origin; a request without Origin is no browser's. */
  allows(origin: string | undefined): boolean {
    return origin === undefined || this.allowsAll || this.#allowed.has(foldOrigin(origin));
  }
}

/** Origins of a WebSocket endpoint that lists none: this machine (geth rpc/websocket.go:101-106@v1.8.27). */
export function defaultOrigins(): readonly string[] {
  return ["http://localhost", `http://${hostname().toLowerCase()}`];
}
