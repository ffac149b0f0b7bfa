import { Clique } from "#consensus/clique";
import type { HeaderChain } from "#core";
import type { CliqueControl } from "#ethapi";
import { LightNodeError } from "./errors.ts";

/** Who seals and may seal, from headers alone, each of whose seals was checked. A node that seals nothing has no votes. */
export function cliqueControl(chainOf: () => HeaderChain): CliqueControl {
  const engineOf = ({ engine }: HeaderChain): Clique => {
    if (!(engine instanceof Clique)) throw LightNodeError("NEEDS_CLIQUE");
    return engine;
  };
  return {
    snapshot: (header) => engineOf(chainOf()).snapshot(chainOf(), header),
    signer: (header) => (header.number === 0 ? undefined : engineOf(chainOf()).author(header)),
  };
}
