import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { type BlockChain, exportChain, importChain } from "#core";
import type { ChainFiles } from "#ethapi";
import { EthError } from "./errors.ts";

const CHUNK_BYTES = 1 << 20;
/** Longest block that is read from a file. */
const MAX_FILE_BYTES = 64 * CHUNK_BYTES;
const TRACES = "traces";

/** What the system says of names with a zero byte, and of those that no file system takes. */
const isBadName = (error: unknown) =>
  ["ERR_INVALID_ARG_VALUE", "ENAMETOOLONG"].includes(String(codeOf(error)));

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? error.code : undefined);

/** The real path, links followed. @throws ETH_FILE_MISSING, ETH_FILE_NAME */
async function real(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isBadName(error)) throw EthError("FILE_NAME", undefined, { cause: error });
    throw EthError("FILE_MISSING", undefined, { cause: error });
  }
}

/**
 * Chain files inside the data directory, named by who may call methods of this node but not otherwise use this account
 * (RP-20). Relative names are taken from the data directory.
 */
export function chainFiles(chain: () => BlockChain, dataDir: string): ChainFiles {
  /** The real path of `path`, which is inside the data directory. */
  const inside = async (path: string): Promise<string> => {
    if (dataDir === "") throw EthError("NO_DATA_DIR");
    const home = await real(dataDir);
    const found = await real(path);
    if (found !== home && !found.startsWith(home + sep)) throw EthError("FILE_OUTSIDE");
    return found;
  };

  return {
    async exportChain(file, from, to, { signal }) {
      const path = resolve(dataDir, file);
      const target = resolve(await inside(dirname(path)), basename(path));
      // made anew: neither a file nor a link of that name may be there
      const handle = await open(target, "wx", 0o600).catch((error: unknown) => {
        if (isBadName(error)) throw EthError("FILE_NAME", undefined, { cause: error });
        throw codeOf(error) === "EEXIST" ? EthError("FILE_EXISTS") : error;
      });
      try {
        const blocks = exportChain(chain(), {
          ...(from === undefined ? {} : { from }),
          ...(to === undefined ? {} : { to }),
        });
        const source = Readable.from(blocks, { objectMode: true, highWaterMark: 16 });
        const sink = handle.createWriteStream({ flush: true });
        if (target.endsWith(".gz")) await pipeline(source, createGzip(), sink, { signal });
        else await pipeline(source, sink, { signal });
      } catch (error) {
        await rm(target, { force: true });
        throw error;
      }
    },

    async readFile(file) {
      const path = await inside(resolve(dataDir, file));
      const found = await stat(path);
      if (!found.isFile()) throw EthError("FILE_MISSING");
      if (found.size > MAX_FILE_BYTES) throw EthError("FILE_TOO_LARGE", { maxBytes: MAX_FILE_BYTES });
      return new Uint8Array(await readFile(path));
    },

    async writeTrace(name, text) {
      const folder = resolve(dataDir, TRACES);
      await inside(dataDir);
      await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
        if (codeOf(error) !== "EEXIST") throw error;
      });
      const home = await inside(folder);
      const path = resolve(home, `${basename(name)}-${randomBytes(5).toString("hex")}`);
      await writeFile(path, text, { flag: "wx", mode: 0o600 });
      return path;
    },

    async importChain(file, { signal }) {
      const path = await inside(resolve(dataDir, file));
      if (!(await stat(path)).isFile()) throw EthError("FILE_MISSING");
      const raw = createReadStream(path, { highWaterMark: CHUNK_BYTES });
      const content = path.endsWith(".gz") ? raw.pipe(createGunzip({ chunkSize: CHUNK_BYTES })) : raw;
      if (content !== raw) raw.once("error", (error) => content.destroy(error));
      try {
        await importChain(chain(), content, { signal });
      } finally {
        raw.destroy();
      }
    },
  };
}
