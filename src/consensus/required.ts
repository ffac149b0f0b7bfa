import type { Header } from "#core/types";
import { equalBytes, toHex } from "#util";
import type { Engine } from "./engine.ts";
import { ConsensusError } from "./errors.ts";

/** Blocks a chain must have, by number: what geth's --whitelist and --eth.requiredblocks name. */
export type RequiredBlocks = ReadonlyMap<number, Uint8Array>;

/** @throws CONSENSUS_REQUIRED_BLOCK if another block than the required one has this number */
export function checkRequired(
  { number, hash }: Pick<Header, "number" | "hash">,
  required: RequiredBlocks,
): void {
  const wanted = required.get(number);
  if (wanted !== undefined && !equalBytes(wanted, hash))
    throw ConsensusError("REQUIRED_BLOCK", { number, wanted: toHex(wanted) });
}

/**
 * An engine for which a header of a required number is good only if it is the required one. geth asks each new peer for
 * it and drops those that have another; here no chain without it is taken from anybody, peer or file.
 */
export function requireBlocks(engine: Engine, required: RequiredBlocks): Engine {
  if (required.size === 0) return engine;
  const verifyHeader: Engine["verifyHeader"] = (chain, header, parent, options) => {
    checkRequired(header, required);
    engine.verifyHeader(chain, header, parent, options);
  };
  return new Proxy(engine, {
    get(target, key) {
      if (key === "verifyHeader") return verifyHeader;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value; // its own fields stay its own
    },
  });
}
