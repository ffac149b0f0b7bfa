import { type CodeStore, stateReader } from "#core/state";
import type { Block, Header } from "#core/types";
import type { NodeStore } from "#trie";
import { ByteMap, compareBytes } from "#util";
import type { HeaderChain } from "./header-chain.ts";
import { ancestorHashes, processBlock } from "./process.ts";

/** All of the state and the chain that executing one block reads (core/stateless/witness.go@v1.17.5). */
export interface ExecutionWitness {
  /** Ascending; the last is the parent, earlier ones are there as far back as BLOCKHASH looked. */
  readonly headers: readonly Header[];
  /** Codes that ran or were looked at, in the order of their bytes. */
  readonly codes: readonly Uint8Array[];
  /** Trie nodes of the state before the block, of accounts and of storage, in the order of their bytes. */
  readonly state: readonly Uint8Array[];
}

export interface WitnessOptions {
  readonly chain: HeaderChain;
  readonly nodes: NodeStore;
  readonly codes: CodeStore;
  readonly block: Block;
  /** Its state is here. */
  readonly parent: Header;
}

/**
 * Executes a block again over the tries of its parent's state and tells what was read, reads that found nothing and the
 * paths of what was written included. Writes nothing. BOUNDED by the gas of the block.
 * @throws CORE_BODY_MISMATCH, CORE_EXECUTION_* for a block that is bad
 */
export async function makeWitness(options: WitnessOptions): Promise<ExecutionWitness> {
  const { chain, block, parent } = options;
  const seenNodes = new ByteMap<Uint8Array>();
  const seenCodes = new ByteMap<Uint8Array>();
  let oldest = parent.number;
  const nodes: NodeStore = { get: (hash) => noted(seenNodes, hash, options.nodes.get(hash)) };
  const codes: CodeStore = { get: (hash) => noted(seenCodes, hash, options.codes.get(hash)) };
  const hashOf = ancestorHashes(chain, parent);
  await processBlock({
    ...{ chain, nodes, parent, block },
    reader: {
      ...stateReader(nodes, codes, parent.stateRoot),
      seesNewCode: (hash, code) => void noted(seenCodes, hash, code),
    },
    blockHash: (number) => {
      const hash = hashOf(number);
      if (hash !== undefined) oldest = Math.min(oldest, number);
      return hash;
    },
  });
  const headers: Header[] = [];
  for (let distance = parent.number - oldest; distance >= 0; distance--) {
    const header = chain.ancestor(parent, distance);
    if (header !== undefined) headers.push(header);
  }
  return { headers, codes: sorted(seenCodes), state: sorted(seenNodes) };
}

function noted(
  seen: ByteMap<Uint8Array>,
  hash: Uint8Array,
  value: Uint8Array | undefined,
): Uint8Array | undefined {
  if (value !== undefined && value.length > 0) seen.set(hash, value);
  return value;
}

const sorted = (seen: ByteMap<Uint8Array>) => [...seen.values()].sort(compareBytes);
