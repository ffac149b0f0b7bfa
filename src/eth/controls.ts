import type { Clique } from "#consensus/clique";
import { type BlockChain, limits } from "#core";
import type { TxPool } from "#core/txpool";
import { readPreimage } from "#core/rawdb";
import { decodeAccount } from "#core/state";
import type { ChainControl, CliqueControl, MinerControl, NodeControls } from "#ethapi";
import { emptyRoot, Trie, trieDifference } from "#trie";
import { equalBytes } from "#util";
import { chainFiles } from "./chain-files.ts";
import { cliqueOf as cliqueIn } from "./engine.ts";
import { EthError } from "./errors.ts";
import { ImaginedState } from "./imagined-state.ts";
import type { Sealer } from "./sealer.ts";

/** Blocks executed again for the state of an older one (eth/tracers/api.go defaultTraceReexec@v1.17.5). */
export const MOST_EXECUTED = 128;

/** What the controls reach into. Functions, because the chain opens after the tables are made. */
export interface Inside {
  readonly pool: TxPool;
  readonly chain: () => BlockChain;
  readonly sealer: () => Sealer | undefined;
  readonly etherbase: Uint8Array | undefined;
  readonly isClique: boolean;
  /** Blocks are made by proof of work, elsewhere. */
  readonly hasWork: boolean;
  /** "" for none. */
  readonly dataDir: string;
}

function cliqueOf(chain: BlockChain): Clique {
  const engine = cliqueIn(chain.engine);
  if (engine === undefined) throw EthError("NEEDS_CLIQUE");
  return engine;
}

const cliqueControl = (chain: () => BlockChain): CliqueControl => ({
  snapshot: (header) => cliqueOf(chain()).snapshot(chain(), header),
  signer: (header) => (header.number === 0 ? undefined : cliqueOf(chain()).author(header)),
  votes: {
    proposals: () => cliqueOf(chain()).proposals,
    propose: (address, authorize) => cliqueOf(chain()).propose(address, authorize),
    discard: (address) => cliqueOf(chain()).discard(address),
  },
});

function minerControl({ sealer, pool, etherbase }: Inside): MinerControl {
  const need = () => {
    const found = sealer();
    if (found === undefined) throw EthError("NO_SIGNER");
    return found;
  };
  return {
    get isMining() {
      return sealer()?.isRunning ?? false;
    },
    start: () => need().start(),
    stop: async () => sealer()?.stop(),
    setExtra: (extra) => void (need().extra = extra),
    setGasPrice: (wei) => pool.setPriceLimit(wei),
    setGasLimit: (gas) => void (need().gasLimit = gas),
    etherbase,
  };
}

function chainControl(chain: () => BlockChain): ChainControl {
  const leaves = (root: Uint8Array, start?: Uint8Array) =>
    equalBytes(root, emptyRoot) ? [] : new Trie(chain().nodes, root).leaves(start);
  return {
    setHead: (number) => chain().setHead(number),
    storageRange(header, diff, address, start) {
      const state = new ImaginedState(chain(), header.stateRoot);
      state.add(diff);
      return state.storage(address, start);
    },
    stateWindow: () => (chain().gcMode === "full" ? limits.recentStates : undefined),
    hasState: (header) => chain().hasState(header),
    *accounts(stateRoot, start) {
      for (const { key, value } of leaves(stateRoot, start)) yield { key, account: decodeAccount(value) };
    },
    slots: (storageRoot) => leaves(storageRoot),
    *changedAccounts(before, after) {
      for (const { key, after: now } of trieDifference(chain().nodes, before, after))
        if (now !== undefined) yield key;
    },
    code: (codeHash) => chain().codes.get(codeHash),
    preimage: (hash) => readPreimage(chain().db, hash),
    witness: (block, { signal }) => chain().witness(block, { signal, most: MOST_EXECUTED }),
    badBlocks: () => chain().badBlocks,
    database: {
      get: (key) => chain().db.get(key),
      stats: () => chain().db.stats?.(),
      compact: async () => chain().db.compact?.(),
    },
  };
}

/** Fits the tables of a full node to its parts. */
export function nodeControls(inside: Inside): NodeControls {
  const { pool, chain, isClique, hasWork, dataDir } = inside;
  return {
    pool,
    chain: chainControl(chain),
    clique: isClique ? cliqueControl(chain) : undefined,
    miner: minerControl(inside),
    files: chainFiles(chain, dataDir),
    hasWork,
  };
}
