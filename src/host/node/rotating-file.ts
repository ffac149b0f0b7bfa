import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

export interface RotatingFileOptions {
  readonly path: string;
  /** False: one file that only grows. */
  readonly rotate: boolean;
  /** Bytes at which a file is full. */
  readonly maxBytes: number;
  /** Full files kept, the newest; 0 keeps all. */
  readonly maxBackups: number;
  /** Days a full file is kept; 0 keeps it for ever. */
  readonly maxAgeDays: number;
  /** Full files are packed with gzip, beside the writing. */
  readonly compress: boolean;
  /** Unix milliseconds; the system's unless told. */
  readonly now?: (() => number) | undefined;
  /** Told once when lines begin to be lost: the disk is full, the folder gone. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

const DAY_MS = 86_400_000;

/**
 * A log file. Lines are written at once, so that what was said before a crash is there after it; a file that is full becomes
 * `name-2026-11-24T05-30-00.000.log` and a new one begins (the names of geth's log files). What cannot be written is lost,
 * never thrown.
 */
export class RotatingFile implements AsyncDisposable {
  readonly #options: RotatingFileOptions;
  readonly #now: () => number;
  #fd: number | undefined;
  #size = 0;
  #hasFailed = false;
  /** Packing and removing of full files, one after the other. */
  #tidying: Promise<void> = Promise.resolve();

  /** @throws the system's error if the file cannot be opened */
  constructor(options: RotatingFileOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#open();
  }

  /** Appends whole lines, line end included. */
  write(text: string): void {
    try {
      const bytes = Buffer.from(text);
      const { rotate, maxBytes } = this.#options;
      if (rotate && this.#size > 0 && this.#size + bytes.length > maxBytes) this.#turn();
      if (this.#fd === undefined) this.#open();
      if (this.#fd === undefined) return;
      writeSync(this.#fd, bytes);
      this.#size += bytes.length;
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) this.#options.onFailure?.(error);
      this.#hasFailed = true;
    }
  }

  /** Waits for packing to end, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    await this.#tidying;
  }

  #open(): void {
    const { path } = this.#options;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#fd = openSync(path, "a", 0o640);
    this.#size = fstatSync(this.#fd).size;
  }

  #turn(): void {
    const { path } = this.#options;
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    const stamp = new Date(this.#now()).toISOString().slice(0, -1).replaceAll(":", "-");
    const extension = extname(path);
    const full = `${path.slice(0, path.length - extension.length)}-${stamp}${extension}`;
    renameSync(path, full);
    this.#open();
    this.#tidying = this.#tidying
      .then(() => this.#tidy(full))
      .catch((error: unknown) => this.#options.onFailure?.(error));
  }

  async #tidy(full: string): Promise<void> {
    const { compress, maxBackups, maxAgeDays } = this.#options;
    if (compress && existsSync(full)) await pack(full); // an earlier turn may have found it one too many
    const kept = this.#backups();
    const oldest = this.#now() - maxAgeDays * DAY_MS;
    for (const [index, { path, time }] of kept.entries()) {
      const isTooMany = maxBackups > 0 && index >= maxBackups;
      if (isTooMany || (maxAgeDays > 0 && time < oldest)) rmSync(path, { force: true });
    }
  }

  /** Full files, the newest first. */
  #backups(): { path: string; time: number }[] {
    const { path } = this.#options;
    const extension = extname(path);
    const start = `${basename(path, extension)}-`;
    const found = readdirSync(dirname(path)).flatMap((name) => {
      const end = name.endsWith(`${extension}.gz`) ? `${extension}.gz` : extension;
      if (!name.startsWith(start) || !name.endsWith(end)) return [];
      const stamp = name.slice(start.length, name.length - end.length);
      const [, day = "", h = "", m = "", s = ""] =
        /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(stamp) ?? [];
      const time = Date.parse(`${day}T${h}:${m}:${s}Z`);
      return Number.isNaN(time) ? [] : [{ path: join(dirname(path), name), time }];
    });
    return found.sort((a, b) => b.time - a.time);
  }
}

/** The file as `file.gz`; the plain one goes once the packed one is whole. */
async function pack(path: string): Promise<void> {
  const part = `${path}.gz.part`;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(part, { mode: 0o640 }));
  renameSync(part, `${path}.gz`);
  rmSync(path);
}
