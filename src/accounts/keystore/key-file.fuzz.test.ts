import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { seededRand } from "#host/sim";
import { GlimError, utf8Encode } from "#util";
import { claimedAddress, parseKeyFile } from "./key-file.ts";

const SEED = 20_261_124;
const V = "test/vectors/accounts";
const texts = [
  readFileSync(`${V}/keystore/aaa`),
  readFileSync(`${V}/very-light-scrypt.json`),
  ...Object.values<{ json: object }>(JSON.parse(readFileSync(`${V}/v3_test_vector.json`, "utf8"))).map(
    (one) => utf8Encode(JSON.stringify(one.json)),
  ),
  ...Object.values<{ json: object }>(JSON.parse(readFileSync(`${V}/v1_test_vector.json`, "utf8"))).map(
    (one) => utf8Encode(JSON.stringify(one.json)),
  ),
].map((one) => new Uint8Array(one));
/** Put in as they are: what JSON and its readers trip over. */
const PIECES = [
  "1e400",
  "-1",
  "null",
  "[]",
  "{}",
  '"',
  "\\",
  "\\u0000",
  '"__proto__":{},',
  "0.5",
  "9007199254740993",
  "true",
  "[[[[",
];

function mutate(bytes: Uint8Array, rand: ReturnType<typeof seededRand>): Uint8Array {
  const copy = [...bytes];
  for (let n = 1 + rand.int(4); n > 0; n--) {
    const at = rand.int(copy.length + 1);
    const kind = rand.int(5);
    if (kind === 0) copy[Math.min(at, copy.length - 1)] = rand.int(256);
    else if (kind === 1) copy.splice(at, 1 + rand.int(16));
    else if (kind === 2) copy.splice(at, 0, ...utf8Encode(PIECES[rand.int(PIECES.length)] ?? ""));
    else if (kind === 3)
      copy.splice(at, 1 + rand.int(8), ...utf8Encode(PIECES[rand.int(PIECES.length)] ?? ""));
    else if (rand.int(10) === 0) copy.length = at;
  }
  return Uint8Array.from(copy);
}

test(`attack/KS-02 key files, seed ${SEED}: every mutation gives a key file within the bounds, or a typed error`, () => {
  const rand = seededRand(SEED);
  let read = 0;
  let refused = 0;
  for (let round = 0; round < 40_000; round++) {
    const bytes = mutate(texts[round % texts.length] ?? new Uint8Array(), rand);
    for (const parse of [parseKeyFile, claimedAddress]) {
      try {
        const result = parse(bytes);
        read++;
        if (result === undefined || result instanceof Uint8Array || result.kdf.kdf !== "scrypt") continue;
        const { n, r, p } = result.kdf;
        expect(128 * n * r).toBeLessThanOrEqual(512 * 1024 * 1024);
        expect(n * r * p).toBeLessThanOrEqual(2 ** 23);
      } catch (error) {
        if (!(error instanceof GlimError) || error.blame === "bug") throw error;
        refused++;
      }
    }
  }
  expect(read).toBeGreaterThan(1_000);
  expect(refused).toBeGreaterThan(10_000);
});
