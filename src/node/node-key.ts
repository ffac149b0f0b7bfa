import { generateKey, isPrivateKey, type PrivateKey } from "#crypto";
import type { Host } from "#host";
import type { Logger } from "#log";
import { fromHex, toHex, utf8Encode } from "#util";
import { NodeError } from "./errors.ts";
import { restrictFile } from "./instance-dir.ts";

/**
 * The node's identity from its key file: 64 hex digits (a line end after them is fine), mode 0600. A missing file is
 * made. geth replaces a file it cannot read by a new identity without a word; we refuse (Trap 7).
 *
 * @param path - where the key is read; legacy files of geth may lie elsewhere than new ones
 * @throws NODE_BAD_NODE_KEY, and never tells what the file holds
 */
export async function loadNodeKey(
  path: string,
  { files, entropy }: Pick<Host, "files" | "entropy">,
  log: Logger,
): Promise<PrivateKey> {
  const refuse = (why: string, cause?: unknown) => NodeError("BAD_NODE_KEY", { path, why }, { cause });
  let file: Uint8Array | undefined;
  try {
    file = await files.readFile(path);
  } catch (error) {
    throw refuse(error instanceof Error && "code" in error ? String(error.code) : "unreadable", error);
  }
  if (file === undefined) {
    const key = generateKey(entropy);
    await files.writeFileAtomic(path, utf8Encode(toHex(key).slice(2)), { mode: 0o600 });
    return key;
  }
  const text = new TextDecoder().decode(file).trimEnd();
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw refuse("want 64 hex digits");
  const key = fromHex(text);
  if (!isPrivateKey(key)) throw refuse("not a secp256k1 key");
  if (await restrictFile(path)) log.warn("node key was readable by others, mode set to 0600", { path });
  return key;
}
