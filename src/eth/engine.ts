import type { Engine } from "#consensus";
import { Beacon } from "#consensus/beacon";
import { Clique } from "#consensus/clique";
import { Ethash } from "#consensus/ethash";
import type { KeyValueStore } from "#ethdb";
import type { Logger } from "#log";
import { type ChainConfig, mainnetGenesisHash } from "#params";
import { equalBytes } from "#util";
import { EthError } from "./errors.ts";

/**
 * The engine that a chain's configuration names, as geth chooses it: clique where it is configured, else ethash, and around
 * either the rules after the merge where a terminal total difficulty is set. `db` keeps what the engine remembers: the
 * chain's own, or one in memory for a check that must not write. `fakePow`: ethash believes every seal.
 */
export function makeEngine(
  config: ChainConfig,
  db: KeyValueStore,
  { fakePow }: { readonly fakePow?: boolean | undefined } = {},
): Engine {
  const sealed = config.clique === undefined ? new Ethash({ fakePow }) : new Clique(config.clique, db);
  return config.terminalTotalDifficulty === undefined ? sealed : new Beacon(sealed);
}

/**
 * To be called where seals are not checked: says so, loudly.
 * @throws ETH_MAIN_NETWORK for the chain that all that work went into
 */
export function admitFakePow(genesisHash: Uint8Array, log: Logger): void {
  if (equalBytes(genesisHash, mainnetGenesisHash)) throw EthError("MAIN_NETWORK");
  log.warn(
    "PROOF OF WORK IS NOT CHECKED: this node believes any chain that anybody makes up; for tests only",
  );
}

/** The clique engine in it, on its own or before the merge. */
export function cliqueOf(engine: Engine): Clique | undefined {
  const sealed = engine instanceof Beacon ? engine.inner : engine;
  return sealed instanceof Clique ? sealed : undefined;
}
