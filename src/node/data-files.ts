import { mkdir, realpath, writeFile } from "node:fs/promises";
import { basename, dirname, resolve, sep } from "node:path";
import { NodeError } from "./errors.ts";

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? error.code : undefined);

async function real(path: string): Promise<string> {
  return realpath(path).catch((error: unknown) => {
    throw NodeError("FILE_REFUSED", { why: "there is no such folder" }, { cause: error });
  });
}

/**
 * Writes a new file, 0600, named by who may call methods of this node but not otherwise use this account (RP-20): inside
 * the data directory, links followed, over nothing that is there. Relative names are taken from the data directory.
 * @returns its path
 * @throws NODE_FILE_REFUSED
 */
export async function writeNewDataFile(
  dataDir: string,
  file: string,
  content: string | Uint8Array | NodeJS.ReadableStream,
): Promise<string> {
  const target = await newDataFile(dataDir, file);
  await writeFile(target, content, { flag: "wx", mode: 0o600 }).catch((error: unknown) => {
    throw codeOf(error) === "EEXIST"
      ? NodeError("FILE_REFUSED", { why: "location would overwrite an existing file" })
      : error;
  });
  return target;
}

/** Where it would be. @throws NODE_FILE_REFUSED */
export async function newDataFile(dataDir: string, file: string): Promise<string> {
  if (dataDir === "")
    throw NodeError("FILE_REFUSED", { why: "this node keeps nothing on disk, so it writes no files" });
  await mkdir(dataDir, { mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
  });
  const home = await real(dataDir);
  const path = resolve(dataDir, file);
  const folder = await real(dirname(path));
  if (folder !== home && !folder.startsWith(home + sep))
    throw NodeError("FILE_REFUSED", { why: "the file must be inside the data directory" });
  return resolve(folder, basename(path));
}
