import { type DerivationPath, AccountsError } from "#accounts";

/** Longest path a Ledger takes. */
const MAX_COMPONENTS = 10;

/** Count, then 4 bytes each, big-endian. @throws ACCOUNTS_BAD_PATH for more than ten components */
export function encodePath(path: DerivationPath): Uint8Array {
  if (path.length > MAX_COMPONENTS) throw AccountsError("BAD_PATH", { why: "more than 10 components" });
  const bytes = new Uint8Array(1 + 4 * path.length);
  bytes[0] = path.length;
  const view = new DataView(bytes.buffer);
  for (const [i, component] of path.entries()) view.setUint32(1 + 4 * i, component);
  return bytes;
}
