// What a power cut may leave of files: calls are recorded on their way to the real disk, and every state that POSIX allows between two
// of them can be laid out anew in a folder. What is not synced may be there or not: names apart from contents, in any order.
import { mkdirSync, writeFileSync } from "node:fs";
import type * as fs from "node:fs/promises";
import { basename, dirname, join } from "node:path";

type EntryOp =
  | { readonly what: "set"; readonly folder: string; readonly name: string; readonly file: number | "folder" }
  | { readonly what: "drop"; readonly folder: string; readonly name: string }
  | {
      readonly what: "move";
      readonly folder: string;
      readonly name: string;
      readonly to: string;
      readonly file: number;
    };
type Op =
  | EntryOp
  | { readonly what: "write"; readonly file: number; readonly bytes: Uint8Array }
  | { readonly what: "sync"; readonly file: number }
  | { readonly what: "sync folder"; readonly folder: string };

/** Path below the root → bytes, or "folder". Parents come first. */
export type CrashState = ReadonlyMap<string, Uint8Array | "folder">;

const SECTOR = 512;
/** More names than this in the air: all prefixes and all but one of them, instead of every subset. */
const MOST_SUBSETS = 5;

/** Records the calls of node:fs/promises that change files of ours: written from the front, in one folder from name to name. */
export class PowerCut {
  readonly #ops: Op[] = [];
  /** File numbers by the path they have now. */
  readonly #files = new Map<string, number>();
  #lastFile = 0;

  /** Calls recorded so far. */
  get now(): number {
    return this.#ops.length;
  }

  /** node:fs/promises with the recorder before it. */
  wrap(real: typeof fs): object {
    const isThere = (path: string) =>
      real.access(path).then(
        () => true,
        () => false,
      );
    return {
      ...real,
      open: async (path: string, flags?: string | number, mode?: number) => {
        const isNew = typeof flags === "string" && /[wa]/.test(flags) && !(await isThere(path));
        const handle = await real.open(path, flags, mode);
        if (isNew) this.#set(path, ++this.#lastFile);
        return this.#recorded(handle, path);
      },
      rename: async (from: string, to: string) => {
        await real.rename(from, to);
        const file = this.#files.get(from) ?? 0;
        this.#files.set(to, file);
        this.#ops.push({ what: "move", folder: dirname(to), name: basename(from), to: basename(to), file });
      },
      link: async (from: string, to: string) => {
        await real.link(from, to);
        this.#set(to, this.#files.get(from) ?? 0);
      },
      unlink: async (path: string) => {
        await real.unlink(path);
        this.#drop(path);
      },
      rm: async (path: string, options?: Parameters<typeof real.rm>[1]) => {
        const wasThere = await isThere(path);
        await real.rm(path, options);
        if (wasThere) this.#drop(path);
      },
      mkdir: async (path: string, options?: { recursive?: boolean; mode?: number }) => {
        const first = await real.mkdir(path, options);
        const made = options?.recursive === true ? first : path;
        if (made === undefined) return first;
        const folders = [path];
        while (folders[0] !== undefined && folders[0] !== made) folders.unshift(dirname(folders[0]));
        for (const folder of folders) this.#set(folder, "folder");
        return first;
      },
    };
  }

