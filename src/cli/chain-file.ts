import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { CliError } from "./errors.ts";

const CHUNK_BYTES = 1 << 20;

function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && error.code === "ENOENT" ? "there is no such file" : error.message;
}

/** A chain file that is being read. */
export interface ChainFile {
  readonly sizeBytes: number;
  /** Bytes taken from the disk so far. */
  readonly readBytes: () => number;
  /** Its content, unpacked if the name ends in .gz. @throws CLI_BAD_FILE */
  readonly content: AsyncIterable<Uint8Array>;
}

/** @throws CLI_BAD_FILE */
export async function openChainFile(path: string): Promise<ChainFile> {
  const found = await stat(path).catch((error: unknown) => {
    throw CliError("BAD_FILE", { path, why: why(error) });
  });
  if (!found.isFile()) throw CliError("BAD_FILE", { path, why: "it is no file" });
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  return { sizeBytes: found.size, readBytes: () => file.bytesRead, content: unpacked(path, file) };
}

async function* unpacked(path: string, file: Readable): AsyncGenerator<Uint8Array> {
  const content = path.endsWith(".gz") ? file.pipe(createGunzip({ chunkSize: CHUNK_BYTES })) : file;
  if (content !== file) file.once("error", (error) => content.destroy(error));
  try {
    for await (const chunk of content) yield chunk;
  } catch (error) {
    throw CliError("BAD_FILE", { path, why: why(error) }, { cause: error });
  } finally {
    file.destroy();
  }
}

/**
 * Writes a file whole or not at all: it has its name only at the end. Packed if the name ends in .gz.
 * @throws CLI_WRITE_FAILED; what `chunks` throws; the signal's reason
 */
export async function writeChainFile(
  path: string,
  chunks: Iterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const part = `${path}.part`;
  const source = Readable.from(chunks, { objectMode: true, highWaterMark: 16 });
  const target = createWriteStream(part, { flush: true });
  try {
    if (path.endsWith(".gz")) await pipeline(source, createGzip(), target, { signal });
    else await pipeline(source, target, { signal });
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    // only the system's own errors have one: a full disk, no permission
    if (error instanceof Error && "errno" in error)
      throw CliError("WRITE_FAILED", { path, why: error.message }, { cause: error });
    throw error;
  }
}
