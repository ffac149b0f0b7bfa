import { createRequire } from "node:module";
import type { CurveBackend } from "./backend.ts";

interface Bindings {
  privateKeyVerify(key: Uint8Array): boolean;
  publicKeyCreate(key: Uint8Array, compressed: boolean): Uint8Array;
  publicKeyConvert(point: Uint8Array, compressed: boolean): Uint8Array;
  ecdsaSign(hash: Uint8Array, key: Uint8Array): { signature: Uint8Array; recid: number };
  ecdsaRecover(signature: Uint8Array, recovery: number, hash: Uint8Array, compressed: boolean): Uint8Array;
  ecdsaVerify(signature: Uint8Array, hash: Uint8Array, point: Uint8Array): boolean;
  ecdh(
    point: Uint8Array,
    key: Uint8Array,
    options: { hashfn: (x: Uint8Array, y: Uint8Array) => Uint8Array },
    out: Uint8Array,
  ): Uint8Array;
}

/** The binding reports bad mathematics by throwing; nothing else is left to go wrong once lengths are checked. */
function orUndefined<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

function load(): Bindings | undefined {
  try {
    // only the bindings: the package's main entry falls back to `elliptic` in silence (CR-01)
    return createRequire(import.meta.url)("secp256k1/bindings") as Bindings; // the shape its API.md states
  } catch {
    return undefined; // optional dependency: absent, or no binary for this machine
  }
}

const compressed = (x: Uint8Array, y: Uint8Array): Uint8Array => {
  const point = new Uint8Array(33);
  point[0] = 2 + ((y[31] ?? 0) & 1);
  point.set(x, 1);
  return point;
};

/** libsecp256k1 as a Node-API add-on, if it loads here. */
export function nativeBackend(): CurveBackend | undefined {
  const lib = load();
  if (lib === undefined) return undefined;
  return {
    name: "native",
    isPrivateKey: (key) => lib.privateKeyVerify(key),
    publicKey: (key) => orUndefined(() => lib.publicKeyCreate(key, false)),
    convert: (point, compressed) => orUndefined(() => lib.publicKeyConvert(point, compressed)),
    sign: (hash, key) =>
      orUndefined(() => {
        const { signature, recid } = lib.ecdsaSign(hash, key);
        return { signature, recovery: recid };
      }),
    recover: (hash, signature, recovery) =>
      orUndefined(() => lib.ecdsaRecover(signature, recovery, hash, false)),
    verify: (hash, signature, point) => orUndefined(() => lib.ecdsaVerify(signature, hash, point)) ?? false,
    multiply: (point, key) =>
      orUndefined(() => lib.ecdh(point, key, { hashfn: compressed }, new Uint8Array(33))),
  };
}
