// long: what may happen to a file on disk, in one place
import { constants, watch } from "node:fs";
import { link, lstat, mkdir, open, readdir, rename, rm, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KeyStoreError } from "./errors.ts";
import { limits } from "./limits.ts";

const WORLD_WRITABLE = 0o002;
const OTHERS = 0o077;

/** One file of the folder that may be a key file. */
export interface SeenFile {
  readonly name: string;
  /** Changes when the file does: size, time and number of the file. */
  readonly stamp: string;
}

const hasCode = (error: unknown, ...codes: readonly string[]) =>
  error instanceof Error && "code" in error && codes.includes(String(error.code));

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // a folder cannot be opened there
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes last what was made in the folders above `folder`, up to `top`; those that we may not read are not ours to sync. */
async function syncParents(folder: string, top: string): Promise<void> {
  for (let parent = dirname(folder); parent.length >= top.length; parent = dirname(parent)) {
    await syncFolder(parent).catch(() => {});
    if (parent === dirname(parent)) return;
  }
}

/** Names that editors and unfinished writes leave: never keys (accounts/keystore/file_cache.go:92@v1.17.5). */
const isIgnored = (name: string) => name.startsWith(".") || name.endsWith("~");

/**
 * A folder of key files on disk. Files are written whole or not at all: into a hidden file of the folder (made 0600),
 * synced, checked, renamed, the folder synced. Only regular files of ours are read, never through a link (KS-05, KS-06).
 */
export class KeyDir {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  join(name: string): string {
    return join(this.path, name);
  }

  /** Makes the folder (0700) if it is missing, and refuses one that others may change. @throws KEYSTORE_UNUSABLE */
  async prepare(): Promise<void> {
    try {
      const made = await mkdir(this.path, { recursive: true, mode: 0o700 });
      if (made !== undefined) await syncParents(this.path, dirname(made));
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      throw KeyStoreError("UNUSABLE", { folder: this.path, why: String(error.code) }, { cause: error });
    }
    await this.check();
  }

  /** @throws KEYSTORE_UNUSABLE; a folder that is missing is fine */
  async check(): Promise<void> {
    const refuse = (why: string) => KeyStoreError("UNUSABLE", { folder: this.path, why });
    let there: Awaited<ReturnType<typeof stat>>;
    try {
      there = await stat(this.path);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return;
      throw refuse(error instanceof Error && "code" in error ? String(error.code) : "unreadable");
    }
    if (!there.isDirectory()) throw refuse("it is no folder");
    if (process.getuid === undefined) return; // modes mean nothing on Windows
    if (there.uid !== process.getuid() && process.getuid() !== 0) throw refuse("it belongs to another user");
    if ((there.mode & WORLD_WRITABLE) !== 0) throw refuse("everybody may write to it (chmod 700)");
  }

  /** Files that may be keys, by name; undefined if the folder is missing. BOUNDED: limits.files (100,000). */
  async list(): Promise<readonly SeenFile[] | undefined> {
    let entries: Awaited<ReturnType<typeof readDirents>>;
    try {
      entries = await readDirents(this.path);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    }
    const names = entries
      .filter((entry) => entry.isFile() && !isIgnored(entry.name))
      .map((entry) => entry.name)
      .sort()
      .slice(0, limits.files);
    const seen = await inBatches(names, async (name) => {
      const there = await lstat(this.join(name)).catch((error: unknown) => {
        if (hasCode(error, "ENOENT")) return undefined; // gone meanwhile
        throw error;
      });
      return there?.isFile() ? { name, stamp: `${there.ino}-${there.size}-${there.mtimeMs}` } : undefined;
    });
    return seen.filter((one) => one !== undefined);
  }

