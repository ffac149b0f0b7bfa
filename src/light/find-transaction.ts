import type { HeaderChain } from "#core";
import type { Header, Transaction } from "#core/types";
import { equalBytes, GlimError } from "#util";
import { LightError } from "./errors.ts";
import type { Odr } from "./odr.ts";
import type { TxClaim } from "./requests.ts";
import type { Claim, ProofSource } from "./source.ts";

/** A transaction in its proven block. */
export interface LocatedTransaction {
  readonly tx: Transaction;
  readonly header: Header;
  readonly index: number;
}

export interface FindParts {
  readonly chain: Pick<HeaderChain, "head" | "headerByNumber" | "headerByHash">;
  readonly odr: Odr;
  readonly source: ProofSource;
}

/** Answers "unknown" that together count as "there is none". */
const ENOUGH_UNKNOWN = 2;
/** Blocks below our head in which a server may be a step ahead on another chain without lying. */
const RACE_BLOCKS = 2;

/**
 * Finds a mined transaction by hash: servers say where it is, the body of that block proves it. A server that names a wrong place is
 * refuted and the next one asked.
 *
 * Absence cannot be proven. It is believed when two servers (or all, if there are fewer) said "unknown" and none of them limits its index.
 * @throws LIGHT_NO_SERVER, LIGHT_NO_VERIFIED_ANSWER if all were silent or lied, LIGHT_TX_UNCONFIRMED if too few could say
 */
export async function findTransaction(
  hash: Uint8Array,
  parts: FindParts,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<LocatedTransaction | undefined> {
  let unknown = 0;
  let limited = 0;
  let failed = 0;
  let last: GlimError | undefined;
  const onFailure = (error: GlimError) => {
    failed++;
    last = error;
  };
  for await (const claim of parts.source.claims("txStatus", hash, { signal, onFailure })) {
    if (claim.answer.status !== "included") {
      if (claim.limitsIndex) limited++;
      else if (++unknown >= ENOUGH_UNKNOWN) return undefined;
      continue;
    }
    try {
      const found = await prove(hash, claim, parts, signal);
      if (found !== undefined) return found;
      failed++;
    } catch (error) {
      if (signal?.aborted || !(error instanceof GlimError)) throw error;
      onFailure(error);
      if (error.blame === "peer") claim.refute(error);
    }
  }
  if (unknown + limited === 0)
    throw LightError("NO_VERIFIED_ANSWER", {
      what: "transaction",
      asked: failed,
      reason: last?.message ?? "no server answered",
    });
  // every server that was there has been asked; one that stayed silent or could not be checked leaves a doubt
  if (limited > 0 || failed > 0 || unknown < Math.min(ENOUGH_UNKNOWN, parts.source.serverCount))
    throw LightError("TX_UNCONFIRMED", { answered: unknown + limited });
  return undefined;
}

/** undefined: the place is beyond what we know, which is nobody's lie. @throws LIGHT_WRONG_PLACE, and as `Odr.body` */
async function prove(
  hash: Uint8Array,
  { answer: { place } }: Claim<TxClaim>,
  { chain, odr }: FindParts,
  signal: AbortSignal | undefined,
): Promise<LocatedTransaction | undefined> {
  if (place === undefined) return undefined;
  const wrong = () => LightError("WRONG_PLACE", { block: place.blockNumber });
  if (place.blockNumber > chain.head.number) return undefined;
  const header = chain.headerByNumber(place.blockNumber);
  if (header === undefined || !equalBytes(header.hash, place.blockHash)) {
    if (
      place.blockNumber > chain.head.number - RACE_BLOCKS ||
      chain.headerByHash(place.blockHash) !== undefined
    )
      return undefined;
    throw wrong();
  }
  const { transactions } = await odr.body(header, { signal });
  const tx = transactions[place.index];
  if (tx === undefined || !equalBytes(tx.hash, hash)) throw wrong();
  return { tx, header, index: place.index };
}
