// The chain of 100,000 accounts and slots that geth 1.8.27 sealed, and which keys of it a test may ask for.
import { existsSync, readFileSync } from "node:fs";
import type { GenesisJson, ServedChain } from "./geth.ts";

/** Contract of the chain: call with 32 bytes i and it returns slot i, which is i + 1 for i below 100,000. */
export const stateContract = "0xc0de000000000000000000000000000000000001";
export const stateSize = 100_000;

/** The checkout this file (or what was compiled from it) lies in. */
export function projectRoot(): URL {
  let folder = new URL("./", import.meta.url);
  while (!existsSync(new URL("rooms.json", folder)) && folder.pathname !== "/")
    folder = new URL("../", folder);
  return folder;
}

/** The chain of `test/vectors/geth-1.8` (in a working checkout also beside it), or undefined where neither is. */
export function cliqueChain(): ServedChain | undefined {
  for (const place of ["test/vectors/geth-1.8/", "../shared/data/"]) {
    const folder = new URL(place, projectRoot());
    const file = new URL("chain-1.8-clique.rlp", folder);
    const genesis = new URL("genesis-1.8-clique.json", folder);
    if (!existsSync(file) || !existsSync(genesis)) continue;
    return {
      file: file.pathname,
      genesis: JSON.parse(readFileSync(genesis, "utf8")) as GenesisJson,
      head: 150,
    };
  }
  return undefined;
}
