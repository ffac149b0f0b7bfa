import { AccountsError } from "./errors.ts";

/** Components from the root down; those from 2^31 on are hardened (BIP-32). */
export type DerivationPath = readonly number[];

const HARDENED = 0x8000_0000;
const MAX = 0xffff_ffffn;

/** m/44'/60'/0'/0: what relative paths are appended to. */
export const rootDerivationPath: DerivationPath = [HARDENED + 44, HARDENED + 60, HARDENED, 0];
/** m/44'/60'/0'/0/0: the first account of most wallets. */
export const baseDerivationPath: DerivationPath = [...rootDerivationPath, 0];
/** m/44'/60'/0'/0: the first account of a Ledger before its Live. */
export const legacyLedgerDerivationPath: DerivationPath = [...rootDerivationPath];

/** As Go's big.Int reads base 0: decimal, 0x…, 0b…, 0o… and 0… for octal. */
function parseInteger(text: string): bigint | undefined {
  const [, sign = "", digits = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const octal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  if (!/^(?:[0-9]{1,30}|0[xX][0-9a-fA-F]{1,30}|0[oO][0-7]{1,30}|0[bB][01]{1,99})$/.test(octal))
    return undefined;
  if (/^0[0-9]/.test(octal)) return undefined;
  const value = BigInt(octal);
  return sign === "-" ? -value : value;
}

/**
 * `m/44'/60'/0'/0/7` or, relative to m/44'/60'/0'/0, `7`. White space is ignored.
 * @throws ACCOUNTS_BAD_PATH with geth's text (accounts/hd.go:67@v1.17.5)
 */
export function parseDerivationPath(text: string): DerivationPath {
  const refuse = (why: string) => AccountsError("BAD_PATH", { why });
  const [first = "", ...rest] = text.split("/");
  if (first.trim() === "")
    throw refuse("ambiguous path: use 'm/' prefix for absolute paths, or no leading '/' for relative ones");
  const isAbsolute = first.trim() === "m";
  const components = isAbsolute ? rest : [first, ...rest];
  if (components.length === 0) throw refuse("empty derivation path");
  if (components.length > 32) throw refuse("more than 32 components");
  const parsed = components.map((component) => {
    const trimmed = component.trim();
    const isHardened = trimmed.endsWith("'");
    const digits = isHardened ? trimmed.slice(0, -1).trim() : trimmed;
    const value = parseInteger(digits);
    if (value === undefined) throw refuse(`invalid component: ${digits.slice(0, 40)}`);
    const max = isHardened ? MAX - BigInt(HARDENED) : MAX;
    if (value < 0n || value > max)
      throw refuse(`component ${value} out of allowed ${isHardened ? "hardened " : ""}range [0, ${max}]`);
    return Number(value) + (isHardened ? HARDENED : 0);
  });
  return isAbsolute ? parsed : [...rootDerivationPath, ...parsed];
}

/** `m/44'/60'/0'/0/7` */
export function formatDerivationPath(path: DerivationPath): string {
  return ["m", ...path.map((one) => (one >= HARDENED ? `${one - HARDENED}'` : String(one)))].join("/");
}

function advanced(base: DerivationPath, at: number, by: number): DerivationPath {
  return base.map((one, index) => (index === at ? one + by : one));
}

/** `base`, then the same with its last component one higher, and so on. */
export function* defaultIterator(base: DerivationPath): Generator<DerivationPath, never> {
  for (let i = 0; ; i++) yield advanced(base, base.length - 1, i);
}

/** As Ledger Live counts: by the third component. */
export function* ledgerLiveIterator(base: DerivationPath): Generator<DerivationPath, never> {
  for (let i = 0; ; i++) yield advanced(base, 2, i);
}
