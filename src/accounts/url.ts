import { AccountsError } from "./errors.ts";

/** Where a wallet or an account is: `keystore:///home/a/.glim/keystore/UTC--…`, `ledger://…`. Nothing is escaped in it. */
export interface AccountUrl {
  /** Which kind of backend: `keystore`, `ledger`, `trezor`. */
  readonly scheme: string;
  /** What the backend knows it by. */
  readonly path: string;
}

/** Text → URL. @throws ACCOUNTS_BAD_URL without a scheme (accounts/url.go:45@v1.17.5) */
export function parseAccountUrl(text: string): AccountUrl {
  const [scheme = "", path, ...more] = text.split("://");
  if (scheme === "" || path === undefined || more.length > 0) throw AccountsError("BAD_URL");
  return { scheme, path };
}

export function formatAccountUrl({ scheme, path }: AccountUrl): string {
  return scheme === "" ? path : `${scheme}://${path}`;
}

/** By scheme, then by path; by code units, as bytes of UTF-8 are for all paths of one alphabet. */
export function compareAccountUrls(a: AccountUrl, b: AccountUrl): number {
  if (a.scheme !== b.scheme) return a.scheme < b.scheme ? -1 : 1;
  if (a.path === b.path) return 0;
  return a.path < b.path ? -1 : 1;
}

export function isSameUrl(a: AccountUrl, b: AccountUrl): boolean {
  return a.scheme === b.scheme && a.path === b.path;
}
