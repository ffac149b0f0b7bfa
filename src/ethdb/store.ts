import { defineErrors } from "#util";

export const DbError = defineErrors("DB", {
  CORRUPT: {
    message: (d: { key: string }) =>
      `database value under ${d.key} does not match its checksum; the disk returned wrong bytes`,
    blame: "environment",
    exitCode: 4,
  },
  OPEN_FAILED: {
    message: (d: { path: string; why: string }) =>
      `cannot open the database at ${d.path}: ${d.why}. Put back a copy of that folder, or remove it and import or sync again`,
    blame: "environment",
    exitCode: 4,
  },
  SCHEMA_NEWER: {
    message: (d: { path: string; have: number; want: number }) =>
      `the database at ${d.path} was written by a newer glim (schema version ${d.have}, this one reads ${d.want}); nothing was changed`,
    blame: "environment",
    exitCode: 7,
  },
  SCHEMA_OLDER: {
    message: (d: { path: string; have: number; want: number }) =>
      `the database at ${d.path} has schema version ${d.have}; this glim reads ${d.want} and carries no older one over. Nothing was changed: use the glim that wrote it, or import or sync again into another folder`,
    blame: "environment",
    exitCode: 7,
  },
  READ_FAILED: {
    message: (d: { why: string }) => `the database cannot be read: ${d.why}`,
    blame: "environment",
    exitCode: 4,
  },
  WRITE_FAILED: {
    message: (d: { why: string }) => `the database no longer takes writes: ${d.why}`,
    blame: "environment",
    exitCode: 5,
  },
  TOO_LARGE: {
    message: (d: { size: number; max: number }) => `a value of ${d.size} bytes; at most ${d.max} are kept`,
    blame: "caller",
  },
  CLOSED: { message: () => "the database is closed", blame: "caller" },
});

/** Longest value a store takes (ST-08): on its way to the disk there are three copies of it. */
const MOST_VALUE_BYTES = 256 * 1024 * 1024;

/** @throws DB_TOO_LARGE */
export function checkValue({ length: size }: Uint8Array): void {
  if (size > MOST_VALUE_BYTES) throw DbError("TOO_LARGE", { size, max: MOST_VALUE_BYTES });
}

export interface Range {
  /** First key, inclusive. */
  readonly gte?: Uint8Array | undefined;
  /** End, exclusive. */
  readonly lt?: Uint8Array | undefined;
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
}

/** Writes that become visible together and reach the disk together. */
export interface Batch {
  put(key: Uint8Array, value: Uint8Array): this;
  delete(key: Uint8Array): this;
  /** Bytes of keys and values put so far. */
  readonly sizeBytes: number;
  /** Visible to every read at once, in one piece; on disk in one piece, soon (see `flush`). */
  write(): void;
}

/**
 * Byte keys → byte values, ordered. Reads are synchronous and see every write made before; writes reach the disk in
 * order, atomically per batch, in the background: `flush` waits for that.
 */
export interface KeyValueStore extends AsyncDisposable {
  /** A copy or view that the caller must not change; undefined if there is none. @throws DB_CORRUPT */
  get(key: Uint8Array): Uint8Array | undefined;
  has(key: Uint8Array): boolean;
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
  batch(): Batch;
  /** Ordered by key. Sees at least what was written before the call. */
  iterate(range?: Range): AsyncIterableIterator<[Uint8Array, Uint8Array]>;
  /** Resolves when all earlier writes are on disk (fsync). @throws DB_WRITE_FAILED */
  flush(): Promise<void>;
  /** What it says of its files; absent: there are none. */
  stats?(): string;
  /** Compacts all of it: costly, and nobody needs to. */
  compact?(): Promise<void>;
  /** Flushes and closes. Twice is fine. */
  close(): Promise<void>;
}
