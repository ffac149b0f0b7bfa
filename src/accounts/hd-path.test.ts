// The cases of geth's accounts/hd_test.go and url_test.go @v1.17.5, as facts.
import { describe, expect, test } from "vitest";
import {
  baseDerivationPath,
  defaultIterator,
  formatDerivationPath,
  ledgerLiveIterator,
  legacyLedgerDerivationPath,
  parseDerivationPath,
} from "./hd-path.ts";
import { compareAccountUrls, formatAccountUrl, parseAccountUrl } from "./url.ts";

const H = 0x8000_0000;
const eth = [H + 44, H + 60, H];

describe("derivation paths", () => {
  test.each([
    ["m/44'/60'/0'/0", [...eth, 0]],
    ["m/44'/60'/0'/128", [...eth, 128]],
    ["m/44'/60'/0'/0'", [...eth, H]],
    ["m/44'/60'/0'/128'", [...eth, H + 128]],
    ["m/2147483692/2147483708/2147483648/0", [...eth, 0]],
    ["m/2147483692/2147483708/2147483648/2147483648", [...eth, H]],
    ["0", [...eth, 0, 0]],
    ["128", [...eth, 0, 128]],
    ["0'", [...eth, 0, H]],
    ["128'", [...eth, 0, H + 128]],
    ["2147483648", [...eth, 0, H]],
    ["m/0x2C'/0x3c'/0x00'/0x00", [...eth, 0]],
    ["m/0x2C'/0x3c'/0x00'/0x80", [...eth, 128]],
    ["m/0x2C'/0x3c'/0x00'/0x00'", [...eth, H]],
    ["m/0x8000002C/0x8000003c/0x80000000/0x80000000", [...eth, H]],
    ["0x00", [...eth, 0, 0]],
    ["0x80'", [...eth, 0, H + 128]],
    ["0x80000000", [...eth, 0, H]],
    ["m/010", [8]],
    ["\tm  /   44\t\t\t'\n/\n   60\t\n\n\t'   /\n0 ' /\t\t\t0", [...eth, 0]],
  ])("%j", (text, path) => {
    expect(parseDerivationPath(text)).toEqual(path);
  });

  test.each([
    ["", "ambiguous path"],
    ["m", "empty derivation path"],
    ["m/", "invalid component: "],
    ["/44'/60'/0'/0", "ambiguous path"],
    ["m/2147483648'", "component 2147483648 out of allowed hardened range [0, 2147483647]"],
    ["m/4294967296", "component 4294967296 out of allowed range [0, 4294967295]"],
    ["m/-1'", "component -1 out of allowed hardened range [0, 2147483647]"],
    ["m/1.5", "invalid component: 1.5"],
    ["m/09", "invalid component: 09"],
  ])("%j is refused", (text, why) => {
    expect(() => parseDerivationPath(text)).toThrow(
      expect.objectContaining({ code: "ACCOUNTS_BAD_PATH", message: expect.stringContaining(why) }),
    );
  });

  test("iterators", () => {
    const first = (iterator: Generator<readonly number[], never>) =>
      Array.from({ length: 3 }, () => formatDerivationPath(iterator.next().value));
    expect(first(defaultIterator(baseDerivationPath))).toEqual([
      "m/44'/60'/0'/0/0",
      "m/44'/60'/0'/0/1",
      "m/44'/60'/0'/0/2",
    ]);
    expect(first(defaultIterator(legacyLedgerDerivationPath))).toEqual([
      "m/44'/60'/0'/0",
      "m/44'/60'/0'/1",
      "m/44'/60'/0'/2",
    ]);
    expect(first(ledgerLiveIterator(baseDerivationPath))).toEqual([
      "m/44'/60'/0'/0/0",
      "m/44'/60'/1'/0/0",
      "m/44'/60'/2'/0/0",
    ]);
  });
});

describe("URLs", () => {
  test("are read and written back", () => {
    expect(parseAccountUrl("https://ethereum.org")).toEqual({ scheme: "https", path: "ethereum.org" });
    expect(formatAccountUrl({ scheme: "keystore", path: "/a/b" })).toBe("keystore:///a/b");
    expect(formatAccountUrl({ scheme: "", path: "ethereum.org" })).toBe("ethereum.org");
  });

  test.each(["ethereum.org", "", "://x", "a://b://c"])("%j is refused", (text) => {
    expect(() => parseAccountUrl(text)).toThrow("protocol scheme missing");
  });

  test("are ordered by scheme, then path", () => {
    const url = (scheme: string, path: string) => ({ scheme, path });
    expect(compareAccountUrls(url("https", "a"), url("https", "a"))).toBe(0);
    expect(compareAccountUrls(url("https", "a"), url("https", "b"))).toBeLessThan(0);
    expect(compareAccountUrls(url("http", "z"), url("https", "a"))).toBeLessThan(0);
  });
});