  #set(path: string, file: number | "folder"): void {
    if (file !== "folder") this.#files.set(path, file);
    this.#ops.push({ what: "set", folder: dirname(path), name: basename(path), file });
  }

  #drop(path: string): void {
    this.#ops.push({ what: "drop", folder: dirname(path), name: basename(path) });
  }

  #recorded(handle: fs.FileHandle, path: string): fs.FileHandle {
    const file = this.#files.get(path);
    const writeFile = handle.writeFile.bind(handle);
    handle.writeFile = async (data) => {
      await writeFile(data);
      const bytes = new Uint8Array(data as Uint8Array); // ours write bytes alone
      if (file !== undefined) this.#ops.push({ what: "write", file, bytes });
    };
    const after = (sync: () => Promise<void>) => async () => {
      await sync();
      this.#ops.push(file === undefined ? { what: "sync folder", folder: path } : { what: "sync", file });
    };
    handle.sync = after(handle.sync.bind(handle));
    handle.datasync = after(handle.datasync.bind(handle));
    return handle;
  }

  /** Every state of what lies below `root` that a cut after the first `moment` calls may leave; some come more than once. */
  *states(moment: number, root: string): Generator<CrashState> {
    const ops = this.#ops.slice(0, moment);
    const isSure = (op: EntryOp, i: number) =>
      ops.some((later, j) => j > i && later.what === "sync folder" && later.folder === op.folder);
    const entries = ops.flatMap((op, i) => ("name" in op ? [{ op, isSure: isSure(op, i) }] : []));
    const pending = entries.filter((each) => !each.isSure);
    for (const chosen of subsets(pending)) {
      const tree = treeOf(entries.filter((each) => each.isSure || chosen.has(each)).map(({ op }) => op));
      yield* filled([...below(tree, root, "")], ops);
    }
  }
}

function* subsets<T>(all: readonly T[]): Generator<ReadonlySet<T>> {
  if (all.length <= MOST_SUBSETS)
    for (let mask = 0; mask < 1 << all.length; mask++)
      yield new Set(all.filter((_, i) => ((mask >> i) & 1) === 1));
  else
    for (let i = 0; i <= all.length; i++) {
      yield new Set(all.slice(0, i));
      yield new Set(all.filter((_, j) => j !== i));
    }
}

type Tree = Map<string, Map<string, number | "folder">>;

function treeOf(ops: readonly EntryOp[]): Tree {
  const tree: Tree = new Map();
  for (const op of ops) {
    const names = tree.get(op.folder) ?? new Map<string, number | "folder">();
    tree.set(op.folder, names);
    if (op.what === "set") names.set(op.name, op.file);
    else names.delete(op.name);
    if (op.what === "move") names.set(op.to, op.file);
  }
  return tree;
}

function* below(tree: Tree, folder: string, prefix: string): Generator<readonly [string, number | "folder"]> {
  for (const [name, file] of tree.get(folder) ?? []) {
    yield [join(prefix, name), file];
    if (file === "folder") yield* below(tree, join(folder, name), join(prefix, name));
  }
}

/** What may be in a file: all that was synced, and of the rest any number of sectors, or zeros in its place. */
function contentsOf(file: number, ops: readonly Op[]): readonly Uint8Array[] {
  let written = Buffer.alloc(0);
  let synced = 0;
  for (const op of ops) {
    if (op.what === "write" && op.file === file) written = Buffer.concat([written, op.bytes]);
    if (op.what === "sync" && op.file === file) synced = written.length;
  }
  const found: Uint8Array[] = [new Uint8Array(written)];
  if (synced === written.length) return found;
  for (let length = synced; length < written.length; length += SECTOR)
    found.push(new Uint8Array(written.subarray(0, length)));
  found.push(new Uint8Array(written.subarray(0, written.length - 1)));
  found.push(new Uint8Array(written).fill(0, synced));
  return found;
}

function* filled(
  entries: readonly (readonly [string, number | "folder"])[],
  ops: readonly Op[],
  at = 0,
  state: CrashState = new Map(),
): Generator<CrashState> {
  const entry = entries[at];
  if (entry === undefined) return yield state;
  const [path, file] = entry;
  for (const content of file === "folder" ? (["folder"] as const) : contentsOf(file, ops))
    yield* filled(entries, ops, at + 1, new Map([...state, [path, content]]));
}

/** Text by which equal states are known. */
export function fingerprint(state: CrashState): string {
  return JSON.stringify(
    [...state].map(([path, content]) => [
      path,
      content === "folder" ? content : Buffer.from(content).toString("latin1"),
    ]),
  );
}

/** Lays a state out in a folder. */
export function layOut(state: CrashState, folder: string): void {
  mkdirSync(folder, { mode: 0o700, recursive: true });
  for (const [path, content] of state)
    if (content === "folder") mkdirSync(join(folder, path), { mode: 0o700 });
    else writeFileSync(join(folder, path), content, { mode: 0o600 });
}
