// ST-05, F07: a disk that is full for real: a small tmpfs in a mount namespace of its own. Where that is not allowed the
// test is skipped, with the reason.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "glim-full-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A shell in which `folder` is a disk of its own. */
function onSmallDisk(megabytes: number, script: string) {
  const mount = `mount -t tmpfs -o size=${megabytes}m tmpfs "$DISK"`;
  return spawnSync("unshare", ["-Urm", "sh", "-c", `${mount} || exit 99\n${script}`], {
    encoding: "utf8",
    env: {
      ...process.env,
      DISK: folder,
      NODE: process.execPath,
      VECTORS: join("test", "vectors", "geth-1.8"),
    },
  });
}

function whyNot(): string | undefined {
  const tried = onSmallDisk(1, "true");
  if (tried.error !== undefined) return `unshare cannot be run: ${tried.error.message}`;
  return tried.status === 0 ? undefined : `no tmpfs in a namespace of our own: ${tried.stderr.trim()}`;
}

test("ST-05 F07 an import that fills the disk ends with exit code 5; with room again the chain is whole and goes on", ({
  skip,
}) => {
  const why = whyNot();
  if (why !== undefined) skip(why);
  const glim = '"$NODE" dist/cli/main.js';
  const { stdout, stderr } = onSmallDisk(
    12,
    `
    chain="$VECTORS/chain-1.8-clique.rlp --genesis $VECTORS/genesis-1.8-clique.json"
    dd if=/dev/zero of="$DISK/ballast" bs=1M count=6 2>/dev/null
    ${glim} import $chain --datadir "$DISK/data" --datadir.minfreedisk 0; echo "first $?"
    ${glim} import $chain --datadir "$DISK/data" --datadir.minfreedisk 0; echo "second $?"
    rm "$DISK/ballast"
    ${glim} verify --datadir "$DISK/data"; echo "verify $?"
    ${glim} import $chain --datadir "$DISK/data" --datadir.minfreedisk 0; echo "third $?"
    ${glim} import $chain --datadir "$DISK/data" --datadir.minfreedisk 100; echo "watched $?"
    `,
  );
  expect(stdout).toMatch(/^first 5$/m);
  expect(stdout).toMatch(/^second [45]$/m); // LevelDB cannot open without room for its own files
  expect(stdout).toMatch(/^findings {3}0$/m);
  expect(stdout).toMatch(/^verify 0$/m);
  expect(stdout).toMatch(/^third 5$/m); // further than before, and full again
  expect(stdout).toMatch(/^watched 5$/m);
  expect(stderr).toMatch(/glim: the database no longer takes writes: .*(No space left|ENOSPC)/);
  expect(stderr).toMatch(/at least 100 are needed/);
});
