import type { Host, Timer } from "#host";
import type { Logger } from "#log";
import { NodeError } from "./errors.ts";

const MEBIBYTE = 1 << 20;
/** How often the free space is asked for. geth cmd/utils/cmd.go monitorFreeDiskSpace@v1.11.6 */
const EVERY_MS = 30_000;

export interface DiskWatchOptions {
  /** A folder on the disk that is watched. */
  readonly path: string;
  /** With less free than this the watch fails, with less than twice this it warns. */
  readonly minFreeMb: number;
  readonly host: Pick<Host, "clock" | "files">;
  readonly log: Logger;
  /** Called once, when there is too little; the watch is over then. */
  readonly onFull: (error: ReturnType<typeof NodeError<"DISK_FULL">>) => void;
}

/** Stops a node before its disk is full, while what it holds can still be written (ST-05). */
export class DiskWatch implements Disposable {
  readonly #options: DiskWatchOptions;
  #timer: Timer | undefined;
  #hasWarned = false;
  #isOver = false;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /**
   * Looks now, and again and again.
   * @throws NODE_DISK_FULL when there is too little now
   */
  async start(): Promise<void> {
    const error = await this.#look();
    if (error !== undefined) throw error;
    this.#later();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #later(): void {
    if (this.#isOver) return;
    this.#timer = this.#options.host.clock.after(EVERY_MS, () => {
      void this.#look().then((error) => {
        if (this.#isOver) return;
        if (error === undefined) this.#later();
        else {
          this.#isOver = true;
          this.#options.onFull(error);
        }
      });
    });
  }

  async #look() {
    const { path, minFreeMb, host, log } = this.#options;
    const free = await host.files.freeBytes(path);
    if (free === undefined) return undefined; // a file system that does not say
    const freeMb = Math.floor(free / MEBIBYTE);
    if (freeMb < minFreeMb) return NodeError("DISK_FULL", { path, freeMb, minFreeMb });
    const isLow = freeMb < 2 * minFreeMb;
    if (isLow && !this.#hasWarned)
      log.warn("disk space is low; the node will stop", { path, freeMb, minFreeMb });
    this.#hasWarned = isLow;
    return undefined;
  }
}
