// A state in memory, and a header to execute on it.
import { genesisState, stateReader } from "#core/state";
import { emptyTxRoot, emptyUnclesHash, type Header, type HeaderFields, makeHeader } from "#core/types";
import type { StateReader } from "#core/vm";
import type { Genesis } from "#params";
import { ByteMap } from "#util";

export interface MemoryState {
  readonly root: Uint8Array;
  readonly nodes: ByteMap<Uint8Array>;
  readonly codes: ByteMap<Uint8Array>;
  readonly reader: StateReader;
}

/** The state that a genesis with these accounts has, by its tries. */
export function memoryState(alloc: Genesis["alloc"]): MemoryState {
  const { root, nodes: made, codes: stored } = genesisState({ alloc });
  const nodes = new ByteMap<Uint8Array>();
  const codes = new ByteMap<Uint8Array>();
  for (const [hash, node] of made) nodes.set(hash, node);
  for (const [hash, code] of stored) codes.set(hash, code);
  return { root, nodes, codes, reader: stateReader(nodes, codes, root) };
}

/** A header without what execution makes; `fields` say the rest. */
export function headerToExecute(
  fields: Pick<HeaderFields, "coinbase" | "difficulty" | "number" | "gasLimit" | "time"> &
    Partial<HeaderFields>,
): Header {
  return makeHeader({
    parentHash: new Uint8Array(32),
    unclesHash: emptyUnclesHash,
    stateRoot: emptyTxRoot,
    txRoot: emptyTxRoot,
    receiptRoot: emptyTxRoot,
    bloom: new Uint8Array(256),
    gasUsed: 0n,
    extra: new Uint8Array(0),
    mixDigest: new Uint8Array(32),
    nonce: new Uint8Array(8),
    ...fields,
  });
}
