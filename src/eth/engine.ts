import type { Engine } from "#consensus";
import { Beacon } from "#consensus/beacon";
import { Clique } from "#consensus/clique";
import { Ethash } from "#consensus/ethash";
import type { KeyValueStore } from "#ethdb";
import type { ChainConfig } from "#params";

/**
 * The engine that a chain's configuration names, as geth chooses it: clique where it is configured, else ethash, and around
 * either the rules after the merge where a terminal total difficulty is set. `db` keeps what the engine remembers: the
 * chain's own, or one in memory for a check that must not write.
 */
export function makeEngine(config: ChainConfig, db: KeyValueStore): Engine {
  const sealed = config.clique === undefined ? new Ethash() : new Clique(config.clique, db);
  return config.terminalTotalDifficulty === undefined ? sealed : new Beacon(sealed);
}

/** The clique engine in it, on its own or before the merge. */
export function cliqueOf(engine: Engine): Clique | undefined {
  const sealed = engine instanceof Beacon ? engine.inner : engine;
  return sealed instanceof Clique ? sealed : undefined;
}