  /**
   * A file's bytes, and whether others may read it.
   * @returns undefined if it is gone
   * @throws KEYSTORE_BAD_FILE for a link, a device, another user's file, or one that is too large
   */
  async read(path: string): Promise<{ readonly bytes: Uint8Array; readonly isExposed: boolean } | undefined> {
    const refuse = (why: string) => KeyStoreError("BAD_FILE", { why });
    let handle: Awaited<ReturnType<typeof open>>;
    try {
      handle = await open(
        path,
        constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
      );
    } catch (error) {
      if (hasCode(error, "ENOENT")) return undefined;
      if (hasCode(error, "ELOOP")) throw refuse("it is a link");
      throw refuse(error instanceof Error && "code" in error ? String(error.code) : "unreadable");
    }
    try {
      const there = await handle.stat();
      if (!there.isFile()) throw refuse("it is no regular file");
      const uid = process.getuid?.();
      if (uid !== undefined && uid !== 0 && there.uid !== uid) throw refuse("it belongs to another user");
      if (there.size > limits.fileBytes) throw refuse(`larger than ${limits.fileBytes} bytes`);
      const bytes = new Uint8Array(await handle.readFile());
      return { bytes, isExposed: uid !== undefined && (there.mode & OTHERS) !== 0 };
    } finally {
      await handle.close();
    }
  }

  /**
   * Puts a file in place, or leaves what was there. `verify` reads the bytes back from disk before they take the place.
   * @param mayReplace - false: an existing file is never overwritten
   * @throws KEYSTORE_NOT_SAVED
   */
  async write(
    path: string,
    bytes: Uint8Array,
    options: {
      readonly mayReplace: boolean;
      readonly unique: string;
      verify(read: Uint8Array): Promise<void>;
    },
  ): Promise<void> {
    const temporary = join(dirname(path), `.${basename(path)}.tmp-${options.unique}`);
    try {
      const handle = await open(temporary, "wx", 0o600);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      const back = await this.read(temporary);
      await options.verify(back?.bytes ?? new Uint8Array(0));
      if (options.mayReplace) await rename(temporary, path);
      else {
        await link(temporary, path);
        await unlink(temporary);
      }
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {}); // the first failure is the one to tell
      if (!(error instanceof Error && "syscall" in error)) throw error;
      const why = "code" in error ? String(error.code) : error.message;
      throw KeyStoreError("NOT_SAVED", { why }, { cause: error });
    }
    await syncFolder(dirname(path));
  }

  /** Removes a file and makes that last. */
  async remove(path: string): Promise<void> {
    await unlink(path);
    await syncFolder(dirname(path));
  }

  /**
   * Runs `work` while no other process of this machine does the same for `name` (KS-07).
   * @throws KEYSTORE_IMPORTING if one does
   */
  async claimed<T>(name: string, nowMs: number, work: () => Promise<T>): Promise<T> {
    const path = this.join(`.${name}.claim`);
    const take = async () => {
      try {
        await (await open(path, "wx", 0o600)).close();
        return true;
      } catch (error) {
        if (hasCode(error, "EEXIST")) return false;
        throw error;
      }
    };
    if (!(await take())) {
      const age = nowMs - (await stat(path).catch(() => ({ mtimeMs: nowMs }))).mtimeMs;
      if (age < limits.claimMs) throw KeyStoreError("IMPORTING");
      await rm(path, { force: true }); // its owner died
      if (!(await take())) throw KeyStoreError("IMPORTING");
    }
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Removes the folder with every key in it. */
  async destroy(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  /** Calls `onChange` for whatever happens in the folder; undefined where nobody tells, or there is no folder. */
  watch(onChange: () => void): Disposable | undefined {
    try {
      const watcher = watch(this.path, { persistent: false }, onChange);
      watcher.on("error", () => watcher.close()); // the folder went away: it is read again on access
      return { [Symbol.dispose]: () => watcher.close() };
    } catch (error) {
      if (error instanceof Error && "code" in error) return undefined;
      throw error;
    }
  }
}

const readDirents = (path: string) => readdir(path, { withFileTypes: true });

/** Runs `work` on all of them, limits.filesAtOnce at a time; results in order. */
export async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += limits.filesAtOnce)
    results.push(...(await Promise.all(items.slice(at, at + limits.filesAtOnce).map(work))));
  return results;
}
