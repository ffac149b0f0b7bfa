import { createReadStream } from "node:fs";
import { open, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { type BlockChain, exportChain, importChain } from "#core";
import type { ChainFiles } from "#ethapi";
import { EthError } from "./errors.ts";

const CHUNK_BYTES = 1 << 20;

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? error.code : undefined);

/** The real path, links followed. @throws ETH_FILE_MISSING */
async function real(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
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
