import { keySigner } from "#consensus/clique";
import type { BlockChain } from "#core";
import { signTransaction, type Transaction } from "#core/types";
import { keccak256, parsePrivateKey } from "#crypto";
import { DEV_KEY } from "#params";
import { utf8Encode } from "#util";
import { devAccounts } from "./dev-chain.ts";

const BLOCKS = 32;
const TRANSFERS_PER_BLOCK = 32;

/** How many accounts the history makes. */
export const HISTORY_ACCOUNTS = BLOCKS * TRANSFERS_PER_BLOCK;

/** The account of the n-th transfer; it holds n + 1 wei. */
export function historyAccount(n: number): Uint8Array {
  return keccak256(utf8Encode(`glim demo account ${n}`)).slice(0, 20);
}

function transfers(block: number, chainId: bigint): Transaction[] {
  const sender = devAccounts().at(-1);
  if (sender === undefined) return [];
  return Array.from({ length: TRANSFERS_PER_BLOCK }, (_, i) => {
    const n = block * TRANSFERS_PER_BLOCK + i;
    const fields = { type: 0, chainId, nonce: BigInt(n), gasPrice: 2_000_000_000n, gas: 21_000n } as const;
    return signTransaction(
      { ...fields, to: historyAccount(n), value: BigInt(n + 1), input: new Uint8Array() },
      sender.key,
    );
  });
}

/** Gives a new dev chain a past: blocks of transfers, a second apart, so that there are headers to follow and a state to prove. */
export async function fillDemoChain(chain: BlockChain): Promise<void> {
  if (chain.head.number > 0) return;
  const signer = keySigner(parsePrivateKey(DEV_KEY));
  for (let block = 0; block < BLOCKS; block++)
    await chain.produceBlock(transfers(block, chain.config.chainId), { signer, time: chain.head.time + 1 });
}
