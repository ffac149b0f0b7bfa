import { copyFile, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

/*
 * LevelDB's write-ahead log: blocks of 32 KiB, in each records of CRC-32C(4, masked), length(2), type(1: whole, 2: first,
 * 3: middle, 4: last part of a batch), data. @see leveldb doc/log_format.md
 *
 * LevelDB drops a record whose checksum is wrong, and what follows in its block, and reads on: batches in the middle are
 * lost without a word while later ones stay (ST-02). So the log is read here first, and cut where it breaks: what is left
 * is the store as it was at some earlier moment, whole.
 */
const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const LAST_TYPE = 4;
/** Written when a store is closed: its logs and their lengths. */
const CLOSED_FILE = "CLOSED";

/** What was wrong with a store's log, and was cut off. */
export interface LogRepair {
  readonly file: string;
  /** `torn`: the last write had not ended, as after a crash. `damaged`: writes that had ended are lost. */
  readonly kind: "torn" | "damaged";
  /** Bytes of the log that are no longer part of the store. They are kept in `file`.damaged when `damaged`. */
  readonly lostBytes: number;
}

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c;
});

function crc32c(bytes: Uint8Array, from: number, to: number): number {
  let c = 0xffffffff;
  for (let i = from; i < to; i++) c = (table[(c ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** End of the valid record that begins at `at`; undefined if there is none. */
function recordEnd(log: Uint8Array, at: number, blockEnd: number): number | undefined {
  if (at + HEADER_BYTES > blockEnd) return undefined;
  const view = new DataView(log.buffer, log.byteOffset, log.length);
  const end = at + HEADER_BYTES + view.getUint16(at + 4, true);
  const type = log[at + 6] ?? 0;
  if (type < 1 || type > LAST_TYPE || end > blockEnd) return undefined;
  const masked = view.getUint32(at, true);
  const crc = crc32c(log, at + 6, end);
  // leveldb util/crc32c.h Mask
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0 === masked ? end : undefined;
}

const blockEndOf = (log: Uint8Array, at: number) =>
  Math.min(log.length, (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES);

interface LogScan {
  /** How much is whole, from the beginning. */
  readonly wholeBytes: number;
  /** Valid records come after that. */
  readonly goesOn: boolean;
}

function scanLog(log: Uint8Array): LogScan {
  let whole = 0; // end of the last batch that is complete
  let at = 0;
  while (at < log.length) {
    const blockEnd = blockEndOf(log, at);
    if (blockEnd - at < HEADER_BYTES) {
      at = blockEnd; // a block's trailer
      continue;
    }
    const end = recordEnd(log, at, blockEnd);
    if (end === undefined) break;
    const type = log[at + 6];
    at = end;
    if (type === 1 || type === LAST_TYPE) whole = end;
  }
  return { wholeBytes: whole, goesOn: at < log.length && hasRecord(log, at + 1) };
}

function hasRecord(log: Uint8Array, from: number): boolean {
  // in the same block a record may begin anywhere; every later block begins with one
  const blockEnd = blockEndOf(log, from);
  for (let at = from; at < blockEnd; at++) if (recordEnd(log, at, blockEnd) !== undefined) return true;
  for (let at = blockEnd; at < log.length; at += BLOCK_BYTES)
    if (recordEnd(log, at, blockEndOf(log, at)) !== undefined) return true;
  return false;
}

async function logsOf(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^\d+\.log$/.test(name)).sort();
}

async function cut(path: string, wholeBytes: number): Promise<void> {
  await copyFile(path, `${path}.damaged`);
  await truncate(path, wholeBytes);
}

/** Lengths that the logs had when the store was last closed; none if it was not closed, or has been opened since. */
async function closedLengths(folder: string): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(join(folder, CLOSED_FILE), "utf8").catch(() => "");
  return new Map(
    text
      .split("\n")
      .map((line) => line.split(" "))
      .flatMap(([name, size]) => (name === undefined || size === undefined ? [] : [[name, Number(size)]])),
  );
}

/** Cuts the logs of a store that is about to be opened where they break. @returns what was lost */
export async function repairLogs(folder: string): Promise<readonly LogRepair[]> {
  const repairs: LogRepair[] = [];
  const closed = await closedLengths(folder);
  let isCut = false;
  const logs = await logsOf(folder);
  for (const [file, lostBytes] of closed)
    if (lostBytes > 0 && !logs.includes(file)) repairs.push({ file, kind: "damaged", lostBytes });
  for (const file of logs) {
    const path = join(folder, file);
    const log = new Uint8Array(await readFile(path));
    const { wholeBytes, goesOn }: LogScan = isCut ? { wholeBytes: 0, goesOn: true } : scanLog(log);
    const hadBytes = Math.max(log.length, closed.get(file) ?? 0);
    if (wholeBytes === hadBytes || hadBytes - wholeBytes < HEADER_BYTES) continue;
    const isDamaged: boolean = goesOn || closed.has(file);
    if (isDamaged) await cut(path, wholeBytes);
    // what comes after a gap must not be read: it builds on what is lost
    isCut ||= isDamaged;
    repairs.push({ file, kind: isDamaged ? "damaged" : "torn", lostBytes: hadBytes - wholeBytes });
  }
  await rm(join(folder, CLOSED_FILE), { force: true });
  return repairs;
}

/** Writes down how long the logs are, after the store was closed. */
export async function noteLogs(folder: string): Promise<void> {
  const lines: string[] = [];
  for (const name of await logsOf(folder)) lines.push(`${name} ${(await stat(join(folder, name))).size}\n`);
  await writeFile(join(folder, CLOSED_FILE), lines.join(""), { mode: 0o600 });
}
