// Files and fields of strangers that no wire table reads: whatever the bytes, the answer is values or an error of our own.
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readBlocks } from "#core";
import { forkIdRlp } from "#core/forkid";
import { TxJournal } from "#core/txpool";
import { memoryFiles, seededRand } from "#host/sim";
import { silentLogger } from "#log";
import { Node } from "#node";
import { decodeAs, encodeAs } from "#rlp";
import { GlimError } from "#util";

const SEED = 20_261_124;
const folder = await mkdtemp(join(tmpdir(), "glim fuzz "));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A few bytes changed, some removed, some put in, or the end cut off. */
function mutate(bytes: Uint8Array, rand: ReturnType<typeof seededRand>): Uint8Array {
  const copy = [...bytes];
  for (let n = 1 + rand.int(4); n > 0; n--) {
    const at = rand.int(copy.length + 1);
    const kind = rand.int(4);
    if (kind === 0) copy[Math.min(at, copy.length - 1)] = rand.int(256);
    else if (kind === 1) copy.splice(at, 1 + rand.int(8));
    else if (kind === 2) copy.splice(at, 0, ...Array.from({ length: 1 + rand.int(8) }, () => rand.int(256)));
    else copy.length = at;
  }
  return Uint8Array.from(copy);
}

test(`RL-05 chain files, seed ${SEED}: every mutation gives blocks or a typed error`, async () => {
  const rand = seededRand(SEED);
  const start = new Uint8Array(readFileSync("test/vectors/geth-1.8/chain-1.8-clique.rlp")).subarray(0, 3000);
  let blocks = 0;
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    try {
      for await (const { bytes } of readBlocks([mutate(start, rand)])) blocks += bytes > 0 ? 1 : 0;
    } catch (error) {
      expect(error, `round ${round}`).toBeInstanceOf(GlimError);
      refused++;
    }
  }
  expect(blocks).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(0);
});

test(`fork ids, seed ${SEED}: what decodes encodes to the same bytes, the rest is a typed error`, () => {
  const rand = seededRand(SEED);
  const good = encodeAs(forkIdRlp, { hash: Uint8Array.of(1, 2, 3, 4), next: 1_700_000_000n });
  let decoded = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = mutate(good, rand);
    try {
      const id = decodeAs(forkIdRlp, bytes);
      expect(encodeAs(forkIdRlp, id)).toEqual(bytes);
      decoded++;
    } catch (error) {
      expect(error, `round ${round}`).toBeInstanceOf(GlimError);
    }
  }
  expect(decoded).toBeGreaterThan(0);
});

test(`TX-08 the journal of local transactions, seed ${SEED}: a damaged file never keeps the pool from starting`, async () => {
  const rand = seededRand(SEED);
  const bytes = Uint8Array.from({ length: 400 }, () => rand.int(256));
  for (let round = 0; round < 2000; round++) {
    const files = memoryFiles();
    await files.writeFileAtomic("/journal", mutate(bytes, rand));
    expect(Array.isArray(await new TxJournal("/journal", files, silentLogger).load())).toBe(true);
  }
});

test(`ND-03 static-nodes.json, seed ${SEED}: a damaged list never keeps the node from starting`, async () => {
  const rand = seededRand(SEED);
  const good = new TextEncoder().encode('["enode://00@127.0.0.1:1", "", 5, null, {"a": []}]');
  const node = () => new Node({ name: "fuzz", dataDir: folder });
  {
    await using first = node();
    await first.start(); // makes the instance folder
  }
  for (let round = 0; round < 25; round++) {
    await writeFile(join(folder, "fuzz", "static-nodes.json"), mutate(good, rand));
    await using one = node();
    await one.start();
    expect(one.server?.peers.size).toBe(0);
  }
});
