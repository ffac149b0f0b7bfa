import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where the large published vectors lie, beside the checkout; absent in a user's clone. */
const FOLDER = "../shared/data/fixtures";

/** Why `openFixtures(name)` cannot be used here, or undefined if it can. */
export function whyNoFixtures(name: string): string | undefined {
  if (!existsSync(join(FOLDER, `${name}.tar.xz`))) return `${name}.tar.xz is not in ${FOLDER}`;
  try {
    execFileSync("xz", ["--version"], { stdio: "ignore" });
  } catch {
    return "xz is not installed";
  }
  return undefined;
}

export interface Fixtures extends Disposable {
  /** Paths of all JSON files below `under`, sorted. */
  list(under: string): string[];
  /** The parsed file. */
  read(path: string): unknown;
}

/** Unpacks an archive of published vectors into a folder that is removed at the end. */
export function openFixtures(name: string): Fixtures {
  const folder = mkdtempSync(join(tmpdir(), "glim-fixtures-"));
  execFileSync("tar", ["-xJf", join(FOLDER, `${name}.tar.xz`), "-C", folder]);
  return {
    list: (under) =>
      readdirSync(join(folder, under), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".json"))
        .map((path) => join(under, path))
        .sort(),
    read: (path) => JSON.parse(readFileSync(join(folder, path), "utf8")),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
