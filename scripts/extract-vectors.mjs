// Unpacks published test vectors for `npm run test:long` from bare clones, file by file: a clone that lacks its largest files stops
// `git archive`. Usage: node scripts/extract-vectors.mjs TARGET legacytests=GIT_DIR eest-fixtures=GIT_DIR go-ethereum=GIT_DIR; then
// GLIM_VECTORS=TARGET.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What test/long reads, by clone. */
const FOLDERS = {
  legacytests: [
    "Constantinople/BlockchainTests",
    "Constantinople/GeneralStateTests",
    "Cancun/BlockchainTests",
    "Cancun/GeneralStateTests",
  ],
  "eest-fixtures": ["blockchain_tests", "state_tests"],
  "go-ethereum": ["eth/tracers/internal/tracetest/testdata", "core/vm/testdata/precompiles"],
};

/** Where a clone is not read at its head. */
const REVISIONS = { "go-ethereum": "v1.17.5" };

const [target, ...clones] = process.argv.slice(2);
if (target === undefined || clones.length === 0) {
  console.error(
    "usage: node scripts/extract-vectors.mjs TARGET legacytests=GIT_DIR eest-fixtures=GIT_DIR go-ethereum=GIT_DIR",
  );
  process.exit(2);
}

const git = (dir, ...args) =>
  execFileSync("git", [`--git-dir=${dir}`, ...args], { encoding: "utf8", maxBuffer: 1 << 28 });

/** Blobs of the clone as `[path, bytes | undefined]`, in the order asked. */
async function* blobs(dir, rows) {
  const batch = spawn("git", [`--git-dir=${dir}`, "cat-file", "--batch"], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, GIT_NO_LAZY_FETCH: "1" },
  });
  batch.stdin.end(rows.map(({ hash }) => `${hash}\n`).join(""));
  let held = Buffer.alloc(0);
  let row = 0;
  for await (const chunk of batch.stdout) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      const end = held.indexOf(10);
      if (end < 0) break;
      const [, kind, size] = held.toString("latin1", 0, end).split(" ");
      const length = kind === "blob" ? Number(size) + 1 : 0;
      if (held.length < end + 1 + length) break;
      const bytes = kind === "blob" ? held.subarray(end + 1, end + length) : undefined;
      held = held.subarray(end + 1 + length);
      yield [rows[row++].path, bytes];
    }
  }
}

for (const clone of clones) {
  const [name, dir] = clone.split("=");
  const revision = REVISIONS[name] ?? "HEAD";
  const rows = (FOLDERS[name] ?? []).flatMap((folder) =>
    git(dir, "ls-tree", "-r", revision, `${folder}/`)
      .split("\n")
      .filter((line) => line.endsWith(".json"))
      .map((line) => ({ hash: line.split(/\s/)[2], path: line.slice(line.indexOf("\t") + 1) })),
  );
  let absent = 0;
  for await (const [path, bytes] of blobs(dir, rows)) {
    if (bytes === undefined) {
      absent++;
      continue;
    }
    const file = join(target, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  console.log(
    `${name} at ${git(dir, "rev-parse", `${revision}^{commit}`).trim()}: ${rows.length - absent} files, ${absent} absent`,
  );
}
