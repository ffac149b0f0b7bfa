import type { Host } from "#host";
import { utf8Decode, utf8Encode } from "#util";

/** Starts older than this are forgotten. */
const WINDOW_SECONDS = 600;
/** Starts remembered. */
const MOST = 16;

/**
 * A file that is there while a node runs and goes when it ends in order: what it lists at a start are the runs before that
 * did not. So a node that crashes on something it keeps on disk can tell, and put that aside (ST-09).
 */
export class CrashMarker {
  readonly #path: string;
  readonly #files: Host["files"];

  constructor(path: string, files: Host["files"]) {
    this.#path = path;
    this.#files = files;
  }

  /** Notes this start. @returns how many runs of the last 10 minutes ended in a crash */
  async begin(unixSeconds: number): Promise<number> {
    const bytes = await this.#files.readFile(this.#path);
    const starts = (utf8Decode(bytes ?? new Uint8Array(0)) ?? "")
      .split("\n")
      .map(Number)
      .filter((at) => at > unixSeconds - WINDOW_SECONDS && at <= unixSeconds)
      .slice(-MOST);
    await this.#files.writeFileAtomic(this.#path, utf8Encode([...starts, unixSeconds].join("\n")));
    return starts.length;
  }

  /** The run ended in order. */
  async clear(): Promise<void> {
    await this.#files.remove(this.#path);
  }
}
