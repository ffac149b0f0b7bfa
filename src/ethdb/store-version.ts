import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DbError } from "./store.ts";

/**
 * Version of what this program writes into its stores. Raised when an older program could not read it any more; the one
 * before must then still be read here, or be carried over.
 */
export const storeVersion = 1;

/** Beside LevelDB's own files, so that it can be read before LevelDB touches them, and goes where the store goes. */
const FILE = "SCHEMA";

async function readVersion(path: string): Promise<number | undefined> {
  const text = await readFile(join(path, FILE), "utf8").catch(() => undefined);
  const version = Number.parseInt(text ?? "", 10);
  return Number.isSafeInteger(version) ? version : undefined;
}

/**
 * Refuses a store that a newer program wrote, before a byte of it changes (F42), and one of a version that is not carried over
 * (F43; there is none before the first). A store without a version is one of the first, whose mark a crash kept out.
 * @throws DB_SCHEMA_NEWER, DB_SCHEMA_OLDER (exit code 7)
 */
export async function assertStoreReadable(path: string): Promise<void> {
  const have = await readVersion(path);
  if (have !== undefined && have > storeVersion)
    throw DbError("SCHEMA_NEWER", { path, have, want: storeVersion });
  if (have !== undefined && have < storeVersion)
    throw DbError("SCHEMA_OLDER", { path, have, want: storeVersion });
}

/** The same for every store in a folder. @throws DB_SCHEMA_NEWER, DB_SCHEMA_OLDER */
export async function assertStoresReadable(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await assertStoreReadable(join(folder, entry.name));
}

/** Writes the version into a store that is open. */
export async function markStore(path: string): Promise<void> {
  if ((await readVersion(path)) !== storeVersion)
    await writeFile(join(path, FILE), `${storeVersion}\n`, { mode: 0o600 });
}
