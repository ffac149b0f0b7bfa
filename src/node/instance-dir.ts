import { chmod, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Host } from "#host";
import { GlimError, isError } from "#util";
import { NodeError } from "./errors.ts";

const WORLD_WRITABLE = 0o002;
const OTHERS = 0o077;

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Refuses a folder that others could change under us (ND-02). Modes and owners mean nothing on Windows. */
async function checkFolder(folder: string): Promise<void> {
  const there = await statOf(folder);
  if (there === undefined) return;
  const refuse = (why: string) => NodeError("DATADIR_UNUSABLE", { folder, why });
  if (!there.isDirectory()) throw refuse("it is no folder");
  if (process.getuid === undefined) return;
  if (there.uid !== process.getuid() && process.getuid() !== 0) throw refuse("it belongs to another user");
  if ((there.mode & WORLD_WRITABLE) !== 0) throw refuse("everybody may write to it (chmod o-w)");
}

/**
 * Makes the instance directory (0700, with the data directory) and takes its lock.
 *
 * @throws NODE_DATADIR_USED if another node holds it, NODE_DATADIR_UNUSABLE (exit 2) for a folder that is not ours,
 *   open to everybody, or not writable
 */
export async function openInstanceDir(
  dataDir: string,
  instanceName: string,
  { files }: Pick<Host, "files">,
): Promise<AsyncDisposable> {
  const folder = join(dataDir, instanceName);
  try {
    await checkFolder(dataDir);
    await checkFolder(folder);
    await files.mkdir(folder, { mode: 0o700 });
    return await files.lock(folder);
  } catch (error) {
    if (isError(error, "HOST_LOCKED")) throw NodeError("DATADIR_USED", undefined, { cause: error });
    if (error instanceof GlimError) throw error;
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw NodeError("DATADIR_UNUSABLE", { folder, why: WORDS.get(why) ?? why }, { cause: error });
  }
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["ENOENT", "no folder can be made there"],
  ["EPERM", "permission denied"],
  ["EROFS", "the file system is read-only"],
  ["ENOTDIR", "a part of the path is no folder"],
  ["EEXIST", "there is a file of this name"],
  ["ENOSPC", "no space left"],
]);

/** Takes a secret file's rights from everybody but its owner. True if it had to. */
export async function restrictFile(path: string): Promise<boolean> {
  if (process.platform === "win32") return false;
  const there = await statOf(path);
  if (there === undefined || (there.mode & OTHERS) === 0) return false;
  await chmod(path, 0o600);
  return true;
}
