import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { curveBackend, generateKey, keccak256, recover, sign } from "./index.ts";

const source = fileURLToPath(new URL("../", import.meta.url));

test("CR-01 elliptic is never loaded", () => {
  const hash = keccak256(Uint8Array.of(1));
  expect(recover(hash, sign(hash, generateKey()).bytes)).toBeDefined();
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  // the module cache is the process's, so seeing the bindings there shows that we look at the right one
  if (curveBackend === "native")
    expect(loaded.some((path) => path.includes("/secp256k1/bindings.js"))).toBe(true);
  expect(loaded.filter((path) => /[\\/]elliptic([\\/.]|$)/.test(path))).toEqual([]);
});

test("CR-01 only secp256k1/bindings is imported, and crypto libraries by this room alone", () => {
  const guarded =
    /(?:from|import|require)[^;"\n]*\(?\s*"(secp256k1|elliptic|hash-wasm|@bitauth\/libauth|@noble\/[^"]*)([^"]*)"/g;
  const found = new Set<string>();
  const files = readdirSync(source, { recursive: true, withFileTypes: true });
  for (const file of files) {
    if (!file.isFile() || !/\.ts$/.test(file.name) || /\.(test|bench)\.ts$/.test(file.name)) continue;
    const path = join(file.parentPath, file.name);
    const text = readFileSync(path, "utf8");
    for (const [, name, rest] of text.matchAll(guarded))
      found.add(`${path.slice(source.length)}: ${name}${rest}`);
    if (/secp256k1\/elliptic|require\("secp256k1"\)|from "secp256k1"/.test(text))
      found.add(`${path}: not the bindings`);
  }
  expect([...found].filter((line) => !line.startsWith("crypto/"))).toEqual([]);
  expect([...found].filter((line) => line.includes("not the bindings"))).toEqual([]);
});
