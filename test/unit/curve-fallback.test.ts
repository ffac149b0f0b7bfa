import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Runs `script` on the built package as if `secp256k1` were not installed. */
async function withoutNative(script: string): Promise<unknown> {
  const hidden = `
    import { Module } from "node:module";
    const load = Module._load;
    Module._load = function (id, ...rest) {
      if (/^secp256k1/.test(id)) throw new Error("not installed");
      return load.call(this, id, ...rest);
    };`;
  const run = ["--input-type=module", "--eval", hidden + script];
  const { stdout } = await promisify(execFile)(process.execPath, run, { cwd: root });
  return JSON.parse(stdout) as unknown;
}

test("CR-01 without the native library the WASM one steps in, and elliptic does not", async () => {
  const result = await withoutNative(`
    const { curveBackend, generateKey, keccak256, publicKeyOf, recover, sign, eciesEncrypt, eciesDecrypt } = await import("./dist/crypto/index.js");
    const key = generateKey();
    const hash = keccak256(Uint8Array.of(1));
    const signer = recover(hash, sign(hash, key).bytes);
    const opened = eciesDecrypt(key, eciesEncrypt(publicKeyOf(key), hash));
    console.log(JSON.stringify({
      curveBackend,
      isSigner: Buffer.compare(signer, publicKeyOf(key)) === 0,
      isOpened: Buffer.compare(opened, hash) === 0,
      elliptic: Object.keys(Module._cache).filter((path) => /elliptic/.test(path)),
    }));`);
  expect(result).toEqual({ curveBackend: "wasm", isSigner: true, isOpened: true, elliptic: [] });
});

test("CR-01 no door of the package loads elliptic", async () => {
  const rooms = JSON.parse(await readFile(new URL("../../rooms.json", import.meta.url), "utf8")) as {
    rooms: object;
  };
  const doors = Object.keys(rooms.rooms)
    .map((room) => `./dist/${room}/index.js`)
    .filter((door) => existsSync(new URL(`../../${door}`, import.meta.url)));
  const script = `
    import { Module } from "node:module";
    for (const door of ${JSON.stringify(doors)}) await import(door);
    console.log(JSON.stringify(Object.keys(Module._cache).filter((path) => /secp256k1.bindings|elliptic/.test(path)).map((path) => path.split("node_modules/").at(-1))));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: root,
  });
  const loaded = JSON.parse(stdout) as string[];
  expect(loaded.filter((path) => path.includes("elliptic"))).toEqual([]);
  expect(doors).toContain("./dist/crypto/index.js");
});
