import type { BlockReader } from "#consensus";
import { type Block, emptyUnclesHash, type Header } from "#core/types";
import { ByteMap, ByteSet, equalBytes } from "#util";
import { EthashError } from "./errors.ts";
import { limits } from "./limits.ts";

/**
 * Each uncle is a child of one of the seven ancestors before the parent, no ancestor, and named once in all of them.
 * @param verify the uncle as a header on top of that ancestor
 * @throws ETHASH_TOO_MANY_UNCLES, ETHASH_DUPLICATE_UNCLE, ETHASH_UNCLE_IS_ANCESTOR, ETHASH_DANGLING_UNCLE
 * @see consensus/ethash/consensus.go:199@v1.11.6 VerifyUncles
 */
export function checkUncles(
  chain: BlockReader,
  { header, uncles }: Block,
  verify: (uncle: Header, parent: Header) => void,
): void {
  if (uncles.length > limits.maxUncles) throw EthashError("TOO_MANY_UNCLES", { number: header.number });
  if (uncles.length === 0) return;
  const { ancestors, named } = family(chain, header);
  ancestors.set(header.hash, header);
  named.add(header.hash);
  for (const uncle of uncles) {
    const { number } = uncle;
    if (named.has(uncle.hash)) throw EthashError("DUPLICATE_UNCLE", { number });
    named.add(uncle.hash);
    if (ancestors.has(uncle.hash)) throw EthashError("UNCLE_IS_ANCESTOR", { number });
    const parent = ancestors.get(uncle.parentHash);
    if (parent === undefined || equalBytes(uncle.parentHash, header.parentHash))
      throw EthashError("DANGLING_UNCLE", { number });
    verify(uncle, parent);
  }
}

/** The last ancestors, and the uncles they name. */
function family(chain: BlockReader, header: Header): { ancestors: ByteMap<Header>; named: ByteSet } {
  const ancestors = new ByteMap<Header>();
  const named = new ByteSet();
  let at = chain.headerByHash(header.parentHash);
  for (let i = 0; i < limits.uncleGenerations && at !== undefined; i++) {
    ancestors.set(at.hash, at);
    if (!equalBytes(at.unclesHash, emptyUnclesHash))
      for (const { hash } of chain.body(at)?.uncles ?? []) named.add(hash);
    at = chain.headerByHash(at.parentHash);
  }
  return { ancestors, named };
}
